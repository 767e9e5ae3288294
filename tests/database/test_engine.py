"""Settings that the promises rest on are set on our own engine, read back, and asked of hosts."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.pool import NullPool, StaticPool

from digistore import SYSTEM, AsyncStore, Money, Store
from digistore.blocking import run
from digistore.database import Database, prepare_sqlite
from digistore.database.opening import read_url
from digistore.database.sources import FileSource
from digistore.database.sqlite import check_sqlite, connect, is_memory, open_writer
from digistore.errors import Busy, ConfigError
from tests.conftest import SECRET
from tests.past import connection_to

OURS = {
    "foreign_keys": 1,
    "journal_mode": "wal",
    "synchronous": 2,
    "busy_timeout": 2000,
    "recursive_triggers": 1,
}


def settings_of(connection: Any) -> dict[str, object]:
    return {
        name: connection.exec_driver_sql(f"PRAGMA {name}").fetchone()[0]  # one row, one column
        for name in OURS
    }


def open_on(engine: Engine, kind: type[Store] = Store) -> Store:
    return kind(engine, files="memory://", gateways=[], secret=SECRET)


def test_our_own_engine_has_the_settings_to_write_and_to_read(database: Database) -> None:
    with database.engine.connect() as connection:
        assert settings_of(connection) == OURS
    assert run(database.whole(settings_of)) == OURS


@pytest.mark.parametrize(
    ("pragma", "message"),
    [
        ("foreign_keys = OFF", r"digistore\.database\.prepare_sqlite\(engine\)"),
        ("journal_mode = DELETE", "WAL is needed"),
        ("synchronous = NORMAL", "synchronous=FULL is needed"),
        ("synchronous = OFF", "synchronous=FULL is needed"),
    ],
)
def test_a_setting_that_did_not_take_is_refused_in_clear_words(
    path: Path, pragma: str, message: str
) -> None:
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    prepare_sqlite(engine)
    event.listen(engine, "connect", lambda driver, _: driver.execute(f"PRAGMA {pragma}"))
    with engine.connect() as connection, pytest.raises(ConfigError, match=message):
        check_sqlite(connection)


# The engine of a host


@pytest.fixture
def hosts_engine(path: Path) -> Iterator[Engine]:
    """An engine as hosts have it: foreign keys off, and a table of its own."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE host_users (name TEXT)")
        connection.exec_driver_sql("INSERT INTO host_users VALUES ('Ada')")
    yield engine
    engine.dispose()


@pytest.mark.parametrize("kind", [Store, AsyncStore])
def test_a_hosts_engine_lends_its_file_and_is_not_changed(
    hosts_engine: Engine, kind: type[Any]
) -> None:
    with hosts_engine.connect() as connection:
        before = settings_of(connection)
    store = open_on(hosts_engine, kind)
    database = store._shop.database
    assert database.engine is not hosts_engine
    with connection_to(database) as connection:
        assert settings_of(connection) == OURS
        names = connection.exec_driver_sql("SELECT name FROM host_users")
        assert names.scalar() == "Ada"
    with hosts_engine.connect() as connection:
        after = settings_of(connection)
    assert after["foreign_keys"] == before["foreign_keys"] == 0
    assert after["synchronous"] == before["synchronous"]
    run(database.close())
    pool: Any = hosts_engine.pool
    assert pool.checkedout() == 0
    with hosts_engine.connect() as connection:  # not disposed of: it is the host's
        assert connection.exec_driver_sql("SELECT count(*) FROM host_users").scalar() == 1


def memory_engine(*, prepared: bool = True, **kwargs: Any) -> Engine:
    engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, **kwargs)
    if prepared:
        prepare_sqlite(engine)
    return engine


def test_a_hosts_memory_is_shared_as_it_is() -> None:
    engine = memory_engine(poolclass=StaticPool)
    store = open_on(engine)
    store.migrate()
    product = store.catalog.add_product(SYSTEM, title="Book", price=Money("5.00", "USD"))
    store.close()
    with engine.connect() as connection:  # neither disposed of nor left in a transaction
        found = connection.exec_driver_sql("SELECT id FROM digistore_products").scalar()
    assert found == product.id
    engine.dispose()


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (memory_engine(), "poolclass=StaticPool"),
        (memory_engine(poolclass=NullPool), "poolclass=StaticPool"),
        (memory_engine(poolclass=StaticPool, prepared=False), "prepare_sqlite"),
    ],
    ids=["default pool", "null pool", "foreign keys off"],
)
def test_a_hosts_memory_needs_one_connection_and_foreign_keys(engine: Engine, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        open_on(engine)
    engine.dispose()


def test_engines_of_other_databases_are_refused_without_their_password() -> None:
    engine = create_engine("mysql+pymysql://shop:hunter2@db.example/shop", module=sqlite3)
    with pytest.raises(ConfigError, match="is not supported") as caught:
        open_on(engine)
    assert "hunter2" not in str(caught.value)


# URLs


@pytest.mark.parametrize(
    ("url", "memory"),
    [
        ("sqlite://", True),
        ("sqlite:///", True),
        ("sqlite:///:memory:", True),
        ("sqlite+pysqlite:///:memory:", True),
        ("sqlite:///file::memory:?uri=true", True),
        ("sqlite:///file:shop?mode=memory&cache=shared&uri=true", True),
        ("sqlite:///shop.db", False),
        ("sqlite:////srv/memory/shop.db", False),
        ("sqlite:///file:shop.db?mode=ro&uri=true", False),
    ],
)
def test_databases_in_memory_are_told_from_files(url: str, *, memory: bool) -> None:
    assert is_memory(make_url(url)) is memory


def test_a_named_database_in_memory_works_like_any_other() -> None:
    url = "sqlite:///file:digistore_test?mode=memory&cache=shared&uri=true"
    with Store.open(url, files="memory://", gateways=[], secret=SECRET) as store:
        store.migrate()
        assert store.users.get(SYSTEM, store.users.register("ada@example.com")).email


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.db",
        "://",
        None,
        7,
        "postgresql://shop:hunter2@db.example/shop",
        "postgresql+asyncpg://shop:hunter2@db.example/shop",
        "mysql://shop:hunter2@db.example/shop",
        "sqlite+aiosqlite:///shop.db",
        "sqlite://shop.db",
        "sqlite:////no/such/folder/shop.db",
        "sqlite:///{folder}",
        "sqlite:///{folder}/not-a-database.db",
    ],
)
def test_a_database_that_cannot_be_used_is_a_config_error(url: Any, tmp_path: Path) -> None:
    (tmp_path / "not-a-database.db").write_bytes(b"this is a text, not a database" * 100)
    given = url.format(folder=tmp_path) if isinstance(url, str) else url
    for kind in (Store, AsyncStore):
        with pytest.raises(ConfigError) as caught:
            kind.open(given, files="memory://", gateways=[], secret=SECRET)
        assert "hunter2" not in str(caught.value)


def test_a_disk_whose_processes_share_no_memory_is_refused(path: Path) -> None:
    """As on a network: with locks in files beside it, SQLite can have no write-ahead log."""
    for file, told in ((path, "cannot be opened"), (path.with_name("new.db"), "WAL is needed")):
        url = f"sqlite:///file:{file}?vfs=unix-dotfile&uri=true"
        for kind in (Store, AsyncStore):
            with pytest.raises(ConfigError, match=told):
                kind.open(url, files="memory://", gateways=[], secret=SECRET)


def test_a_database_that_is_read_only_is_read_and_every_write_is_busy(path: Path) -> None:
    url = f"sqlite:///file:{path}?mode=ro&uri=true"
    with Store.open(url, files="memory://", gateways=[], secret=SECRET) as store:
        store.check_schema()
        assert not store.catalog.find(None)
        with pytest.raises(Busy):
            store.users.register("ada@example.com")


def test_a_store_that_does_not_open_lets_its_database_go(path: Path) -> None:
    for wrong in ({"secret": "short"}, {"files": "ftp://nowhere"}):
        given: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET, **wrong}
        with pytest.raises(ConfigError):
            Store.open(f"sqlite:///{path}", **given)
    path.with_name("shop.db-wal").unlink(missing_ok=True)
    driver = sqlite3.connect(path, isolation_level=None)
    driver.execute("PRAGMA journal_mode = DELETE")  # refused while anybody else has it open
    assert driver.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    driver.close()


def test_readers_let_go_of_their_connection_with_their_thread(database: Database) -> None:
    source = database._source
    assert isinstance(source, FileSource)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run(database.rows(text("SELECT 1"))), range(16)))
    assert len(source._readers._all) == 0


def test_threads_that_open_a_new_database_at_once_all_get_it(tmp_path: Path) -> None:
    """SQLite's busy time-out does not hold for the change to WAL."""
    for number in range(25):
        url, begin = read_url(f"sqlite:///{tmp_path / f'{number}.db'}"), threading.Barrier(4)

        def open_at_once(_: int, url: URL = url, begin: threading.Barrier = begin) -> object:
            engine = open_writer(url)
            begin.wait(60)
            try:
                with connect(engine) as connection:
                    return connection.exec_driver_sql("PRAGMA journal_mode").scalar()
            finally:
                engine.dispose()

        with ThreadPoolExecutor(4) as threads:
            assert list(threads.map(open_at_once, range(4))) == ["wal"] * 4


def test_tables_that_take_any_value_are_refused(path: Path) -> None:
    with closing(sqlite3.connect(path)) as driver:
        driver.execute("DROP TABLE digistore_rounds")
        driver.execute("CREATE TABLE digistore_rounds (name TEXT PRIMARY KEY)")
    with pytest.raises(ConfigError, match="digistore_rounds is not STRICT"):
        Store.open(f"sqlite:///{path}", files="memory://", gateways=[], secret=SECRET)
