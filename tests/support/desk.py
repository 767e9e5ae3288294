"""What tests of support are made of: a product with help to buy, and requests for it."""

from __future__ import annotations

from typing import Any

from digistore import SYSTEM, Money, Product, SupportRequest
from digistore.support import SupportCheckout
from tests.conftest import RETURN, Shop

SETUP = Money("49.00", "USD")
SCOPE = "One hour, on your machine."


def offer(shop: Shop, product: Product, kind: str = "setup", price: Money = SETUP) -> Any:
    seller = product.seller_id or SYSTEM
    return shop.store.support.offer(seller, product, kind=kind, price=price, scope=SCOPE)


def bought(shop: Shop, title: str = "Async Python", **kwargs: Any) -> Product:
    """A product with an offer of help, which the buyer holds."""
    product = shop.product(title, **kwargs)
    offer(shop, product)
    shop.buy(product)
    return product


def ask(shop: Shop, product: Product, subject: str = "Where?", **kwargs: Any) -> SupportCheckout:
    """A request that is not paid yet."""
    given = {"kind": "setup", "body": "Where do I start?", "return_url": RETURN, **kwargs}
    user = given.pop("user", shop.buyer)
    return shop.store.support.request(user, product, subject=subject, **given)


def opened(shop: Shop, product: Product, subject: str = "Where?") -> SupportRequest:
    """A request that is paid and open."""
    made = ask(shop, product, subject)
    shop.deliver(shop.sandbox.pay(made))
    return now(shop, made.request)


def now(shop: Shop, request: SupportRequest) -> SupportRequest:
    return shop.store.support.get(SYSTEM, request.id)


def brought_to(shop: Shop, product: Product, state: str) -> SupportRequest:
    """A paid request in one of the states that people bring it to."""
    request = opened(shop, product)
    desk = shop.store.support
    if state == "in_progress":
        desk.start(shop.seller, request)
    elif state == "waiting":
        desk.reply(shop.seller, request, "Which system?", ask=True)
    elif state in {"resolved", "closed"}:
        desk.resolve(shop.seller, request)
        if state == "closed":
            desk.close(shop.buyer, request)
    found = now(shop, request)
    assert found.state == state
    return found


def checkout_of(shop: Shop, request: SupportRequest) -> str:
    """Where a request's order is paid."""
    sql = f"SELECT url FROM digistore_payment_attempts WHERE order_id = '{request.order_id}'"
    return str(shop.rows(sql)[0][0])


def support_events(shop: Shop) -> list[str]:
    rows = shop.rows("SELECT type FROM digistore_events WHERE type LIKE 'Support%' ORDER BY rowid")
    return [row[0] for row in rows]
