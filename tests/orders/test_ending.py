"""How orders end: canceled by those who may, expired at their time, and kept either way."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money
from digistore.errors import (
    DigistoreError,
    Forbidden,
    GatewayUnavailable,
    InvalidTransition,
    NotFound,
    PaymentInFlight,
)
from digistore.events import OrderExpired
from digistore.orders import Checkout
from tests.conftest import Shop

Subtests = pytest.Subtests
TICK = timedelta(microseconds=1)
ORDER_LIFE = timedelta(hours=12)
FREE = Money.zero("USD")


def order_in(shop: Shop, state: str, number: int) -> Checkout:
    """An order in this state, of a product of its own."""
    product = shop.product(f"Book {number}")
    checkout = shop.checkout(product)
    if state == "processing":
        shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    elif state == "paid":
        shop.deliver(shop.sandbox.pay(checkout))
    elif state == "expired":
        shop.clock.now += ORDER_LIFE
        shop.store.payments.reconcile()
    elif state == "canceled":
        shop.store.orders.cancel(shop.buyer, checkout.order)
    assert shop.store.orders.get(SYSTEM, checkout.order).state == state
    return checkout


@pytest.mark.parametrize(
    ("state", "refusal"),
    [
        ("open", None),
        ("processing", PaymentInFlight),
        ("paid", InvalidTransition),
        ("expired", None),
        ("canceled", None),
    ],
)
def test_an_order_is_canceled_by_buyer_operator_and_SYSTEM(
    shop: Shop, subtests: Subtests, state: str, refusal: type[DigistoreError] | None
) -> None:
    people: list[Any] = [shop.buyer, shop.operator, SYSTEM]
    for number, actor in enumerate(people):
        with subtests.test(actor=str(actor)[:20]):
            order = order_in(shop, state, number).order
            if refusal is None:
                assert shop.store.orders.cancel(actor, order).state == "canceled"
                assert shop.store.orders.cancel(actor, order.id).state == "canceled"
            else:
                with pytest.raises(refusal):
                    shop.store.orders.cancel(actor, order)
                assert shop.store.orders.get(actor, order).state == state
    assert shop.count("orders") == 3  # D13: kept


def test_a_canceled_order_says_by_whom_and_lets_the_product_go(shop: Shop) -> None:
    book = shop.product()
    first = shop.checkout(book)
    shop.store.orders.cancel(shop.operator, first.order)
    causes = shop.rows(
        "SELECT actor, cause FROM digistore_audit WHERE entity = 'order' ORDER BY version DESC"
    )
    assert causes[0] == (shop.operator.id, "cancel")
    with pytest.raises(InvalidTransition):  # nobody can pay it any more
        shop.sandbox.pay(first)
    second = shop.checkout(book)
    assert second.order.id != first.order.id
    shop.deliver(shop.sandbox.pay(second))
    assert shop.store.entitlements.check(shop.buyer, book)


def test_a_free_order_is_paid_and_cannot_be_canceled(shop: Shop) -> None:
    order = shop.checkout(shop.product(price=FREE)).order
    with pytest.raises(InvalidTransition):
        shop.store.orders.cancel(shop.buyer, order)


def test_an_unanswered_checkout_is_found_and_ended(shop: Shop) -> None:
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as down:
        shop.checkout(shop.product())
    order = shop.store.orders.cancel(shop.buyer, str(down.value.order_id))
    assert order.state == "canceled"
    assert shop.rows("SELECT state FROM digistore_payment_attempts") == [("expired",)]


@pytest.mark.parametrize("fault", ["timeout", "lost_reply"])
def test_an_order_is_not_canceled_before_its_gateway_says_so(shop: Shop, fault: Any) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.fail_next(fault, method="expire")
    with pytest.raises(GatewayUnavailable):
        shop.store.orders.cancel(shop.buyer, checkout.order)
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "open"
    assert shop.store.orders.cancel(shop.buyer, checkout.order).state == "canceled"


def test_E1_nobody_else_cancels_or_learns_anything(shop: Shop, subtests: Subtests) -> None:
    order = shop.checkout(shop.product()).order
    cancel: Any = shop.store.orders.cancel
    rival = shop.new_seller("rival@example.com")
    strangers = (rival, shop.store.users.register("other@example.com"), HostUser("host-7"))
    for who in strangers:
        for ref in (order, order.id, "ord_none", "", "\0"):
            with subtests.test(who=str(who)[:20], ref=str(ref)[:20]):
                with pytest.raises(NotFound) as caught:
                    cancel(who, ref)
                assert str(caught.value) == str(NotFound("order"))
    for none in (None, 7, ["x"]):
        with subtests.test(ref=str(none)), pytest.raises(NotFound):
            cancel(SYSTEM, none)
    with pytest.raises(Forbidden):
        cancel(shop.seller, order)
    with pytest.raises(Forbidden):
        cancel(None, order)
    with pytest.raises(Forbidden):
        cancel(None, "ord_none")
    assert shop.store.orders.get(shop.buyer, order).state == "open"


# Expiry


def test_an_order_expires_at_its_time_and_not_before(shop: Shop) -> None:
    told: list[OrderExpired] = []
    shop.store.on(OrderExpired, told.append, name="test")
    checkout = shop.checkout(shop.product())
    assert checkout.order.expires_at == shop.clock() + ORDER_LIFE
    assert shop.sandbox.look_up(checkout).expires_at == checkout.order.expires_at
    shop.clock.now += ORDER_LIFE - TICK
    shop.store.run_due()
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "open"
    shop.clock.now += TICK
    shop.store.run_due()
    shop.store.run_due()
    order = shop.store.orders.get(shop.buyer, checkout.order)
    assert order.state == "expired"
    assert [(event.order_id, event.buyer_id) for event in told] == [(order.id, shop.buyer.id)]
    assert order.model_copy(update={"state": "open"}) == checkout.order  # D13: kept as it was
    assert shop.checkout(shop.product("Async Python")).order.state == "open"


def test_the_settings_say_how_long_a_checkout_can_be_paid(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(checkout_ttl=timedelta(minutes=30))
    checkout = shop.checkout(shop.product())
    assert checkout.order.expires_at == shop.clock() + timedelta(minutes=30)
    shop.clock.go(minutes=30)
    shop.store.payments.reconcile()
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "expired"


def test_a_silent_gateway_leaves_the_order_for_later(shop: Shop) -> None:
    order = shop.checkout(shop.product()).order
    shop.clock.now += ORDER_LIFE
    shop.sandbox.fail_next("timeout", times=5)
    shop.store.payments.reconcile()
    assert shop.store.orders.get(shop.buyer, order).state == "open"
    shop.clock.go(hours=1)
    shop.sandbox.fail_next("timeout", times=1, method="expire")
    shop.store.payments.reconcile()
    shop.store.payments.reconcile()
    assert shop.store.orders.get(shop.buyer, order).state == "expired"


def test_an_order_paid_at_the_last_moment_is_settled_and_not_expired(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.clock.now += ORDER_LIFE - TICK
    shop.sandbox.pay(checkout)  # and the webhook is lost
    shop.clock.go(hours=1)
    shop.store.payments.reconcile()
    order = shop.store.orders.get(shop.buyer, checkout.order)
    assert (order.state, order.late) == ("paid", False)
    assert shop.store.entitlements.check(shop.buyer, book)


def test_money_on_its_way_keeps_an_order_from_expiring(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    for days in (1, 7, 30):
        shop.clock.go(days=days)
        shop.store.payments.reconcile()
        assert shop.store.orders.get(shop.buyer, checkout.order).state == "processing"
    shop.deliver(shop.sandbox.clear(checkout, ok=False))
    shop.store.payments.reconcile()
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "expired"


def test_the_same_wish_after_its_time_is_a_new_order(shop: Shop) -> None:
    book = shop.product()
    first = shop.checkout(book)
    shop.clock.now += ORDER_LIFE  # and reconcile has not run yet
    second = shop.checkout(book)
    assert second.order.id != first.order.id
    assert shop.store.orders.get(shop.buyer, first.order).state in {"expired", "canceled"}
    shop.deliver(shop.sandbox.pay(second))
    assert shop.store.entitlements.check(shop.buyer, book)


def test_the_clock_going_back_expires_nothing_that_is_paid(shop: Shop) -> None:
    order = shop.buy(shop.product()).order
    shop.clock.go(days=-1)
    shop.store.run_due()
    shop.clock.go(days=400)
    shop.store.run_due()
    assert shop.store.orders.get(shop.buyer, order).state == "paid"
