"""Databases below a shop: one file each, and errors that SQLite makes only on a bad day."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from digistore.blocking import run
from digistore.database import Database
from digistore.testing import FrozenClock

Failing = Callable[..., AbstractContextManager[list[str]]]


@pytest.fixture
def path(template: Path, tmp_path: Path) -> Path:
    """A migrated database file of its own."""
    return Path(shutil.copy(template, tmp_path / "shop.db"))


@pytest.fixture
def database(path: Path, clock: FrozenClock) -> Iterator[Database]:
    database = Database.open(f"sqlite:///{path}", clock)
    yield database
    pool: Any = database.engine.pool
    assert pool.checkedout() == 0, "a connection was not given back"
    run(database.close())


@pytest.fixture
def failing() -> Failing:
    """Let statements fail as SQLite would: ``with failing(engine, code, "COMMIT", times=2)``."""
    return _failing


@contextmanager
def _failing(engine: Engine, code: int, statement: str, times: int = 1) -> Iterator[list[str]]:
    failed: list[str] = []

    def fail(_connection: object, _cursor: object, text: str, *_: object) -> None:
        if text.startswith(statement) and len(failed) < times:
            failed.append(text)
            error = sqlite3.OperationalError("injected")
            error.sqlite_errorcode = code
            raise error

    event.listen(engine, "before_cursor_execute", fail)
    try:
        yield failed
    finally:
        event.remove(engine, "before_cursor_execute", fail)
