"""2: replies hold what the SDK's classes know, and nothing else; expand, filters and paging."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import stripe
from stripe.params.checkout import SessionCreateParams

from digistore.testing.loopback.messages import Reply, Request
from digistore.testing.stripe import StripeDouble
from digistore.testing.stripe.objects.disputes import statuses
from tests.testing.stripe.kit import Shop, asked, intent_of, line, told
from tests.testing.stripe.walk import walk


class Watched(StripeDouble):
    """A double that remembers what it replied."""

    def __init__(self) -> None:
        super().__init__()
        self.replies: list[dict[str, Any]] = []

    def answer(self, request: Request) -> Reply | None:
        reply = super().answer(request)
        if reply is not None and reply.status == 200:
            self.replies.append(json.loads(reply.body))
        return reply


def live_a_whole_life(double: StripeDouble) -> None:
    sdk = stripe.StripeClient(double.api_key, base_addresses={"api": double.url})
    api = sdk.v1
    seller = double.connect_account()
    double.tax_percent = 19
    customer = api.customers.create({"email": "ada@example.com", "metadata": {"a": "b"}})
    outcomes = ("paid", "delayed", "voucher", "declined", "delayed")
    asking = asked(
        customer=customer.id,
        automatic_tax={"enabled": True},
        line_items=[line(tax_behavior="exclusive")],
        payment_intent_data={
            "transfer_data": {"destination": seller},
            "application_fee_amount": 290,
            "metadata": {"a": "b"},
        },
    )
    sessions = [
        api.checkout.sessions.create(cast("SessionCreateParams", asking))
        for _ in (*outcomes, "expired")
    ]
    for session, outcome in zip(sessions, outcomes, strict=False):
        double.pay(session.id, outcome)  # type: ignore[arg-type]
    double.clear(sessions[1].id)
    double.clear(sessions[4].id, ok=False)
    double.clear(sessions[2].id)
    double.dashboard_refund(sessions[2].id)
    api.refunds.list()
    double.clear_refund(sessions[2].id)
    api.checkout.sessions.expire(sessions[5].id)
    paid = api.checkout.sessions.retrieve(
        sessions[0].id,
        {
            "expand": [
                "line_items.data.price.product",
                "customer",
                "payment_intent.latest_charge.balance_transaction",
            ]
        },
    )
    assert isinstance(paid.payment_intent, stripe.PaymentIntent)
    intent = paid.payment_intent.id
    part = api.refunds.create(
        {
            "payment_intent": intent,
            "amount": 1000,
            "reverse_transfer": True,
            "refund_application_fee": True,
            "reason": "requested_by_customer",
        }
    )
    double.fail_refund(part.id)
    double.open_dispute(intent, warning=True)
    double.warn_of_fraud(intent)
    dispute = api.disputes.list({"payment_intent": intent}).data[0]
    for status in ("needs_response", "under_review", "lost", *statuses(), "won"):
        double.move_dispute(intent, status)
        api.disputes.retrieve(dispute.id, {"expand": ["charge", "payment_intent"]})
    transfer = api.transfers.list().data[0]
    api.transfers.reversals.create(transfer.id, {"amount": 1})
    look_at_everything(sdk, sessions[0].id, transfer.id, seller)


def look_at_everything(
    sdk: stripe.StripeClient, session_id: str, transfer_id: str, seller: str
) -> None:
    api = sdk.v1
    api.checkout.sessions.list({"limit": 100})
    api.checkout.sessions.line_items.list(session_id)
    api.payment_intents.list({"limit": 100, "expand": ["data.latest_charge"]})
    api.charges.list({"limit": 100, "expand": ["data.refunds", "data.transfer"]})
    api.refunds.list({"limit": 100, "expand": ["data.transfer_reversal", "data.charge"]})
    api.disputes.list({"limit": 100})
    api.events.list({"limit": 100})
    api.customers.list()
    api.transfers.list({"limit": 100})
    api.transfers.reversals.list(transfer_id)
    api.accounts.retrieve_current()
    api.accounts.retrieve(seller)


def test_no_reply_holds_a_field_that_the_sdk_lacks() -> None:
    with Watched() as double:
        live_a_whole_life(double)
        wrong = {text for reply in double.replies for text in walk(reply)}
        wrong |= {text for event in told(double) for text in walk(event)}
    nouns = {event["data"]["object"]["object"] for event in told(double)}
    assert {"charge", "dispute", "refund", "radar.early_fraud_warning", "transfer"} <= nouns
    assert wrong == set()


def test_the_walk_finds_what_is_invented_missing_or_of_another_type(shop: Shop) -> None:
    session = shop.double.look_up(shop.session().id)
    assert walk(session) == []
    assert walk(session | {"colour": "red"}) == ["checkout.session.colour is invented"]
    assert walk(session | {"status": "lost"})[0].endswith("not documented")
    assert walk(session | {"created": "now"})[0].startswith("checkout.session.created is 'now'")
    automatic = {"automatic_tax": {"enabled": True, "colour": "red"}}
    assert walk(session | automatic) == ["checkout.session.automatic_tax.colour is invented"]
    del session["currency"], session["created"]
    assert walk(session) == ["checkout.session.created is missing"]


@pytest.mark.parametrize(
    "path",
    [
        "colour",
        "status",
        "metadata",
        "metadata.a",
        "payment_intent.amount",
        "payment_intent.colour",
        "payment_intent.latest_charge.colour",
        "line_items.has_more",
        "line_items.data.colour",
        "total_details.amount_tax",
    ],
)
def test_what_cannot_be_expanded_is_refused(shop: Shop, path: str) -> None:
    session = shop.paid()
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.now(session, path)
    assert error.value.param == "expand"


def test_a_field_that_holds_nothing_stays_empty_when_expanded(shop: Shop) -> None:
    assert shop.now(shop.session(), "payment_intent.latest_charge").payment_intent is None


@pytest.mark.parametrize("path", ["customer.subscriptions", "payment_intent.payment_method"])
def test_the_expansion_of_what_is_not_modelled_is_refused(shop: Shop, path: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.now(shop.session(), path)
    assert error.value.code == "not_modelled_by_the_double"


def test_what_moved_money_may_be_of_many_kinds(shop: Shop) -> None:
    path = "payment_intent.latest_charge.balance_transaction.source"
    intent = shop.now(shop.paid(), path).payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    moved = intent.latest_charge.balance_transaction
    assert isinstance(moved, stripe.BalanceTransaction)
    assert isinstance(moved.source, stripe.Charge)
    api = shop.stripe.v1.balance_transactions
    deeper = api.retrieve(moved.id, {"expand": ["source.payment_intent"]}).to_dict()
    assert deeper["source"]["payment_intent"]["id"] == intent.id
    with pytest.raises(stripe.InvalidRequestError):
        api.retrieve(moved.id, {"expand": ["source.colour"]})


def test_a_path_that_is_refused_is_so_before_any_work(shop: Shop) -> None:
    session = shop.paid()
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.v1.refunds.create(
            {"payment_intent": intent_of(session), "expand": ["charge.colour"]},
            {"idempotency_key": "rf:1"},
        )
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.v1.refunds.list({"expand": ["charge"]})
    assert shop.stripe.v1.refunds.list({"expand": ["data.charge"]}).data == []


def test_expansion_goes_no_deeper_than_four_levels(shop: Shop) -> None:
    session = shop.paid()
    with pytest.raises(stripe.InvalidRequestError):
        shop.now(session, "payment_intent.latest_charge.balance_transaction.source.customer")


def test_what_is_expanded_in_a_reply_is_an_id_in_the_next(shop: Shop) -> None:
    session = shop.paid()
    shop.now(session, "payment_intent.latest_charge")
    assert isinstance(shop.now(session).payment_intent, str)


def test_lists_of_a_reply_are_shown_only_when_asked_for(shop: Shop) -> None:
    session = shop.paid()
    assert "line_items" not in shop.now(session).to_dict()
    items = shop.now(session, "line_items").line_items
    assert items is not None
    assert [item.amount_total for item in items.data] == [2900]


def test_pages_follow_each_other_without_gap_or_repeat(shop: Shop) -> None:
    made = [shop.session().id for _ in range(7)]
    listing = shop.stripe.v1.checkout.sessions.list({"limit": 3})
    assert [len(listing.data), listing.has_more] == [3, True]
    assert [one.id for one in listing.auto_paging_iter()] == made[::-1]


def test_pages_go_backwards_too(shop: Shop) -> None:
    made = [shop.session().id for _ in range(4)]
    listing = shop.stripe.v1.checkout.sessions.list({"limit": 2, "ending_before": made[0]})
    assert [one.id for one in listing.data] == [made[2], made[1]]
    assert listing.has_more


@pytest.mark.parametrize(
    "params", [{"limit": 0}, {"limit": 101}, {"starting_after": "cs_x"}, {"ending_before": "cs_x"}]
)
def test_pages_out_of_bounds_are_refused(shop: Shop, params: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        shop.stripe.v1.checkout.sessions.list(params)  # type: ignore[arg-type]


def test_lists_are_filtered_by_time(shop: Shop) -> None:
    early = shop.session()
    shop.clock.go(hours=1)
    late = shop.session()
    api = shop.stripe.v1.checkout.sessions
    assert [one.id for one in api.list({"created": {"gte": late.created}}).data] == [late.id]
    assert [one.id for one in api.list({"created": {"lt": late.created}}).data] == [early.id]
    assert [one.id for one in api.list({"created": early.created}).data] == [early.id]


def test_sessions_are_found_by_their_payment(shop: Shop) -> None:
    shop.paid()
    session = shop.paid()
    found = shop.stripe.v1.checkout.sessions.list({"payment_intent": intent_of(session)})
    assert [one.id for one in found.data] == [session.id]


def test_refunds_and_disputes_are_found_by_payment_and_charge(shop: Shop) -> None:
    other, session = shop.paid(), shop.paid()
    for one in (other, session):
        shop.stripe.v1.refunds.create({"payment_intent": intent_of(one), "amount": 100})
        shop.double.open_dispute(one.id)
    charge = shop.now(session, "payment_intent.latest_charge").payment_intent
    assert isinstance(charge, stripe.PaymentIntent)
    assert isinstance(charge.latest_charge, stripe.Charge)
    intent, charge_id = intent_of(session), charge.latest_charge.id
    for listing in (shop.stripe.v1.refunds.list, shop.stripe.v1.disputes.list):
        [by_intent] = listing({"payment_intent": intent}).data
        [by_charge] = listing({"charge": charge_id}).data
        assert by_intent.id == by_charge.id
        assert by_intent.payment_intent == intent


def test_events_are_filtered_by_type_and_reach_back_30_days(shop: Shop) -> None:
    shop.paid()
    api = shop.stripe.v1.events
    assert [one.type for one in api.list({"type": "charge.*"}).data] == ["charge.succeeded"]
    types = ["payment_intent.succeeded", "checkout.session.completed"]
    assert [one.type for one in api.list({"types": types}).data] == types[::-1]
    with pytest.raises(stripe.InvalidRequestError):
        api.list({"type": types[0], "types": types})
    shop.clock.go(days=31)
    assert api.list().data == []


def test_what_does_not_exist_is_told_by_name(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.now("cs_test_none")
    assert (error.value.http_status, error.value.code) == (404, "resource_missing")
    assert "No such checkout.session: 'cs_test_none'" in str(error.value)
