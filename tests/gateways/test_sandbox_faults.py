from __future__ import annotations

from collections.abc import Callable

import pytest

from digistore.blocking import run
from digistore.errors import (
    GatewayRateLimited,
    GatewayUnavailable,
    Invalid,
    NotRefundable,
)
from digistore.gateways import HintPage, PayState
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import FaultName
from tests.gateways.sandbox_kit import (
    NOON,
    PRICE,
    heard,
    now_of,
    opened,
    paid,
    refund,
)


def everything(sandbox: SandboxGateway) -> HintPage:
    return run(sandbox.poll(NOON))


@pytest.mark.parametrize("fault", ["timeout", "server_error"])
def test_after_a_timeout_nothing_was_done(sandbox: SandboxGateway, fault: FaultName) -> None:
    sandbox.fail_next(fault)

    with pytest.raises(GatewayUnavailable) as error:
        opened(sandbox)

    assert error.value.provider_code == fault
    assert everything(sandbox) == HintPage((), None)
    assert opened(sandbox).state is PayState.OPEN


def test_a_limit_refuses_before_any_work(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    sandbox.fail_next("rate_limit")

    with pytest.raises(GatewayRateLimited):
        refund(sandbox, checkout, PRICE)

    assert now_of(sandbox, checkout).refunds == ()


def test_after_a_lost_reply_the_checkout_is_there_once(sandbox: SandboxGateway) -> None:
    sandbox.fail_next("lost_reply")
    with pytest.raises(GatewayUnavailable):
        opened(sandbox)
    page = everything(sandbox)

    checkout = opened(sandbox)

    assert [hint.checkout_id for hint in page.hints] == [checkout.checkout_id]
    assert everything(sandbox) == page


def test_after_a_lost_reply_the_money_is_back_once(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    sandbox.fail_next("lost_reply", method="refund")
    with pytest.raises(GatewayUnavailable):
        refund(sandbox, checkout, PRICE)
    (made,) = now_of(sandbox, checkout).refunds

    assert refund(sandbox, checkout, PRICE) == made
    assert now_of(sandbox, checkout).refunds == (made,)


def test_a_refusal_is_lost_like_any_reply(sandbox: SandboxGateway) -> None:
    checkout = paid(sandbox)
    sandbox.fail_next("lost_reply")

    with pytest.raises(GatewayUnavailable) as error:
        refund(sandbox, checkout, PRICE + PRICE)

    assert isinstance(error.value.__cause__, NotRefundable)


def test_a_fault_waits_for_its_method(sandbox: SandboxGateway) -> None:
    sandbox.fail_next("timeout", times=2, method="fetch")
    sandbox.fail_next("rate_limit", method="expire")
    checkout = opened(sandbox)

    with pytest.raises(GatewayRateLimited):
        run(sandbox.expire(checkout.checkout_id))
    for _ in range(2):
        with pytest.raises(GatewayUnavailable):
            now_of(sandbox, checkout)
    assert now_of(sandbox, checkout) == checkout


@pytest.mark.parametrize(
    "method", ["create_checkout", "fetch", "resume", "expire", "refund", "poll"]
)
def test_every_call_can_fail(sandbox: SandboxGateway, method: str) -> None:
    checkout = paid(sandbox)
    calls: dict[str, Callable[[], object]] = {
        "create_checkout": lambda: opened(sandbox, "att_2"),
        "fetch": lambda: now_of(sandbox, checkout),
        "resume": lambda: run(sandbox.resume(checkout.checkout_id, {})),
        "expire": lambda: run(sandbox.expire(checkout.checkout_id)),
        "refund": lambda: refund(sandbox, checkout, PRICE),
        "poll": lambda: run(sandbox.poll(NOON)),
    }
    sandbox.fail_next("timeout", method=method)

    with pytest.raises(GatewayUnavailable):
        calls[method]()
    assert heard(sandbox, sandbox.pay(checkout)).known  # buyers and events do not go that way


def test_what_cannot_be_planned_is_refused(sandbox: SandboxGateway) -> None:
    with pytest.raises(Invalid, match="timeout"):
        sandbox.fail_next("earthquake")  # type: ignore[arg-type]
    with pytest.raises(Invalid, match="create_checkout"):
        sandbox.fail_next("timeout", method="parse_event")
    with pytest.raises(Invalid):
        sandbox.fail_next("timeout", times=0)


def test_every_call_is_written_down(sandbox: SandboxGateway) -> None:
    sandbox.fail_next("timeout")
    with pytest.raises(GatewayUnavailable):
        opened(sandbox)
    checkout = paid(sandbox)
    refund(sandbox, checkout, PRICE)
    run(sandbox.poll(NOON))

    assert sandbox.calls == (
        ("create_checkout", "co:att_1"),
        ("create_checkout", "co:att_1"),
        ("fetch", checkout.checkout_id),
        ("refund", "rf:ref_1"),
        ("poll", ""),
    )
