"""What happened is only ever added to: the database itself refuses to change or forget it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.database.history import tell_history

FACTS = ("audit", "entitlement_facts", "receipts", "support_facts")


@pytest.fixture(scope="module")
def history(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tell_history(template, tmp_path_factory.mktemp("history"))


@pytest.fixture
def sql(history: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(history, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")  # as on our own engine
        connection.execute("BEGIN")
        yield connection
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("table", FACTS)
def test_facts_are_never_changed(sql: sqlite3.Connection, table: str) -> None:
    columns = [row[1] for row in sql.execute(f"PRAGMA table_info(digistore_{table})")]
    assert sql.execute(f"SELECT count(*) FROM digistore_{table}").fetchone()[0] > 0
    for column in columns:
        with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
            sql.execute(f"UPDATE digistore_{table} SET {column} = {column}")


@pytest.mark.parametrize("table", FACTS)
def test_facts_are_never_forgotten(sql: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        sql.execute(f"DELETE FROM digistore_{table}")


@pytest.mark.parametrize("table", FACTS)
def test_facts_are_never_replaced(sql: sqlite3.Connection, table: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only ever added"):
        sql.execute(
            f"INSERT OR REPLACE INTO digistore_{table} SELECT * FROM digistore_{table} LIMIT 1"
        )


@pytest.mark.parametrize("status", ["published", "yanked"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE digistore_release_files SET display_name = 'other.pdf' WHERE id = :id",
        "UPDATE digistore_release_files SET blob_sha256 = blob_sha256 WHERE id = :id",
        "UPDATE digistore_release_files SET release_id = :draft WHERE id = :id",
        "DELETE FROM digistore_release_files WHERE id = :id",
        (
            "INSERT INTO digistore_release_files"
            " SELECT id || 'x', release_id, blob_sha256, 'more.pdf', media_type, size, 9, scan,"
            " personal"
            " FROM digistore_release_files WHERE id = :id"
        ),
        (
            "UPDATE digistore_release_files SET release_id = (SELECT release_id FROM"
            " digistore_release_files WHERE id = :id) WHERE release_id = :draft"
        ),
    ],
    ids=["rename", "touch", "move away", "delete", "add", "move in"],
)
def test_the_files_of_a_published_release_never_change(
    sql: sqlite3.Connection, status: str, change: str
) -> None:
    (file_id,) = sql.execute(
        "SELECT f.id FROM digistore_release_files f JOIN digistore_releases r"
        " ON r.id = f.release_id WHERE r.status = ?",
        [status],
    ).fetchone()
    (draft,) = sql.execute("SELECT id FROM digistore_releases WHERE status = 'draft'").fetchone()
    with pytest.raises(sqlite3.IntegrityError, match="never change"):
        sql.execute(change, {"id": file_id, "draft": draft})


def test_what_a_scanner_says_of_a_published_file_may_change(sql: sqlite3.Connection) -> None:
    changed = sql.execute("UPDATE digistore_release_files SET scan = 'infected'")
    assert changed.rowcount > 0


def test_the_files_of_a_draft_may_change(sql: sqlite3.Connection) -> None:
    changed = sql.execute(
        "UPDATE digistore_release_files SET position = 7 WHERE release_id ="
        " (SELECT id FROM digistore_releases WHERE status = 'draft')"
    )
    assert changed.rowcount == 1
