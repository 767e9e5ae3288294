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
