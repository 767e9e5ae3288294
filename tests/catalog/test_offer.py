"""What a product page shows each visitor: sign in, buy, in progress, download, unavailable."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money, PayWhatYouWant
from digistore.errors import NotFound
from tests.conftest import Shop

NOBODY: Any = None


def action(shop: Shop, visitor: Any, product: Any) -> tuple[str, str]:
    offer = shop.store.catalog.offer(visitor, product)
    return str(offer.action), offer.reason


def test_an_offer_follows_the_visitor_through_a_purchase(shop: Shop) -> None:
    book = shop.product()
    assert action(shop, NOBODY, book) == ("sign_in", "sign_in")
    assert action(shop, shop.buyer, book) == ("buy", "for_sale")
    assert action(shop, HostUser("host-7"), book) == ("buy", "for_sale")
    checkout = shop.checkout(book)
    assert action(shop, shop.buyer, book) == ("buy", "for_sale")  # it may still be paid otherwise
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    offer = shop.store.catalog.offer(shop.buyer, book)
    assert (offer.action, offer.reason) == ("in_progress", "payment_on_its_way")
    assert offer.order_id == checkout.order.id
    shop.deliver(shop.sandbox.clear(checkout))
    offer = shop.store.catalog.offer(shop.buyer, book)
    assert (offer.action, offer.reason) == ("download", "owned")
    assert offer.purchase_id == shop.store.entitlements.my_products(shop.buyer).items[0].purchase.id
    assert offer.order_id is None
    other = shop.store.users.guest("other@example.com")
    assert action(shop, other, book) == ("buy", "for_sale")


def test_money_that_did_not_come_leaves_the_product_to_buy(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    shop.deliver(shop.sandbox.clear(checkout, ok=False))
    assert action(shop, shop.buyer, book) == ("buy", "for_sale")


def test_what_was_bought_is_offered_whatever_became_of_the_product(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    release = shop.store.catalog.latest(shop.seller, book)
    assert release is not None
    shop.store.catalog.yank(shop.seller, release, reason="bad")
    other = shop.store.users.guest("other@example.com")
    assert action(shop, other, book) == ("unavailable", "nothing_to_deliver")
    assert action(shop, NOBODY, book) == ("unavailable", "nothing_to_deliver")
    shop.store.catalog.withdraw(shop.seller, book)
    assert action(shop, shop.buyer, book) == ("download", "owned")
    assert action(shop, shop.seller, book) == ("unavailable", "not_for_sale")
    for stranger in (other, NOBODY):
        with pytest.raises(NotFound):
            shop.store.catalog.offer(stranger, book)


def test_a_revoked_purchase_is_for_sale_again(shop: Shop) -> None:
    book = shop.product()
    order = shop.buy(book).order
    shop.store.payments.refund(shop.operator, order, reason="a gesture")
    assert action(shop, shop.buyer, book) == ("buy", "for_sale")
    shop.store.catalog.withdraw(shop.seller, book)
    assert action(shop, shop.buyer, book) == ("unavailable", "not_for_sale")  # still visible


def test_those_who_sell_it_see_their_drafts(shop: Shop) -> None:
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=Money("5.00", "USD"))
    for visitor in (shop.seller, shop.operator, SYSTEM):
        assert action(shop, visitor, draft) == ("unavailable", "not_for_sale")
    assert action(shop, SYSTEM, shop.product()) == ("buy", "for_sale")


def test_an_offer_shows_the_price_as_it_is_now(shop: Shop) -> None:
    book = shop.product()
    assert shop.store.catalog.offer(NOBODY, book).price == Money("29.00", "USD")
    price = PayWhatYouWant(minimum=Money("1.00", "EUR"), suggested=Money("3.00", "EUR"))
    shop.store.catalog.update_product(shop.seller, book, price=price)
    assert shop.store.catalog.offer(NOBODY, book.slug).price == price
