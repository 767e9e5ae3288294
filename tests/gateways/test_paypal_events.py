"""What PayPal's events say: only where to look, and whose it is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import MalformedEvent
from digistore.gateways import GatewayEvent, Hint, Whose
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.paypal.events import EVENTS, hint_of, hints_of
from digistore.money import Money
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.gateways.paypal_kit import SHOP, a_world, heard, opened, over, paid, refund

World = tuple[PayPalDouble, PayPalGateway, FrozenClock]


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def told(world: World) -> dict[str, GatewayEvent]:
    double, gateway, _ = world
    return {event.type: event for event in (heard(gateway, one) for one in double.events())}


def test_every_event_of_a_life_leads_to_its_checkout_or_payment(world: World) -> None:
    double, gateway, clock = world
    checkout = paid(world)
    refund(gateway, checkout, Money("1.00", "EUR"))
    double.open_dispute(checkout)
    double.move_dispute(checkout, "PRE_ARBITRATION")
    double.close_dispute(checkout, "won")
    late = opened(gateway, clock, "att_2")
    double.pay(late)
    double.abandon(late)
    double.clear(paid(world, "att_3", outcome="delayed"), ok=False)
    seen = told(world)
    assert set(seen) == set(EVENTS) - {"PAYMENT.CAPTURE.DECLINED", "PAYMENT.CAPTURE.REVERSED"}
    for event in seen.values():
        assert (event.known, event.livemode, event.account) == (True, False, "")
        assert event.hint.whose is Whose.OURS
        assert event.hint.checkout_id or event.hint.payment_id


def test_an_event_carries_its_digest_and_time(world: World) -> None:
    double, gateway, clock = world
    body, headers = double.pay(opened(gateway, clock))
    event = run(gateway.parse_event(body, headers))
    assert event.digest == hashlib.sha256(body).hexdigest()
    assert (event.created, event.api_version) == (clock(), "2.0")


def test_what_is_not_registered_for_is_unknown(world: World) -> None:
    double, gateway, _ = world
    body = (
        b'{"id": "WH-1", "event_type": "BILLING.PLAN.CREATED", '
        b'"create_time": "2026-01-01T12:00:00Z", "resource": {}}'
    )
    event = run(gateway.parse_event(body, double.sign(body)))
    assert (event.known, event.hint) == (False, Hint(Whose.UNKNOWN))


def test_another_shop_on_the_account_is_foreign(world: World) -> None:
    double, gateway, clock = world
    assert heard(gateway, double.foreign_event()).hint.whose is Whose.FOREIGN
    ours = double.pay(opened(gateway, clock))
    assert heard(over(double, clock, namespace="other"), ours).hint == Hint(
        Whose.FOREIGN, checkout_id=json.loads(ours[0])["resource"]["id"]
    )


UP = "https://api.sandbox.paypal.com/v2/payments/captures/8F148933LY9388354"
DISPUTE = "CUSTOMER.DISPUTE.CREATED"


@pytest.mark.parametrize(
    ("event_type", "resource", "hint"),
    [
        (
            "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
            {"order_id": "5O19"},
            Hint(Whose.UNKNOWN, checkout_id="5O19"),
        ),
        (
            "CHECKOUT.ORDER.APPROVED",
            {"id": "5O19", "purchase_units": [{"custom_id": "other:att_1"}]},
            Hint(Whose.FOREIGN, checkout_id="5O19"),
        ),
        (
            "PAYMENT.CAPTURE.COMPLETED",
            {"id": "8F14", "custom_id": "shop:att_1"},
            Hint(Whose.OURS, payment_id="8F14", reference="att_1"),
        ),
        (
            "PAYMENT.CAPTURE.REVERSED",
            {"id": "1Y10", "links": [{"rel": "self", "href": "x"}, {"rel": "up", "href": UP}]},
            Hint(Whose.UNKNOWN, payment_id="8F148933LY9388354"),
        ),
        (
            "PAYMENT.CAPTURE.REFUNDED",
            {"id": "1Y10", "links": [{"rel": "up", "href": UP + "/../x"}]},
            Hint(Whose.FOREIGN),
        ),
        ("PAYMENT.CAPTURE.REFUNDED", {"id": "1Y10", "links": "none"}, Hint(Whose.FOREIGN)),
        (
            DISPUTE,
            {"disputed_transactions": [{"seller_transaction_id": "8F14"}]},
            Hint(Whose.UNKNOWN, payment_id="8F14"),
        ),
        (
            DISPUTE,
            {
                "disputed_transactions": [
                    {"seller_transaction_id": "A", "custom": "other:att_1"},
                    {"seller_transaction_id": "B"},
                    {"seller_transaction_id": "C", "custom": "shop:att_1"},
                ]
            },
            Hint(Whose.OURS, payment_id="C"),
        ),
        (DISPUTE, {"disputed_transactions": [{"custom": "other:att_1"}]}, Hint(Whose.FOREIGN)),
        (DISPUTE, {}, Hint(Whose.FOREIGN)),
    ],
)
def test_a_resource_says_where_to_look(
    event_type: str, resource: dict[str, Any], hint: Hint
) -> None:
    assert hint_of(event_type, resource, SHOP) == hint


def test_a_dispute_leads_to_each_payment_that_it_names_and_is_not_foreign() -> None:
    transactions = [
        {"seller_transaction_id": "A", "custom": "other:att_1"},
        {"seller_transaction_id": "B"},
        {"seller_transaction_id": "C", "custom": "shop:att_1"},
        {"seller_transaction_id": "D", "custom": "shop:att_2"},
        {"seller_transaction_id": "C", "custom": "shop:att_1"},
    ]
    assert hints_of(DISPUTE, {"disputed_transactions": transactions}, SHOP) == (
        Hint(Whose.OURS, payment_id="C"),
        Hint(Whose.OURS, payment_id="D"),
        Hint(Whose.UNKNOWN, payment_id="B"),
    )
    assert hints_of(DISPUTE, {}, SHOP) == (Hint(Whose.FOREIGN),)
    order = "CHECKOUT.ORDER.APPROVED"
    assert hints_of(order, {"id": "5O19"}, SHOP) == (hint_of(order, {"id": "5O19"}, SHOP),)


@pytest.mark.parametrize("bad", [None, "", 7, "x" * 256, "a\x00b", ["x"]])
@pytest.mark.parametrize("event_type", ["CHECKOUT.ORDER.APPROVED", "PAYMENT.CAPTURE.COMPLETED"])
def test_an_id_is_printable_text(event_type: str, bad: Any) -> None:
    with pytest.raises(MalformedEvent):
        hint_of(event_type, {"id": bad}, SHOP)
