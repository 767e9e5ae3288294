"""Databases that are saved and put back as a whole, before each of thousands of tries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import wraps
from typing import Any, Protocol
from unittest.mock import patch

import psycopg
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.database.types import metadata
from tests.payments.memory import Saved, connection_of, load
from tests.postgres import VARIABLE, copied


class Vault(Protocol):
    """What can be done to the database of a shop past the library."""

    @property
    def changes(self) -> int:
        """Count the rows that were ever written, by others than `load`."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Run a statement and return its rows."""

    def save(self) -> Any:
        """Copy all."""

    def load(self, saved: Any) -> None:
        """Put all back."""

    def counted(self) -> AbstractContextManager[list[str]]:
        """Return a context that yields the statements which the library runs meanwhile."""

    def close(self) -> None:
        """Let go of it."""


class MemoryVault:
    """SQLite in memory."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._connection = connection_of(store)

    @property
    def changes(self) -> int:
        return self._connection.total_changes

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._connection.execute(sql)]

    def save(self) -> Saved:
        return Saved(self._store)

    def load(self, saved: Saved) -> None:
        load(self._store, saved)

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        seen: list[str] = []
        self._connection.set_trace_callback(seen.append)
        try:
            yield seen
        finally:
            self._connection.set_trace_callback(None)

    def close(self) -> None:
        """It goes with its store."""


class PostgreSQLVault:
    """A database of its own on the server of this run."""

    def __init__(self, name: str) -> None:
        self.url = copied(os.environ[VARIABLE], name)
        engine = create_engine(self.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self._connection = engine.connect()
        self._run(_COUNT)
        for table in metadata.tables:
            self._run(
                f"CREATE TRIGGER counted AFTER INSERT OR UPDATE OR DELETE ON {table}"
                " FOR EACH ROW EXECUTE FUNCTION count_it()"
            )

    @property
    def changes(self) -> int:
        return int(self.rows("SELECT last_value FROM changes")[0][0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._run(sql).all()]

    def save(self) -> str:
        ((saved,),) = self.rows("SELECT saved()::text")
        return str(saved)

    def load(self, saved: str) -> None:
        self._connection.exec_driver_sql("SELECT put_back(%s::jsonb)", (saved,))

    @contextmanager
    def counted(self) -> Iterator[list[str]]:
        seen: list[str] = []
        with ExitStack() as ended:
            for kind in (psycopg.Cursor, psycopg.AsyncCursor):
                for name in ("execute", "executemany"):
                    heard = patch.object(kind, name, _heard(getattr(kind, name), seen))
                    ended.enter_context(heard)
            yield seen

    def close(self) -> None:
        self._connection.close()

    def _run(self, sql: str) -> Any:
        return self._connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _heard(method: Any, seen: list[str]) -> Any:
    """Return *method*, which goes on as it did, and has *seen* what it is called with."""

    @wraps(method)
    def heard(cursor: object, query: object, *args: Any, **kwargs: Any) -> Any:
        seen.append(str(query))
        return method(cursor, query, *args, **kwargs)

    return heard


# As a replica, no trigger counts or objects.
_COUNT = """
CREATE SEQUENCE changes;
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM nextval('changes');
    RETURN NULL;
END $$;
CREATE FUNCTION saved() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    place text;
    rows jsonb;
    found jsonb := '{}';
BEGIN
    FOR place IN SELECT tablename FROM pg_tables WHERE starts_with(tablename, 'digistore_') LOOP
        EXECUTE format('SELECT jsonb_agg(t) FROM %I t', place) INTO rows;
        IF rows IS NOT NULL THEN
            found := found || jsonb_build_object(place, rows);
        END IF;
    END LOOP;
    RETURN found;
END $$;
CREATE FUNCTION put_back(kept jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place text;
BEGIN
    PERFORM wipe();
    SET LOCAL session_replication_role = replica;
    FOR place IN SELECT jsonb_object_keys(kept) LOOP
        IF place <> 'digistore_version' THEN
            EXECUTE format(
                'INSERT INTO %I OVERRIDING SYSTEM VALUE'
                ' SELECT * FROM jsonb_populate_recordset(NULL::%I, $1)', place, place
            ) USING kept -> place;
        END IF;
    END LOOP;
END $$;
"""
