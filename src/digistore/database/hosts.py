"""What a host lends: the connection that its own transaction is on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import InvalidRequestError

from digistore.database.lanes import AnyRow, AwaitedLane, BlockingLane, Lane
from digistore.database.statements import Call
from digistore.errors import ConfigError, TransactionFailed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_scoped_session
    from sqlalchemy.orm import Session, scoped_session

    from digistore.database.backend import Backend
    from digistore.database.statements import Prepared, Statement

    BlockingGiven: TypeAlias = Connection | Session | scoped_session[Any]
    AwaitedGiven: TypeAlias = AsyncConnection | AsyncSession | async_scoped_session[Any]

_DRIVERS = {"pysqlite", "aiosqlite", "psycopg", "psycopg_async"}


class Host(Protocol):
    """Who has a transaction open, or is about to."""

    @property
    def awaited(self) -> bool:
        """Whether its connection belongs to an event loop."""

    @property
    def may_be_elsewhere(self) -> bool:
        """Whether it may be on another database than the store."""

    async def lend(self, backend: Backend) -> tuple[Lane, Any]:
        """Return the connection, and the driver's own below it.

        Raises:
            ConfigError: its driver is not supported.
            TransactionFailed: the host has to roll back first.
        """


class BlockingHost:
    """A host without an event loop."""

    awaited = False
    may_be_elsewhere = True

    def __init__(self, given: BlockingGiven) -> None:
        """Borrow from *given*.

        Raises:
            ConfigError: neither a connection nor a session.
        """
        from sqlalchemy.orm import Session, scoped_session  # noqa: PLC0415  hosts have it loaded

        if not isinstance(given, Connection | Session | scoped_session):
            raise ConfigError("Store.using takes a Connection or Session of SQLAlchemy")
        self._given = given

    async def lend(self, backend: Backend) -> tuple[Lane, Any]:
        """Return the connection, and the driver's own below it."""
        given = self._given
        try:
            connection = given if isinstance(given, Connection) else given.connection()
            driver = connection.connection.driver_connection
        except InvalidRequestError as error:
            raise unusable() from error
        check_driver(connection.dialect.driver)
        return BlockingLane(connection, backend, lent=True), driver


class AwaitedHost:
    """A host with an event loop."""

    awaited = True
    may_be_elsewhere = True

    def __init__(self, given: AwaitedGiven) -> None:
        """Borrow from *given*.

        Raises:
            ConfigError: neither an async connection nor an async session.
        """
        try:
            from sqlalchemy.ext.asyncio import (  # noqa: PLC0415  needs greenlet
                AsyncConnection,
                AsyncSession,
                async_scoped_session,
            )
        except ImportError as error:
            raise ConfigError("this needs greenlet: pip install 'digistore[async]'") from error
        if not isinstance(given, AsyncConnection | AsyncSession | async_scoped_session):
            raise ConfigError("AsyncStore.using takes an AsyncConnection or AsyncSession")
        self._given = given
        self._is_connection = isinstance(given, AsyncConnection)

    async def lend(self, backend: Backend) -> tuple[Lane, Any]:
        """Return the connection, and the driver's own below it."""
        given: Any = self._given
        try:
            connection: AsyncConnection = given if self._is_connection else await given.connection()
            raw = await connection.get_raw_connection()
        except InvalidRequestError as error:
            raise unusable() from error
        check_driver(connection.dialect.driver)
        driver = raw.driver_connection
        return _HostLane(connection, driver, backend), driver


class _HostLane(AwaitedLane):
    """A connection of whatever async driver the host has, hot statements included."""

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement."""
        return await self.whole(
            lambda c: prepared.run_on(c.connection.dbapi_connection, self.dialect, params)
        )

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run statements in order, one by one: not every driver can send them together."""
        return [await self._one(statement) for statement in statements]

    async def _one(self, statement: Statement) -> Sequence[AnyRow]:
        if not isinstance(statement, Call):
            return await super()._one(statement)
        return await self.whole(
            lambda c: statement.run_on(c.connection.dbapi_connection, self.dialect)
        )

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters."""
        await self.whole(
            lambda c: prepared.run_many(c.connection.dbapi_connection, self.dialect, rows)
        )


def check_driver(name: str) -> None:
    """Refuse drivers whose errors and states nobody here can read.

    Raises:
        ConfigError: another one than sqlite3, aiosqlite or psycopg 3.
    """
    if name not in _DRIVERS:
        raise ConfigError(
            f"the connection is of {name}; sqlite3, aiosqlite and psycopg (3) can be joined"
        )


def unusable() -> TransactionFailed:
    """Return the error for a connection that SQLAlchemy, or Django, will not go on with."""
    return TransactionFailed("this transaction cannot go on; roll it back, then begin again")
