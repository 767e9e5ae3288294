"""My Products: what one can open, newest first, with what is new."""

from __future__ import annotations

import pytest

from digistore import HostUser
from digistore.errors import Invalid
from tests.conftest import Shop
from tests.payments.asking import usd


def titles(shop: Shop, user: object = None) -> list[str]:
    page = shop.store.entitlements.my_products(user or shop.buyer, limit=100)  # type: ignore[arg-type]
    return [owned.product.title for owned in page]


def test_what_one_can_open_newest_first(shop: Shop) -> None:
    for title in ("first", "second", "third"):
        shop.buy(shop.product(title))
        shop.clock.go(minutes=1)
    shop.checkout(shop.product("not paid"))
    assert titles(shop) == ["third", "second", "first"]
    assert titles(shop, shop.seller) == []
    assert titles(shop, HostUser("42")) == []


def test_each_says_its_purchase_its_latest_release_and_the_host_s_own_notes(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book, metadata={"campaign": "spring", "seats": 3})
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"1.1"})
    (owned,) = shop.store.entitlements.my_products(shop.buyer)
    assert owned.purchase == shop.store.entitlements.check(shop.buyer, book).purchase
    assert owned.product.id == book.id
    assert owned.latest is not None
    assert owned.latest.version == "1.1"
    assert owned.metadata == {"campaign": "spring", "seats": 3}


def test_what_was_withdrawn_stays_and_what_was_refunded_goes(shop: Shop) -> None:
    """D5."""
    kept, gone = shop.product("kept"), shop.product("gone")
    shop.buy(kept)
    shop.store.payments.refund(shop.seller, shop.buy(gone).order, reason="x")
    shop.store.catalog.withdraw(shop.seller, kept)
    (release,) = shop.store.catalog.releases(shop.seller, kept)
    shop.store.catalog.yank(shop.seller, release, reason="typing error")
    assert titles(shop) == ["kept"]
    (owned,) = shop.store.entitlements.my_products(shop.buyer)
    assert owned.latest is None  # nothing is latest; older ones are fetched by name


def test_a_product_owned_twice_is_shown_once(shop: Shop) -> None:
    book = shop.product()
    for _ in range(3):
        shop.buy(book, allow_repeat=True)
    assert titles(shop) == ["Async Python"]


def test_it_comes_page_by_page_and_what_is_bought_meanwhile_shifts_nothing(shop: Shop) -> None:
    for number in range(5):
        shop.checkout(shop.product(str(number), price=usd("0")))
        shop.clock.go(seconds=number % 2)  # some at the same moment
    whole = titles(shop)
    assert sorted(whole) == list("01234")
    listed = shop.store.entitlements.my_products
    first = listed(shop.buyer, limit=2)
    shop.clock.go(minutes=1)
    shop.checkout(shop.product("new", price=usd("0")))
    second = listed(shop.buyer, limit=2, after=first.next)
    third = listed(shop.buyer, limit=2, after=second.next)
    shown = [owned.product.title for page in (first, second, third) for owned in page]
    assert (shown, third.next) == (whole, None)
    for limit in (0, 101, -1, True, "2"):
        with pytest.raises(Invalid):
            listed(shop.buyer, limit=limit)  # type: ignore[arg-type]
    for after in ("", "no cursor", "x" * 5000, 7):
        with pytest.raises(Invalid):
            listed(shop.buyer, after=after)  # type: ignore[arg-type]
