from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    GatewayKeyConflict,
    GatewayRejected,
    NotRefundable,
)
from digistore.gateways import RefundSnapshot, RefundState
from digistore.money import Money
from tests.gateways.stripe_kit import PRICE, SHOP, World, a_refund

TEN = Money("10.00", "EUR")


def test_a_refund_is_asked_for_as_designed(world: World) -> None:
    paid = world.paid()

    made = world.refund(paid, TEN)

    assert made == RefundSnapshot(made.id, TEN, RefundState.SUCCEEDED, reference="ref_1")
    assert world.sent("POST", "/v1/refunds") == [
        {
            "payment_intent": paid.payment_id,
            "amount": "1000",
            "metadata": {"digistore_ns": SHOP, "digistore_ref": "ref_1"},
        }
    ]
    assert world.double.requests[-1].key == "rf:ref_1"
    assert world.now(paid).refunds == (made,)


def test_what_a_person_wrote_is_not_sent_but_a_duplicate_is_called_one(world: World) -> None:
    paid = world.paid()
    run(world.gateway.refund(replace(a_refund(paid, TEN), reason="Bob, of Main Street 1")))
    run(world.gateway.refund(replace(a_refund(paid, TEN, "ref_2"), reason="duplicate")))

    assert [one.get("reason") for one in world.sent("POST", "/v1/refunds")] == [None, "duplicate"]


def test_the_same_key_gives_the_same_refund(world: World) -> None:
    paid = world.paid()

    assert world.refund(paid, TEN) == world.refund(paid, TEN)
    assert len(world.now(paid).refunds) == 1
    with pytest.raises(GatewayKeyConflict):
        world.refund(paid, PRICE)


def test_parts_come_to_the_whole_and_no_further(world: World) -> None:
    paid = world.paid()
    world.refund(paid, TEN, "ref_1")
    with pytest.raises(NotRefundable) as above:
        world.refund(paid, PRICE, "ref_2")
    world.refund(paid, PRICE - TEN, "ref_3")
    with pytest.raises(NotRefundable) as nothing:
        world.refund(paid, TEN, "ref_4")

    assert above.value.reason == "above_what_is_left"
    assert nothing.value.reason == "nothing_left"
    assert Money.total((one.money for one in world.now(paid).refunds), "EUR") == PRICE


def test_nothing_goes_back_while_a_bank_asks_for_it(world: World) -> None:
    paid = world.paid()
    world.double.open_dispute(paid)

    with pytest.raises(NotRefundable) as refusal:
        world.refund(paid, TEN)
    assert refusal.value.reason == "in_dispute"


def test_what_was_never_paid_is_not_refunded(world: World) -> None:
    checkout = world.opened()
    world.double.pay(checkout, "declined")

    with pytest.raises((NotRefundable, GatewayRejected)):
        world.refund(world.now(checkout), TEN)
    assert world.now(checkout).refunds == ()


def test_a_payment_that_is_not_there_is_not_found(world: World) -> None:
    paid = world.paid()

    with pytest.raises(CheckoutNotFound):
        world.refund(replace(paid, payment_id="pi_none"), TEN)


def test_an_amount_that_cannot_be_written_is_refused_before_any_request(world: World) -> None:
    paid = world.paid(total=Money("20.000", "KWD"))
    asked = len(world.double.requests)

    with pytest.raises(AmountNotSupported):
        world.refund(paid, Money("1.005", "KWD"))
    assert len(world.double.requests) == asked


@pytest.mark.parametrize("currency", ["JPY", "ISK", "UGX", "KWD", "MGA", "HUF"])
def test_special_currencies_go_back_as_they_came(world: World, currency: str) -> None:
    paid = world.paid(total=Money("12000", currency))

    made = world.refund(paid, Money("2000", currency))

    assert made.money == Money("2000", currency)
    assert world.now(paid).refunds == (made,)


def test_a_refund_can_wait_and_can_fail_later(world: World) -> None:
    world.double.refunds_pend = True
    paid = world.paid()
    waiting = world.refund(paid, TEN)
    assert waiting.state is RefundState.PENDING

    world.double.clear_refund(waiting.id)
    assert world.now(paid).refunds[0].state is RefundState.SUCCEEDED
    world.double.fail_refund(waiting.id, "lost_or_stolen_card")
    failed = world.now(paid).refunds[0]

    assert (failed.state, failed.reason) == (RefundState.FAILED, "lost_or_stolen_card")
    assert failed.reference == "ref_1"


def test_money_paid_in_cash_goes_back_once_the_buyer_says_where_to(world: World) -> None:
    checkout = world.opened()
    means: Any = "voucher"
    world.double.pay(checkout, means)
    world.double.clear(checkout)

    assert world.refund(world.now(checkout), TEN).state is RefundState.PENDING


def test_a_refund_in_the_dashboard_is_told_without_a_reference(world: World) -> None:
    paid = world.paid()
    world.double.dashboard_refund(paid, 700)

    [told] = world.now(paid).refunds

    assert (told.money, told.reference) == (Money("7.00", "EUR"), None)
