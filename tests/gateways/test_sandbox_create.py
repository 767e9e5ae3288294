from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType

import pytest

from digistore.blocking import run
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    ConfigError,
    GatewayKeyConflict,
    GatewayRejected,
)
from digistore.gateways import (
    Cap,
    CheckoutLine,
    CheckoutRef,
    MoneyRules,
    PaymentGateway,
    PaymentRef,
    PayState,
    Split,
    Whose,
)
from digistore.gateways.sandbox import SandboxGateway
from digistore.money import Money
from tests.gateways.sandbox_kit import NOON, PRICE, FrozenClock, a_request, now_of, opened, other


def test_the_sandbox_is_a_gateway_that_is_never_live() -> None:
    gateway: PaymentGateway = SandboxGateway(name="play")

    assert gateway.profile.name == "play"
    assert gateway.profile.livemode is False
    assert gateway.profile.account == ""
    assert set(Cap) - gateway.profile.capabilities == {
        Cap.CAPTURE_ON_RETURN,
        Cap.TAX,
        Cap.MERCHANT_OF_RECORD,
        Cap.REFUND_APPROVAL,
        Cap.CUSTOMERS,
    }


def test_a_new_checkout_is_open_and_tells_what_was_asked_for(sandbox: SandboxGateway) -> None:
    checkout = run(sandbox.create_checkout(a_request("att_7")))

    assert checkout.state is PayState.OPEN
    assert checkout.gateway == "sandbox"
    assert checkout.livemode is False
    assert checkout.whose is Whose.OURS
    assert checkout.reference == "att_7"
    assert checkout.total == PRICE
    assert checkout.url == f"sandbox://checkout/{checkout.checkout_id}"
    assert checkout.checkout_id.startswith("cs_")
    assert checkout.payment_id is None
    assert checkout.captured is None
    assert checkout.payer_email is None
    assert now_of(sandbox, checkout) == checkout


def test_the_url_leads_to_the_page_of_the_shop_if_there_is_one() -> None:
    checkout = opened(SandboxGateway(page_url="https://shop.example/sandbox/"))

    assert checkout.url == f"https://shop.example/sandbox/{checkout.checkout_id}"


def test_the_same_request_gives_the_same_checkout(sandbox: SandboxGateway) -> None:
    request = replace(a_request(), metadata={"order": "ord_1", "buyer": "usr_1"})
    same = replace(request, metadata=MappingProxyType({"buyer": "usr_1", "order": "ord_1"}))

    first = run(sandbox.create_checkout(request))

    assert run(sandbox.create_checkout(same)) == first


def test_a_repeated_request_tells_that_it_was_paid_meanwhile(sandbox: SandboxGateway) -> None:
    sandbox.pay(opened(sandbox))

    assert opened(sandbox).state is PayState.PAID


def test_a_repeated_request_tells_that_it_came_too_late(
    sandbox: SandboxGateway, clock: FrozenClock
) -> None:
    opened(sandbox)
    clock.go_on(days=1)

    assert opened(sandbox).state is PayState.EXPIRED


@pytest.mark.parametrize(
    "field",
    [
        "reference",
        "total",
        "success_url",
        "expires_at",
        "customer_email",
        "metadata",
        "extra",
        "lines",
    ],
)
def test_the_same_key_with_another_request_is_refused(sandbox: SandboxGateway, field: str) -> None:
    request = a_request()
    run(sandbox.create_checkout(request))

    with pytest.raises(GatewayKeyConflict):
        run(sandbox.create_checkout(other(request, field)))


def test_what_is_no_json_cannot_be_asked_for(sandbox: SandboxGateway) -> None:
    request = replace(a_request(), extra={"locale": object()})  # type: ignore[dict-item]

    with pytest.raises(TypeError, match="JSON and money only"):
        run(sandbox.create_checkout(request))


def test_ids_follow_from_the_request_in_whatever_process(clock: FrozenClock) -> None:
    first, second = SandboxGateway(clock=clock), SandboxGateway(clock=clock)

    assert opened(first, "att_1") == opened(second, "att_1")
    assert opened(second, "att_2").checkout_id != opened(second, "att_1").checkout_id


def test_two_namespaces_and_two_gateways_never_share_an_id(clock: FrozenClock) -> None:
    one, two = SandboxGateway(clock=clock), SandboxGateway(name="other", clock=clock)
    request = a_request()

    ids = {
        run(one.create_checkout(request)).checkout_id,
        run(one.create_checkout(replace(request, namespace="second shop"))).checkout_id,
        run(two.create_checkout(request)).checkout_id,
    }

    assert len(ids) == 3


@pytest.mark.parametrize(
    ("total", "nearest"),
    [
        (Money("0", "USD"), [Money("0.50", "USD")]),
        (Money("0.49", "USD"), [Money("0.50", "USD")]),
        (Money("1000.01", "USD"), [Money("1000", "USD")]),
        (Money("12.34", "TWD"), [Money("12", "TWD"), Money("13", "TWD")]),
        (Money("0.10", "TWD"), [Money("1", "TWD")]),
        (Money("29.00", "EUR"), []),
    ],
)
def test_an_amount_that_cannot_be_paid_is_refused_before_any_call(
    total: Money, nearest: list[Money]
) -> None:
    rules = MoneyRules(
        currencies=frozenset({"USD", "TWD"}),
        minimum={"USD": 50},
        maximum=100_000,
        steps={"TWD": 100},
    )
    sandbox = SandboxGateway(money=rules)

    with pytest.raises(AmountNotSupported) as refusal:
        run(sandbox.create_checkout(a_request(total=total)))

    assert list(refusal.value.nearest) == nearest
    assert sandbox.calls == ()


def test_nothing_to_pay_is_no_checkout(sandbox: SandboxGateway) -> None:
    with pytest.raises(AmountNotSupported):
        opened(sandbox, total=Money.zero("USD"))


def test_lines_that_do_not_sum_to_the_total_are_rejected(sandbox: SandboxGateway) -> None:
    lines = (CheckoutLine("Async Python", PRICE - Money("0.01", "USD")),)

    with pytest.raises(GatewayRejected):
        run(sandbox.create_checkout(replace(a_request(), lines=lines)))


@pytest.mark.parametrize("fee", [Money("-0.01", "USD"), Money("29.01", "USD")])
def test_a_fee_outside_the_total_is_rejected(sandbox: SandboxGateway, fee: Money) -> None:
    with pytest.raises(GatewayRejected):
        run(sandbox.create_checkout(replace(a_request(), split=Split("acct_seller", fee))))


def test_a_split_within_the_total_is_taken(sandbox: SandboxGateway) -> None:
    request = replace(a_request(), split=Split("acct_seller", PRICE))

    assert run(sandbox.create_checkout(request)).state is PayState.OPEN


def test_an_open_checkout_expires_by_the_clock(sandbox: SandboxGateway, clock: FrozenClock) -> None:
    checkout = opened(sandbox)

    clock.go_on(hours=12, seconds=-1)
    assert now_of(sandbox, checkout).state is PayState.OPEN
    clock.go_on(seconds=1)
    expired = now_of(sandbox, checkout)
    assert expired.state is PayState.EXPIRED
    assert expired.url is None
    assert expired.payment_id is None


def test_what_was_never_made_is_not_found(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    payment_id = sandbox.look_up(checkout).own_payment_id

    for ref in (
        CheckoutRef("cs_unknown"),
        CheckoutRef(""),
        CheckoutRef(payment_id),
        PaymentRef(checkout.checkout_id),
        PaymentRef(payment_id),  # nobody has paid yet
        PaymentRef("dp_1_1"),
    ):
        with pytest.raises(CheckoutNotFound):
            run(sandbox.fetch(ref))
    with pytest.raises(CheckoutNotFound):
        run(sandbox.resume("cs_unknown", {}))
    with pytest.raises(CheckoutNotFound):
        run(sandbox.expire("cs_unknown"))


def test_a_payment_is_found_by_its_own_id(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    sandbox.pay(checkout)
    snapshot = now_of(sandbox, checkout)

    assert snapshot.payment_id is not None
    assert run(sandbox.fetch(PaymentRef(snapshot.payment_id))) == snapshot


def test_it_works_the_same_on_an_event_loop(sandbox: SandboxGateway) -> None:
    assert asyncio.run(sandbox.create_checkout(a_request())) == opened(sandbox)


@pytest.mark.parametrize("name", ["", "sand box", "a/b", "x" * 41])
def test_a_name_that_fits_no_url_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        SandboxGateway(name=name)


def test_a_page_url_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError):
        SandboxGateway(page_url="javascript:alert(1)")


def test_a_page_can_show_what_is_to_be_paid(sandbox: SandboxGateway) -> None:
    known = sandbox.look_up(opened(sandbox))

    assert [line.title for line in known.lines] == ["Async Python"]
    assert known.success_url == "https://shop.example/thanks"
    assert known.cancel_url == "https://shop.example/back"
    assert known.expires_at == NOON + timedelta(hours=12)


def test_closing_is_harmless(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    run(sandbox.close())

    assert now_of(sandbox, checkout) == checkout
