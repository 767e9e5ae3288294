"""Ways past the library: what is in a database, whatever the store above it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from digistore.database import Database
from digistore.database.sources import AwaitedSource


def database_of(store: Any) -> Database:
    """Return the database below a store of either colour."""
    found = getattr(store, "_target", store)._shop.database
    assert isinstance(found, Database)
    return found


@contextmanager
def connection_to(place: Any) -> Iterator[Connection]:
    """Lend a connection to the database of a store, or to one; what it writes is kept at once."""
    database = place if isinstance(place, Database) else database_of(place)
    if not isinstance(database._source, AwaitedSource):
        with database.engine.connect() as connection:
            yield connection
        return
    engine = beside(database)
    with engine.connect() as connection:
        yield connection


def beside(database: Database) -> Engine:
    """Return a blocking engine to where an async one leads."""
    return create_engine(database.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")


@contextmanager
def lightning(place: Any, table: str) -> Iterator[None]:
    """Let the database itself fail whenever a row would come into *table*."""
    with connection_to(place) as connection:
        for statement in _STRIKE[connection.dialect.name]:
            connection.exec_driver_sql(statement.format(table=table))
        try:
            yield
        finally:
            for statement in _END[connection.dialect.name]:
                connection.exec_driver_sql(statement.format(table=table))


_STRIKE = {
    "sqlite": (
        "CREATE TRIGGER lightning BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'hit'); END",
    ),
    "postgresql": (
        """CREATE FUNCTION lightning() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'struck'; END $$""",
        """CREATE TRIGGER lightning BEFORE INSERT ON {table}
        FOR EACH ROW EXECUTE FUNCTION lightning()""",
    ),
}
_END = {
    "sqlite": ("DROP TRIGGER lightning",),
    "postgresql": ("DROP FUNCTION lightning CASCADE",),
}
