"""A read replica: asked for what may be old, never written to, never trusted with access."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from digistore import AsyncStore, Store
from digistore.analytics import Period
from digistore.downloads import DownloadRequest
from digistore.errors import ConfigError, ReadOnlyReplica, StaleRead
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import BLOCKING, SECRET, SQLITE, OpenStore, Shop
from tests.past import connection_to
from tests.postgres import made_database


@pytest.fixture
def shop(
    open_store: OpenStore, database_url: str, sandbox: SandboxGateway, clock: FrozenClock
) -> Shop:
    """A shop whose replica is the same database, by connections that refuse to write."""
    return Shop(open_store(replica=database_url), sandbox, clock)


def test_a_replica_answers_as_the_store_does(shop: Shop) -> None:
    book = shop.product()
    bought = shop.buy(book)
    store, view = shop.store, shop.store.replica()
    day = shop.clock().date()
    assert view.orders.get(shop.buyer, bought.order) == store.orders.get(shop.buyer, bought.order)
    assert view.entitlements.my_products(shop.buyer) == store.entitlements.my_products(shop.buyer)
    period = Period(day, day)
    told = store.analytics.overview(shop.operator, period)
    assert view.analytics.overview(shop.operator, period) == told
    assert view.doctor() == store.doctor()
    assert view.doctor(limit=1).healthy
    view.check_schema()


def test_access_is_decided_by_the_store_itself(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    view = shop.store.replica()
    token = shop.store.downloads.link(shop.buyer, book).token
    request = DownloadRequest("HEAD", {})
    decisions: dict[str, Callable[[], object]] = {
        "entitlements.check": lambda: view.entitlements.check(shop.buyer, book),
        "entitlements.check_many": lambda: view.entitlements.check_many(shop.buyer, [book]),
        "downloads.files": lambda: view.downloads.files(shop.buyer, book),
        "downloads.link": lambda: view.downloads.link(shop.buyer, book),
        "downloads.open": lambda: view.downloads.open(shop.buyer, book),
        "downloads.plan": lambda: view.downloads.plan(token, request),
    }
    for name, decision in decisions.items():
        with pytest.raises(StaleRead, match=f"^{name} .*stale_access=True"):
            decision()


def test_a_host_may_take_an_old_answer(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    view = shop.store.replica(stale_access=True)
    assert view.entitlements.check(shop.buyer, book)
    assert view.entitlements.check_many(shop.buyer, [book])[book.id]
    link = view.downloads.link(shop.buyer, book)
    with pytest.raises(ReadOnlyReplica):  # the download is counted
        view.downloads.open(shop.buyer, book)
    assert shop.store.downloads.plan(link.token, DownloadRequest("HEAD", {})).status == 200
    with pytest.raises(StaleRead):
        shop.store.replica().entitlements.check(shop.buyer, book)


def test_what_would_write_is_refused_before_anybody_is_called(shop: Shop) -> None:
    book = shop.product()
    open_order = shop.checkout(book)
    shop.sandbox.pay(open_order)
    view = shop.store.replica()
    for change in (
        view.migrate,
        view.run_due,
        lambda: view.doctor(repair=True),
        lambda: view.orders.checkout(shop.buyer, [book], return_url="https://shop.example"),
        view.payments.reconcile,
        lambda: view.payments.confirm(shop.buyer, open_order.order),
        lambda: view.users.register("new@example.com"),
    ):
        with pytest.raises(ReadOnlyReplica, match="call the store itself"):
            change()
    assert shop.store.orders.get(shop.buyer, open_order.order).paid_at is None


@BLOCKING
def test_the_database_itself_refuses_to_write(shop: Shop) -> None:
    with (
        connection_to(shop.store.replica()) as connection,
        pytest.raises(DBAPIError, match=r"read-only|readonly"),
    ):
        connection.exec_driver_sql("DELETE FROM digistore_rounds")


@SQLITE
def test_a_replica_lags_behind_and_no_answer_of_the_store_does(
    open_store: OpenStore,
    template: Path,
    tmp_path: Path,
    sandbox: SandboxGateway,
    clock: FrozenClock,
) -> None:
    copy = shutil.copy(template, tmp_path / "copy.db")
    shop = Shop(open_store(replica=f"sqlite:///{copy}"), sandbox, clock)
    book = shop.product()
    shop.buy(book)
    view = shop.store.replica(stale_access=True)
    assert not view.entitlements.check(shop.buyer, book)
    assert shop.store.entitlements.check(shop.buyer, book)


def test_a_replica_is_opened_once_and_needs_no_closing(shop: Shop) -> None:
    view = shop.store.replica()
    assert view.catalog.find(None).items == ()
    view.close()
    assert view.catalog.find(None).items == ()


def test_views_of_one_kind_are_one(store: Store, template: Path) -> None:
    with Store.open(
        f"sqlite:///{template}",
        replica=f"sqlite:///{template}",
        files="memory://",
        gateways=[],
        secret=SECRET,
    ) as own:
        assert own.replica() is own.replica()
        assert own.replica() is not own.replica(stale_access=True)
        engine = create_engine(f"sqlite:///{template}", poolclass=NullPool)
        with engine.connect() as connection, pytest.raises(ReadOnlyReplica):
            own.replica().using(connection)
        with pytest.raises(ConfigError, match="this is the replica already"):
            own.replica().replica()
        with pytest.raises(ReadOnlyReplica, match=r"^doctor\(repair=True\)"):
            own.replica().doctor(repair=True)
    with pytest.raises(ConfigError, match="no replica"):
        store.replica()


REFUSED = {
    "no such file": ("sqlite:///no/such.db", "there is no database"),
    "memory": ("sqlite://", "there is no database"),
    "another kind": ("{postgresql}", "another kind"),
    "no database": ("mysql://h/db", "not supported"),
}


@pytest.mark.parametrize(("place", "why"), REFUSED.values(), ids=REFUSED)
def test_a_replica_that_cannot_be_one_is_refused(
    place: str, why: str, template: Path, tmp_path: Path
) -> None:
    shutil.copy(template, tmp_path / "shop.db")
    given: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET}
    with made_database() as url, pytest.raises(ConfigError, match=why):
        Store.open(f"sqlite:///{tmp_path}/shop.db", replica=place.format(postgresql=url), **given)


def test_an_engine_must_be_of_the_store_s_colour(template: Path) -> None:
    given: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET}
    engine = create_engine(f"sqlite:///{template}")
    with Store(engine, replica=engine, **given) as store:
        assert store.replica().catalog.find(None).items == ()

    async def awaited(url: str) -> None:
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415

        engine = create_async_engine(url)
        with pytest.raises(ConfigError, match="must block"):
            AsyncStore(create_engine(url, poolclass=NullPool), replica=engine, **given)
        async with AsyncStore(engine, replica=engine, **given) as store:
            with pytest.raises(ConfigError, match="lacks tables"):
                await store.replica().catalog.find(None)
        await engine.dispose()

    with made_database() as url:
        asyncio.run(awaited(url))
