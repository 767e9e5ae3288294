"""A shop made many times as full: every row again and again, under ids of its own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from sqlite3 import Connection

from sqlalchemy import Column, PrimaryKeyConstraint, Table, UniqueConstraint

from digistore.database.types import metadata

_PUBLIC_ID = re.compile(r"[a-z]{3}_[1-9A-HJ-NP-Za-km-z]{22}")
# What tells rows apart beside ids of ours.
_NATURAL = {
    "login_email",
    "guest_email",
    "external_id",
    "email",
    "slug",
    "code",
    "key",
    "checkout_id",
    "ref",
    "event_id",
    "dedupe_key",
    "idempotency_key",
    "storage_key",
    "staging_key",
}
_OTHERWISE = {
    "sha256": "printf('%08x', n) || substr(it.sha256, 9)",
    # Older by a moment each: the first page shows the same, however many there are.
    "created_at": "it.created_at - n",
    "first_at": "it.first_at - n",
}


def clone(connection: Connection, times: int, kept: Collection[str] = ()) -> None:
    """Insert *times* copies of each row, which belong together as the rows do.

    Ids in *kept* stay as they are: their rows are not copied, and the copies of others belong to
    them as well.
    """
    connection.executescript("PRAGMA foreign_keys = OFF; CREATE TEMP TABLE kept (id TEXT)")
    connection.executemany("INSERT INTO kept VALUES (?)", [(one,) for one in kept])
    for table in reversed(metadata.sorted_tables):  # a release that is out takes no files
        apart = [one for one in table.columns if _tells_apart(one, connection)]
        if apart:
            _multiply(connection, table, times, {one.name: _changed(one) for one in apart})
    connection.executescript("DROP TABLE kept; PRAGMA foreign_keys = ON")
    connection.commit()


def _tells_apart(column: Column[object], connection: Connection) -> bool:
    if column.name in {*_NATURAL, *_OTHERWISE}:
        return True
    texts = (
        f"SELECT DISTINCT {column.name} FROM {column.table} WHERE typeof({column.name}) = 'text'"
    )
    return any(_PUBLIC_ID.fullmatch(text) for (text,) in connection.execute(texts))


def _changed(column: Column[object]) -> str:
    name = f"it.{column.name}"
    if column.name in _OTHERWISE:
        return _OTHERWISE[column.name]
    return f"CASE WHEN {name} IN (SELECT id FROM kept) THEN {name} ELSE {name} || '_' || n END"


def _multiply(connection: Connection, table: Table, times: int, changed: dict[str, str]) -> None:
    columns = [one.name for one in table.columns if one.name != "sequence"]
    values = ", ".join(changed.get(name, f"it.{name}") for name in columns)
    differ = [_differ(key, changed) for key in _keys(table) if key & changed.keys()]
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)})"
        f" WITH RECURSIVE series (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ?)"
        f" SELECT {values} FROM (SELECT * FROM {table}) AS it, series"
        f" WHERE {' AND '.join(differ) or 'TRUE'}",
        (times,),
    )


def _keys(table: Table) -> Iterator[set[str]]:
    for one in table.constraints:
        if isinstance(one, PrimaryKeyConstraint | UniqueConstraint):
            yield {column.name for column in one.columns}


def _differ(key: set[str], changed: dict[str, str]) -> str:
    own = sorted(key & changed.keys())
    return f"({' OR '.join(f'it.{name} IS NULL OR {changed[name]} <> it.{name}' for name in own)})"
