"""A shop in either colour sells by PayPal, and loses no word about its money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from digistore import SYSTEM, Money, Store
from digistore.catalog import Product
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.sandbox.controls import SignedEvent
from digistore.orders import Checkout, OrderState
from digistore.payments import ConfirmState
from digistore.settings import Settings
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.conftest import Shop
from tests.gateways.paypal_kit import over


class PayPalShop(Shop):
    """A shop whose only gateway is PayPal."""

    double: PayPalDouble

    def hear(self, event: SignedEvent) -> Any:
        return self.store.payments.handle_webhook("paypal", *event)

    def sold(self, product: Product) -> Checkout:
        """An order that its buyer approved and the shop captured."""
        checkout = self.checkout(product)
        self.hear(self.double.pay(checkout))
        assert self.store.orders.get(SYSTEM, checkout.order.id).state is OrderState.PAID
        return checkout

    def access(self, product: Product) -> str:
        return str(self.store.entitlements.check(self.buyer, product).reason)

    def disputed(self, checkout: Checkout) -> list[tuple[str, int]]:
        """State and amount of the disputes about an order, as they are stored."""
        return [
            (str(state), amount)
            for state, amount in self.rows(
                "SELECT d.state, d.amount FROM digistore_disputes d"
                " JOIN digistore_payments p ON p.id = d.payment_id"
                f" WHERE p.order_id = '{checkout.order.id}' ORDER BY d.id"
            )
        ]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def double(clock: FrozenClock) -> Iterator[PayPalDouble]:
    with PayPalDouble(clock=clock) as double:
        yield double


@pytest.fixture
def shop(
    open_store: Callable[..., Store], double: PayPalDouble, clock: FrozenClock, sandbox: Any
) -> PayPalShop:
    gateway: PayPalGateway = over(double, clock)
    settings = Settings(checkout_ttl=timedelta(hours=2))
    shop = PayPalShop(open_store(gateways=[gateway], settings=settings), sandbox, clock)
    shop.double = double
    return shop


def test_a_dispute_lost_after_a_partial_refund_takes_the_access_and_the_rest(
    shop: PayPalShop,
) -> None:
    """The refund of before made it read as closed: the buyer kept both money and book."""
    book = shop.product()
    checkout = shop.sold(book)
    amount = Money("5.00", "USD")
    shop.store.payments.refund(shop.seller, checkout.order, amount=amount, reason="goodwill")
    shop.clock.go(minutes=10)
    shop.hear(shop.double.open_dispute(checkout))
    assert shop.access(book) == "suspended"
    shop.hear(shop.double.close_dispute(checkout, "lost"))
    assert shop.access(book) == "revoked"
    assert shop.disputed(checkout) == [("lost", 2400)]
    assert shop.rows("SELECT own_refunds, disputed FROM digistore_payments") == [(500, 2400)]
    assert shop.store.doctor().findings == ()


LIST = "/v1/customer/disputes"


def without_the_feature(double: PayPalDouble) -> None:
    double.features.discard("disputes")


def while_it_is_down(double: PayPalDouble) -> None:
    double.fail_next("error_500", path=LIST)


unreadable = pytest.mark.parametrize("unreadable", [without_the_feature, while_it_is_down])
Breaks = Callable[[PayPalDouble], None]


@unreadable
@pytest.mark.parametrize("door", ["return page", "webhook", "reconcile"])
def test_money_settles_by_every_door_though_disputes_cannot_be_read(
    shop: PayPalShop, unreadable: Breaks, door: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A captured payment opened nothing, for an app without the feature: for ever."""
    book = shop.product()
    unreadable(shop.double)
    checkout = shop.checkout(book)
    approval = shop.double.pay(checkout)
    if door == "return page":
        told = shop.store.payments.confirm(shop.buyer, checkout.order)
        assert told.state is ConfirmState.PAID
    elif door == "webhook":
        assert shop.hear(approval).status == 200
    else:
        shop.store.payments.reconcile()
    assert shop.store.orders.get(SYSTEM, checkout.order.id).state is OrderState.PAID
    assert shop.store.entitlements.check(shop.buyer, book).granted
    assert "disputes cannot be read" in caplog.text


@unreadable
def test_a_dispute_that_is_known_stays_though_it_cannot_be_read(
    shop: PayPalShop, unreadable: Breaks
) -> None:
    book = shop.product()
    checkout = shop.sold(book)
    shop.hear(shop.double.open_dispute(checkout))
    stored = "SELECT state, ticket, amount, next_check_at FROM digistore_disputes"
    before = shop.rows(stored)
    unreadable(shop.double)
    assert shop.hear(shop.double.dashboard_refund(checkout, "5.00")).status == 200
    assert shop.rows("SELECT gateway_refunds FROM digistore_payments") == [(500,)]
    assert shop.rows(stored) == before
    assert shop.access(book) == "suspended"


@unreadable
def test_a_dispute_told_of_while_none_can_be_read_is_found_once_they_can(
    shop: PayPalShop, unreadable: Breaks
) -> None:
    book = shop.product()
    checkout = shop.sold(book)
    unreadable(shop.double)
    assert shop.hear(shop.double.open_dispute(checkout)).status == 200
    assert (shop.disputed(checkout), shop.access(book)) == ([], "live")
    assert shop.count("provider_events", "status = 'received'") == 1
    shop.double.features.add("disputes")
    shop.double.fail_next("error_500", path="/v1/notifications/webhooks-events")
    shop.clock.go(days=1)
    shop.store.payments.reconcile()
    assert shop.disputed(checkout) == [("open", 2900)]
    assert shop.access(book) == "suspended"
    assert shop.count("provider_events", "status = 'received'") == 0


def test_a_sale_without_the_feature_leaves_nothing_to_be_asked_again(shop: PayPalShop) -> None:
    without_the_feature(shop.double)
    checkout = shop.sold(shop.product())
    for event in shop.double.events(checkout):
        shop.hear(event)
    assert shop.count("provider_events", "status <> 'done'") == 0


def test_a_dispute_about_two_payments_reaches_both(shop: PayPalShop) -> None:
    """A message has one hint: the second payment's book stayed open."""
    books = [shop.product("One"), shop.product("Two")]
    first, second = [shop.sold(book) for book in books]
    shop.store.payments.reconcile()
    shop.clock.go(minutes=30)
    shop.hear(shop.double.open_dispute(first, also=[second]))
    assert [shop.access(book) for book in books] == ["suspended", "live"]
    shop.store.payments.reconcile()
    assert [shop.access(book) for book in books] == ["suspended", "suspended"]
    shop.clock.go(days=1)
    shop.hear(shop.double.close_dispute(second, "lost"))
    shop.store.payments.reconcile()
    assert [shop.access(book) for book in books] == ["revoked", "revoked"]
    assert [shop.disputed(one) for one in (first, second)] == [[("lost", 2900)]] * 2
    assert len(set(shop.rows("SELECT ref FROM digistore_disputes"))) == 1
    assert shop.store.doctor().findings == ()


def test_a_dispute_that_only_the_poll_told_of_is_asked_about_until_it_can_be_read(
    shop: PayPalShop,
) -> None:
    book = shop.product()
    checkout = shop.sold(book)
    shop.store.payments.reconcile()
    shop.double.open_dispute(checkout)
    shop.double.features.discard("disputes")
    assert shop.store.payments.reconcile().failed == 1
    assert shop.access(book) == "live"
    shop.double.features.add("disputes")
    shop.double.fail_next("error_500", path="/v1/notifications/webhooks-events")
    shop.clock.go(minutes=1)
    shop.store.payments.reconcile()
    assert shop.access(book) == "suspended"


def test_a_dispute_in_another_currency_waits_for_an_operator(shop: PayPalShop) -> None:
    """4900 JPY of a dispute were stored as 49.00 of the payment's currency."""
    book = shop.product()
    checkout = shop.sold(book)
    shop.hear(shop.double.open_dispute(checkout, "4900", currency="JPY"))
    assert (shop.disputed(checkout), shop.access(book)) == ([], "live")
    [entry] = shop.store.payments.needing_action(shop.operator).items
    assert (entry.kind, entry.order_id) == ("wrong_currency_reversal", checkout.order.id)
    shop.store.payments.resolve(shop.operator, entry, choice="keep", reason="looked at")
    shop.hear(shop.double.close_dispute(checkout, "won"))
    assert shop.store.payments.needing_action(shop.operator).items == ()
