"""Migrating is whole or nothing, may be run again, and by several at once."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, event

from digistore import SYSTEM, Store
from digistore.blocking import run
from digistore.database import Transaction
from digistore.database.migrations import HEAD, VERSION_TABLE, _config, current
from digistore.errors import ConfigError
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET, Shop
from tests.past import connection_to

# Migrates the database at argv[1], and dies before statement number argv[2] of it.
MIGRATE = f"""
import os, signal, sys
from sqlalchemy import event
from digistore import Store
from tests.past import connection_to

store = Store.open(f"sqlite:///{{sys.argv[1]}}", files="memory://", gateways=[], secret={SECRET!r})
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


def open_store(path: Path) -> Store:
    return Store.open(f"sqlite:///{path}", files="memory://", gateways=[], secret=SECRET)


def schema_of(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: sql for name, sql in rows if not name.startswith("sqlite_")}


@pytest.fixture
def empty(tmp_path: Path) -> Path:
    return tmp_path / "empty.db"


def test_migrating_again_changes_nothing(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "shop.db"))
    before = schema_of(path)
    with open_store(path) as store:
        store.users.register("ada@example.com")
        store.migrate()
        store.check_schema()
        assert store._shop.database.engine.dialect.name == "sqlite"
    assert schema_of(path) == before
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM digistore_users").fetchone() == (1,)


@pytest.mark.parametrize("number", [1, 2, 10, 77])
def test_a_migration_that_fails_leaves_nothing_and_may_be_run_again(
    empty: Path, template: Path, number: int
) -> None:
    left = number

    def fail(*_: object) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise RuntimeError("the power went out")

    with open_store(empty) as store:
        engine = store._shop.database.engine
        event.listen(engine, "before_cursor_execute", fail)
        with pytest.raises(RuntimeError, match="power"):
            store.migrate()
        event.remove(engine, "before_cursor_execute", fail)
        assert schema_of(empty) == {}
        store.migrate()
        store.check_schema()
    assert schema_of(empty) == schema_of(template)


def test_a_migration_that_is_killed_leaves_nothing_and_may_be_run_again(
    empty: Path, template: Path
) -> None:
    killed = subprocess.run(  # noqa: S603 - our own script, by the Python that runs this
        [sys.executable, "-c", MIGRATE, str(empty), "60"], check=False, capture_output=True
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert schema_of(empty) == {}
    with open_store(empty) as store:
        store.migrate()
    assert schema_of(empty) == schema_of(template)


def test_two_processes_migrate_at_once(empty: Path, template: Path) -> None:
    both = [
        subprocess.Popen(  # noqa: S603 - as above
            [sys.executable, "-c", MIGRATE, str(empty), NEVER], stderr=subprocess.PIPE
        )
        for _ in range(2)
    ]
    for process in both:
        _, said = process.communicate()
        assert process.returncode == 0, said
    assert schema_of(empty) == schema_of(template)


@pytest.mark.parametrize("databases", [1, 4], ids=["one database", "a database each"])
def test_four_threads_migrate_at_once(tmp_path: Path, template: Path, databases: int) -> None:
    begin, failures = threading.Barrier(4), list[BaseException]()

    def migrate(number: int) -> None:
        with open_store(tmp_path / f"{number % databases}.db") as store:
            begin.wait(60)
            try:
                store.migrate()
                store.check_schema()
            except BaseException as error:  # noqa: BLE001 - a thread's error is told below
                failures.append(error)

    threads = [threading.Thread(target=migrate, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for number in range(databases):
        assert schema_of(tmp_path / f"{number}.db") == schema_of(template)


def within(store: Store, work: Callable[[Connection], object]) -> None:
    """Do *work* in one transaction of the store's database."""

    async def whole(tx: Transaction) -> None:
        await tx.whole(work)

    run(store._shop.database.transact(whole))


def test_a_full_shop_goes_back_to_nothing_and_up_again(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "shop.db"))
    before = schema_of(path)
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with Store.open(
        f"sqlite:///{path}", files="memory://", gateways=[sandbox], secret=SECRET, clock=clock
    ) as store:
        shop = Shop(store, sandbox, clock)
        shop.buy(shop.product())
        within(store, lambda connection: command.downgrade(_config(connection), "base"))
        assert set(schema_of(path)) == {VERSION_TABLE}
        with pytest.raises(ConfigError):
            store.check_schema()
        store.migrate()
        store.check_schema()
        assert schema_of(path) == before
        Shop(store, sandbox, clock)
        check_invariants(store)


def test_a_schema_that_is_not_there_names_the_command(empty: Path) -> None:
    with open_store(empty) as store, pytest.raises(ConfigError) as caught:
        store.check_schema()
    said = str(caught.value)
    assert "revision none" in said
    assert HEAD in said
    assert "store.migrate()" in said
    assert f"digistore migrate sqlite:///{empty}" in said


def test_a_store_that_was_never_migrated_says_so_at_every_call(empty: Path) -> None:
    with open_store(empty) as store:
        for call in (
            lambda: store.users.register("ada@example.com"),
            lambda: store.catalog.find(None),
            lambda: store.users.by_external_id(SYSTEM, "host-7"),
            store.run_due,
        ):
            with pytest.raises(ConfigError, match=r"store\.migrate\(\)"):
                call()


def test_the_version_is_read_back(template: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(template, tmp_path / "shop.db"))
    with open_store(path) as store, connection_to(store._shop.database) as connection:
        assert current(connection) == HEAD
