"""Bad rows: what is written past the library, and which check must name what."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import create_engine
from sqlalchemy.pool import StaticPool

from digistore import Store
from digistore.blocking import run
from digistore.database import Reader
from digistore.database.lanes import BlockingLane
from digistore.database.sqlite import SQLite
from digistore.doctor import DoctorReport
from digistore.doctor.checks import Check
from digistore.doctor.service import CHECKS, MOST
from tests.conftest import SECRET

BY_NAME: Mapping[str, Check] = {check.name: check for check in CHECKS}


class Told(NamedTuple):
    """A database that a story has left, and the ids of what is in it by their names there."""

    path: Path
    ids: Mapping[str, str]


class Plant(NamedTuple):
    """Statements that break a promise, with the story's names as parameters.

    *subject* is the name of what the check must find, or an id of its own.
    """

    check: str
    subject: str
    statements: tuple[str, ...]


def plant(check: str, subject: str, *statements: str) -> Plant:
    return Plant(check, subject, statements)


def twin(table: str, where: str, **changes: str) -> tuple[str, ...]:
    """Copy a row, with *changes* in SQL: a second one that no constraint would have let in."""
    sets = ", ".join(f"{column} = {value}" for column, value in changes.items())
    return (
        f"CREATE TABLE twin AS SELECT * FROM digistore_{table} WHERE {where}",
        *((f"UPDATE twin SET {sets}",) if sets else ()),
        f"INSERT INTO digistore_{table} SELECT * FROM twin",
        "DROP TABLE twin",
    )


def without_constraints(path: Path) -> None:
    """Take away every constraint, key, type and trigger of a database; its rows stay."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for (name,) in _of_kind(connection, "trigger"):
            connection.execute(f"DROP TRIGGER {name}")
        for (name,) in _of_kind(connection, "table"):
            found = connection.execute(f"PRAGMA table_info({name})").fetchall()
            columns = ", ".join(f"{column[1]} ANY" for column in found)
            connection.execute(f"CREATE TABLE bare ({columns}) STRICT")
            connection.execute(f"INSERT INTO bare SELECT * FROM {name}")
            connection.execute(f"DROP TABLE {name}")
            connection.execute(f"ALTER TABLE bare RENAME TO {name}")


def _of_kind(connection: sqlite3.Connection, kind: str) -> list[tuple[str]]:
    return connection.execute(
        "SELECT name FROM sqlite_schema WHERE type = ? AND name LIKE 'digistore_%'", (kind,)
    ).fetchall()


def write(path: Path, statements: tuple[str, ...], ids: Mapping[str, Any]) -> None:
    """Write into a database past the library; a statement that changes nothing is a mistake."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in statements:
            changed = connection.execute(statement, ids).rowcount
            assert changed != 0, f"nothing was planted by {statement}"


def copy_of(told: Told, folder: Path) -> Path:
    """Copy the database of *told*, to be spoiled."""
    path = folder / "shop.db"
    shutil.copy(told.path, path)
    return path


def examine(path: Path, **kwargs: Any) -> DoctorReport:
    """Let the doctor look at a database."""
    with Store.open(
        f"sqlite:///{path}",
        files=f"file://{path.parent}/files",
        gateways=[],
        secret=SECRET,
        **kwargs,
    ) as store:
        return store.doctor()


def names(path: Path, check: str) -> list[str]:
    """Let one check look at a database."""
    with closing(sqlite3.connect(path)) as driver:
        engine = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool)
        with engine.connect() as connection:
            reader = Reader(BlockingLane(connection, SQLite()))
            return run(BY_NAME[check].find(reader, MOST))


def found_by(report: DoctorReport, name: str) -> set[str]:
    """Return the subjects that one check has named."""
    check = BY_NAME[name]
    return {
        finding.subject
        for finding in report.findings
        if (finding.invariant, finding.text) == (check.invariant, check.means)
    }
