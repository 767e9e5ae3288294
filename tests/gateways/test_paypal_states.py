"""PayPal's words in ours; what is new is read cautiously and crashes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from digistore.errors import GatewayUnavailable
from digistore.gateways import DisputeState, PaymentSnapshot, PayState, RefundState, Whose
from digistore.gateways.paypal.snapshots import payment_snapshot
from digistore.gateways.paypal.states import dispute_state, refund_state
from digistore.money import Money

EURO = {"currency_code": "EUR", "value": "29.00"}


def an_order(**changed: Any) -> dict[str, Any]:
    unit = {"custom_id": "shop:att_1", "amount": EURO}
    order = {"id": "5O19", "intent": "CAPTURE", "status": "CREATED", "purchase_units": [unit]}
    return order | changed


def with_captures(*statuses: str, status: str = "COMPLETED", **payments: Any) -> dict[str, Any]:
    captures = [
        {"id": f"C{place}", "status": one, "amount": EURO} for place, one in enumerate(statuses)
    ]
    order = an_order(status=status)
    order["purchase_units"][0]["payments"] = {"captures": captures, **payments}
    return order


def read(order: dict[str, Any], *disputes: dict[str, Any]) -> PaymentSnapshot:
    return payment_snapshot("paypal", "shop", order, disputes, livemode=False)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("CREATED", PayState.OPEN),
        ("SAVED", PayState.OPEN),
        ("PAYER_ACTION_REQUIRED", PayState.OPEN),
        ("APPROVED", PayState.OPEN),
        ("VOIDED", PayState.EXPIRED),
        ("COMPLETED", PayState.PENDING),  # but no capture is shown
        ("NEW_IN_2027", PayState.PENDING),
        (None, PayState.PENDING),
        (["odd"], PayState.PENDING),
    ],
)
def test_an_order_without_capture(status: Any, state: PayState) -> None:
    told = read(an_order(status=status))
    assert (told.state, told.captured, told.payment_id) == (state, None, None)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("COMPLETED", PayState.PAID),
        ("PARTIALLY_REFUNDED", PayState.PAID),
        ("REFUNDED", PayState.PAID),
        ("PENDING", PayState.PENDING),
        ("DECLINED", PayState.FAILED),
        ("FAILED", PayState.FAILED),
        ("NEW_IN_2027", PayState.PENDING),
    ],
)
def test_a_capture_decides(status: str, state: PayState) -> None:
    told = read(with_captures(status))
    assert (told.state, told.payment_id) == (state, "C0")
    assert told.captured == (Money("29.00", "EUR") if state is PayState.PAID else None)


@pytest.mark.parametrize("order", [["DECLINED", "COMPLETED"], ["COMPLETED", "DECLINED"]])
def test_money_that_came_weighs_more_than_what_did_not(order: list[str]) -> None:
    told = read(with_captures(*order))
    assert (told.state, told.payment_id) == (PayState.PAID, f"C{order.index('COMPLETED')}")


def test_a_declined_capture_of_an_approved_order_ends_nothing() -> None:
    assert read(with_captures("DECLINED", status="APPROVED")).state is PayState.OPEN


def test_an_order_that_was_given_up_has_expired_but_not_one_that_was_captured() -> None:
    assert read(an_order(status="APPROVED", intent="AUTHORIZE")).state is PayState.EXPIRED
    captured = with_captures("COMPLETED") | {"intent": "AUTHORIZE"}
    assert read(captured).state is PayState.PAID


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("PENDING", RefundState.PENDING),
        ("COMPLETED", RefundState.SUCCEEDED),
        ("FAILED", RefundState.FAILED),
        ("CANCELLED", RefundState.CANCELED),
        ("NEW_IN_2027", RefundState.PENDING),
        (None, RefundState.PENDING),
    ],
)
def test_every_state_of_a_refund(status: Any, state: RefundState) -> None:
    assert refund_state(status) is state


@pytest.mark.parametrize(
    ("dispute", "state"),
    [
        ({"status": "OPEN", "dispute_life_cycle_stage": "INQUIRY"}, DisputeState.WARNING),
        ({"status": "OTHER", "dispute_life_cycle_stage": "INQUIRY"}, DisputeState.WARNING),
        ({"status": "UNDER_REVIEW", "dispute_life_cycle_stage": "CHARGEBACK"}, DisputeState.OPEN),
        ({"status": "WAITING_FOR_SELLER_RESPONSE"}, DisputeState.OPEN),
        ({"status": "NEW", "dispute_life_cycle_stage": "INQUIRY"}, DisputeState.OPEN),
        ({"status": "RESOLVED"}, DisputeState.OPEN),
        ({"status": "RESOLVED", "dispute_outcome": "odd"}, DisputeState.OPEN),
        ({"status": "RESOLVED", "dispute_outcome": {"outcome_code": "NEW"}}, DisputeState.OPEN),
        ({}, DisputeState.OPEN),
    ],
)
def test_a_dispute_ends_only_where_it_is_known_how(
    dispute: dict[str, Any], state: DisputeState
) -> None:
    assert dispute_state(dispute) is state


@pytest.mark.parametrize(
    ("mark", "whose"),
    [
        ("shop:att_1", Whose.OURS),
        ("shop2:att_1", Whose.FOREIGN),
        ("shop", Whose.FOREIGN),
        ("shop:", Whose.FOREIGN),
        ("SHOP:att_1", Whose.FOREIGN),
        (":att_1", Whose.FOREIGN),
        ("shop:att 1", Whose.FOREIGN),
        (None, Whose.FOREIGN),
        (7, Whose.FOREIGN),
    ],
)
def test_only_our_own_mark_makes_an_order_ours(mark: Any, whose: Whose) -> None:
    told = read(an_order(purchase_units=[{"custom_id": mark, "amount": EURO}]))
    assert told.whose is whose


def test_fields_that_are_new_or_odd_crash_nothing() -> None:
    order = with_captures("COMPLETED", refunds="odd") | {
        "payer": [],
        "payment_source": {"paypal": "odd"},
        "links": [{"rel": None}, "odd"],
        "brand_new": {"deep": [1]},
    }
    order["purchase_units"][0]["payments"]["captures"][0] |= {
        "seller_receivable_breakdown": None,
        "status_details": 7,
    }
    told = read(order)
    assert (told.state, told.refunds, told.url, told.fee) == (PayState.PAID, (), None, None)


def test_a_fee_in_another_currency_is_left_out() -> None:
    order = with_captures("COMPLETED")
    fee = {"paypal_fee": {"currency_code": "USD", "value": "1.00"}}
    order["purchase_units"][0]["payments"]["captures"][0]["seller_receivable_breakdown"] = fee
    assert read(order).fee is None


def test_a_reply_without_an_id_is_no_answer() -> None:
    with pytest.raises(GatewayUnavailable):
        read({"status": "CREATED"})


def test_an_order_of_another_kind_has_no_total() -> None:
    told = read({"id": "5O19", "status": "CREATED"})
    assert (told.total, told.whose) == (None, Whose.FOREIGN)


@pytest.mark.parametrize(
    "amount",
    [None, {"currency_code": "XXX", "value": "1"}, {"currency_code": "EUR", "value": ".5"}],
)
def test_a_dispute_that_cannot_be_read_hides_neither_payment_nor_other_disputes(
    amount: Any,
) -> None:
    fine = {"dispute_id": "PP-1", "status": "OPEN", "dispute_amount": EURO}
    odd = fine | {"dispute_id": "PP-2", "dispute_amount": amount}
    nameless = fine | {"dispute_id": None}
    told = read(with_captures("COMPLETED"), odd, fine, nameless)
    assert (told.state, [one.id for one in told.disputes]) == (PayState.PAID, ["PP-1"])
    assert not told.complete
    assert read(with_captures("COMPLETED"), fine).complete
