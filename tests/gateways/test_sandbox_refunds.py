from __future__ import annotations

from dataclasses import replace

import pytest

from digistore.blocking import run
from digistore.errors import (
    CheckoutNotFound,
    GatewayKeyConflict,
    Invalid,
    InvalidTransition,
    NotFound,
    NotRefundable,
)
from digistore.gateways import RefundRequest, RefundState
from digistore.gateways.sandbox import SandboxGateway
from digistore.money import Money
from tests.gateways.sandbox_kit import (
    PRICE,
    FrozenClock,
    a_refund,
    heard,
    now_of,
    opened,
    paid,
    refund,
)

NINE, TWENTY = Money("9", "USD"), Money("20", "USD")


def test_a_refund_is_told_with_our_reference(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)

    made = refund(sandbox, checkout, NINE)

    assert made.state is RefundState.SUCCEEDED
    assert made.money == NINE
    assert made.reference == "ref_1"
    assert made.reason == "not as described"
    assert made.id.startswith("re_")
    assert now_of(sandbox, checkout).refunds == (made,)


def test_the_same_key_refunds_once(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)

    assert refund(sandbox, checkout, PRICE) == refund(sandbox, checkout, PRICE)
    assert len(now_of(sandbox, checkout).refunds) == 1


@pytest.mark.parametrize("change", ["money", "reference", "payment", "split"])
def test_the_same_key_with_another_refund_is_refused(sandbox: SandboxGateway, change: str) -> None:
    first, second = paid(sandbox, "att_1"), paid(sandbox, "att_2")
    request = a_refund(first, NINE)
    run(sandbox.refund(request))
    assert second.payment_id is not None
    others = {
        "money": replace(request, money=TWENTY),
        "reference": replace(request, reference="ref_2"),
        "payment": replace(request, payment_id=second.payment_id),
        "split": replace(request, reverse_split=False),
    }

    with pytest.raises(GatewayKeyConflict):
        run(sandbox.refund(others[change]))


def test_refunds_end_when_nothing_is_left(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    refund(sandbox, checkout, NINE, "ref_1")

    with pytest.raises(NotRefundable) as too_much:
        refund(sandbox, checkout, PRICE, "ref_2")
    assert too_much.value.left == TWENTY
    refund(sandbox, checkout, TWENTY, "ref_3")
    with pytest.raises(NotRefundable) as exhausted:
        refund(sandbox, checkout, Money("0.01", "USD"), "ref_4")
    assert exhausted.value.left == Money.zero("USD")


def test_what_was_not_captured_cannot_be_refunded(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    sandbox.pay(checkout, "delayed")

    with pytest.raises(NotRefundable) as refusal:
        refund(sandbox, now_of(sandbox, checkout), PRICE)

    assert refusal.value.left is None


def test_an_unknown_payment_cannot_be_refunded(sandbox: SandboxGateway) -> None:
    for payment_id in ("pi_unknown", paid(sandbox).checkout_id):
        with pytest.raises(CheckoutNotFound):
            run(sandbox.refund(RefundRequest(payment_id, PRICE, "ref_1", "rf:ref_1")))


def test_another_currency_cannot_be_refunded(sandbox: SandboxGateway) -> None:
    with pytest.raises(NotRefundable):
        refund(sandbox, paid(sandbox), Money("9", "EUR"))


def test_a_refund_is_above_zero(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)

    for amount in ("0", "-9"):
        with pytest.raises(Invalid):
            refund(sandbox, checkout, Money(amount, "USD"))
    with pytest.raises(Invalid):
        sandbox.dashboard_refund(checkout, Money.zero("USD"))
    assert now_of(sandbox, checkout).refunds == ()


def test_a_refund_can_wait(clock: FrozenClock) -> None:
    sandbox = SandboxGateway(clock=clock, refunds_pend=True)
    checkout = paid(sandbox)

    pending = refund(sandbox, checkout, NINE)

    assert pending.state is RefundState.PENDING
    assert heard(sandbox, sandbox.clear_refund(pending.id)).type == "refund.succeeded"
    assert refund(sandbox, checkout, NINE) == replace(pending, state=RefundState.SUCCEEDED)
    assert sandbox.clear_refund(checkout) == sandbox.clear_refund(pending.id)


def test_waiting_money_counts_as_given_back(sandbox: SandboxGateway) -> None:
    sandbox.refunds_pend = True
    checkout = paid(sandbox)
    refund(sandbox, checkout, TWENTY)

    with pytest.raises(NotRefundable) as refusal:
        refund(sandbox, checkout, TWENTY, "ref_2")

    assert refusal.value.left == NINE


@pytest.mark.parametrize("refunds_pend", [True, False])
def test_a_refund_can_fail_even_after_it_succeeded(
    sandbox: SandboxGateway,
    refunds_pend: bool,
) -> None:
    sandbox.refunds_pend = refunds_pend
    checkout = paid(sandbox)
    refund(sandbox, checkout, PRICE)

    event = sandbox.fail_refund(checkout)

    assert heard(sandbox, event).type == "refund.failed"
    assert sandbox.fail_refund(checkout) == event
    assert now_of(sandbox, checkout).refunds[0].state is RefundState.FAILED
    assert refund(sandbox, checkout, PRICE, "ref_2").money == PRICE  # all of it is here again


def test_a_failed_refund_stays_failed(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    made = refund(sandbox, checkout, NINE)
    sandbox.fail_refund(made.id)

    with pytest.raises(InvalidTransition):
        sandbox.clear_refund(made.id)


def test_the_newest_refund_that_can_move_is_meant(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    first, second = refund(sandbox, checkout, NINE, "1"), refund(sandbox, checkout, NINE, "2")

    sandbox.fail_refund(checkout)
    sandbox.fail_refund(checkout)

    assert [told.state for told in now_of(sandbox, checkout).refunds] == [RefundState.FAILED] * 2
    facts = [fact.about for fact in sandbox.look_up(checkout).facts[-2:]]
    assert facts == [second.id, first.id]


def test_what_was_never_refunded_cannot_fail(sandbox: SandboxGateway) -> None:
    with pytest.raises(NotFound):
        sandbox.fail_refund(paid(sandbox))
    with pytest.raises(CheckoutNotFound):
        sandbox.fail_refund("re_unknown")


def test_the_provider_can_refund_by_itself(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)

    event = heard(sandbox, sandbox.dashboard_refund(checkout, NINE))
    sandbox.dashboard_refund(checkout)

    refunds = now_of(sandbox, checkout).refunds
    assert event.type == "refund.succeeded"
    assert event.hint.payment_id == checkout.payment_id
    assert event.hint.checkout_id is None
    assert [told.money for told in refunds] == [NINE, TWENTY]
    assert {told.reference for told in refunds} == {None}
    assert len({told.id for told in refunds}) == 2


def test_not_even_the_provider_refunds_more_than_is_left(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    with pytest.raises(NotRefundable):
        sandbox.dashboard_refund(checkout, PRICE + PRICE)

    sandbox.dashboard_refund(checkout)

    with pytest.raises(NotRefundable):
        sandbox.dashboard_refund(checkout)
    with pytest.raises(NotRefundable, match="nothing was captured"):
        sandbox.dashboard_refund(opened(sandbox, "att_2"))


def test_refund_ids_follow_from_their_keys(clock: FrozenClock) -> None:
    one, two = SandboxGateway(clock=clock), SandboxGateway(clock=clock)

    assert refund(one, paid(one), NINE) == refund(two, paid(two), NINE)
    assert refund(one, paid(one), NINE, "ref_2").id != refund(one, paid(one), NINE).id
