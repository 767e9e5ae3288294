"""PostgreSQL: what is refused, how the schema comes to be, and what its bad days come to."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, AsyncStore, Money, Store
from digistore.blocking import run
from digistore.cli import main
from digistore.database import Transaction
from digistore.database.migrations import HEAD, VERSION_TABLE, _config, current
from digistore.database.types import metadata
from digistore.errors import Busy, ConfigError
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET, Shop
from tests.past import connection_to
from tests.postgres import made_database

COMMON: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET}
# Migrates the database at argv[1], and dies before statement number argv[2] of it.
MIGRATE = f"""
import os, signal, sys
from sqlalchemy import event
from digistore import Store

store = Store.open(sys.argv[1], files="memory://", gateways=[], secret={SECRET!r})
left = int(sys.argv[2])

@event.listens_for(store._shop.database.engine, "before_cursor_execute")
def count(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

store.migrate()
store.close()
"""
NEVER = "0"

_COLUMNS = """
    SELECT table_name, column_name, data_type, is_nullable, collation_name, column_default
    FROM information_schema.columns WHERE table_schema = {schema}
"""
_CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = {schema}::regnamespace
"""
_INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = {schema}"
_TRIGGERS = """
    SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) FROM pg_trigger
    WHERE NOT tgisinternal
"""


@pytest.fixture
def empty() -> Iterator[str]:
    """A database with nothing in it."""
    with made_database() as url:
        yield url


@pytest.fixture(scope="module")
def migrated() -> Iterator[str]:
    with made_database() as url:
        with Store.open(url, **COMMON) as store:
            store.migrate()
        yield url


@pytest.fixture(scope="module")
def declared() -> Iterator[str]:
    """What the tables of the code make by themselves."""
    with made_database() as url:
        engine = create_engine(url, poolclass=NullPool)
        metadata.create_all(engine)
        yield url


def asked(url: str, *statements: str, schema: str = "public") -> list[set[tuple[Any, ...]]]:
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return [
            {tuple(row) for row in connection.exec_driver_sql(one.format(schema=f"'{schema}'"))}
            for one in statements
        ]


def schema_of(url: str, schema: str = "public") -> list[set[tuple[Any, ...]]]:
    return asked(url, _COLUMNS, _CONSTRAINTS, _INDEXES, _TRIGGERS, schema=schema)


NOTHING: list[set[tuple[Any, ...]]] = [set(), set(), set(), set()]

# The schema


def test_alembic_finds_no_difference(migrated: str) -> None:
    engine = create_engine(migrated, poolclass=NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "version_table": VERSION_TABLE,
                "compare_type": True,
                "target_metadata": metadata,
            },
        )
        assert compare_metadata(context, metadata) == []


def test_every_column_constraint_and_index_is_what_the_code_says(
    migrated: str, declared: str
) -> None:
    for made, meant in zip(
        asked(migrated, _COLUMNS, _CONSTRAINTS, _INDEXES),
        asked(declared, _COLUMNS, _CONSTRAINTS, _INDEXES),
        strict=True,
    ):
        assert {row for row in made if row[0] != VERSION_TABLE} == meant


def test_keys_and_words_are_compared_byte_by_byte(migrated: str) -> None:
    (columns,) = asked(migrated, _COLUMNS)
    found = {row[4] for row in columns if row[2] == "character varying" and row[0] != VERSION_TABLE}
    assert found == {"C"}


# Migrating


def test_migrating_again_changes_nothing(empty: str) -> None:
    with Store.open(empty, **COMMON) as store:
        store.migrate()
        before = schema_of(empty)
        store.users.register("ada@example.com")
        store.migrate()
        store.check_schema()
    assert schema_of(empty) == before
    assert asked(empty, "SELECT count(*) FROM digistore_users") == [{(1,)}]


@pytest.mark.parametrize("number", [2, 10, 77, 120])
def test_a_migration_that_fails_leaves_nothing_and_may_be_run_again(
    empty: str, migrated: str, number: int
) -> None:
    left = number

    def fail(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise RuntimeError("the power went out")

    with Store.open(empty, **COMMON) as store:
        engine = store._shop.database.engine
        event.listen(engine, "before_cursor_execute", fail)
        with pytest.raises(RuntimeError, match="power"):
            store.migrate()
        event.remove(engine, "before_cursor_execute", fail)
        assert schema_of(empty) == NOTHING
        store.migrate()
        store.check_schema()
    assert schema_of(empty) == schema_of(migrated)


def test_a_migration_that_is_killed_leaves_nothing_and_may_be_run_again(
    empty: str, migrated: str
) -> None:
    killed = subprocess.run(  # noqa: S603 - our own script, by the Python that runs this
        [sys.executable, "-c", MIGRATE, empty, "60"], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    with Store.open(empty, **COMMON) as store:
        store.migrate()  # waits until the server has noticed
    assert schema_of(empty) == schema_of(migrated)


def test_two_processes_migrate_at_once(empty: str, migrated: str) -> None:
    both = [
        subprocess.Popen(  # noqa: S603 - as above
            [sys.executable, "-c", MIGRATE, empty, NEVER], stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert schema_of(empty) == schema_of(migrated)


def test_threads_and_loops_migrate_at_once(empty: str, migrated: str) -> None:
    begin = threading.Barrier(4)

    async def awaited() -> None:
        async with AsyncStore.open(empty, **COMMON) as store:
            await asyncio.gather(store.migrate(), store.migrate())
            await store.check_schema()

    def migrate(number: int) -> None:
        begin.wait(60)
        if number % 2:
            asyncio.run(awaited())
            return
        with Store.open(empty, **COMMON) as store:
            store.migrate()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate, range(4)))
    assert schema_of(empty) == schema_of(migrated)


def test_a_full_shop_goes_back_to_nothing_and_up_again(empty: str) -> None:
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with Store.open(empty, **{**COMMON, "gateways": [sandbox], "clock": clock}) as store:
        store.migrate()
        before = schema_of(empty)
        shop = Shop(store, sandbox, clock)
        shop.buy(shop.product())

        async def back(tx: Transaction) -> None:
            await tx.whole(lambda connection: command.downgrade(_config(connection), "base"))

        run(store._shop.database.transact(back))
        columns, *_ = schema_of(empty)
        assert {row[0] for row in columns} == {VERSION_TABLE}
        with pytest.raises(ConfigError):
            store.check_schema()
        store.migrate()
        assert schema_of(empty) == before
        Shop(store, sandbox, clock)
        check_invariants(store)


def test_a_schema_that_is_not_there_names_the_command_and_no_password(empty: str) -> None:
    url = make_url(empty).set(password="hunter2")
    with Store.open(url.render_as_string(hide_password=False), **COMMON) as store:
        with pytest.raises(ConfigError, match=r'digistore migrate "\$DATABASE_URL"') as caught:
            store.check_schema()
        assert "hunter2" not in str(caught.value)
        for call in (lambda: store.users.register("ada@example.com"), store.run_due):
            with pytest.raises(ConfigError, match=r"store\.migrate\(\)"):
                call()


def test_a_schema_of_its_own_has_all_tables(empty: str, migrated: str) -> None:
    with Store.open(empty, schema="shop", **COMMON) as store:
        store.migrate()
        store.migrate()
        store.check_schema()
        product = store.catalog.add_product(SYSTEM, title="Book", price=Money("5.00", "USD"))
        check_invariants(store)
    assert schema_of(empty) == [set(), set(), set(), schema_of(empty, "shop")[3]]
    assert asked(empty, "SELECT id FROM shop.digistore_products") == [{(product.id,)}]
    ours, theirs = schema_of(empty, "shop")[0], schema_of(migrated)[0]
    assert {row[:5] for row in ours} == {row[:5] for row in theirs}

    async def awaited() -> str | None:
        async with AsyncStore.open(empty, schema="shop", **COMMON) as store:
            await store.check_schema()
            return (await store.catalog.product(SYSTEM, product.id)).title

    assert asyncio.run(awaited()) == "Book"


def test_the_command_that_mends_a_schema_names_it_and_can_be_pasted(empty: str) -> None:
    with Store.open(empty, schema="shop", **COMMON) as store:
        with pytest.raises(ConfigError) as caught:
            store.check_schema()
        assert str(caught.value).endswith(f"digistore migrate --schema shop '{empty}'")
        store.migrate()
        assert store.check_schema() == "shop"
    with Store.open(empty, **COMMON) as store:
        with pytest.raises(ConfigError, match="tables of digistore in schema shop") as caught:
            store.check_schema()
        assert f"digistore migrate '{empty}';" in str(caught.value)
    engine = create_engine(empty, connect_args={"options": "-c search_path=other,shop"})
    with Store(engine, **COMMON) as store:
        assert store.check_schema() == "shop"
    engine.dispose()


def test_the_command_line_looks_where_it_is_told_to(
    empty: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--schema", "shop", empty]) == 0
    assert capsys.readouterr().out == f"migrated to revision {HEAD}, in schema shop\n"
    assert main(["doctor", empty]) == 2
    assert "in schema shop: did you mean it?" in capsys.readouterr().err
    assert main(["doctor", empty, "--schema", "shop"]) == 0
    assert capsys.readouterr().out.endswith("all kept, in schema shop\n")


def test_the_version_is_read_back(migrated: str) -> None:
    with Store.open(migrated, **COMMON) as store:
        assert run(store._shop.database.whole(current)) == HEAD


# What is refused


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://shop:hunter2@db.example/shop",
        "postgresql+psycopg2://shop:hunter2@db.example/shop",
        "postgresql+asyncpg://shop:hunter2@db.example/shop",
    ],
)
@pytest.mark.parametrize("kind", [Store, AsyncStore])
def test_other_drivers_are_refused_and_the_right_one_is_named(kind: Any, url: str) -> None:
    with pytest.raises(ConfigError, match=r"postgresql\+psycopg://") as caught:
        kind.open(url, **COMMON)
    assert "hunter2" not in str(caught.value)


def test_a_server_that_cannot_be_reached_is_named_without_its_password() -> None:
    url = "postgresql+psycopg://shop:hunter2@/shop?host=/nowhere"
    with pytest.raises(ConfigError, match="the database shop cannot be opened") as caught:
        Store.open(url, **COMMON)
    assert "hunter2" not in str(caught.value)

    async def awaited() -> None:  # it connects when it is first used
        async with AsyncStore.open(url, **COMMON) as store:
            with pytest.raises(Busy) as refused:
                await store.catalog.find(None)
            assert "hunter2" not in f"{refused.value} {refused.value.__cause__}"

    asyncio.run(awaited())


def test_a_database_that_does_not_keep_unicode_is_refused() -> None:
    async def awaited(url: str) -> None:
        async with AsyncStore.open(url, **COMMON) as store:
            await store.catalog.find(None)

    with made_database("LATIN1") as url:
        with pytest.raises(ConfigError, match="LATIN1; UTF8 is needed"):
            Store.open(url, **COMMON)
        with pytest.raises(ConfigError, match="LATIN1; UTF8 is needed"):
            asyncio.run(awaited(url))


def test_a_server_that_is_too_old_is_refused(
    migrated: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digistore.database.postgresql.OLDEST", 99)
    with pytest.raises(ConfigError, match="99 or newer is needed"):
        Store.open(migrated, **COMMON)

    async def awaited() -> None:
        async with AsyncStore.open(migrated, **COMMON) as store:
            await store.users.register("ada@example.com")

    with pytest.raises(ConfigError, match="99 or newer is needed"):
        asyncio.run(awaited())


def test_a_blocking_store_refuses_an_async_engine(migrated: str) -> None:
    engine: Any = create_async_engine(migrated)
    with pytest.raises(ConfigError, match="AsyncStore takes an AsyncEngine"):
        Store(engine, **COMMON)


def test_a_schema_and_options_of_the_hosts_own_are_not_mixed(migrated: str) -> None:
    url = f"{migrated}&options=-csearch_path%3Dother"
    with pytest.raises(ConfigError, match="not both"):
        Store.open(url, schema="shop", **COMMON)


@pytest.mark.parametrize(
    ("told", "lock", "idle"),
    [
        ("", "2s", "30s"),
        ("-c lock_timeout=7s", "7s", "30s"),
        ("-cidle_in_transaction_session_timeout=1min -c work_mem=8MB", "2s", "1min"),
        ("--lock-timeout=9s", "9s", "30s"),
    ],
)
def test_options_in_the_url_change_what_they_name_and_nothing_else(
    migrated: str, told: str, lock: str, idle: str
) -> None:
    url = make_url(migrated).update_query_dict({"options": told} if told else {})
    shown = url.render_as_string(hide_password=False)
    with Store.open(shown, schema="shop", replica=shown, **COMMON) as store:
        for view, read_only in ((store, "off"), (store.replica(), "on")):
            with connection_to(view) as connection:
                found = [
                    connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                    for name in (
                        "lock_timeout",
                        "idle_in_transaction_session_timeout",
                        "search_path",
                        "default_transaction_read_only",
                    )
                ]
            assert found == [lock, idle, "shop", read_only]


@pytest.mark.parametrize(
    "name", ["", "Shop", "my shop", "1shop", "pg_shop", "a;b", 'a"b', "s" * 64]
)
def test_a_schema_that_would_need_quotes_is_refused(migrated: str, name: str) -> None:
    """The search path folds capitals and ends at blanks: it would name another schema."""
    with pytest.raises(ConfigError, match="schema takes a name"):
        Store.open(migrated, schema=name, **COMMON)


# Engines of hosts


@pytest.fixture
def hosts(migrated: str) -> Iterator[Engine]:
    engine = create_engine(migrated, pool_size=1, max_overflow=0)
    yield engine
    engine.dispose()


def test_a_hosts_engine_lends_its_pool_and_is_not_changed(hosts: Engine) -> None:
    store = Store(hosts, **COMMON)
    store.users.ensure("host-1", name="Ada")
    store.close()
    with hosts.connect() as connection:  # neither disposed of nor left in autocommit
        assert connection.get_isolation_level() == "READ COMMITTED"
        connection.exec_driver_sql("UPDATE digistore_users SET name = 'Bob'")
        connection.rollback()
        names = connection.exec_driver_sql("SELECT name FROM digistore_users").scalars()
        assert set(names) == {"Ada"}


def test_a_hosts_async_engine_lends_its_pool_and_is_not_changed(migrated: str) -> None:
    async def whole() -> None:
        engine = create_async_engine(migrated, pool_size=1, max_overflow=0)
        async with AsyncStore(engine, **COMMON) as store:
            made = await store.users.ensure("host-2", name="Ada")
            assert (await store.users.by_external_id(SYSTEM, "host-2")).id == made.id
        async with engine.connect() as connection:
            assert await connection.get_isolation_level() == "READ COMMITTED"
        await engine.dispose()

    asyncio.run(whole())


def test_a_blocking_engine_serves_both_colours(hosts: Engine) -> None:
    async def whole() -> str:
        async with AsyncStore(hosts, **COMMON) as store:
            return (await store.users.ensure("host-3", name="Ada")).id

    made = asyncio.run(whole())
    with Store(hosts, **COMMON) as store:
        assert store.users.by_external_id(SYSTEM, "host-3").id == made
