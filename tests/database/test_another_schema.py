"""A database that is ahead of this version, or behind it: told in words, and nothing is written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, AsyncStore, Store
from digistore.database.migrations import HEAD, VERSION_TABLE
from digistore.errors import ConfigError
from tests.conftest import SECRET
from tests.postgres import made_database

COMMON: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET}


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of its own, as it is changed."""
    with made_database() as made:
        found = made if request.param == "postgresql" else f"sqlite:///{tmp_path}/shop.db"
        with Store.open(found, **COMMON) as store:
            store.migrate()
        yield found


def change(url: str, statement: str) -> None:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql(statement)


def in_both_colours(url: str, call: Callable[[Any], Any], told: str) -> None:
    async def awaited() -> None:
        async with AsyncStore.open(url, **COMMON) as store:
            await call(store)

    with Store.open(url, **COMMON) as store, pytest.raises(ConfigError, match=told):
        call(store)
    with pytest.raises(ConfigError, match=told):
        asyncio.run(awaited())


def test_a_database_that_is_ahead_names_both_and_what_to_install(url: str) -> None:
    change(url, f"UPDATE {VERSION_TABLE} SET version_num = 'dg9999'")
    told = f"revision dg9999.*{HEAD}: install"
    in_both_colours(url, lambda store: store.check_schema(), told)
    in_both_colours(url, lambda store: store.migrate(), told)


def test_a_database_that_is_behind_is_told_to_be_migrated(url: str) -> None:
    change(url, "ALTER TABLE digistore_users DROP COLUMN name")
    told = r"lacks tables or columns.*store\.migrate\(\)"
    in_both_colours(url, lambda store: store.users.register("ada@example.com", name="Ada"), told)
    in_both_colours(url, lambda store: store.users.by_external_id(SYSTEM, "host-7"), told)
    change(url, "ALTER TABLE digistore_rounds RENAME COLUMN runs TO times")
    in_both_colours(url, lambda store: store.run_due(), told)


def test_a_sqlite_that_is_too_old_for_strict_tables_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 36, 0))
    for kind in (Store, AsyncStore):
        with pytest.raises(ConfigError, match=r"too old; 3\.37 or newer is needed"):
            kind.open(f"sqlite:///{tmp_path}/shop.db", **COMMON)
