"""2: the rules of sessions, amounts, metadata and refunds hold as at Stripe."""

from __future__ import annotations

from typing import Any, cast

import pytest
import stripe
from stripe.params import RefundCreateParams

from digistore.testing.stripe import money
from digistore.testing.stripe.objects.disputes import statuses
from tests.testing.stripe.kit import NOON, PRICE, Shop, intent_of, line, refused

SECONDS = int(NOON.timestamp())


@pytest.mark.parametrize(
    ("changed", "param"),
    [
        ({"mode": None}, "mode"),
        ({"line_items": None}, "line_items"),
        ({"line_items": [line() for _ in range(101)]}, "line_items"),
        ({"line_items": [line(), line(currency="usd")]}, "line_items"),
        ({"line_items": [line(currency="e2")]}, "line_items[0][price_data][currency]"),
        ({"currency": "usd"}, "line_items"),
        ({"line_items": [{"price": "price_1", "quantity": 1}]}, "line_items[0][price]"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price_data]"),
        ({"line_items": [{"price_data": line()["price_data"]}]}, "line_items[0][quantity]"),
        ({"line_items": [line(quantity=0)]}, "line_items[0][quantity]"),
        ({"line_items": [line(unit_amount=-1)]}, "line_items[0][price_data][unit_amount]"),
        ({"line_items": [line(unit_amount_decimal="1")]}, "line_items[0][price_data][unit_amount]"),
        (
            {"line_items": [line(product_data={"name": " "})]},
            "line_items[0][price_data][product_data][name]",
        ),
        ({"line_items": [line(product="prod_1")]}, "line_items[0][price_data][product_data]"),
        ({"line_items": [line(recurring={"interval": "month"})]}, "line_items[0][price_data]"),
        ({"success_url": None}, "success_url"),
        ({"success_url": "/thanks"}, "success_url"),
        ({"cancel_url": "ftp://shop.example"}, "cancel_url"),
        ({"customer": "cus_none"}, "customer"),
        ({"customer": "cus_1", "customer_email": "a@b.example"}, "customer"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"client_reference_id": "x" * 201}, "client_reference_id"),
        ({"expires_at": SECONDS + 1799}, "expires_at"),
        ({"expires_at": SECONDS + 86_401}, "expires_at"),
        ({"metadata": {str(n): "x" for n in range(51)}}, "metadata"),
        ({"metadata": {"k" * 41: "x"}}, "metadata"),
        ({"metadata": {"k": "x" * 501}}, "metadata[k]"),
        (
            {"payment_intent_data": {"metadata": {"k" * 41: "x"}}},
            "payment_intent_data[metadata]",
        ),
        ({"automatic_tax": {"enabled": True}}, "line_items[0][price_data][tax_behavior]"),
        (
            {"payment_intent_data": {"application_fee_amount": 1}},
            "payment_intent_data[application_fee_amount]",
        ),
        (
            {"payment_intent_data": {"transfer_data": {"destination": "acct_none"}}},
            "payment_intent_data[transfer_data][destination]",
        ),
        ({"mode": "subscription"}, "mode"),
        ({"ui_mode": "embedded_page"}, "ui_mode"),
        ({"allow_promotion_codes": True}, "allow_promotion_codes"),
        (
            {"payment_intent_data": {"capture_method": "manual"}},
            "payment_intent_data[capture_method]",
        ),
    ],
)
def test_a_session_that_breaks_a_rule_is_refused(
    shop: Shop, changed: dict[str, Any], param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(**changed)
    assert error.value.param == param
    assert shop.stripe.v1.checkout.sessions.list().data == []


@pytest.mark.parametrize(
    "changed",
    [
        {"expires_at": SECONDS + 1800},
        {"expires_at": SECONDS + 86_400},
        {"line_items": [line() for _ in range(100)]},
        {"metadata": {str(n) * 20: "x" * 500 for n in range(10, 60)}},
        {"client_reference_id": "x" * 200},
    ],
)
def test_what_just_keeps_a_rule_is_accepted(shop: Shop, changed: dict[str, Any]) -> None:
    assert shop.session(**changed).status == "open"


@pytest.mark.parametrize(("currency", "minimum"), sorted(money.MINIMUMS.items()))
def test_amounts_under_the_minimum_are_refused(shop: Shop, currency: str, minimum: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(line_items=[line(minimum - 1, currency)])
    assert error.value.code == "amount_too_small"
    assert shop.session(line_items=[line(minimum, currency)]).amount_total == minimum


def test_amounts_over_the_maximum_are_refused(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(line_items=[line(money.MAXIMUM + 1)])
    assert error.value.code == "amount_too_large"
    assert shop.session(line_items=[line(money.MAXIMUM)]).amount_total == money.MAXIMUM


@pytest.mark.parametrize(("currency", "step"), sorted(money.STEPS.items()))
def test_amounts_off_the_step_are_refused(shop: Shop, currency: str, step: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.session(line_items=[line(step * 50 + 1, currency)])
    assert error.value.code == "invalid_charge_amount"
    assert shop.session(line_items=[line(step * 50, currency)]).amount_total == step * 50


def test_amounts_are_spoken_with_the_places_of_their_currency() -> None:
    assert money.spoken(2900, "eur") == "29.00 eur"
    assert money.spoken(2900, "jpy") == "2,900 jpy"
    assert money.spoken(2900, "kwd") == "2.900 kwd"


def test_nothing_to_pay_is_possible(shop: Shop) -> None:
    session = shop.paid(line_items=[line(0)])
    assert (session.status, session.payment_status) == ("complete", "no_payment_required")
    assert session.payment_intent is None


def test_metadata_of_the_intent_is_not_that_of_the_session(shop: Shop) -> None:
    data = {"metadata": {"of": "intent"}}
    session = shop.paid(metadata={"of": "session"}, payment_intent_data=data)
    intent = shop.now(session, "payment_intent.latest_charge").payment_intent
    assert isinstance(intent, stripe.PaymentIntent)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert intent.metadata.to_dict() == {"of": "intent"}
    assert intent.latest_charge.metadata.to_dict() == {"of": "intent"}


def test_a_session_has_no_intent_before_the_buyer_acts(shop: Shop) -> None:
    assert shop.session().payment_intent is None


def test_a_session_loses_its_url_when_it_is_over(shop: Shop) -> None:
    assert shop.paid().url is None


def test_only_an_open_session_can_be_expired(shop: Shop) -> None:
    session = shop.session()
    assert shop.stripe.v1.checkout.sessions.expire(session.id).status == "expired"
    for over in (session, shop.paid()):
        with pytest.raises(stripe.InvalidRequestError):
            shop.stripe.v1.checkout.sessions.expire(over.id)


def test_a_session_expires_by_the_clock_at_its_time(shop: Shop) -> None:
    session = shop.session(expires_at=SECONDS + 1800)
    shop.clock.go(hours=30)
    assert shop.now(session).status == "expired"
    [event] = shop.stripe.v1.events.list({"type": "checkout.session.expired"}).data
    assert event.created == SECONDS + 1800


def test_refunds_add_up_to_what_was_charged(shop: Shop) -> None:
    intent = intent_of(shop.paid())
    refund = shop.stripe.v1.refunds.create
    refund({"payment_intent": intent, "amount": 1000})
    with pytest.raises(stripe.InvalidRequestError) as error:
        refund({"payment_intent": intent, "amount": 1901})
    assert (error.value.param, error.value.code) == ("amount", None)
    assert "greater than unrefunded amount on charge (19.00 eur)" in str(error.value)
    assert refund({"payment_intent": intent}).amount == 1900
    with pytest.raises(stripe.InvalidRequestError) as error:
        refund({"payment_intent": intent, "amount": 1})
    assert error.value.code == "charge_already_refunded"


@pytest.mark.parametrize("amount", [0, -1, PRICE + 1])
def test_a_refund_of_nothing_or_too_much_is_refused(shop: Shop, amount: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.stripe.v1.refunds.create({"payment_intent": intent_of(shop.paid()), "amount": amount})
    assert error.value.param == "amount"


def test_only_money_that_came_can_be_refunded(shop: Shop) -> None:
    session = shop.session()
    shop.double.pay(session.id, "delayed")
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.stripe.v1.refunds.create({"payment_intent": intent_of(shop.now(session))})
    assert "does not have a successful charge" in str(error.value)


def test_a_refund_names_a_charge_or_a_payment(shop: Shop) -> None:
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.stripe.v1.refunds.create({"amount": 1})
    assert error.value.code == "parameter_missing"


def test_nothing_is_refundable_while_the_money_is_disputed(shop: Shop) -> None:
    open_to_refunds = {"warning_needs_response", "warning_under_review", "warning_closed", "won"}
    session = shop.paid()
    refund = shop.stripe.v1.refunds.create
    shop.double.open_dispute(session.id)
    for status in statuses():
        shop.double.move_dispute(session.id, status)
        if status in open_to_refunds:
            assert refund({"payment_intent": intent_of(session), "amount": 1}).id
            continue
        with pytest.raises(stripe.InvalidRequestError) as error:
            refund({"payment_intent": intent_of(session), "amount": 1})
        assert refused(error)["code"] == "charge_disputed"


@pytest.mark.parametrize("part", ["reverse_transfer", "refund_application_fee"])
def test_what_was_never_sent_on_cannot_be_taken_back(shop: Shop, part: str) -> None:
    params = cast("RefundCreateParams", {"payment_intent": intent_of(shop.paid()), part: True})
    with pytest.raises(stripe.InvalidRequestError) as error:
        shop.stripe.v1.refunds.create(params)
    assert error.value.param == part
