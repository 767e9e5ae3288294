"""Shops in memory and on disk, each a copy of one that was migrated once."""

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digistore.blocking import run
from digistore.database import Database, Transaction
from digistore.database.migrations import migrate
from tests.past import connection_to
from tests.short_urls.shop import Clock, Shop


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    async def work(tx: Transaction) -> None:
        await tx.whole(migrate)

    path = tmp_path_factory.mktemp("migrated") / "shop.db"
    database = Database.open(f"sqlite:///{path}", Clock())
    run(database.transact(work))
    run(database.close())
    return path


@pytest.fixture
def shop(migrated: Path) -> Iterator[Shop]:
    clock = Clock()
    database = Database.open("sqlite://", clock)
    with closing(sqlite3.connect(migrated)) as disk, connection_to(database) as memory:
        driver: Any = memory.connection.driver_connection
        disk.backup(driver)
    yield Shop(database, clock)
    run(database.close())


@pytest.fixture
def shop_on_disk(migrated: Path, tmp_path: Path) -> Iterator[Shop]:
    clock = Clock()
    database = Database.open(f"sqlite:///{shutil.copy(migrated, tmp_path)}", clock)
    yield Shop(database, clock)
    run(database.close())


@pytest.fixture
def fresh_shop(migrated: Path) -> Iterator[Callable[[], Shop]]:
    """Make one shop in memory after the other, for tests that live many lives."""
    opened: list[Database] = []

    def make() -> Shop:
        clock = Clock()
        database = Database.open("sqlite://", clock)
        opened.append(database)
        with closing(sqlite3.connect(migrated)) as disk, connection_to(database) as memory:
            driver: Any = memory.connection.driver_connection
            disk.backup(driver)
        return Shop(database, clock)

    yield make
    for database in opened:
        run(database.close())
