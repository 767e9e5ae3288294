"""What a person would call one download is counted once, whatever its requests look like."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from threading import Barrier

import pytest

from digistore import Product, Settings, Store
from digistore.downloads import DownloadPlan, DownloadRequest, Stream
from digistore.errors import Forbidden, NotFound
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET, SQLITE, Shop
from tests.downloads.fetching import ask, body, bought, fetched, refusal, sessions, token, used


def test_a_thousand_ranges_are_one_download_and_three_times_its_bytes(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(download_limit=1)
    book = bought(shop)
    link = token(shop, book)
    answers = [fetched(shop, link, Range="bytes=0-") for _ in range(1000)]
    assert [status for status, _ in answers] == [206] * 3 + [429] * 997
    assert (used(shop), sessions(shop)) == ([1], [(3, 48, 48)])
    plan = ask(shop, link)
    assert (plan.status, plan.code) == (429, "download_limit")
    assert "Retry-After" not in plan.headers  # no window will help
    shop.clock.go(hours=24)
    assert refusal(shop, token(shop, book)) == (429, "download_limit")
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"new"})
    assert fetched(shop, token(shop, book)) == (200, b"new")


def test_where_another_download_is_left_it_is_said_from_when_on(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(download_limit=2, download_window=timedelta(hours=2))
    book = bought(shop)
    link = token(shop, book)
    for _ in range(3):
        assert fetched(shop, link)[0] == 200
    shop.clock.go(hours=1)
    plan = ask(shop, link)
    assert (plan.status, plan.headers["Retry-After"]) == (429, "3600")
    shop.clock.go(hours=1)
    assert fetched(shop, link)[0] == 200
    assert used(shop) == [2]


def test_bytes_that_were_not_sent_are_given_back(shop_with: Callable[..., Shop]) -> None:
    """A line that breaks a hundred times costs what came through it."""
    shop = shop_with(download_limit=1)
    link = token(shop, bought(shop))
    for _ in range(48):
        assert len(body(shop, ask(shop, link), only=1)) == 1
        if sessions(shop)[0][1] > 32:
            break
    assert sessions(shop) == [(33, 33, 33)]
    assert refusal(shop, link) == (429, "download_limit")  # a whole one does not fit any more
    assert fetched(shop, link, Range="bytes=1-")[0] == 206


def test_telling_the_end_twice_is_once(shop: Shop) -> None:
    link = token(shop, bought(shop))
    plan, other = ask(shop, link), ask(shop, link)
    for one in (plan, other):
        assert isinstance(one.body, Stream)
        one.body.reader.close()
    for sent in (10, 10, 0, 99):
        shop.store.downloads.finish(plan, sent)
    assert sessions(shop) == [(2, 26, 10)]
    shop.store.downloads.finish(other, 10**9)
    assert sessions(shop) == [(2, 26, 26)]
    shop.store.downloads.finish(ask(shop, "nothing"), 5)


def test_without_a_limit_all_may_be_fetched_again_and_again(shop: Shop) -> None:
    link = token(shop, bought(shop))
    for _ in range(20):
        assert fetched(shop, link)[0] == 200
    assert (used(shop), sessions(shop)) == ([1], [(20, 320, 320)])


def test_a_limit_that_comes_later_counts_what_was(
    shop: Shop, open_store: Callable[..., Store]
) -> None:
    book = bought(shop)
    fetched(shop, token(shop, book))
    shop.clock.go(hours=25)
    shop.store = open_store(settings=Settings(download_limit=1))
    assert refusal(shop, token(shop, book)) == (429, "download_limit")


def test_scripts_are_counted_and_limited_as_links_are(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(download_limit=1)
    book = bought(shop)
    for _ in range(3):
        shop.store.downloads.open(shop.buyer, book).close()
    with pytest.raises(Forbidden) as caught:
        shop.store.downloads.open(shop.buyer, book)
    assert caught.value.reason == "download_limit"
    assert refusal(shop, token(shop, book)) == (429, "download_limit")


@SQLITE
def test_a_busy_database_does_not_stop_a_paid_download_unless_it_is_limited(
    shop: Shop, open_store: Callable[..., Store], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digistore.database.sqlite.BUSY_TIMEOUT", 10)
    monkeypatch.setattr("digistore.database.database.PATIENCE", 0)
    book = bought(shop)
    link = token(shop, book)
    rival = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    limited = open_store(settings=Settings(download_limit=1))
    free = shop.store = open_store()
    rival.execute("BEGIN IMMEDIATE")
    plan = ask(shop, link)
    assert (plan.status, plan.session) == (200, None)
    body(shop, plan)
    shop.store = limited
    assert refusal(shop, link) == (503, "busy")
    rival.execute("ROLLBACK")
    rival.close()
    shop.store = free
    assert sessions(shop) == []


def test_fifty_first_requests_at_once_are_one_download(
    template: Path, tmp_path: Path, clock: FrozenClock, sandbox: SandboxGateway
) -> None:
    path = tmp_path / "shop.db"
    path.write_bytes(template.read_bytes())
    with Store.open(
        f"sqlite:///{path}",
        files=f"file://{tmp_path}/files",
        gateways=[sandbox],
        secret=SECRET,
        clock=clock,
        settings=Settings(download_limit=1),
    ) as store:
        shop = Shop(store, sandbox, clock)
        link = token(shop, bought(shop, {"a.bin": b"a"}))
        together = Barrier(50)

        def fetch(_: int) -> DownloadPlan:
            together.wait()
            plan = store.downloads.plan(link, DownloadRequest("GET"))
            if isinstance(plan.body, Stream):
                plan.body.reader.close()
            return plan  # what is dropped holds no bytes any more

        with ThreadPoolExecutor(50) as pool:
            plans = list(pool.map(fetch, range(50)))
        assert sorted(plan.status for plan in plans) == [200] * 3 + [429] * 47
        assert (used(shop), sessions(shop)) == ([1], [(3, 3, 0)])
        check_invariants(store)


def test_the_client_is_known_by_its_network_and_program_alone(shop: Shop) -> None:
    link = token(shop, bought(shop))
    fetched(shop, link, client="203.0.113.7", User_Agent="curl/8")
    (row,) = shop.rows("SELECT client_key, agent FROM digistore_download_sessions")
    assert row[1] == "curl/8"
    assert "203" not in row[0]
    assert len(row[0]) == 32


# The log.


def logged(shop: Shop, actor: object, **kwargs: object) -> list[tuple[str, str | None]]:
    page = shop.store.downloads.log(actor, **kwargs)  # type: ignore[arg-type]
    return [(one.product_id, one.agent) for one in page]


def two_buyers(shop: Shop) -> tuple[Product, Product]:
    book, other = shop.product("A"), shop.product("B", seller=shop.new_seller("b@example.com"))
    friend = shop.store.users.register("friend@example.com")
    for user, product in ((shop.buyer, book), (friend, book), (shop.buyer, other)):
        shop.buy(product, user)
        fetched(shop, token(shop, product, user), User_Agent="curl/8")
        shop.clock.go(minutes=1)
    return book, other


def test_everybody_sees_the_downloads_that_are_theirs(shop: Shop) -> None:
    book, other = two_buyers(shop)
    assert logged(shop, shop.buyer) == [(other.id, None), (book.id, None)]
    assert logged(shop, shop.seller) == [(book.id, None)] * 2
    assert logged(shop, shop.operator) == [(other.id, "curl/8"), *[(book.id, "curl/8")] * 2]
    assert logged(shop, shop.operator, product=other) == [(other.id, "curl/8")]
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    assert logged(shop, shop.buyer, purchase=purchase) == [(book.id, None)]
    assert logged(shop, shop.seller, purchase=purchase.id) == [(book.id, None)]
    stranger = shop.store.users.register("stranger@example.com")
    assert logged(shop, stranger) == []
    for wrong in (purchase, "pur_unknown"):
        with pytest.raises(NotFound):
            logged(shop, stranger, purchase=wrong)
    with pytest.raises(NotFound):
        logged(shop, shop.buyer, product="prd_unknown")


def test_the_log_says_what_came_when_and_how(shop: Shop) -> None:
    book = bought(shop)
    begun = shop.clock()
    link = token(shop, book)
    fetched(shop, link)
    shop.clock.go(minutes=5)
    body(shop, ask(shop, link), only=4)
    (entry,) = shop.store.downloads.log(shop.buyer)
    assert (entry.file, entry.version, entry.transport) == ("book.pdf", "1.0", "stream")
    assert (entry.first_at, entry.last_at) == (begun, shop.clock())
    assert (entry.requests, entry.sent_bytes) == (2, 20)


def test_the_log_comes_in_pages(shop: Shop) -> None:
    book = bought(shop)
    for _ in range(3):
        fetched(shop, token(shop, book))
        shop.clock.go(hours=25)
    first = shop.store.downloads.log(shop.buyer, limit=2)
    second = shop.store.downloads.log(shop.buyer, limit=2, after=first.next)
    assert (len(first), len(second), second.next) == (2, 1, None)
    times = [one.first_at for one in (*first, *second)]
    assert times == sorted(times, reverse=True)


def test_my_products_hear_of_downloads_by_link(shop: Shop) -> None:
    book = bought(shop)
    fetched(shop, token(shop, book))
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"new"})

    def updated() -> bool:
        (owned,) = shop.store.entitlements.my_products(shop.buyer)
        return owned.updated_since_download

    assert updated()
    body(shop, ask(shop, token(shop, book)), only=1)
    assert not updated()
