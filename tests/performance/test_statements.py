"""How many statements an operation costs: the same on both databases, however full they are.

The lists are compared whole, so that a statement too many names itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

import pytest

from digistore import SYSTEM, AsyncStore, Store
from digistore.catalog import Product
from digistore.database.keyset import place_of
from digistore.downloads import DownloadRequest
from digistore.errors import Invalid, InvalidSignature
from digistore.gateways.sandbox import SandboxGateway
from digistore.paging import encode_cursor
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Awaited, Shop
from tests.payments.asking import usd
from tests.performance.hearing import hearing, said_by
from tests.performance.travelling import trips
from tests.postgres import Wiped


def _each_once(names: str) -> str:
    return " ".join(dict.fromkeys(names.split()))


ACTING = "SELECT users user_roles"
GRANTS = "SELECT purchased_products releases"
FETCH = ["SELECT provider_events"]  # is it known
TAKE_IN = [
    "BEGIN",
    "INSERT provider_events",
    "SELECT provider_events",
    "UPDATE payment_attempts",  # the ticket
    "COMMIT",
]
WHOSE = "payments payment_attempts"
BOOK = [  # with the audit rows before those that may follow
    "audit orders",
    "users order_lines",
    "payment_attempts",
    "redemptions",
    "audit payments",
    "refunds payments",
    "refund_lines refunds payments",
    "disputes payments",
    "dispute_lines disputes payments",
    "payment_actions",
]
LOOK = [
    "BEGIN",
    f"SELECT {WHOSE}",
    *(f"SELECT {_each_once(f'{told} {WHOSE}')}" for told in BOOK),
    "COMMIT",
]
LINES = "users order_lines"
SETTLE = [
    "BEGIN",
    "UPDATE orders",  # the lock
    *(f"SELECT {told}" for told in BOOK),
    "INSERT holdings",  # the lock of what a person has
    f"SELECT audit purchased_products orders {LINES}",
    f"SELECT entitlement_facts purchased_products {LINES}",
    "INSERT holdings",  # the same for help, of which the order has none
    "SELECT support_requests order_lines",
    "SELECT support_facts support_requests order_lines",
    "SELECT audit support_requests order_lines",
    f"SELECT purchased_products {LINES}",
    "UPDATE orders",
    "UPDATE order_lines",
    "UPDATE payment_attempts",
    "INSERT payments",
    "INSERT purchased_products",
    "INSERT entitlement_facts",
    "INSERT events",
    "INSERT events",
    "INSERT deliveries",
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
    assert said == [*FETCH, *TAKE_IN, *LOOK, *SETTLE, *CLOSE]


@pytest.mark.parametrize("awaited", [False, True])
def test_settling_goes_three_times_to_the_server(wiped: Wiped, *, awaited: bool) -> None:
    """A look; the locks and what they guard, read by statements of their own; all writes."""
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with opened(wiped.wipe(), sandbox, clock, awaited=awaited) as store:
        shop = Shop(store, sandbox, clock)
        shop.buy(shop.product("first"))
        message = sandbox.pay(shop.checkout(shop.product("second")))
        with trips(store) as went:
            shop.deliver(message)
        assert (
            went
            == [
                ["SELECT"],  # is it known
                ["BEGIN", "INSERT", "SELECT", "UPDATE"],
                ["COMMIT"],
                [one.split()[0] for one in LOOK],
                ["BEGIN", "UPDATE", *(one.split()[0] for one in SETTLE[2:20])],
                # of payment, purchase and order there is an audit row each
                [*(one.split()[0] for one in SETTLE[20:-1]), "INSERT", "INSERT", "COMMIT"],
                ["BEGIN", "UPDATE", "COMMIT"],
            ]
        )


@contextmanager
def opened(
    url: str, sandbox: SandboxGateway, clock: FrozenClock, *, awaited: bool
) -> Iterator[Any]:
    """Open a store of either colour."""
    common: Any = {"files": "memory://", "gateways": [sandbox], "secret": SECRET, "clock": clock}
    if not awaited:
        with Store.open(url, **common) as store:
            yield store
        return
    loop = asyncio.new_event_loop()
    on_loop = loop.run_until_complete(_opened(url, common))
    try:
        yield Awaited(on_loop, loop)
    finally:
        loop.run_until_complete(on_loop.close())
        loop.close()


async def _opened(url: str, common: Any) -> AsyncStore:
    return AsyncStore.open(url, **common)


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
    assert said == [*FETCH, *TAKE_IN, *LOOK, *CLOSE]


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
            "SELECT purchased_products orders products releases",
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
