"""How many statements an operation costs: the same on both databases, however full they are.

The lists are compared whole, so that a statement too many names itself.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from digistore import SYSTEM
from digistore.catalog import Product
from digistore.database.keyset import place_of
from digistore.downloads import DownloadRequest
from digistore.errors import Invalid, InvalidSignature
from digistore.paging import encode_cursor
from tests.conftest import Shop
from tests.payments.asking import usd
from tests.performance.hearing import hearing, said_by

ACTING = "SELECT users user_roles"
GRANTS = "SELECT purchased_products releases"
FETCH = ["SELECT provider_events"]  # is it known
TAKE_IN = [
    "BEGIN",
    "INSERT provider_events",
    "SELECT provider_events",
    "SELECT payment_attempts",
    "UPDATE payment_attempts",  # the ticket
    "COMMIT",
]
FIND = ["SELECT payment_attempts", "SELECT payments"]
READ = [
    "SELECT orders",
    "SELECT users order_lines",
    "SELECT payment_attempts",
    "SELECT redemptions",
    "SELECT payments",
    "SELECT payment_actions",
]
READ_PAID = [*READ[:5], "SELECT refunds", "SELECT disputes", *READ[5:]]
SETTLE = [
    "BEGIN",
    "UPDATE orders",  # the lock
    *READ,
    "INSERT holdings",  # the lock of what a person has
    "SELECT purchased_products orders",
    "SELECT entitlement_facts purchased_products",
    "UPDATE orders",
    "UPDATE order_lines",
    "UPDATE payment_attempts",
    "INSERT payments",
    "INSERT purchased_products",
    "INSERT entitlement_facts",
    "INSERT events",
    "INSERT events",
    "INSERT deliveries",
    "SELECT audit",
    "INSERT audit",
    "COMMIT",
]
CLOSE = ["BEGIN", "UPDATE provider_events", "COMMIT"]


def test_a_check_is_one_statement(shop: Shop) -> None:
    book, other = shop.product("A"), shop.product("B")
    shop.buy(book)
    for _ in range(3):
        shop.buy(book, allow_repeat=True)
    check = shop.store.entitlements.check
    for product, granted in ((book, True), (other, False)):
        assert said_by(shop.store, lambda product=product: check(shop.buyer, product)) == [GRANTS]  # type: ignore[misc]
        assert bool(check(shop.buyer, product)) is granted


def test_many_checks_are_one_statement_however_many_they_are(shop: Shop) -> None:
    books = [shop.product(str(number), price=usd("0")) for number in range(4)]
    for book in books[:3]:
        shop.checkout(book)
    ids = [book.id for book in books]
    for wanted in (ids[:1], ids, [*ids, *(f"prd_{number}" for number in range(2000))], []):
        assert many_checks(shop, wanted, owned=ids[:3]) == [GRANTS]
    with pytest.raises(Invalid) as caught:
        shop.store.entitlements.check_many(shop.buyer, ["prd_x"] * 10_001)
    assert caught.value.fields == {"products": "too_many"}


def many_checks(shop: Shop, wanted: list[Any], owned: list[Any]) -> list[str]:
    """Check them, and return what that said."""
    with hearing(shop.store) as said:
        found = shop.store.entitlements.check_many(shop.buyer, wanted)
    assert list(found) == wanted
    assert [one for one in wanted if found[one]] == [one for one in wanted if one in owned]
    return [GRANTS for one in said if one.startswith("SELECT")]


def test_settling_reads_once_without_a_lock_then_writes_once_per_table(shop: Shop) -> None:
    shop.buy(shop.product("first"))
    checkout = shop.checkout(shop.product())
    message = shop.sandbox.pay(checkout)
    said = said_by(shop.store, lambda: shop.deliver(message))
    assert said == [*FETCH, *TAKE_IN, *FIND, *READ, *SETTLE, *CLOSE]


def test_a_message_that_comes_again_is_one_statement_and_no_transaction(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    message = shop.sandbox.pay(checkout)
    shop.deliver(message)
    assert said_by(shop.store, lambda: shop.deliver(message)) == FETCH


def test_a_known_fact_under_another_id_starts_no_settle_transaction(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    message = shop.sandbox.pay(checkout)
    shop.deliver(message)
    again = next(one for one in shop.sandbox.deliver(checkout) if one[0] != message[0])
    said = said_by(shop.store, lambda: shop.deliver(again))
    assert said == [*FETCH, *TAKE_IN, *FIND, *READ_PAID, *CLOSE]


def test_a_forged_message_is_no_statement(shop: Shop) -> None:
    body, headers = shop.sandbox.pay(shop.checkout(shop.product()))

    def forged() -> None:
        with pytest.raises(InvalidSignature):
            shop.store.payments.handle_webhook("sandbox", body + b" ", headers)

    assert said_by(shop.store, forged) == []


def test_resolving_a_short_link_is_one_statement(shop: Shop) -> None:
    link = shop.store.short_urls.shorten(SYSTEM, "https://shop.example/products/1")
    resolve = shop.store.short_urls.resolve
    assert said_by(shop.store, lambda: resolve(link.code)) == ["SELECT user_roles short_urls"]


def test_a_forged_download_link_is_no_statement(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    token = shop.store.downloads.link(shop.buyer, book).token

    def forged() -> None:
        plan = shop.store.downloads.plan(token[:-4] + "AAAA", DownloadRequest("GET"))
        assert plan.status == HTTPStatus.NOT_FOUND

    assert said_by(shop.store, forged) == []


Listing = Callable[[Shop, Product, str | None], object]
LISTINGS: dict[str, tuple[Listing, list[str]]] = {
    "my products": (
        lambda shop, _, after: shop.store.entitlements.my_products(
            shop.buyer, after=after, limit=2
        ),
        [
            ACTING,
            "SELECT purchased_products orders releases",
            "SELECT products",
            "SELECT product_categories",
        ],
    ),
    "my orders": (
        lambda shop, _, after: shop.store.orders.my_orders(shop.buyer, after=after, limit=2),
        [ACTING, "SELECT orders", "SELECT users order_lines"],
    ),
    "the catalogue": (
        lambda shop, _, after: shop.store.catalog.find(None, after=after, limit=2),
        ["SELECT products", "SELECT product_categories"],
    ),
    "what needs an operator": (
        lambda shop, _, after: shop.store.payments.needing_action(
            shop.operator, after=after, limit=2
        ),
        [ACTING, "SELECT payment_actions"],
    ),
    "what needs a seller": (
        lambda shop, _, after: shop.store.payments.needing_action(
            shop.seller, after=after, limit=2
        ),
        [ACTING, "SELECT payment_actions orders"],
    ),
    "support": (
        lambda shop, _, after: shop.store.support.queue(shop.operator, after=after, limit=2),
        [ACTING, "SELECT support_requests order_lines purchased_products"],
    ),
    "downloads": (
        lambda shop, _, after: shop.store.downloads.log(shop.buyer, after=after, limit=2),
        [
            ACTING,
            "SELECT download_sessions purchased_products products releases release_files",
        ],
    ),
    "short links": (
        lambda shop, _, after: shop.store.short_urls.mine(SYSTEM, after=after, limit=2),
        ["BEGIN", "SELECT short_urls", "SELECT click_days clicks", "ROLLBACK"],
    ),
}


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_listing_goes_on_by_a_key_and_asks_nothing_per_row(shop: Shop, listing: str) -> None:
    call, expected = LISTINGS[listing]
    book = shop.product("first")
    for number in range(3):
        shop.clock.go(seconds=1)
        shop.buy(shop.product(str(number)))
        shop.store.short_urls.shorten(SYSTEM, f"https://shop.example/products/{number}")
    for after in (None, encode_cursor(*place_of(shop.clock(), "zzz"))):
        with hearing(shop.store) as said:
            call(shop, book, after)
        selects = [one for one in said if not one.startswith("PRAGMA")]
        assert said_by(shop.store, lambda after=after: call(shop, book, after)) == expected  # type: ignore[misc]
        for one in selects:
            assert "OFFSET" not in one or "OFFSET 0" in one
