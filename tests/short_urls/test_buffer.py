"""Clicks that are written many at a time: what is counted, what is lost, and who waits for it."""

import asyncio
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from digistore import SYSTEM, AsyncStore, Store
from digistore.blocking import run
from digistore.database import Database
from digistore.short_urls import AsyncShortUrls, ShortUrls, Visit
from digistore.short_urls.service.clicks import BATCH, MOST_WAITING
from digistore.testing import FrozenClock
from digistore.users import AsyncUsers
from tests.short_urls.shop import CLICKS, GET, HEAD, SETTINGS, SIGNER, TARGET, Shop

BUFFERED = SETTINGS.model_copy(update={"clicks": "buffered"})
SECRET = "a secret of at least thirty-two characters"


def buffered(shop: Shop) -> tuple[ShortUrls, AsyncShortUrls]:
    """Links whose clicks are written many at a time, and the service below them."""
    users = AsyncUsers(shop.database, SIGNER)
    service = AsyncShortUrls(shop.database, users, BUFFERED, CLICKS)
    return ShortUrls(service), service


@contextmanager
def nothing_can_be_written(database: Database) -> Iterator[None]:
    """Hold the write lock as a process that hangs would; who waits for it is impatient."""

    def impatient(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout = 1")

    def still_impatient(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    asked: list[str] = []
    event.listen(database.engine, "checkout", impatient)
    event.listen(database.engine, "before_cursor_execute", still_impatient)
    with closing(sqlite3.connect(str(database.url.database), isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        yield
    event.remove(database.engine, "checkout", impatient)
    event.remove(database.engine, "before_cursor_execute", still_impatient)
    # Every wait for the lock is asked to be short: a click never costs a visitor the redirect.
    waits = {one for one in asked if one.startswith("PRAGMA busy_timeout")}
    assert waits <= {"PRAGMA busy_timeout = 100", "PRAGMA busy_timeout = 2000"}


def test_clicks_wait_for_a_batch_of_500(shop: Shop) -> None:
    links, _ = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    for _ in range(BATCH - 1):
        assert links.resolve(link.code, GET).url == TARGET
    assert not shop.clicks()
    links.resolve(link.code, GET)
    rows = shop.clicks()
    assert len(rows) == BATCH
    assert len({row.id for row in rows}) == BATCH
    assert links.mine(shop.seller).items[0].clicks == BATCH


def test_clicks_wait_no_longer_than_two_seconds_where_others_come(shop: Shop) -> None:
    links, _ = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    links.resolve(link.code, GET)
    shop.clock.forward(seconds=1.9)
    links.resolve(link.code, GET)
    assert not shop.clicks()
    shop.clock.forward(seconds=0.1)
    links.resolve(link.code, GET)
    begun = int(shop.clock.now.timestamp() * 1e6)
    assert [begun - row.at for row in shop.clicks()] == [2_000_000, 100_000, 0]


def test_a_head_is_not_kept_for_later_either(shop: Shop) -> None:
    links, service = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    links.resolve(link.code, HEAD)
    run(service.flush_clicks())
    assert not shop.clicks()


def test_a_buffered_redirect_is_one_statement(shop: Shop) -> None:
    links, _ = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    links.resolve(link.code, GET)
    statements: list[str] = []
    driver: Any = shop.database.engine.raw_connection().driver_connection
    driver.set_trace_callback(statements.append)
    links.resolve(link.code, GET)
    driver.set_trace_callback(None)
    assert len(statements) == 1, statements


def test_a_flood_while_nothing_can_be_written_stays_bounded_and_is_written_later(
    shop_on_disk: Shop,
) -> None:
    shop = shop_on_disk
    links, service = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    first = Visit("GET", {**GET.headers, "Referer": "https://first.example/"})
    last = Visit("GET", {**GET.headers, "Referer": "https://last.example/"})
    with nothing_can_be_written(shop.database):
        answers = {links.resolve(link.code, first).status for _ in range(2_000)}
        answers |= {links.resolve(link.code, last).status for _ in range(MOST_WAITING)}
        shop.clock.forward(seconds=3)
        answers.add(links.resolve(link.code, last).status)
    assert answers == {302}
    assert links.clicks_dropped == 2_001  # the oldest
    assert not shop.clicks()
    run(service.flush_clicks())
    assert len(shop.clicks()) == MOST_WAITING
    assert {row.referrer_host for row in shop.clicks()} == {"last.example"}
    assert links.clicks_dropped == 2_001


def test_a_flood_of_eight_threads_loses_and_doubles_nothing(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    links, service = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: links.resolve(link.code, GET), range(4_000)))
    run(service.flush_clicks())
    assert len(shop.clicks()) + links.clicks_dropped == 4_000
    assert links.clicks_dropped == 0


def test_a_flush_whose_answer_is_lost_counts_nothing_twice(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    links, service = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    for _ in range(3):
        links.resolve(link.code, GET)
    transact = Database.transact

    async def unheard(*args: Any, **kwargs: Any) -> Any:
        await transact(*args, **kwargs)
        raise sqlite3.OperationalError("disk I/O error")  # it is committed all the same

    monkeypatch.setattr(Database, "transact", unheard)
    run(service.flush_clicks())
    monkeypatch.undo()
    assert len(shop.clicks()) == 3
    links.resolve(link.code, GET)
    run(service.flush_clicks())
    assert len(shop.clicks()) == 4
    assert links.clicks_dropped == 0


def test_a_click_that_waited_for_a_day_is_dropped_for_its_day_may_be_closed(
    shop_on_disk: Shop,
) -> None:
    shop = shop_on_disk
    links, service = buffered(shop)
    link = links.shorten(shop.seller, TARGET)
    links.resolve(link.code, GET)
    shop.clock.forward(days=1)
    run(service.flush_clicks())
    assert not shop.clicks()
    assert links.clicks_dropped == 1


@pytest.mark.parametrize("colour", [Store, AsyncStore])
def test_closing_the_store_writes_what_waits(
    colour: type[Store] | type[AsyncStore], template: Path, tmp_path: Path
) -> None:
    path = tmp_path / "shop.db"
    path.write_bytes(template.read_bytes())
    given: dict[str, Any] = {
        "files": f"file://{tmp_path}/files",
        "gateways": [],
        "secret": SECRET,
        "settings": BUFFERED,
        "clock": FrozenClock(),
    }
    url = f"sqlite:///{path}"
    if colour is Store:
        with Store.open(url, **given) as store:
            store.short_urls.resolve(store.short_urls.shorten(SYSTEM, TARGET).code, GET)
    else:
        run_async(url, given)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM digistore_clicks").fetchone() == (1,)


def run_async(url: str, given: dict[str, Any]) -> None:

    async def story() -> None:
        async with AsyncStore.open(url, **given) as store:
            link = await store.short_urls.shorten(SYSTEM, TARGET)
            await store.short_urls.resolve(link.code, GET)

    asyncio.run(story())
