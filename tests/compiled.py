"""One cache of compiled statements for all databases of a test run.

Each test has a store of its own, and so an engine with an empty cache: most of the time would go
into compiling the same statements anew.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_STATEMENTS: LRUCache[Any, Any] = LRUCache(10_000)


def share() -> None:
    """Have every engine of this process, from now on, use one cache."""
    Engine._compiled_cache = property(lambda _: _STATEMENTS, lambda *_: None)  # type: ignore[assignment]
    # A compiled statement is found by its dialect; those of one driver compile alike.
    SQLiteDialect_pysqlite.__hash__ = lambda _: 1  # type: ignore[method-assign,assignment]
    SQLiteDialect_pysqlite.__eq__ = lambda self, other: type(self) is type(other)  # type: ignore[method-assign]
