from __future__ import annotations

from itertools import permutations
from typing import cast

import pytest

from digistore.errors import Invalid, InvalidTransition, NotFound, NotRefundable
from digistore.gateways import DisputeState, RefundState
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import Ending
from digistore.money import Money
from tests.gateways.sandbox_kit import (
    NOON,
    PRICE,
    FrozenClock,
    heard,
    now_of,
    opened,
    paid,
    refund,
)

NINE, TWENTY = Money("9", "USD"), Money("20", "USD")


def test_a_bank_can_ask_for_all_of_the_money(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)

    event = heard(sandbox, sandbox.open_dispute(checkout))

    (dispute,) = now_of(sandbox, checkout).disputes
    assert event.type == "dispute.opened"
    assert event.hint.payment_id == checkout.payment_id
    assert dispute.state is DisputeState.OPEN
    assert dispute.money == PRICE
    assert dispute.evidence_due is not None
    assert dispute.evidence_due > NOON
    assert dispute.id.startswith("dp_")


def test_a_bank_can_ask_for_what_was_captured_only(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    sandbox.pay(checkout, amount=TWENTY)

    sandbox.open_dispute(checkout)

    assert now_of(sandbox, checkout).disputes[0].money == TWENTY


@pytest.mark.parametrize("state", ["won", "lost", "prevented", "closed"])
def test_every_end_of_a_dispute_reads_as_it_is(sandbox: SandboxGateway, state: Ending) -> None:
    checkout = paid(sandbox)
    sandbox.open_dispute(checkout)

    event = sandbox.close_dispute(checkout, state)

    (dispute,) = now_of(sandbox, checkout).disputes
    assert dispute.state is DisputeState(state)
    assert dispute.evidence_due is None
    assert heard(sandbox, event).type == f"dispute.{state}"
    assert sandbox.close_dispute(checkout, state) == event


def test_any_decision_may_follow_any_other(sandbox: SandboxGateway) -> None:
    for number, (first, second) in enumerate(permutations(DisputeState, 2)):
        checkout = paid(sandbox, f"att_{number}")
        for state in (first, second):
            if state in {DisputeState.OPEN, DisputeState.WARNING}:
                sandbox.open_dispute(checkout, warning=state is DisputeState.WARNING)
                continue
            if not now_of(sandbox, checkout).disputes:
                sandbox.open_dispute(checkout)
            sandbox.close_dispute(checkout, cast("Ending", state.value))
        (dispute,) = now_of(sandbox, checkout).disputes
        assert dispute.state is second


def test_an_appeal_opens_the_same_dispute_again(
    sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    checkout = paid(sandbox)
    first = sandbox.open_dispute(checkout)
    sandbox.close_dispute(checkout, "lost")
    clock.go_on(days=1)

    again = sandbox.open_dispute(checkout)

    assert again[0] != first[0]
    (dispute,) = now_of(sandbox, checkout).disputes
    assert dispute.state is DisputeState.OPEN
    assert dispute.evidence_due is not None
    assert dispute.evidence_due > clock.now


def test_another_amount_is_another_dispute(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    sandbox.open_dispute(checkout, NINE)
    sandbox.open_dispute(checkout, TWENTY)

    first, second = now_of(sandbox, checkout).disputes
    assert first.id != second.id
    sandbox.close_dispute(first.id, "lost")
    sandbox.close_dispute(checkout, "won")
    states = [dispute.state for dispute in now_of(sandbox, checkout).disputes]
    assert states == [DisputeState.LOST, DisputeState.WON]


def test_nothing_is_refunded_while_a_dispute_is_open(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    made = refund(sandbox, checkout, NINE)
    sandbox.open_dispute(checkout, NINE)

    with pytest.raises(NotRefundable, match="dispute") as refusal:
        refund(sandbox, checkout, NINE, "ref_2")
    with pytest.raises(NotRefundable, match="dispute"):
        sandbox.dashboard_refund(checkout)

    assert refusal.value.left == Money.zero("USD")
    assert refund(sandbox, checkout, NINE) == made  # a repeat is no new refund


def test_a_warning_leaves_the_money_refundable(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    assert heard(sandbox, sandbox.open_dispute(checkout, warning=True)).type == "dispute.warning"

    assert refund(sandbox, checkout, NINE).state is RefundState.SUCCEEDED


@pytest.mark.parametrize(
    ("state", "left"), [("won", PRICE), ("closed", PRICE), ("lost", TWENTY), ("prevented", TWENTY)]
)
def test_what_the_bank_took_cannot_be_refunded(
    sandbox: SandboxGateway, state: Ending, left: Money
) -> None:
    checkout = paid(sandbox)
    sandbox.open_dispute(checkout, NINE)
    sandbox.close_dispute(checkout, state)

    with pytest.raises(NotRefundable) as refusal:
        refund(sandbox, checkout, PRICE + NINE)

    assert refusal.value.left == left


def test_a_bank_may_take_what_was_refunded_before(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    refund(sandbox, checkout, TWENTY)

    sandbox.open_dispute(checkout)
    sandbox.close_dispute(checkout, "lost")

    assert sandbox.look_up(checkout).left == Money.zero("USD")


def test_only_captured_money_is_disputed(sandbox: SandboxGateway) -> None:
    with pytest.raises(InvalidTransition, match="nothing was captured"):
        sandbox.open_dispute(opened(sandbox))


def test_a_dispute_is_about_money(sandbox: SandboxGateway) -> None:
    with pytest.raises(Invalid):
        sandbox.open_dispute(paid(sandbox), Money.zero("USD"))
    with pytest.raises(Invalid):
        sandbox.open_dispute(paid(sandbox), Money("29.00", "EUR"))


def test_without_a_dispute_there_is_no_decision(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)

    with pytest.raises(NotFound):
        sandbox.close_dispute(checkout, "won")
    with pytest.raises(Invalid):
        sandbox.close_dispute(checkout, "open")  # type: ignore[arg-type]
