"""Gateways that refuse, fall silent or are changed: what becomes of the attempt and the order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from digistore import Money
from digistore.blocking import run
from digistore.errors import (
    AlreadyOwned,
    AmountNotSupported,
    CheckoutNotFound,
    DigistoreError,
    GatewayConfigError,
    GatewayError,
    GatewayKeyConflict,
    GatewayRejected,
    GatewayUnavailable,
    InvalidTransition,
)
from digistore.gateways import CheckoutRef, CheckoutRequest, PaymentSnapshot
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import RETURN, OpenStore, Shop

ATTEMPTS = "SELECT state, key, failure FROM digistore_payment_attempts ORDER BY rowid"


class Moody(SandboxGateway):
    """A sandbox that refuses the next checkouts for the reasons it is given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.reasons: list[Exception] = []
        self.asked: list[CheckoutRequest] = []
        self.forgets = False

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        self.asked.append(request)
        if self.reasons:
            raise self.reasons.pop(0)
        return await super().create_checkout(request)

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        if self.forgets:
            raise CheckoutNotFound("checkout", checkout_id)
        return await super().expire(checkout_id)


@pytest.fixture
def moody(clock: FrozenClock) -> Moody:
    return Moody(clock=clock)


@pytest.fixture
def moody_shop(open_store: OpenStore, moody: Moody, clock: FrozenClock) -> Shop:
    return Shop(open_store(gateways=[moody]), moody, clock)


def checkouts(shop: Shop) -> list[str]:
    """Name all checkouts that exist at the gateway."""
    page = run(shop.sandbox.poll(shop.clock() - timedelta(days=365)))
    return [str(hint.checkout_id) for hint in page.hints]


REASONS: list[tuple[DigistoreError, str]] = [
    (GatewayRejected("no", provider_code="do_not_honor"), "do_not_honor"),
    (GatewayRejected("no"), "gateway_rejected"),
    (GatewayConfigError("bad key", provider_code="sk_live_secret"), "gateway_config"),
    (GatewayKeyConflict("other content"), "gateway_key_conflict"),
    (AmountNotSupported("too small", nearest=[Money("50", "USD")]), "amount_not_supported"),
]


def test_what_is_refused_fails_and_the_next_call_tries_anew(moody_shop: Shop, moody: Moody) -> None:
    shop, book = moody_shop, moody_shop.product()
    for number, (reason, failure) in enumerate(REASONS):
        moody.reasons = [reason]
        with pytest.raises(type(reason)) as caught:
            shop.checkout(book)
        attempts = shop.rows(ATTEMPTS)
        assert len(attempts) == number + 1
        assert (attempts[-1][0], attempts[-1][2]) == ("failed", failure)
        (order,) = shop.store.orders.my_orders(shop.buyer)
        assert order.state == "open"
        if isinstance(caught.value, GatewayError):
            assert caught.value.order_id == order.id
    again = shop.checkout(book)
    assert again.order.id == order.id
    states = [row[0] for row in shop.rows(ATTEMPTS)]
    assert states == ["failed"] * len(REASONS) + ["open"]
    # What was refused may be remembered by the provider: each attempt has a key of its own.
    assert len({request.idempotency_key for request in moody.asked}) == len(REASONS) + 1
    assert len({request.reference for request in moody.asked}) == len(REASONS) + 1
    assert len({(r.lines, r.total, r.success_url, r.expires_at) for r in moody.asked}) == 1
    shop.deliver(shop.sandbox.pay(again))
    assert shop.store.entitlements.check(shop.buyer, book)


def test_an_adapter_that_breaks_leaves_the_attempt_to_be_continued(
    moody_shop: Shop, moody: Moody
) -> None:
    shop, book = moody_shop, moody_shop.product()
    moody.reasons = [OSError("the socket is gone"), ZeroDivisionError("a bug")]
    for error in (OSError, ZeroDivisionError):
        with pytest.raises(error):
            shop.checkout(book)
    assert [row[0] for row in shop.rows(ATTEMPTS)] == ["creating"]
    assert shop.checkout(book).url is not None
    assert len({request.idempotency_key for request in moody.asked}) == 1
    assert moody.asked[0] == moody.asked[-1]  # the very request that was stored


def test_an_unanswered_attempt_is_asked_about_later_and_later(shop: Shop) -> None:
    shop.sandbox.fail_next("timeout", times=5, method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(shop.product())
    for minutes in (1, 5, 30, 120):
        due = "SELECT next_check_at FROM digistore_payment_attempts"
        waits = shop.rows(due)[0][0] - int(shop.clock().timestamp() * 1_000_000)
        assert waits == minutes * 60 * 1_000_000
        before = len(shop.sandbox.calls)
        shop.clock.now += timedelta(minutes=minutes, microseconds=-1)
        shop.store.payments.reconcile()
        assert not [c for c in shop.sandbox.calls[before:] if c.method == "create_checkout"]
        shop.clock.now += timedelta(microseconds=1)
        shop.store.payments.reconcile()
        assert [c for c in shop.sandbox.calls[before:] if c.method == "create_checkout"]
    assert len(checkouts(shop)) == 0
    assert len({call.key for call in shop.sandbox.calls if call.method == "create_checkout"}) == 1


def test_reconcile_opens_what_was_lost_and_the_buyer_goes_on(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    shop.clock.go(minutes=1)
    assert shop.store.run_due().reconciled.attempts == 1
    before = len(shop.sandbox.calls)
    checkout = shop.checkout(book)
    assert checkout.url is not None
    assert len(shop.sandbox.calls) == before  # nothing more to ask
    assert len(checkouts(shop)) == 1


def test_a_lost_reply_that_was_paid_meanwhile_is_settled_by_the_repeat(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    shop.sandbox.pay(CheckoutRef(checkouts(shop)[0]))
    checkout = shop.checkout(book)
    assert (checkout.order.state, checkout.url) == ("paid", None)
    assert shop.store.entitlements.check(shop.buyer, book)


def test_a_webhook_may_come_before_the_reply(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as down:
        shop.checkout(book)
    shop.deliver(shop.sandbox.pay(CheckoutRef(checkouts(shop)[0])))
    assert shop.store.orders.get(shop.buyer, str(down.value.order_id)).state == "paid"
    with pytest.raises(AlreadyOwned):
        shop.checkout(book)
    assert shop.count("payment_attempts") == 1


def test_a_key_past_its_life_is_looked_up_by_the_next_checkout(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as down:
        shop.checkout(book)
    shop.clock.go(hours=21)
    checkout = shop.checkout(book)
    assert checkout.order.id != down.value.order_id
    keys = [call.key for call in shop.sandbox.calls if call.method == "create_checkout"]
    assert len(keys) == len(set(keys)) == 2  # the old key was never sent again
    assert "poll" in {call.method for call in shop.sandbox.calls}
    states = [row[0] for row in shop.rows(ATTEMPTS)]
    assert states == ["expired", "open"]


@pytest.mark.parametrize("fault", ["timeout", "lost_reply"])
def test_nothing_new_begins_while_the_older_order_cannot_be_ended(shop: Shop, fault: Any) -> None:
    book = shop.product()
    first = shop.checkout(book)
    shop.store.catalog.update_product(shop.seller, book, price=Money("19.00", "USD"))
    shop.sandbox.fail_next(fault, method="expire")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    assert shop.count("orders") == 1
    assert shop.store.orders.get(shop.buyer, first.order).state == "open"
    second = shop.checkout(book)
    assert second.order.id != first.order.id
    assert second.order.total == Money("19.00", "USD")
    assert shop.store.orders.get(shop.buyer, first.order).state == "canceled"
    with pytest.raises(InvalidTransition):
        shop.sandbox.pay(first)


def test_an_unanswered_attempt_is_finished_before_it_is_ended(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    shop.store.catalog.update_product(shop.seller, book, price=Money("19.00", "USD"))
    assert shop.checkout(book).url is not None
    assert [row[0] for row in shop.rows(ATTEMPTS)] == ["expired", "open"]
    assert len(checkouts(shop)) == 2


def test_an_attempt_at_a_gateway_that_is_gone_stays_as_it_was(
    open_store: OpenStore, moody: Moody, clock: FrozenClock
) -> None:
    shop = Shop(open_store(gateways=[moody]), moody, clock)
    book = shop.product()
    checkout = shop.checkout(book)
    shop.store.catalog.update_product(shop.seller, book, price=Money("19.00", "USD"))
    moved = open_store(gateways=[SandboxGateway(name="other", clock=clock)])
    for call in (
        lambda: moved.orders.checkout(shop.buyer, [book], return_url=RETURN),
        lambda: moved.orders.cancel(shop.buyer, checkout.order),
    ):
        with pytest.raises(GatewayConfigError) as caught:
            call()
        assert caught.value.order_id == checkout.order.id
    assert moved.orders.get(shop.buyer, checkout.order).state == "open"
    shop.deliver(moody.pay(checkout))  # its configuration is back
    assert shop.store.entitlements.check(shop.buyer, book)


def test_a_checkout_that_its_gateway_has_forgotten_can_be_ended(
    moody_shop: Shop, moody: Moody
) -> None:
    shop, book = moody_shop, moody_shop.product()
    checkout = shop.checkout(book)
    moody.forgets = True
    assert shop.store.orders.cancel(shop.buyer, checkout.order).state == "canceled"
    assert shop.checkout(book).order.id != checkout.order.id


@pytest.fixture
def two_gateways(open_store: OpenStore, clock: FrozenClock) -> Callable[[], tuple[Shop, Any]]:
    def make() -> tuple[Shop, Any]:
        one, two = (SandboxGateway(name=name, clock=clock) for name in ("one", "two"))
        return Shop(open_store(gateways=[one, two]), one, clock), two

    return make


def test_a_change_of_gateway_ends_the_attempt_at_the_older_one(
    two_gateways: Callable[[], tuple[Shop, Any]],
) -> None:
    shop, two = two_gateways()
    book = shop.product()
    first = shop.checkout(book)  # the first that takes the currency
    assert shop.checkout(book, gateway="one").order.id == first.order.id
    second = shop.checkout(book, gateway="two")
    assert second.order.id != first.order.id
    assert shop.store.orders.get(shop.buyer, first.order).state == "canceled"
    with pytest.raises(InvalidTransition):
        shop.sandbox.pay(first)
    shop.store.payments.handle_webhook("two", *two.pay(second))
    assert shop.store.entitlements.check(shop.buyer, book)
    assert shop.store.orders.receipt(shop.buyer, second.order).method == "two"
