"""One cache of compiled statements for all databases of a test run.

Each test has a store of its own, and so an engine with an empty cache: most of the time would go
into compiling the same statements anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_STATEMENTS: LRUCache[Any, Any] = LRUCache(10_000)


def share() -> None:
    """Have every engine of this process, from now on, use one cache."""
    Engine._compiled_cache = property(lambda _: _STATEMENTS, lambda *_: None)  # type: ignore[assignment]
    # A compiled statement is found by its dialect; those of one driver compile alike.
    for kind in (SQLiteDialect_pysqlite, PGDialect_psycopg, PGDialectAsync_psycopg):
        kind.__hash__ = _by_kind  # type: ignore[method-assign,assignment]
        kind.__eq__ = _is_of_kind  # type: ignore[method-assign]


def _by_kind(dialect: object) -> int:
    return hash(type(dialect))


def _is_of_kind(dialect: object, other: object) -> bool:
    return type(dialect) is type(other)
