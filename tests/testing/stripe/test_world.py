"""4: what buyers, banks and Stripe itself do."""

from __future__ import annotations

from json import loads
from typing import Any, NamedTuple

import pytest
import stripe

from digistore.errors import Invalid, InvalidTransition, NotFound
from digistore.gateways import CheckoutRef
from digistore.testing.stripe import ApiError
from digistore.testing.stripe.objects.disputes import statuses
from tests.testing.stripe.kit import PRICE, Shop, intent_of, line

CHARGE = "payment_intent.latest_charge"


def charge_of(shop: Shop, session_id: str) -> stripe.Charge:
    intent = shop.now(session_id, CHARGE).payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    return intent.latest_charge


def state(shop: Shop, session_id: str) -> tuple[str | None, str, str | None]:
    """Status of the session, whether it is paid, status of its intent."""
    session = shop.now(session_id, "payment_intent")
    intent = session.payment_intent
    status = intent.status if isinstance(intent, stripe.PaymentIntent) else None
    return session.status, session.payment_status, status


def test_money_that_came(shop: Shop) -> None:
    session = shop.session(customer_email="ada@example.com")
    shop.double.pay(session.id)
    assert state(shop, session.id) == ("complete", "paid", "succeeded")
    charge = charge_of(shop, session.id)
    assert (charge.amount_captured, charge.status, charge.paid) == (PRICE, "succeeded", True)
    assert charge.billing_details.email == "ada@example.com"
    details = shop.now(session).customer_details
    assert details is not None
    assert details.email == "ada@example.com"


def test_stripe_keeps_a_fee_and_says_which(shop: Shop) -> None:
    session = shop.paid()
    intent = shop.now(session, CHARGE + ".balance_transaction").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    moved = intent.latest_charge.balance_transaction
    assert isinstance(moved, stripe.BalanceTransaction)
    assert (moved.amount, moved.fee, moved.net) == (2900, 114, 2786)  # 2.9 % and 0.30


@pytest.mark.parametrize(
    ("outcome", "status"), [("delayed", "processing"), ("voucher", "requires_action")]
)
def test_money_on_its_way_is_complete_but_unpaid(shop: Shop, outcome: Any, status: str) -> None:
    session = shop.session()
    shop.double.pay(session.id, outcome)
    assert state(shop, session.id) == ("complete", "unpaid", status)


@pytest.mark.parametrize("outcome", ["delayed", "voucher"])
def test_money_on_its_way_arrives_or_fails_for_good(shop: Shop, outcome: Any) -> None:
    came, failed = shop.session(), shop.session()
    for session in (came, failed):
        shop.double.pay(session.id, outcome)
    shop.double.clear(came.id)
    shop.double.clear(failed.id, ok=False)
    assert state(shop, came.id) == ("complete", "paid", "succeeded")
    assert state(shop, failed.id) == ("complete", "unpaid", "requires_payment_method")
    assert charge_of(shop, failed.id).failure_code is not None


def test_a_declined_card_leaves_the_session_open(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "declined")
    assert state(shop, session.id) == ("open", "unpaid", "requires_payment_method")
    intent = shop.now(session)
    shop.double.pay(session.id)
    assert state(shop, session.id) == ("complete", "paid", "succeeded")
    assert intent_of(shop.now(session)) == intent_of(intent)


def test_who_walks_away_leaves_an_expired_session(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "declined")
    assert shop.double.abandon(session.id)[0] == shop.double.abandon(session.id)[0]
    assert state(shop, session.id) == ("expired", "unpaid", "canceled")


def test_nobody_pays_what_is_over(shop: Shop) -> None:
    expired, waiting = shop.session(), shop.session()
    shop.double.abandon(expired.id)
    shop.double.pay(waiting.id, "delayed")
    with pytest.raises(InvalidTransition):
        shop.double.pay(expired.id)
    with pytest.raises(InvalidTransition):
        shop.double.pay(waiting.id)
    with pytest.raises(InvalidTransition):
        shop.double.clear(expired.id)
    with pytest.raises(InvalidTransition):
        shop.double.abandon(waiting.id)
    with pytest.raises(Invalid):
        shop.double.pay(waiting.id, "stolen")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        shop.double.pay("cs_test_none")


def test_less_may_arrive_than_was_asked_for(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, amount=PRICE - 1)
    intent = shop.now(session, "payment_intent").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert (intent.amount, intent.amount_received) == (PRICE, PRICE - 1)


def test_the_buyer_may_see_another_currency(shop: Shop) -> None:
    session = shop.session(adaptive_pricing={"enabled": True})
    shop.double.pay(session.id, presented=(3190, "usd"))
    now = shop.now(session)
    assert now.presentment_details is not None
    assert (now.presentment_details.presentment_amount, now.currency) == (3190, "eur")


@pytest.mark.parametrize(
    ("behavior", "total", "tax"), [("inclusive", 2900, 463), ("exclusive", 3451, 551)]
)
def test_tax_is_contained_or_added(shop: Shop, behavior: str, total: int, tax: int) -> None:
    shop.double.tax_percent = 19
    session = shop.paid(line_items=[line(tax_behavior=behavior)], automatic_tax={"enabled": True})
    assert (session.amount_subtotal, session.amount_total) == (2900, total)
    assert session.total_details is not None
    assert session.total_details.amount_tax == tax
    assert session.automatic_tax.status == "complete"
    assert charge_of(shop, session.id).amount == total


def test_no_tax_is_worked_out_unless_it_is_asked_for(shop: Shop) -> None:
    shop.double.tax_percent = 19
    assert shop.paid(line_items=[line(tax_behavior="exclusive")]).amount_total == 2900


def test_a_refund_in_the_dashboard(shop: Shop) -> None:
    session = shop.paid()
    shop.double.dashboard_refund(session.id, 900)
    [refund] = shop.stripe.v1.refunds.list({"payment_intent": intent_of(session)}).data
    assert (refund.amount, refund.status, refund.reason) == (900, "succeeded", None)
    shop.double.dashboard_refund(session.id)
    assert charge_of(shop, session.id).refunded
    with pytest.raises(ApiError):
        shop.double.dashboard_refund(session.id)


def test_a_refund_may_fail_after_it_succeeded(shop: Shop) -> None:
    session = shop.paid()
    refund = shop.stripe.v1.refunds.create({"payment_intent": intent_of(session)})
    assert charge_of(shop, session.id).amount_refunded == PRICE
    shop.double.fail_refund(session.id)
    now = shop.stripe.v1.refunds.retrieve(refund.id)
    assert (now.status, now.failure_reason) == ("failed", "unknown")
    assert (charge_of(shop, session.id).amount_refunded, now.amount) == (0, PRICE)
    assert shop.stripe.v1.refunds.create({"payment_intent": intent_of(session)}).amount == PRICE


def test_a_refund_may_pend(shop: Shop) -> None:
    session = shop.paid()
    shop.double.refunds_pend = True
    refund = shop.stripe.v1.refunds.create({"payment_intent": intent_of(session)})
    assert refund.status == "pending"
    shop.double.clear_refund(refund.id)
    assert shop.stripe.v1.refunds.retrieve(refund.id).status == "succeeded"
    shop.double.fail_refund(refund.id)
    with pytest.raises(InvalidTransition):
        shop.double.clear_refund(refund.id)


def test_a_refund_of_cash_asks_the_buyer_first_and_can_be_canceled(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "voucher")
    shop.double.clear(session.id)
    intent = intent_of(shop.now(session))
    refunds = shop.stripe.v1.refunds
    first = refunds.create({"payment_intent": intent, "amount": 1000})
    assert first.status == "requires_action"
    assert first.next_action is not None
    shop.double.clear_refund(first.id)
    assert refunds.retrieve(first.id).status == "succeeded"
    with pytest.raises(stripe.InvalidRequestError):
        refunds.cancel(first.id)
    second = refunds.create({"payment_intent": intent})
    assert refunds.cancel(second.id).status == "canceled"
    assert charge_of(shop, session.id).amount_refunded == 1000


def test_metadata_is_merged_and_an_empty_value_takes_a_pair_away(shop: Shop) -> None:
    session = shop.paid(metadata={"a": "1", "b": "2"})
    api, intent = shop.stripe.v1, intent_of(session)
    refund = api.refunds.create({"payment_intent": intent, "metadata": {"a": "1"}})
    changed = api.checkout.sessions.update(session.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata is not None
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    again = api.refunds.update(refund.id, {"metadata": ""})
    assert again.metadata is not None
    assert again.metadata.to_dict() == {}
    told_of = api.payment_intents.update(intent, {"metadata": {"x": "y"}, "description": "d"})
    assert (told_of.metadata.to_dict(), told_of.description) == ({"x": "y"}, "d")
    with pytest.raises(stripe.InvalidRequestError):
        api.refunds.update(refund.id, {"metadata": {"k" * 41: "x"}})


class HasUrl(NamedTuple):
    url: str | None


class HasCheckout(NamedTuple):
    checkout: HasUrl


def test_a_checkout_is_known_by_its_url_and_by_all_its_ids(shop: Shop) -> None:
    session = shop.session()
    assert session.url is not None
    shop.double.pay(HasCheckout(HasUrl(session.url)))
    charge = charge_of(shop, session.id)
    refund = shop.stripe.v1.refunds.create({"charge": charge.id, "amount": 1})
    shop.double.open_dispute(HasUrl(session.url + "#fragment"))
    [dispute] = shop.stripe.v1.disputes.list().data
    ref = CheckoutRef(session.id)
    for known in (ref, session.url, intent_of(shop.now(session)), charge.id, refund.id, dispute.id):
        assert shop.double.look_up(known)["id"] == session.id
    with pytest.raises(Invalid):
        shop.double.pay(HasUrl(None))
    with pytest.raises(Invalid):
        shop.double.close_dispute(ref, "drawn")  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        shop.double.fail_refund(shop.paid().id)
    with pytest.raises(NotFound):
        shop.double.close_dispute(shop.paid().id, "won")


def test_a_product_is_sold_again_by_its_id(shop: Shop) -> None:
    first = shop.now(shop.session(), "line_items").line_items
    assert first is not None
    assert first.data[0].price is not None
    product = str(first.data[0].price.product)
    again = shop.session(line_items=[line(product_data=None, product=product)])
    items = shop.stripe.v1.checkout.sessions.line_items.list(again.id)
    assert [item.description for item in items.data] == ["The Book"]


def test_every_status_that_the_sdk_documents_can_be_reached(shop: Shop) -> None:
    assert {"needs_response", "won", "lost", "prevented"} <= set(statuses())
    session = shop.paid()
    shop.double.open_dispute(session.id, warning=True)
    for status in (*statuses(), *statuses()[::-1]):
        shop.double.move_dispute(session.id, status)
        [dispute] = shop.stripe.v1.disputes.list({"payment_intent": intent_of(session)}).data
        assert dispute.status == status
    with pytest.raises(Invalid):
        shop.double.move_dispute(session.id, "forgiven")


def test_disputed_money_leaves_and_comes_back(shop: Shop) -> None:
    session = shop.paid()
    shop.double.open_dispute(session.id)

    def balance() -> int:
        [dispute] = shop.stripe.v1.disputes.list({"payment_intent": intent_of(session)}).data
        return sum(moved.net for moved in dispute.balance_transactions)

    assert balance() == -PRICE
    shop.double.close_dispute(session.id, "won")
    assert balance() == 0
    shop.double.move_dispute(session.id, "under_review")
    shop.double.close_dispute(session.id, "lost")
    assert balance() == -PRICE


def test_an_inquiry_takes_no_money_and_closes(shop: Shop) -> None:
    session = shop.paid()
    shop.double.open_dispute(session.id, warning=True)
    shop.double.close_dispute(session.id, "closed")
    [dispute] = shop.stripe.v1.disputes.list().data
    assert (dispute.status, dispute.balance_transactions) == ("warning_closed", [])


def test_the_same_dispute_again_is_one_and_another_amount_another(shop: Shop) -> None:
    session = shop.paid()
    assert shop.double.open_dispute(session.id)[0] == shop.double.open_dispute(session.id)[0]
    shop.double.open_dispute(session.id, 100)
    assert sorted(one.amount for one in shop.stripe.v1.disputes.list().data) == [100, PRICE]


def test_a_shop_may_answer_a_dispute_or_give_in(shop: Shop) -> None:
    for session in (shop.paid(), shop.paid()):
        shop.double.open_dispute(session.id)
    first, second = shop.stripe.v1.disputes.list().data
    answered = shop.stripe.v1.disputes.update(first.id, {"evidence": {"product_description": "x"}})
    assert (answered.status, answered.evidence_details.submission_count) == ("under_review", 1)
    assert shop.stripe.v1.disputes.close(second.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.v1.disputes.close(second.id)


@pytest.mark.parametrize("control", ["dashboard_refund", "open_dispute", "warn_of_fraud"])
def test_only_money_that_came_is_reversed(shop: Shop, control: str) -> None:
    with pytest.raises(InvalidTransition):
        getattr(shop.double, control)(shop.session().id)


def split(shop: Shop) -> tuple[str, str]:
    """A paid session of a seller, of which the shop keeps a tenth."""
    seller = shop.double.connect_account()
    data = {"transfer_data": {"destination": seller}, "application_fee_amount": 290}
    return shop.paid(payment_intent_data=data).id, seller


def test_a_destination_gets_its_transfer_and_the_shop_its_fee(shop: Shop) -> None:
    session_id, seller = split(shop)
    charge = charge_of(shop, session_id)
    transfer = shop.stripe.v1.transfers.retrieve(str(charge.transfer))
    assert (transfer.amount, transfer.destination) == (PRICE, seller)
    assert charge.application_fee_amount == 290
    assert charge.application_fee is not None


def test_a_refund_takes_its_share_of_transfer_and_fee_back(shop: Shop) -> None:
    session_id, _ = split(shop)
    refund = shop.stripe.v1.refunds.create(
        {
            "payment_intent": intent_of(shop.now(session_id)),
            "amount": 1450,
            "reverse_transfer": True,
            "refund_application_fee": True,
        }
    )
    assert refund.transfer_reversal is not None
    transfer = shop.stripe.v1.transfers.retrieve(str(charge_of(shop, session_id).transfer))
    assert (transfer.amount_reversed, transfer.reversed) == (1450, False)
    [fee] = shop.stripe.v1.events.list({"type": "application_fee.refunded"}).data
    assert fee.data.object["amount_refunded"] == 145


def test_a_transfer_is_reversed_up_to_what_is_left_and_sent_again(shop: Shop) -> None:
    session_id, seller = split(shop)
    transfer_id = str(charge_of(shop, session_id).transfer)
    reverse = shop.stripe.v1.transfers.reversals.create
    reverse(transfer_id, {"amount": 1000})
    with pytest.raises(stripe.InvalidRequestError):
        reverse(transfer_id, {"amount": 1901})
    assert reverse(transfer_id).amount == 1900
    with pytest.raises(stripe.InvalidRequestError):
        reverse(transfer_id)
    again = shop.stripe.v1.transfers.create(
        {"amount": 2900, "currency": "eur", "destination": seller}
    )
    assert again.destination == seller


def test_another_shop_on_the_account_is_paid(shop: Shop) -> None:
    first, second = (loads(shop.double.foreign_event()[0]) for _ in range(2))
    assert first["type"] == second["type"] == "checkout.session.completed"
    assert first["data"]["object"]["id"] != second["data"]["object"]["id"]
    assert first["data"]["object"]["metadata"] == {}


def test_an_unknown_account_is_out_of_reach(shop: Shop) -> None:
    with pytest.raises(stripe.PermissionError):
        shop.stripe.v1.events.list({}, {"stripe_account": "acct_none"})


@pytest.mark.parametrize("amount", [5.0, "500", True])
def test_an_amount_is_whole_units_of_the_wire(shop: Shop, amount: Any) -> None:
    opened, paid = shop.session(), shop.paid()
    for control, session in (
        (shop.double.pay, opened),
        (shop.double.dashboard_refund, paid),
        (shop.double.open_dispute, paid),
    ):
        with pytest.raises(Invalid, match="smallest unit"):
            control(session.id, amount=amount)
    assert charge_of(shop, paid.id).amount_refunded == 0
