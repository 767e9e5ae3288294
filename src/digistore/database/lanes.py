"""One connection, blocking or awaited, behind the same few verbs; rows come back whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

from sqlalchemy import Connection, Dialect, Executable, Row
from sqlalchemy.exc import DBAPIError

from digistore.database.statements import (
    Batch,
    Call,
    Prepared,
    Statement,
    no_half_texts,
)

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from digistore.database.backend import Backend

T = TypeVar("T")
Params: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
AnyRow: TypeAlias = Row[Any]

_AS_IT_STANDS = {"no_parameters": True}  # a % is a %, whatever the driver


class Lane(Protocol):
    """A connection that one operation has for itself."""

    @property
    def dialect(self) -> Dialect:
        """What statements are compiled for."""

    async def rows(self, statement: Executable | Call, params: Params = None) -> Sequence[AnyRow]:
        """Run a statement of SQLAlchemy."""

    async def say(self, text: str) -> Sequence[AnyRow]:
        """Run a text as it stands."""

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement."""

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters."""

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run statements in order, in one round trip where the driver can; return all rows."""

    async def whole(self, call: Callable[[Connection], T]) -> T:
        """Call what needs a blocking connection."""

    async def roll_back(self) -> None:
        """End what is open; a connection that cannot be rolled back is thrown away."""

    async def committed(self) -> bool:
        """Say whether the COMMIT that has just succeeded can be relied on."""


class BlockingLane:
    """A connection that blocks."""

    def __init__(self, connection: Connection, backend: Backend, *, lent: bool = False) -> None:
        """Use *connection*, which somebody else opens and closes.

        In one that is *lent* by a host, with its transaction, nothing is left that may not be.
        """
        self.connection = connection
        self.dialect = connection.dialect
        self._backend = backend
        self._pipelines = backend.pipelines and not lent
        self._distrusted = False

    async def rows(self, statement: Executable | Call, params: Params = None) -> Sequence[AnyRow]:
        """Run a statement of SQLAlchemy."""
        if isinstance(statement, Call):
            return await self._one(statement)
        with no_half_texts():
            result = self.connection.execute(statement, params)
        return result.all() if result.returns_rows else ()

    async def say(self, text: str) -> Sequence[AnyRow]:
        """Run a text as it stands."""
        result = self.connection.exec_driver_sql(text, execution_options=_AS_IT_STANDS)
        return result.all() if result.returns_rows else ()

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement."""
        return prepared.run_on(self._driver, self.dialect, params)

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters."""
        prepared.run_many(self._driver, self.dialect, rows)

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run statements in order, in one round trip where the driver can; return all rows."""
        if len(statements) == 1 or not self._pipelines:
            return [await self._one(statement) for statement in statements]
        batch = Batch(statements, self.dialect)
        driver = self._driver
        try:
            with no_half_texts(), driver.pipeline():
                cursors = [driver.execute(*one) for one in batch.sent]
        except BaseException:
            self._distrusted = True
            self._backend.distrust(driver)
            raise
        return batch.read([one.fetchall() if one.description else () for one in cursors])

    async def _one(self, statement: Statement) -> Sequence[AnyRow]:
        if isinstance(statement, str):
            return await self.say(statement)
        if isinstance(statement, Call):
            return statement.run_on(self._driver, self.dialect)
        return await self.rows(statement)

    async def whole(self, call: Callable[[Connection], T]) -> T:
        """Call what needs a blocking connection."""
        return call(self.connection)

    async def roll_back(self) -> None:
        """End what is open; a connection that cannot be rolled back is thrown away."""
        if self.connection.closed or self.connection.invalidated:
            return
        if self._backend.open(self._driver):
            try:
                self.connection.exec_driver_sql("ROLLBACK")
            except DBAPIError:
                self._distrusted = True
        if self._distrusted:
            self.connection.invalidate()

    async def committed(self) -> bool:
        """Say whether the COMMIT that has just succeeded can be relied on."""
        return self._backend.committed(self._driver)

    @property
    def _driver(self) -> Any:  # noqa: ANN401  whatever the driver calls a connection
        return self.connection.connection.driver_connection


class AwaitedLane:
    """A connection of a host's event loop."""

    def __init__(self, connection: AsyncConnection, driver: Any, backend: Backend) -> None:  # noqa: ANN401
        """Use *connection* and the *driver*'s own below it; somebody else opens and closes it."""
        self._connection = connection
        self._driver = driver
        self.dialect = connection.dialect
        self._backend = backend
        self._distrusted = False

    async def rows(self, statement: Executable | Call, params: Params = None) -> Sequence[AnyRow]:
        """Run a statement of SQLAlchemy."""
        if isinstance(statement, Call):
            return await self._one(statement)
        with no_half_texts():
            result = await self._connection.execute(statement, params)
        return result.all() if result.returns_rows else ()

    async def say(self, text: str) -> Sequence[AnyRow]:
        """Run a text as it stands."""
        result = await self._connection.exec_driver_sql(text, execution_options=_AS_IT_STANDS)
        return result.all() if result.returns_rows else ()

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement."""
        with no_half_texts():
            cursor = await self._driver.execute(*prepared.bound(self.dialect, params))
        if cursor.description is None:
            return ()
        return cast("Sequence[tuple[Any, ...]]", await cursor.fetchall())

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters."""
        with no_half_texts():
            await self._driver.cursor().executemany(*prepared.bound_many(self.dialect, rows))

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run statements in order, in one round trip where the driver can; return all rows."""
        if len(statements) == 1:
            return [await self._one(statements[0])]
        batch = Batch(statements, self.dialect)
        try:
            with no_half_texts():
                async with self._driver.pipeline():
                    cursors = [await self._driver.execute(*one) for one in batch.sent]
        except BaseException:
            self._distrusted = True
            self._backend.distrust(self._driver)
            raise
        return batch.read([await one.fetchall() if one.description else () for one in cursors])

    async def _one(self, statement: Statement) -> Sequence[AnyRow]:
        if isinstance(statement, str):
            return await self.say(statement)
        if not isinstance(statement, Call):
            return await self.rows(statement)
        with no_half_texts():
            cursor = await self._driver.execute(*statement.bound(self.dialect))
        rows = await cursor.fetchall() if cursor.description else ()
        return statement.read(self.dialect, rows)

    async def whole(self, call: Callable[[Connection], T]) -> T:
        """Call what needs a blocking connection."""
        return await self._connection.run_sync(call)

    async def roll_back(self) -> None:
        """End what is open; a connection that cannot be rolled back is thrown away."""
        if self._connection.closed or self._connection.invalidated:
            return
        if self._backend.open(self._driver):
            try:
                await self._connection.exec_driver_sql("ROLLBACK")
            except DBAPIError:
                self._distrusted = True
        if self._distrusted:
            await self._connection.invalidate()

    async def committed(self) -> bool:
        """Say whether the COMMIT that has just succeeded can be relied on."""
        return self._backend.committed(self._driver)
