"""A shop in either colour sells by Stripe: the real SDK, over HTTP, against the strict double."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from digistore import Money, Store
from digistore.catalog import Product
from digistore.errors import (
    AmountNotSupported,
    GatewayKeyConflict,
    GatewayRateLimited,
    GatewayUnavailable,
    InvalidSignature,
    MalformedEvent,
    NotRefundable,
)
from digistore.orders import Checkout
from digistore.payments.models import ActionKind, RefundStatus, WebhookResult
from digistore.settings import Settings
from digistore.support import SupportRequest
from digistore.testing import FrozenClock
from digistore.testing.stripe import StripeDouble
from tests.conftest import RETURN, OpenStore, Shop
from tests.gateways.stripe_kit import OTHER_SECRET, over, signed

PRICE = Money("29.00", "EUR")
SESSIONS = "/v1/checkout/sessions"


class StripeShop(Shop):
    """A shop whose only gateway is Stripe."""

    double: StripeDouble

    def book(self, title: str = "The Book", price: Money = PRICE) -> Product:
        return self.product(title, price)

    def hear(self, **how: Any) -> list[int]:
        """Deliver all events that nobody has acknowledged; return the statuses of the replies."""
        take = self.store.payments.handle_webhook
        return [
            one.status
            for one in self.double.deliver(lambda *message: take("stripe", *message), **how)
        ]

    def sold(self, *products: Product, **kwargs: Any) -> Checkout:
        """A paid order, told by webhooks."""
        checkout = self.store.orders.checkout(self.buyer, products, return_url=RETURN, **kwargs)
        self.double.pay(checkout)
        assert set(self.hear()) == {200}
        return checkout

    def owns(self, product: Product) -> bool:
        return bool(self.store.entitlements.check(self.buyer, product).granted)

    def posts(self, path: str) -> list[Any]:
        return [one for one in self.double.requests if (one.method, one.path) == ("POST", path)]

    def actions(self) -> list[ActionKind]:
        return [one.kind for one in self.store.payments.needing_action(self.operator).items]

    def reconcile(self, rounds: int = 2) -> None:
        for _ in range(rounds):
            report = self.store.payments.reconcile()
            assert report.failed == 0


@pytest.fixture
def double(clock: FrozenClock) -> Iterator[StripeDouble]:
    with StripeDouble(clock=clock) as double:
        yield double


MakeShop = Callable[..., StripeShop]


@pytest.fixture
def shop_of(
    open_store: OpenStore, double: StripeDouble, clock: FrozenClock, sandbox: Any
) -> MakeShop:
    """Make a shop whose gateway has settings of its own: ``shop_of(tax_behavior="inclusive")``."""

    def make(settings: Settings | None = None, **gateway: Any) -> StripeShop:
        store: Store = open_store(gateways=[over(double, clock, **gateway)], settings=settings)
        shop = StripeShop(store, sandbox, clock)
        shop.double = double
        return shop

    return make


@pytest.fixture
def shop(shop_of: MakeShop) -> StripeShop:
    return shop_of()


def ask_for_help(shop: StripeShop, product: Product) -> Any:
    shop.store.support.offer(
        shop.seller, product, kind="setup", price=Money("49.00", "EUR"), title="Setup"
    )
    [purchase] = shop.store.entitlements.my_products(shop.buyer).items
    return shop.store.support.request(
        shop.buyer,
        purchase,
        kind="setup",
        subject="It does not start",
        body="Nothing happens.",
        return_url=RETURN,
    )


def test_a_product_is_sold(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    assert not shop.owns(book)

    shop.double.pay(checkout)
    assert set(shop.hear(shuffle=1, duplicate=2, retell=2)) == {200}

    assert shop.owns(book)
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "paid"
    assert shop.count("payments") == shop.count("purchased_products") == 1
    assert shop.store.doctor().findings == ()
