from __future__ import annotations

from collections.abc import Callable

import pytest

from digistore.blocking import run
from digistore.errors import CheckoutNotFound, Invalid, InvalidTransition
from digistore.gateways import CheckoutRef, PaymentSnapshot, PayState
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import Payable
from digistore.money import Money
from tests.gateways.sandbox_kit import (
    PRICE,
    FrozenClock,
    Order,
    ShopCheckout,
    ShopSupportCheckout,
    heard,
    now_of,
    opened,
)


def delayed(sandbox: SandboxGateway, name: str = "att_1") -> PaymentSnapshot:
    checkout = opened(sandbox, name)
    sandbox.pay(checkout, "delayed")
    return checkout


def test_a_paid_checkout_has_a_payment_and_its_money(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    event = heard(sandbox, sandbox.pay(checkout))

    paid = now_of(sandbox, checkout)
    assert event.type == "checkout.paid"
    assert event.hint.checkout_id == checkout.checkout_id
    assert event.hint.payment_id == paid.payment_id
    assert paid.state is PayState.PAID
    assert paid.captured == PRICE
    assert paid.payer_email == "buyer@example.com"
    assert paid.url is None


def in_all_forms(checkout: PaymentSnapshot) -> list[Payable]:
    shown = ShopCheckout(Order("ord_1"), checkout.url)
    assert checkout.url is not None
    return [
        checkout,
        checkout.checkout_id,
        checkout.url,
        f"{checkout.url}/?lang=de",
        CheckoutRef(checkout.checkout_id),
        shown,
        ShopSupportCheckout("sup_1", shown),
    ]


@pytest.mark.parametrize("page_url", [None, "https://shop.example/sandbox", "/sandbox"])
def test_a_buyer_pays_whatever_form_the_checkout_comes_in(
    clock: FrozenClock, page_url: str | None
) -> None:
    for form in range(7):
        sandbox = SandboxGateway(page_url=page_url, clock=clock)
        checkout = opened(sandbox)
        sandbox.pay(in_all_forms(checkout)[form])
        assert now_of(sandbox, checkout).state is PayState.PAID


def test_nothing_is_paid_where_nothing_is_to_be_paid(sandbox: SandboxGateway) -> None:
    with pytest.raises(Invalid, match="nothing to pay"):
        sandbox.pay(ShopCheckout(Order("ord_1"), None))


def test_an_unknown_checkout_cannot_be_paid(sandbox: SandboxGateway) -> None:
    with pytest.raises(CheckoutNotFound):
        sandbox.pay("sandbox://checkout/cs_unknown")


def test_paying_twice_is_paying_once(sandbox: SandboxGateway, clock: FrozenClock) -> None:
    checkout = opened(sandbox)
    first = sandbox.pay(checkout)
    clock.go_on(minutes=1)

    again = sandbox.pay(checkout)

    assert again[0] == first[0]
    assert again[1] != first[1]  # signed anew: a redelivery an hour later must pass as well
    assert len(sandbox.look_up(checkout).facts) == 1


@pytest.mark.parametrize("amount", ["28.99", "29.01"])
def test_more_or_less_than_asked_for_can_be_captured(sandbox: SandboxGateway, amount: str) -> None:
    checkout = opened(sandbox)

    sandbox.pay(checkout, amount=Money(amount, "USD"))

    assert now_of(sandbox, checkout).captured == Money(amount, "USD")
    assert now_of(sandbox, checkout).total == PRICE


def test_another_currency_can_be_captured(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    sandbox.pay(checkout, amount=Money("29.00", "EUR"))

    assert now_of(sandbox, checkout).captured == Money("29.00", "EUR")


def test_a_payment_is_captured_once_only(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    sandbox.pay(checkout)

    with pytest.raises(InvalidTransition):
        sandbox.pay(checkout, amount=Money("30", "USD"))


@pytest.mark.parametrize("amount", ["0", "-1"])
def test_nobody_pays_less_than_a_cent(sandbox: SandboxGateway, amount: str) -> None:
    with pytest.raises(Invalid):
        sandbox.pay(opened(sandbox), amount=Money(amount, "USD"))


def test_a_declined_card_leaves_the_checkout_open(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    event = heard(sandbox, sandbox.pay(checkout, "declined"))

    declined = now_of(sandbox, checkout)
    assert event.type == "checkout.declined"
    assert event.hint.payment_id is None
    assert declined.state is PayState.OPEN
    assert declined.failure == "card_declined"
    assert declined.url == checkout.url
    assert sandbox.look_up(checkout).sent is None
    sandbox.pay(checkout)
    assert now_of(sandbox, checkout).state is PayState.PAID
    assert now_of(sandbox, checkout).failure is None


def test_delayed_money_is_on_its_way_until_it_arrives(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    event = heard(sandbox, sandbox.pay(checkout, "delayed", amount=Money("28", "USD")))

    pending = now_of(sandbox, checkout)
    assert event.type == "checkout.pending"
    assert pending.state is PayState.PENDING
    assert pending.payment_id == event.hint.payment_id
    assert pending.captured is None
    assert heard(sandbox, sandbox.clear(checkout)).type == "checkout.paid"
    assert now_of(sandbox, checkout).state is PayState.PAID
    assert now_of(sandbox, checkout).captured == Money("28", "USD")


def test_delayed_money_may_never_arrive(sandbox: SandboxGateway) -> None:
    checkout = delayed(sandbox)

    assert heard(sandbox, sandbox.clear(checkout, ok=False)).type == "checkout.failed"

    failed = now_of(sandbox, checkout)
    assert failed.state is PayState.FAILED
    assert failed.failure == "payment_failed"
    assert failed.captured is None


@pytest.mark.parametrize("ok", [True, False])
def test_clearing_twice_is_clearing_once(sandbox: SandboxGateway, ok: bool) -> None:
    checkout = delayed(sandbox)

    assert sandbox.clear(checkout, ok) == sandbox.clear(checkout, ok)
    assert len(sandbox.look_up(checkout).facts) == 2


def test_a_delayed_payment_repeated_is_one(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    assert sandbox.pay(checkout, "delayed") == sandbox.pay(checkout, "delayed")


def test_delayed_money_outlives_the_checkout(sandbox: SandboxGateway, clock: FrozenClock) -> None:
    checkout = delayed(sandbox)

    clock.go_on(days=3)

    assert run(sandbox.expire(checkout.checkout_id)).state is PayState.PENDING
    sandbox.clear(checkout)
    assert now_of(sandbox, checkout).state is PayState.PAID


def test_an_abandoned_checkout_expires_before_its_time(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    event = sandbox.abandon(checkout)

    assert heard(sandbox, event).type == "checkout.expired"
    assert heard(sandbox, event).hint.payment_id is None
    assert now_of(sandbox, checkout).state is PayState.EXPIRED
    assert sandbox.abandon(checkout) == event


def test_an_ended_checkout_takes_no_money(sandbox: SandboxGateway, clock: FrozenClock) -> None:
    abandoned, expired, failed = (opened(sandbox, name) for name in ("att_1", "att_2", "att_3"))
    sandbox.abandon(abandoned)
    sandbox.pay(failed, "delayed")
    sandbox.clear(failed, ok=False)
    clock.go_on(hours=12)

    for ended in (abandoned, expired, failed):
        for outcome in ("paid", "delayed", "declined"):
            with pytest.raises(InvalidTransition, match="start a new checkout"):
                sandbox.pay(ended, outcome)


def test_a_buyer_cannot_undo_what_happened(sandbox: SandboxGateway) -> None:
    fresh, pending, paid = (opened(sandbox, name) for name in ("att_1", "att_2", "att_3"))
    sandbox.pay(pending, "delayed")
    sandbox.pay(paid)
    impossible: list[Callable[[], object]] = [
        lambda: sandbox.clear(fresh),
        lambda: sandbox.clear(fresh, ok=False),
        lambda: sandbox.pay(pending),
        lambda: sandbox.pay(pending, "declined"),
        lambda: sandbox.abandon(pending),
        lambda: sandbox.pay(paid, "declined"),
        lambda: sandbox.pay(paid, "delayed"),
        lambda: sandbox.clear(paid, ok=False),
        lambda: sandbox.abandon(paid),
    ]

    before = [now_of(sandbox, checkout) for checkout in (fresh, pending, paid)]
    for attempt in impossible:
        with pytest.raises(InvalidTransition):
            attempt()
    assert [now_of(sandbox, checkout) for checkout in (fresh, pending, paid)] == before


def test_an_unknown_outcome_is_refused(sandbox: SandboxGateway) -> None:
    with pytest.raises(Invalid, match="paid, delayed, declined"):
        sandbox.pay(opened(sandbox), "stolen")  # type: ignore[arg-type]


def test_expire_ends_an_open_checkout_once(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    first = run(sandbox.expire(checkout.checkout_id))

    assert first.state is PayState.EXPIRED
    assert run(sandbox.expire(checkout.checkout_id)) == first
    assert len(sandbox.look_up(checkout).facts) == 1


def test_money_wins_over_expire(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)
    sandbox.pay(checkout)

    assert run(sandbox.expire(checkout.checkout_id)).state is PayState.PAID


def test_resume_tells_what_is_true_and_captures_nothing(sandbox: SandboxGateway) -> None:
    checkout = opened(sandbox)

    assert run(sandbox.resume(checkout.checkout_id, {"token": "x"})) == checkout
    sandbox.pay(checkout)
    assert run(sandbox.resume(checkout.checkout_id, {})) == now_of(sandbox, checkout)
