"""What is refused inside a host's transaction, or of it, and what is left behind: nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.database import prepare_sqlite
from digistore.database.hosts import check_driver
from digistore.errors import ConfigError, InsideTransaction, http_status
from digistore.events import AccessGranted
from digistore.short_urls import Visit
from tests.conftest import RETURN, SECRET, Awaited, Shop
from tests.postgres import made_database
from tests.transactions.conftest import Host

POSTGRESQL = pytest.mark.parametrize("kind_of_store", ["PostgreSQL-Store", "PostgreSQL-AsyncStore"])
SQLITE = pytest.mark.parametrize("kind_of_store", ["SQLite-Store", "SQLite-AsyncStore"])
BLOCKING = pytest.mark.parametrize("kind_of_store", ["SQLite-Store"])


def register(host: Host, lent: Any) -> None:
    host.inside(lent).users.register("ada@example.com", name="never")


# What an open transaction must not wait for


def test_a_checkout_that_costs_is_refused_and_leaves_nothing(shop: Shop, host: Host) -> None:
    book = shop.product("Book")
    orders, users = shop.count("orders"), shop.count("users")
    with host.open() as lent:
        host.note(lent, "before")
        with pytest.raises(InsideTransaction, match="after its commit") as refused:
            host.inside(lent).orders.checkout(
                shop.buyer, [book], return_url=RETURN, gift_to="new@example.com"
            )
        host.note(lent, "after")
        host.commit(lent)
    assert (shop.count("orders"), shop.count("users")) == (orders, users)
    assert host.kept()[0] == ["after", "before"]
    assert http_status(refused.value) == 500  # the host's mistake, not its visitor's
    assert shop.checkout(book).url is not None


def test_a_release_is_refused_and_leaves_nothing(shop: Shop, host: Host) -> None:
    book = shop.product("Book")
    uploads, files = shop.count("uploads"), shop.count("release_files")
    with host.open() as lent:
        inside = host.inside(lent)
        with pytest.raises(InsideTransaction, match="writing a file"):
            inside.catalog.release(shop.seller, book, version="2.0", files={"a.txt": b"two"})
        host.commit(lent)
    assert (shop.count("uploads"), shop.count("release_files")) == (uploads, files)


def test_a_refund_is_refused_and_leaves_nothing(shop: Shop, host: Host) -> None:
    order = shop.buy(shop.product("Book")).order
    with host.open() as lent:
        with pytest.raises(InsideTransaction, match="payment provider"):
            host.inside(lent).payments.refund(shop.seller, order, reason="sorry")
        host.commit(lent)
    assert shop.count("refunds") == 0


def test_handlers_are_for_the_store_itself(host: Host) -> None:
    with host.open() as lent, pytest.raises(InsideTransaction):
        host.inside(lent).on(AccessGranted, print, name="lost with the transaction")


def test_what_was_paid_may_be_recorded_but_a_checkout_that_is_open_not_ended(
    shop: Shop, host: Host
) -> None:
    """Whether an order has a checkout to end is found out before anything is written."""
    order = shop.checkout(shop.product("Book")).order
    with host.open() as lent:
        with pytest.raises(InsideTransaction):
            host.inside(lent).orders.cancel(shop.buyer, order)
        host.commit(lent)
    assert shop.store.orders.get(shop.buyer, order).state == "open"


@pytest.mark.parametrize("clicks", ["direct", "buffered"])
def test_a_click_is_counted_with_the_hosts_commit(
    shop_with: Any, database_url: str, clicks: str
) -> None:
    shop = shop_with(clicks=clicks, link_hosts=frozenset({"example.com"}))
    host = Host(shop.store, database_url, "session")
    link = shop.store.short_urls.shorten(shop.seller, "https://example.com/book")
    with host.open() as lent:
        host.inside(lent).short_urls.resolve(link.code, Visit("GET", {}, client="203.0.113.9"))
        host.commit(lent)
    assert shop.count("clicks") == 1


# Connections that are refused


@BLOCKING
@pytest.mark.parametrize("lends", ["session", "connection"])
def test_sqlite_without_foreign_keys_is_refused_naming_the_cure(host: Host) -> None:
    engine = create_engine(host.url, poolclass=NullPool)
    with host.open(engine) as lent, pytest.raises(ConfigError, match=r"prepare_sqlite\(engine\)"):
        register(host, lent)
    prepare_sqlite(engine)
    with host.open(engine) as lent:
        register(host, lent)


@pytest.mark.parametrize("lends", ["connection"])
def test_a_connection_that_commits_each_statement_is_refused(host: Host) -> None:
    engine: Any = host.connect_to(host.url, isolation_level="AUTOCOMMIT")
    if host.url.get_backend_name() == "sqlite":
        prepare_sqlite(getattr(engine, "sync_engine", engine))
    with host.open(engine) as lent, pytest.raises(ConfigError, match="AUTOCOMMIT"):
        register(host, lent)
    assert host.kept() == ([], [])


@SQLITE
def test_another_file_is_refused(host: Host, tmp_path: Path) -> None:
    for url in (f"sqlite:///{tmp_path}/other.db", "sqlite://"):
        engine: Any = host.connect_to(make_url(url))
        prepare_sqlite(getattr(engine, "sync_engine", engine))
        with host.open(engine) as lent, pytest.raises(ConfigError, match="another database"):
            register(host, lent)


@SQLITE
def test_the_same_file_by_another_name_is_the_same(host: Host, tmp_path: Path) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "shop.db")
    engine: Any = host.connect_to(host.url.set(database=str(tmp_path / "link.db")))
    prepare_sqlite(getattr(engine, "sync_engine", engine))
    with host.open(engine) as lent:
        register(host, lent)


@POSTGRESQL
def test_another_database_of_the_server_is_refused(host: Host) -> None:
    with made_database() as url:
        engine: Any = host.connect_to(host.url.set(database=url.partition("?")[0].rsplit("/")[-1]))
        with host.open(engine) as lent, pytest.raises(ConfigError, match="another database"):
            register(host, lent)


@POSTGRESQL
def test_another_kind_of_database_is_refused(host: Host, template: Path) -> None:
    engine: Any = host.connect_to(make_url(f"sqlite:///{template}"))
    prepare_sqlite(getattr(engine, "sync_engine", engine))
    with host.open(engine) as lent, pytest.raises(ConfigError, match="another database"):
        register(host, lent)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg2", "mysqldb"])
def test_drivers_that_nobody_here_reads_are_refused_by_name(driver: str) -> None:
    with pytest.raises(ConfigError, match=driver):
        check_driver(driver)


@pytest.mark.parametrize("kind_of_store", ["SQLite-Store", "SQLite-AsyncStore"])
def test_what_is_no_connection_is_refused_when_it_is_given(host: Host) -> None:
    target: Any = getattr(host.store, "_target", host.store)
    with host.open() as lent:
        awaited = isinstance(host.store, Awaited)
        wrong = create_engine("sqlite://").connect() if awaited else host.engine
        with pytest.raises(ConfigError, match="takes a"):
            target.using(wrong)
        with pytest.raises(ConfigError, match="takes a"):
            target.using(None)
        if awaited:
            cast("Any", wrong).close()
        assert lent is not None


# The schema


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("kind_of_store", ["SQLite-Store", "PostgreSQL-Store"])
def test_a_migration_lives_and_dies_with_the_host(
    kind_of_store: str, end: str, tmp_path: Path
) -> None:
    with made_database() as empty:
        url = empty if kind_of_store == "PostgreSQL-Store" else f"sqlite:///{tmp_path}/new.db"
        with Store.open(url, files="memory://", gateways=[], secret=SECRET) as store:
            engine = create_engine(url, poolclass=NullPool)
            if kind_of_store == "SQLite-Store":
                prepare_sqlite(engine)
            with engine.connect() as lent:
                inside = store.using(lent)
                inside.migrate()
                inside.check_schema()
                inside.users.register("ada@example.com")
                getattr(lent, end)()
            if end == "commit":
                store.check_schema()
            else:
                with pytest.raises(ConfigError, match="revision none"):
                    store.check_schema()
