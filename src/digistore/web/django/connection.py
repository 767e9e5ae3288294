"""Django's own connection, lent to SQLAlchemy: Django opens it, and ends what it has begun."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.db import Error as DjangoError
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.pool import NullPool

from digistore.clock import Clock
from digistore.database import Database, JoinedDatabase, SharedDatabase
from digistore.database.hosts import unusable
from digistore.database.lanes import BlockingLane, Lane
from digistore.database.postgresql import PostgreSQL, check_server
from digistore.database.sqlite import SQLite
from digistore.errors import ConfigError

if TYPE_CHECKING:
    from digistore.database.backend import Backend
    from digistore.database.statements import Prepared

CURE = (
    "call it outside of atomic(); a view of yours under ATOMIC_REQUESTS needs "
    "@transaction.non_atomic_requests, a test TransactionTestCase"
)
_OPTIONS: dict[str, dict[str, Any]] = {"sqlite": {}, "postgresql": {"use_native_hstore": False}}


def shared_database(alias: str, clock: Clock) -> DjangoDatabase:
    """Return the database of ``DATABASES[alias]``, on Django's own connections to it.

    Raises:
        ConfigError: no such database, neither SQLite nor PostgreSQL through psycopg 3, or one whose
            transactions the host begins and ends by hand.
    """
    if alias not in connections:
        raise ConfigError(f'there is no DATABASES["{alias}"]')
    if not connections[alias].settings_dict["AUTOCOMMIT"]:
        raise ConfigError(
            f'DATABASES["{alias}"] has AUTOCOMMIT: False, so a transaction would always be open, '
            "in which no payment provider may be called: leave it out, or open a database of the "
            "shop's own by Store.open(...)"
        )
    return DjangoDatabase(_Source(alias), clock)


class DjangoDatabase(SharedDatabase):
    """The shop's rows where Django's are: in its transaction, where one is open."""

    def __init__(self, source: _Source, clock: Clock) -> None:
        """Use the connections of *source*."""
        self.alias = source.alias
        self.connection = source.connection
        own = Database(source, clock)
        super().__init__(own, JoinedDatabase(own, _Host(source), CURE), self._in_transaction)

    def _in_transaction(self) -> bool:
        django = connections[self.alias]
        by_hand = django.connection is not None and not django.autocommit
        return django.in_atomic_block or by_hand


class _SQLiteOfDjango(SQLite):
    def opening(self, patience: float | None) -> tuple[Sequence[str], str]:
        """Leave the busy time-out as the settings have it."""
        return (self.begin,), ""


class _Borrowed:
    """A connection of the driver whose end is Django's to say."""

    def __init__(self, driver: object) -> None:
        object.__setattr__(self, "_driver", driver)
        object.__setattr__(self, "_handlers", [])

    def add_notice_handler(self, handler: object) -> None:
        """Listen until it is given back: a pool lends the same one again and again."""
        self._driver.add_notice_handler(handler)
        self._handlers.append(handler)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the driver has
        return getattr(self._driver, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._driver, name, value)

    def commit(self) -> None:
        """Leave it to Django."""

    def rollback(self) -> None:
        """Leave it to Django."""

    def close(self) -> None:
        """Leave it to Django, and listen no more."""
        while self._handlers:
            self._driver.remove_notice_handler(self._handlers.pop())


class _Source:
    """Lends the connection that this thread has in Django."""

    def __init__(self, alias: str) -> None:
        self.alias = alias
        self.backend = _backend_of(connections[alias])
        self.url = _url_of(connections[alias])
        self._local = threading.local()

    @cached_property
    def engine(self) -> Engine:
        """What makes a connection of SQLAlchemy out of one of Django."""
        options = _OPTIONS[self.url.get_backend_name()]
        return create_engine(
            self.url, creator=self._borrow, poolclass=NullPool, hide_parameters=True, **options
        )

    def connection(self) -> Connection:
        """Return the one that stands on Django's, until Django has another."""
        django = connections[self.alias]
        try:
            django.close_if_health_check_failed()  # once per request, if CONN_HEALTH_CHECKS is set
            django.ensure_connection()
        except DjangoError as error:
            if isinstance(error.__cause__, self.backend.errors):
                raise error.__cause__ from None
            raise
        kept: tuple[object, Connection] | None = getattr(self._local, "kept", None)
        if kept is not None and kept[0] is django.connection and not kept[1].invalidated:
            return kept[1]
        if kept is not None:
            kept[1].close()
        found = self.engine.connect()
        if django.vendor == "postgresql":
            try:
                check_server(found.connection.driver_connection)
            except ConfigError:
                found.close()
                raise
        self._local.kept = django.connection, found
        return found

    def writing(self) -> AbstractAsyncContextManager[Lane]:
        """Lend it for a transaction."""
        lane: Lane = BlockingLane(self.connection(), self.backend)
        return nullcontext(lane)

    def reading(self) -> AbstractAsyncContextManager[Lane]:
        """Lend it for reads."""
        return self.writing()

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run one hot reading statement."""
        return await BlockingLane(self.connection(), self.backend).fetch(prepared, params)

    async def forget(self) -> None:
        """Have Django connect anew, as the server may have died."""
        connections[self.alias].close()

    async def close(self) -> None:
        """Let go of what stands on Django's connection; that itself stays open."""
        self.drop()

    def drop(self) -> None:
        """Do the same where nothing can be awaited."""
        kept = getattr(self._local, "kept", None)
        if kept is not None:
            del self._local.kept
            kept[1].close()

    def _borrow(self) -> Any:  # noqa: ANN401  whatever the driver calls a connection
        return _Borrowed(connections[self.alias].connection)


class _Host:
    """Django, with a transaction open."""

    awaited = False
    may_be_elsewhere = False  # a test runs on another database than the settings name

    def __init__(self, source: _Source) -> None:
        self._source = source

    async def lend(self, backend: Backend) -> tuple[Lane, Any]:
        """Return Django's connection, and the driver's own below it."""
        django = connections[self._source.alias]
        if django.needs_rollback or django.closed_in_transaction:
            raise unusable()
        connection = self._source.connection()
        lane = BlockingLane(connection, backend, lent=True)
        return lane, connection.connection.driver_connection


def _backend_of(django: BaseDatabaseWrapper) -> Backend:
    if django.vendor == "sqlite":
        return _SQLiteOfDjango()
    if django.vendor == "postgresql":
        from django.db.backends.postgresql.psycopg_any import (  # noqa: PLC0415  needs a driver
            is_psycopg3,
        )

        if is_psycopg3:
            return PostgreSQL()
        raise ConfigError("Django's connection is of psycopg2; pip install 'digistore[postgres]'")
    raise ConfigError(
        f'DATABASES["{django.alias}"] is {django.vendor}; it can be SQLite or PostgreSQL, '
        "or open a database of its own by Store.open(...)"
    )


def _url_of(django: BaseDatabaseWrapper) -> URL:
    """Return what the settings say, for messages: connections are Django's."""
    given = django.settings_dict
    if django.vendor == "sqlite":
        return URL.create("sqlite", database=str(given["NAME"]))
    return URL.create(
        "postgresql+psycopg",
        username=given["USER"] or None,
        password=given["PASSWORD"] or None,
        host=given["HOST"] or None,
        port=int(given["PORT"]) if given["PORT"] else None,
        database=given["NAME"] or None,
    )
