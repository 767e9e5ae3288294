"""The schema in the database is the one in the code, and every column says what it holds."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

import digistore
from digistore.database.migrations import VERSION_TABLE, include_name
from digistore.database.types import Json, Key, Prose, Word, metadata

assert digistore.__version__  # importing the package is what fills the metadata
TABLES = sorted(metadata.tables)


@pytest.fixture(scope="module")
def migrated(template: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(template)) as connection:
        yield connection


@pytest.fixture(scope="module")
def declared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """What the tables of the code make by themselves."""
    path = tmp_path_factory.mktemp("declared") / "shop.db"
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection:
        yield connection


def statements(connection: sqlite3.Connection, kind: str) -> dict[str, str]:
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL", [kind]
    )
    return {name: sql for name, sql in rows if name != VERSION_TABLE}


def parts(sql: str) -> set[str]:
    """Return the columns, named constraints and options of a CREATE TABLE, in one spelling."""
    head, _, rest = sql.partition("(")
    body, _, options = rest.rpartition(")")
    found, depth, part = [], 0, ""
    for sign in body:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            found.append(part)
            part = ""
        else:
            part += sign
    spelled = [re.sub(r'[\s"]+', " ", one).strip() for one in [*found, part]]
    return {*spelled, f"options: {options.strip()}", f"head: {' '.join(head.split())}"}


def test_alembic_finds_no_difference(template: Path) -> None:
    engine = create_engine(f"sqlite:///{template}")
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
    engine.dispose()


def test_both_have_the_same_tables(
    migrated: sqlite3.Connection, declared: sqlite3.Connection
) -> None:
    names = {name for name in statements(migrated, "table") if not name.startswith("sqlite_")}
    assert names == set(TABLES)
    assert names == {
        name for name in statements(declared, "table") if not name.startswith("sqlite_")
    }


@pytest.mark.parametrize("table", TABLES)
def test_every_column_check_and_key_is_the_same_in_both(
    migrated: sqlite3.Connection, declared: sqlite3.Connection, table: str
) -> None:
    made = parts(statements(migrated, "table")[table])
    meant = parts(statements(declared, "table")[table])
    assert made == meant
    assert "options: STRICT" in made


def test_every_index_is_the_same_in_both(
    migrated: sqlite3.Connection, declared: sqlite3.Connection
) -> None:
    made, meant = (
        {name: " ".join(sql.split()) for name, sql in statements(one, "index").items()}
        for one in (migrated, declared)
    )
    assert made == meant
    assert not [sql for sql in made.values() if " WHERE " in sql]  # MySQL drops it silently


def test_every_table_is_strict(migrated: sqlite3.Connection) -> None:
    lists = migrated.execute("PRAGMA table_list").fetchall()
    lax = [row[1] for row in lists if row[1].startswith("digistore_") and not row[5]]
    assert lax == [VERSION_TABLE]


def test_every_constraint_has_a_name_that_begins_with_its_table(
    migrated: sqlite3.Connection,
) -> None:
    rule = re.compile(r"(PRIMARY KEY|UNIQUE|CHECK|FOREIGN KEY)\b")
    for table, sql in statements(migrated, "table").items():
        for part in parts(sql):
            named = re.match(r"CONSTRAINT (\w+) ", part)
            if named is not None:
                assert named[1].startswith("digistore_"), part
            elif rule.search(part) and not part.startswith("sequence INTEGER"):
                pytest.fail(f"{table}: a rule without a name: {part}")


def test_no_key_cascades(migrated: sqlite3.Connection) -> None:
    for table in TABLES:
        for row in migrated.execute(f"PRAGMA foreign_key_list({table})"):
            assert (row[5], row[6]) == ("NO ACTION", "RESTRICT"), (table, row)


# Personal data


def texts() -> list[Any]:
    return [
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Prose | Json)
    ]


@pytest.mark.parametrize("column", texts(), ids=str)
def test_every_text_says_whether_it_is_personal(column: Any) -> None:
    assert "personal" in column.info
    mark = column.info["personal"]
    assert mark is False or (isinstance(mark, str) and mark)


def test_every_column_has_a_type_of_the_few_that_mean_the_same_everywhere() -> None:
    allowed = {
        "Key", "Word", "Prose", "Amount", "Moment", "Flag", "Json", "Digest", "Integer",
    }  # fmt: skip
    found = {
        type(column.type).__name__ for table in metadata.sorted_tables for column in table.columns
    }
    assert found <= allowed


def test_keys_and_words_hold_nothing_personal() -> None:
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, Key | Word):
                assert not column.info.get("personal"), column


# A host's own Alembic


@pytest.mark.parametrize(
    ("name", "kind", "shown"),
    [
        ("digistore_orders", "table", False),
        (VERSION_TABLE, "table", False),
        ("host_users", "table", True),
        ("digistore_orders_adds_up", "check_constraint", True),
        (None, "schema", True),
    ],
)
def test_a_hosts_autogenerate_does_not_see_our_tables(
    name: str | None, kind: str, *, shown: bool
) -> None:
    assert include_name(name, kind, {}) is shown
