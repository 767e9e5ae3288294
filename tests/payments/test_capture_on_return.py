"""Money that moves only if the shop takes it: by every door, once, and never for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from digistore import SYSTEM, Money, Store
from digistore.gateways.paypal import PayPalGateway
from digistore.orders import Checkout, OrderState
from digistore.payments import ConfirmState, WebhookResult
from digistore.settings import Settings
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.conftest import RETURN, Shop

EVENTS = "/v1/notifications/webhooks-events"
CAPTURE = "/v2/checkout/orders/{id}/capture"


class PayPalShop(Shop):
    """A store that takes money by PayPal's double."""

    def __init__(self, store: Store, double: PayPalDouble, clock: FrozenClock) -> None:
        super().__init__(store, None, clock)  # type: ignore[arg-type]  # no sandbox here
        self.double = double
        self.book = self.product()

    def deliver(self, signed: tuple[bytes, dict[str, str]]) -> Any:
        return self.store.payments.handle_webhook("paypal", *signed)

    def deliver_all(self, **wire: Any) -> None:
        self.double.deliver(lambda *message: self.deliver(message), **wire)

    def state(self, checkout: Checkout) -> OrderState:
        return self.store.orders.get(SYSTEM, checkout.order.id).state

    def owns(self) -> bool:
        return bool(self.store.entitlements.check(self.buyer, self.book))

    def captures(self) -> list[int]:
        """What the captures that were asked for came to."""
        return [one.status for one in self.double.requests if one.path.endswith("/capture")]

    def confirm(self, checkout: Checkout) -> ConfirmState:
        return self.store.payments.confirm(self.buyer, checkout.order).state


@pytest.fixture
def double(clock: FrozenClock) -> Iterator[PayPalDouble]:
    with PayPalDouble(clock=clock) as double:
        yield double


@pytest.fixture
def shop(open_store: Callable[..., Store], double: PayPalDouble, clock: FrozenClock) -> PayPalShop:
    gateway = PayPalGateway(
        double.client_id,
        double.client_secret,
        double.webhook_id,
        namespace="shop",
        live=False,
        api_base=double.url,
        retries=0,
        clock=clock,
    )
    settings = Settings(checkout_ttl=timedelta(hours=2))
    return PayPalShop(open_store(gateways=[gateway], settings=settings), double, clock)


def test_an_approval_that_a_message_tells_of_is_captured(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    outcome = shop.deliver(shop.double.pay(checkout))
    assert outcome.result is WebhookResult.SETTLED
    assert (shop.state(checkout), shop.owns()) == (OrderState.PAID, True)


def test_a_buyer_who_is_back_is_captured_before_any_message(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.double.pay(checkout)
    assert shop.confirm(checkout) is ConfirmState.PAID
    shop.deliver_all(duplicate=2, retell=2, shuffle=3)
    assert shop.captures() == [201]
    assert shop.count("payments") == 1


def test_a_buyer_who_did_not_approve_is_not_captured(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    assert shop.confirm(checkout) is ConfirmState.TRY_AGAIN
    assert shop.captures() == []


def test_without_message_and_return_the_poll_finds_the_approval(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.double.pay(checkout)
    shop.store.payments.reconcile()
    assert (shop.state(checkout), shop.owns()) == (OrderState.PAID, True)
    assert shop.captures() == [201]


def test_an_approval_that_nothing_tells_of_is_captured_when_the_order_is_due(
    shop: PayPalShop,
) -> None:
    checkout = shop.checkout(shop.book)
    shop.double.pay(checkout)
    shop.double.fail_next("error_500", path=EVENTS)
    shop.clock.go(hours=2)
    shop.store.payments.reconcile()
    assert (shop.state(checkout), shop.owns()) == (OrderState.PAID, True)


def test_an_approval_after_the_order_was_canceled_takes_no_money(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.store.orders.cancel(shop.buyer, checkout.order)
    shop.deliver(shop.double.pay(checkout))
    shop.store.payments.reconcile()
    assert (shop.state(checkout), shop.captures()) == (OrderState.CANCELED, [])


def test_an_order_that_is_canceled_before_its_approval_is_heard_of_takes_no_money(
    shop: PayPalShop,
) -> None:
    checkout = shop.checkout(shop.book)
    approval = shop.double.pay(checkout)
    shop.store.orders.cancel(shop.buyer, checkout.order)
    shop.deliver(approval)
    assert (shop.state(checkout), shop.captures()) == (OrderState.CANCELED, [])


def test_an_approval_of_an_expired_order_takes_no_money(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.clock.go(hours=2)
    shop.store.payments.reconcile()
    assert shop.state(checkout) is OrderState.EXPIRED
    shop.deliver(shop.double.pay(checkout))
    assert (shop.state(checkout), shop.captures()) == (OrderState.EXPIRED, [])


def test_a_checkout_that_was_replaced_is_not_captured(shop: PayPalShop) -> None:
    old = shop.checkout(shop.book)
    approval = shop.double.pay(old)
    other = shop.product("Another Book")
    new = shop.store.orders.checkout(shop.buyer, [shop.book, other], return_url=RETURN)
    shop.deliver(approval)
    assert (shop.state(old), shop.captures()) == (OrderState.CANCELED, [])
    shop.deliver(shop.double.pay(new))
    assert shop.state(new) is OrderState.PAID


def test_a_forgotten_checkout_ends_with_its_order(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.double.abandon(checkout)
    shop.clock.go(hours=2)
    shop.store.payments.reconcile()
    assert shop.state(checkout) is OrderState.EXPIRED


def test_a_declined_buyer_may_choose_another_way_at_the_same_url(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout, "declined"))
    assert shop.state(checkout) is OrderState.OPEN
    assert shop.checkout(shop.book).url == checkout.url
    shop.clock.go(seconds=30)
    shop.deliver(shop.double.pay(checkout))
    assert shop.state(checkout) is OrderState.PAID
    assert shop.captures() == [422, 201]


def test_delayed_money_opens_when_it_arrives(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout, "delayed"))
    assert (shop.state(checkout), shop.owns()) == (OrderState.PROCESSING, False)
    shop.deliver(shop.double.clear(checkout))
    assert (shop.state(checkout), shop.owns()) == (OrderState.PAID, True)


def test_delayed_money_that_fails_leaves_the_order_open(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout, "delayed"))
    shop.deliver(shop.double.clear(checkout, ok=False))
    assert (shop.state(checkout), shop.owns()) == (OrderState.OPEN, False)


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "error_500", "rate_limit"])
def test_a_capture_whose_outcome_is_unknown_is_asked_about_again(
    shop: PayPalShop, fault: Any
) -> None:
    checkout = shop.checkout(shop.book)
    approval = shop.double.pay(checkout)
    shop.double.fail_next(fault, path=CAPTURE)
    assert shop.deliver(approval).status == 503
    shop.clock.go(minutes=5)
    shop.store.payments.reconcile()
    assert (shop.state(checkout), shop.owns()) == (OrderState.PAID, True)
    assert shop.count("payments") == 1


def test_money_of_a_lost_checkout_reply_is_taken_once(shop: PayPalShop) -> None:
    shop.double.fail_next("drop_after", method="POST", path="/v2/checkout/orders")
    with pytest.raises(Exception, match="no answer from PayPal"):
        shop.checkout(shop.book)
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout))
    shop.deliver_all()
    assert (shop.state(checkout), shop.captures()) == (OrderState.PAID, [201])


def test_refunds_and_disputes_close_and_open_access(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout))
    shop.deliver(shop.double.open_dispute(checkout))
    assert not shop.owns()
    shop.deliver(shop.double.close_dispute(checkout, "won"))
    assert shop.owns()
    refund = shop.store.payments.refund(shop.operator, checkout.order, reason="as agreed")
    assert (refund.amount, refund.state) == (Money("29.00", "USD"), "succeeded")
    assert not shop.owns()
    shop.deliver_all(shuffle=5, duplicate=2)
    assert shop.count("refunds") == 1


def test_a_dispute_that_ended_in_a_refund_is_counted_once(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout))
    shop.deliver(shop.double.open_dispute(checkout, warning=True))
    shop.deliver(shop.double.dashboard_refund(checkout))
    shop.deliver(shop.double.close_dispute(checkout, "lost"))
    [[captured, back, disputed]] = shop.rows(
        "SELECT captured, own_refunds + gateway_refunds, disputed FROM digistore_payments"
    )
    assert (captured, back, disputed) == (2900, 2900, 0)
    assert not shop.owns()


def test_what_happened_at_paypal_is_found_without_any_message(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout))
    shop.double.dashboard_refund(checkout)
    shop.clock.go(minutes=1)
    shop.store.payments.reconcile()
    assert not shop.owns()


def test_after_a_month_transactions_tell_what_events_no_longer_do(shop: PayPalShop) -> None:
    checkout = shop.checkout(shop.book)
    shop.deliver(shop.double.pay(checkout))
    began = shop.clock()
    shop.double.dashboard_refund(checkout)
    shop.clock.go(days=40)
    shop.store.payments.reconcile(since=began)
    assert not shop.owns()


def test_a_foreign_payment_on_the_same_account_is_nothing(shop: PayPalShop) -> None:
    outcome = shop.deliver(shop.double.foreign_event())
    assert outcome.result is WebhookResult.IGNORED
    shop.store.payments.reconcile()
    assert shop.count("payments") == 0
