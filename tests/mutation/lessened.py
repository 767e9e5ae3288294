"""A database without some of its constraints, and the bad rows that it then lets in."""

from __future__ import annotations

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from digistore import Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.database.history import tell_history
from tests.database.test_constraints import BAD, happen
from tests.doctor.refusals import bad_rows, is_refused
from tests.doctor.story import Licence, tell

_CONSTRAINT = re.compile(r"^\s*CONSTRAINT (\w+) (?:PRIMARY|UNIQUE|FOREIGN|CHECK)\b", re.MULTILINE)


class Shops(NamedTuple):
    """Two databases in which much has happened: what the tests of the constraints look at."""

    history: Path
    story: Path


@contextmanager
def told_shops() -> Iterator[Shops]:
    """Make both, for as long as the context lasts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clock = FrozenClock()
        sandbox = SandboxGateway(clock=clock)
        empty, story = folder / "empty.db", folder / "story.db"
        with Store.open(f"sqlite:///{empty}", files="memory://", gateways=[], secret=SECRET) as one:
            one.migrate()
        shutil.copy(empty, story)
        with Store.open(
            f"sqlite:///{story}",
            files=f"file://{folder}/files",
            gateways=[sandbox],
            secret=SECRET,
            clock=clock,
            personalisers={"licence-1": Licence()},
        ) as store:
            tell(Shop(store, sandbox, clock))
        yield Shops(tell_history(empty, folder), story)


def constraints(path: Path) -> dict[str, str]:
    """Return the name of every constraint of a database, and its table."""
    tables = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name LIKE 'digistore_%'"
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(tables).fetchall()
    return {constraint: table for table, sql in found for constraint in _CONSTRAINT.findall(sql)}


@contextmanager
def lessened(path: Path, without: Sequence[str]) -> Iterator[sqlite3.Connection]:
    """Open a copy of a database, in memory, that lacks the constraints or triggers of a name."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute("ATTACH ? AS whole", (str(path),))
        made = connection.execute(
            "SELECT type, name, sql FROM whole.sqlite_schema"
            " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%'"
        ).fetchall()
        for kind, name, sql in made:
            if kind == "table":
                gone = {f"CONSTRAINT {one}" for one in without}
                lines = [one for one in sql.split("\n") if " ".join(one.split()[:2]) not in gone]
                connection.execute(re.sub(r",\s*\n\)", "\n)", "\n".join(lines)))
                connection.execute(f"INSERT INTO main.{name} SELECT * FROM whole.{name}")
        for kind, name, sql in made:
            if kind != "table" and name not in without:
                connection.execute(sql)
        connection.execute("DETACH whole")
        yield connection


def let_in(shops: Shops, without: Sequence[str]) -> list[str]:
    """Return what two databases without some constraints let in, or no longer refuse by name."""
    found = []
    with lessened(shops.history, without) as history:
        history.execute("PRAGMA foreign_keys = ON")
        for name, (events, refusal) in BAD.items():
            history.execute("BEGIN")
            try:
                happen(history, events)
                found.append(name)
            except sqlite3.IntegrityError as refused:
                found += [] if refusal in str(refused) else [name]
            except sqlite3.OperationalError:  # a foreign key points at nothing unique
                found.append(name)
            finally:
                history.execute("ROLLBACK")
    with lessened(shops.story, [*without, *triggers(shops.story)]) as story:
        for bad in bad_rows():
            try:
                found += [] if is_refused(story, bad) else [bad.says]
            except sqlite3.OperationalError:
                found.append(bad.says)
    return found


def triggers(path: Path) -> list[str]:
    """Return the names of the triggers, which keep rows from being changed at all."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        return [name for (name,) in found]
