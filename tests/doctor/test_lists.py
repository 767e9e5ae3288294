"""The doctor's lists of tables and columns are written by hand; they forget none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Table, UniqueConstraint

from digistore.database.types import Amount, metadata
from digistore.doctor.amounts import AMOUNTS, CURRENCIES
from digistore.doctor.books import AUDITED, NATURAL_KEYS, SUBJECTS, TOLD
from digistore.doctor.references import REFERENCES
from digistore.events import EVENT_TYPES
from tests.doctor.plant import Told, copy_of, names

TABLES: tuple[Table, ...] = tuple(metadata.tables.values())
COUNTED = {  # whole numbers of 64 bits that are no money
    "sequence",
    "size",
    "crc32",
    "received",
    "reserved_bytes",
    "sent_bytes",
    "max_visits",
    "visits",
    "imported_clicks",
    "clicks",
    "visitors",
    "runs",
    "value",
}
ONE_AMOUNT = [(*where, column) for where, columns in AMOUNTS.items() for column in columns]


def spoil(bare: Told, folder: Path, table: str, key: str, change: str) -> tuple[Path, str]:
    """Change one row of *table*; return the database and what *key* was, or is now."""
    path = copy_of(bare, folder)
    column = change.split(" = ", maxsplit=1)[0]
    with closing(sqlite3.connect(path)) as connection, connection:
        one = f"rowid = (SELECT MIN(rowid) FROM {table} WHERE {column} IS NOT NULL)"
        found = connection.execute(f"SELECT rowid, {key} FROM {table} WHERE {one}").fetchone()
        if found is None:  # the story has no such value
            found = connection.execute(f"SELECT rowid, {key} FROM {table}").fetchone()
        connection.execute(f"UPDATE {table} SET {change} WHERE rowid = ?", found[:1])
    return path, change.split("'")[1] if column == key else str(found[1])


def columns(kind: type) -> set[tuple[str, str]]:
    return {
        (table.name, column.name)
        for table in TABLES
        for column in table.columns
        if isinstance(column.type, kind) and column.name not in COUNTED
    }


def test_every_amount_is_listed() -> None:
    assert {(table, column) for table, _, column in ONE_AMOUNT} == columns(Amount)


@pytest.mark.parametrize(("table", "key", "column"), ONE_AMOUNT)
def test_every_amount_is_looked_at(
    table: str, key: str, column: str, bare: Told, tmp_path: Path
) -> None:
    path, subject = spoil(bare, tmp_path, table, key, f"{column} = -1")
    assert subject in names(path, "amounts_are_sane")


def test_every_currency_is_listed() -> None:
    rollups = {"digistore_day_figures"}  # '' for what is no money; made again from the facts
    assert {*CURRENCIES} == {t.name for t in TABLES if "currency" in t.columns} - rollups


@pytest.mark.parametrize("table", CURRENCIES)
def test_every_currency_is_looked_at(table: str, bare: Told, tmp_path: Path) -> None:
    path, subject = spoil(bare, tmp_path, table, "id", "currency = 'ZZZ'")
    assert subject in names(path, "currencies_are_known")


def test_every_reference_is_listed() -> None:
    single = {
        (table.name, constraint.column_keys[0], constraint.referred_table.name)
        for table in TABLES
        for constraint in table.foreign_key_constraints
        if len(constraint.column_keys) == 1
    }
    assert {(table, column, target) for table, _, column, target in REFERENCES} == single


@pytest.mark.parametrize(("table", "key", "column", "target"), REFERENCES)
def test_every_reference_is_followed(
    table: str, key: str, column: str, target: str, bare: Told, tmp_path: Path
) -> None:
    assert target in metadata.tables
    path, subject = spoil(bare, tmp_path, table, key, f"{column} = 'gone'")
    assert subject in names(path, "nothing_dangles")


def test_everything_with_a_version_is_audited() -> None:
    others = {"digistore_audit", "digistore_holdings"}  # the latter only locks
    assert {*AUDITED.values()} == {t.name for t in TABLES if "version" in t.columns} - others


@pytest.mark.parametrize("entity", AUDITED)
def test_every_version_is_counted(entity: str, bare: Told, tmp_path: Path) -> None:
    path, subject = spoil(bare, tmp_path, AUDITED[entity], "id", "version = version + 1")
    assert subject in names(path, "version_is_audited")


@pytest.mark.parametrize("entity", AUDITED)
def test_everything_audited_is_looked_for(entity: str, bare: Told, tmp_path: Path) -> None:
    path, _ = spoil(bare, tmp_path, AUDITED[entity], "id", "id = 'xxx_other'")
    with closing(sqlite3.connect(path)) as connection:
        (gone,) = connection.execute(
            "SELECT entity_id FROM digistore_audit WHERE entity = ? AND entity_id NOT IN"
            f" (SELECT id FROM {AUDITED[entity]})",
            (entity,),
        ).fetchone()
    assert gone in names(path, "audited_is_there")


@pytest.mark.parametrize("entity", TOLD)
def test_every_state_is_compared_with_the_audit(entity: str, bare: Told, tmp_path: Path) -> None:
    path, subject = spoil(bare, tmp_path, AUDITED[entity], "id", f"{TOLD[entity]} = 'odd'")
    assert subject in names(path, "last_word_is_stored")


def _names_a_fact(constraint: object) -> bool:
    return isinstance(constraint, UniqueConstraint) and {
        column.name for column in constraint.columns
    } > {"gateway", "livemode", "account"}


def test_every_natural_key_is_listed() -> None:
    keys = {
        (
            table.name,
            tuple(
                column.name
                for column in _columns_of(constraint)
                if column.name not in {"gateway", "livemode", "account"}
            ),
        )
        for table in TABLES
        for constraint in table.constraints
        if _names_a_fact(constraint)
    }
    assert {*NATURAL_KEYS.items()} == keys


def _columns_of(constraint: object) -> list[Column[object]]:
    assert isinstance(constraint, UniqueConstraint)
    return list(constraint.columns)


@pytest.mark.parametrize("table", NATURAL_KEYS)
def test_every_natural_key_is_looked_at(table: str, bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        (subject,) = connection.execute(
            f"SELECT MIN(id) FROM {table} WHERE {NATURAL_KEYS[table][-1]} IS NOT NULL"
        ).fetchone()
        connection.execute(f"CREATE TABLE twin AS SELECT * FROM {table} WHERE id = ?", (subject,))
        connection.execute("UPDATE twin SET id = 'zzz_twin'")
        connection.execute(f"INSERT INTO {table} SELECT * FROM twin")
    assert subject in names(path, "natural_keys_are_unique")


def test_subjects_of_all_events_are_listed() -> None:
    prefixes = {
        "order_id": "ord_",
        "purchase_id": "pur_",
        "refund_id": "ref_",
        "dispute_id": "dis_",
        "action_id": "act_",
        "release_id": "rel_",
        "request_id": "sup_",
        "claim_id": "clm_",
    }
    assert {prefixes[kind.about] for kind in EVENT_TYPES.values()} == {*SUBJECTS}


@pytest.mark.parametrize("prefix", SUBJECTS)
def test_subjects_of_all_events_are_looked_for(prefix: str, bare: Told, tmp_path: Path) -> None:
    path = copy_of(bare, tmp_path)
    with closing(sqlite3.connect(path)) as connection, connection:
        (event, subject) = connection.execute(
            "SELECT id, subject FROM digistore_events WHERE substr(subject, 1, 4) = ?", (prefix,)
        ).fetchone()
        connection.execute(f"DELETE FROM {SUBJECTS[prefix]} WHERE id = ?", (subject,))
    assert event in names(path, "event_has_its_subject")
