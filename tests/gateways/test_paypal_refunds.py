"""Money back from PayPal: in parts, once per key, never more than came; and disputes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import CheckoutNotFound, GatewayKeyConflict, NotRefundable
from digistore.gateways import DisputeState, RefundRequest, RefundState
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.paypal.states import OUTCOMES
from digistore.money import Money
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.gateways.paypal_kit import (
    PRICE,
    a_refund,
    a_world,
    now_of,
    opened,
    paid,
    refund,
)

World = tuple[PayPalDouble, PayPalGateway, FrozenClock]
PART = Money("9.00", "EUR")


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def test_a_refund_in_parts_is_told_with_our_references(world: World) -> None:
    _, gateway, _ = world
    checkout = paid(world)
    refund(gateway, checkout, PART, "ref_1")
    refund(gateway, checkout, PRICE - PART, "ref_2")
    told = now_of(gateway, checkout)
    assert [(one.money, one.reference, one.state) for one in told.refunds] == [
        (PART, "ref_1", RefundState.SUCCEEDED),
        (PRICE - PART, "ref_2", RefundState.SUCCEEDED),
    ]
    assert told.captured == PRICE


def test_the_same_key_gives_the_same_refund(world: World) -> None:
    _, gateway, _ = world
    checkout = paid(world)
    assert refund(gateway, checkout, PART) == refund(gateway, checkout, PART)
    assert len(now_of(gateway, checkout).refunds) == 1


@pytest.mark.parametrize("other", ["money", "reference"])
def test_a_key_of_another_refund_is_a_conflict(world: World, other: str) -> None:
    _, gateway, _ = world
    checkout = paid(world)
    refund(gateway, checkout, PART)
    request = a_refund(checkout, PART)
    changed = (
        replace(request, money=PRICE) if other == "money" else replace(request, reference="ref_9")
    )
    with pytest.raises(GatewayKeyConflict):
        run(gateway.refund(changed))


def test_a_persons_words_are_not_sent(world: World) -> None:
    double, gateway, _ = world
    refund(gateway, paid(world), PART)
    sent = next(one for one in double.requests if one.path.endswith("/refund"))
    assert sent.parameters == {
        "amount": {"currency_code": "EUR", "value": "9.00"},
        "custom_id": "shop:ref_1",
        "invoice_id": "ref_1",
    }


def test_more_than_is_left_is_refused(world: World) -> None:
    _, gateway, _ = world
    checkout = paid(world)
    with pytest.raises(NotRefundable, match="above_what_is_left"):
        refund(gateway, checkout, PRICE * 2)
    refund(gateway, checkout, PRICE, "ref_2")
    with pytest.raises(NotRefundable, match="nothing_left"):
        refund(gateway, checkout, PART, "ref_3")


def test_money_that_has_not_come_is_not_given_back(world: World) -> None:
    _, gateway, _ = world
    with pytest.raises(NotRefundable, match="not_paid"):
        refund(gateway, paid(world, outcome="delayed"), PART)


def test_another_currency_is_refused(world: World) -> None:
    _, gateway, _ = world
    with pytest.raises(NotRefundable, match="other_currency"):
        refund(gateway, paid(world), Money("1.00", "USD"))


def test_a_payment_that_is_not_there_is_not_found(world: World) -> None:
    with pytest.raises(CheckoutNotFound):
        run(world[1].refund(RefundRequest("NONE", PART, "ref_1", "rf:ref_1")))


def test_a_pending_refund_succeeds_or_fails_later(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.refunds_pend = True
    assert refund(gateway, checkout, PART).state is RefundState.PENDING
    double.clear_refund(checkout)
    assert now_of(gateway, checkout).refunds[0].state is RefundState.SUCCEEDED
    double.fail_refund(checkout)
    assert now_of(gateway, checkout).refunds[0].state is RefundState.FAILED
    assert refund(gateway, checkout, PRICE, "ref_2").state is RefundState.PENDING


def test_a_refund_in_paypals_pages_has_no_reference_of_ours(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.dashboard_refund(checkout, "5.00")
    [told] = now_of(gateway, checkout).refunds
    assert (told.money, told.reference) == (Money("5.00", "EUR"), None)


def test_an_inquiry_is_a_warning_and_a_claim_is_open(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout, warning=True, reason="MERCHANDISE_OR_SERVICE_NOT_RECEIVED")
    [told] = now_of(gateway, checkout).disputes
    assert (told.state, told.money) == (DisputeState.WARNING, PRICE)
    assert told.reason == "MERCHANDISE_OR_SERVICE_NOT_RECEIVED"
    assert told.evidence_due is not None
    for stage in ("CHARGEBACK", "PRE_ARBITRATION", "ARBITRATION"):
        double.move_dispute(checkout, stage)
        assert now_of(gateway, checkout).disputes[0].state is DisputeState.OPEN


@pytest.mark.parametrize(("code", "state"), OUTCOMES.items())
def test_every_outcome_is_read_as_documented(world: World, code: str, state: DisputeState) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout)
    double.resolve_dispute(checkout, code)
    assert now_of(gateway, checkout).disputes[0].state is state


def test_an_appeal_opens_a_dispute_again(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout)
    double.close_dispute(checkout, "lost")
    double.move_dispute(checkout, "PRE_ARBITRATION")
    assert now_of(gateway, checkout).disputes[0].state is DisputeState.OPEN


def test_two_disputes_about_one_payment_are_two(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout, "10.00")
    double.open_dispute(checkout, "5.00")
    assert {one.money for one in now_of(gateway, checkout).disputes} == {
        Money("10.00", "EUR"),
        Money("5.00", "EUR"),
    }


def test_nothing_is_refundable_during_a_claim(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout)
    with pytest.raises(NotRefundable, match="in_dispute"):
        refund(gateway, checkout, PRICE)


def test_no_part_is_refundable_during_an_inquiry(world: World) -> None:
    double, gateway, _ = world
    checkout = paid(world)
    double.open_dispute(checkout, warning=True)
    with pytest.raises(NotRefundable, match="in_dispute"):
        refund(gateway, checkout, PART)
    assert refund(gateway, checkout, PRICE, "ref_2").state is RefundState.SUCCEEDED


def test_a_lost_dispute_that_a_refund_has_settled_is_closed(world: World) -> None:
    double, gateway, clock = world
    checkout = paid(world)
    double.open_dispute(checkout, "9.00", warning=True)
    clock.go(minutes=1)
    double.dashboard_refund(checkout, "9.00")
    double.close_dispute(checkout, "lost")
    assert now_of(gateway, checkout).disputes[0].state is DisputeState.CLOSED


def test_a_dispute_lost_after_another_refund_is_lost(world: World) -> None:
    double, gateway, clock = world
    checkout = paid(world)
    refund(gateway, checkout, PART)
    clock.go(minutes=1)
    double.open_dispute(checkout, "20.00")
    double.close_dispute(checkout, "lost")
    assert now_of(gateway, checkout).disputes[0].state is DisputeState.LOST


def test_a_refund_before_a_dispute_never_settles_it(world: World) -> None:
    """A lost dispute of the whole transaction read as closed: 5 had been given back before."""
    double, gateway, clock = world
    checkout = paid(world)
    double.dashboard_refund(checkout, "5.00")
    clock.go(minutes=1)
    double.open_dispute(checkout)  # PayPal tells the whole transaction
    left = Money("24.00", "EUR")
    for ending, state in ENDINGS:
        if ending is not None:
            double.close_dispute(checkout, ending)
        [told] = now_of(gateway, checkout).disputes
        assert (told.state, told.money) == (state, left)


ENDINGS: tuple[tuple[Any, DisputeState], ...] = (
    (None, DisputeState.OPEN),
    ("lost", DisputeState.LOST),
    ("won", DisputeState.WON),
)


def test_a_dispute_after_all_was_given_back_takes_nothing_more(world: World) -> None:
    double, gateway, clock = world
    checkout = paid(world)
    double.dashboard_refund(checkout)
    clock.go(minutes=1)
    double.open_dispute(checkout)
    double.close_dispute(checkout, "lost")
    [told] = now_of(gateway, checkout).disputes
    assert (told.state, told.money) == (DisputeState.LOST, Money.zero("EUR"))


@pytest.mark.parametrize("parts", [("29.00",), ("9.00", "20.00")])
def test_a_dispute_during_which_all_was_given_back_is_told_as_the_refund(
    world: World, parts: tuple[str, ...]
) -> None:
    double, gateway, clock = world
    checkout = paid(world)
    double.open_dispute(checkout, warning=True)
    clock.go(minutes=1)
    for part in parts:
        double.dashboard_refund(checkout, part)
    double.close_dispute(checkout, "lost")
    [told] = now_of(gateway, checkout).disputes
    assert (told.state, told.money) == (DisputeState.CLOSED, PRICE)


def test_a_shop_without_the_feature_asks_for_no_disputes() -> None:
    with a_world(disputes=False) as world:
        double, gateway, _ = world
        double.features.discard("disputes")
        double.open_dispute(paid(world))
        assert now_of(gateway, opened(gateway, world[2])).disputes == ()
        assert not any("disputes" in one.path for one in double.requests)
