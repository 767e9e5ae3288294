"""The shop's database inside a transaction of the host's: savepoints, on its own connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy.exc import InvalidRequestError

from digistore.database.database import Database, explain
from digistore.database.hosts import unusable
from digistore.database.retry import Fault
from digistore.database.transaction import Reader, Transaction
from digistore.errors import Busy, ConfigError, InsideTransaction, TransactionFailed

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from digistore.database.hosts import Host
    from digistore.database.lanes import AnyRow, Lane
    from digistore.database.statements import Prepared, Statement

T = TypeVar("T")

CURE = "call the store itself, before your transaction begins or after its commit"
_OPERATION = "digistore_operation"
_WORK = "digistore_work"


class JoinedDatabase(Database):
    """A database whose transaction is the host's.

    Each operation is a savepoint there, and so is each of the transactions that it would have had.
    Nothing is repeated, as what the host has done could not be; nothing is committed or closed.
    """

    def __init__(self, own: Database, host: Host, cure: str = CURE) -> None:
        """Join the transaction of *host*.

        Args:
            own: what the store uses by itself: the same database, or it is refused.
            host: lends its connection.
            cure: what to do instead, where something is refused.
        """
        self.clock = own.clock
        self.url = own.url
        self._backend = own.backend
        self._own = own
        self._host = host
        self._cure = cure

    @property
    def engine(self) -> Engine:
        """The store's own: the host's is never touched."""
        return self._own.engine

    @property
    def awaited(self) -> bool:
        """Whether the host's connection belongs to an event loop."""
        return self._host.awaited

    @property
    def joined(self) -> bool:
        """Say that the transaction is a host's."""
        return True

    @property  # cached where there is something to cache
    def beside(self) -> Database:
        """The store's own, for what outlives the host's transaction."""
        return self._own.beside

    def refuse_inside(self, what: str) -> None:
        """Refuse what a host's transaction must not wait for.

        Raises:
            InsideTransaction: always.
        """
        raise InsideTransaction(what, self._cure)

    async def around(self, operation: Coroutine[Any, Any, T]) -> T:
        """Run an operation of the store as a savepoint.

        What its transactions have written stays where it raises, as it does elsewhere: a failed
        try counts. Of one that was refused midway nothing stays.

        Raises:
            Busy: the database is locked.
            ConfigError: a connection that cannot be relied on, or to another database.
            TransactionFailed: the host has to roll back.
        """
        try:
            lane, driver, kept = await self._enter()
        except BaseException:
            operation.close()
            raise
        try:
            result = await operation
        except BaseException as error:
            refused = isinstance(error, InsideTransaction)
            canceled = not isinstance(error, Exception)
            if refused or canceled or self._backend.stuck(driver):
                await self._undo(lane, driver, _OPERATION, error)
            elif not self._backend.lost(driver):
                await lane.say(f"RELEASE SAVEPOINT {_OPERATION}")
            if not (canceled or self._backend.lost(driver)):
                await self._backend.part(lane, kept)
            raise
        await lane.say(f"RELEASE SAVEPOINT {_OPERATION}")
        await self._backend.part(lane, kept)
        return result

    async def transact(
        self, work: Callable[[Transaction], Awaitable[T]], *, patience: float | None = None
    ) -> T:
        """Run *work* as a savepoint, once; how long it waits for a lock is the host's to say.

        Raises:
            Busy: the database is locked, full or cannot be written, or a rival was faster.
            TransactionFailed: the database has undone the host's transaction as a whole.
        """
        lane, driver = await self._host.lend(self._backend)
        await lane.say(f"SAVEPOINT {_WORK}")
        try:
            tx = Transaction(lane, self.clock(), [], [])
            result = await work(tx)
            await tx.send()
            await lane.say(f"RELEASE SAVEPOINT {_WORK}")
        except BaseException as error:
            await self._undo(lane, driver, _WORK, error)
            self._explain(error)
            raise
        return result

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Run several reads, which see what the host's transaction sees.

        Raises:
            Busy: the database cannot be read.
        """
        return await self._reading(lambda lane: work(Reader(lane)))

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run several reading statements, which see what the host's transaction sees.

        Raises:
            Busy: the database cannot be read.
        """
        return await self._reading(lambda lane: lane.batch(statements))

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot reading statement and return plain tuples, as the driver has them.

        Raises:
            Busy: the database cannot be read.
        """
        return await self._reading(lambda lane: lane.fetch(prepared, params))

    async def close(self) -> None:
        """Do nothing: what is open is the host's."""

    def drop(self) -> None:
        """Do nothing: what is open is the host's."""

    async def _reading(self, work: Callable[[Lane], Awaitable[T]]) -> T:
        lane, _ = await self._host.lend(self._backend)
        try:
            return await work(lane)
        except self._backend.errors as error:
            self._explain(error)
            raise

    async def _enter(self) -> tuple[Lane, Any, str | None]:
        """Begin the savepoint of an operation, on a connection that can be relied on."""
        try:
            lane, driver = await self._host.lend(self._backend)
            if lane.dialect.name != self.url.get_backend_name():
                raise _elsewhere()
            kept = await self._backend.join(lane, driver)
            if self._host.may_be_elsewhere:
                await self._check_place(lane, driver)
            await lane.say(f"SAVEPOINT {_OPERATION}")
        except InvalidRequestError as error:
            raise unusable() from error
        except self._backend.errors as error:
            self._explain(error)
            raise
        return lane, driver, kept

    async def _check_place(self, lane: Lane, driver: Any) -> None:  # noqa: ANN401  the driver's own
        if await self._backend.elsewhere(lane, driver, self.url):
            raise _elsewhere()

    async def _undo(self, lane: Lane, driver: Any, name: str, error: BaseException) -> None:  # noqa: ANN401  the driver's own
        """Roll back to a savepoint, where there still is one."""
        if not self._backend.lost(driver):
            # A connection that dies here, or that SQLAlchemy has closed, has undone it.
            with suppress(*self._backend.errors, InvalidRequestError):
                await lane.say(f"ROLLBACK TO SAVEPOINT {name}")
                await lane.say(f"RELEASE SAVEPOINT {name}")
        elif isinstance(error, Exception) and self._backend.fault(error) is not Fault.GONE:
            raise TransactionFailed(
                "the database has undone this transaction as a whole; roll it back, then repeat it"
            ) from error

    def _explain(self, error: BaseException) -> None:
        """Say in our own words what the host's transaction has met."""
        if not isinstance(error, self._backend.errors):
            return
        kind = self._backend.fault(error)
        explain(kind, error)
        if kind in {Fault.TRANSIENT, Fault.GONE, Fault.UNIQUE}:
            raise Busy(
                "the database is busy; roll your transaction back, then repeat it as it was"
            ) from error


class SharedDatabase(Database):
    """A host's connection at all times: in its transaction if one is open, else in our own."""

    def __init__(self, own: Database, inside: JoinedDatabase, is_open: Callable[[], bool]) -> None:
        """Ask *is_open* each time whether it is to be *inside* or by its *own*."""
        self.clock = own.clock
        self.url = own.url
        self._backend = own.backend
        self._own = own
        self._inside = inside
        self._is_open = is_open

    @property
    def engine(self) -> Engine:
        """What connections are borrowed by."""
        return self._own.engine

    @property
    def awaited(self) -> bool:
        """Whether its connections belong to a host's event loop."""
        return False

    @property
    def beside(self) -> Database:
        """The same: a thread that has no event loop has a connection of its own."""
        return self

    @property
    def joined(self) -> bool:
        """Whether a transaction of the host's is open now."""
        return self._is_open()

    def refuse_inside(self, what: str) -> None:
        """Refuse what a host's transaction must not wait for, if one is open.

        Raises:
            InsideTransaction: it is.
        """
        self._now.refuse_inside(what)

    async def around(self, operation: Coroutine[Any, Any, T]) -> T:
        """Run an operation, as a savepoint of the host's transaction if one is open."""
        return await self._now.around(operation)

    async def transact(
        self, work: Callable[[Transaction], Awaitable[T]], *, patience: float | None = None
    ) -> T:
        """Run *work* in a transaction, or as a savepoint of the host's."""
        return await self._now.transact(work, patience=patience)

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Run several reads at one moment, or as the host's transaction sees them."""
        return await self._now.read(work)

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run several reading statements at one moment, or as the host's transaction sees them."""
        return await self._now.batch(statements)

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot reading statement and return plain tuples, as the driver has them."""
        return await self._now.fetch(prepared, params)

    async def close(self) -> None:
        """Let go of what was borrowed."""
        await self._own.close()

    def drop(self) -> None:
        """Do so before a first use."""
        self._own.drop()

    @property
    def _now(self) -> Database:
        return self._inside if self._is_open() else self._own

    async def _reading(self, work: Callable[[Lane], Awaitable[T]]) -> T:
        return await self._now._reading(work)  # noqa: SLF001  one of its own kind


def may_be_joined(database: Database) -> bool:
    """Say whether *database* is in a transaction of a host's, or may come to be in one."""
    return isinstance(database, JoinedDatabase | SharedDatabase)


def _elsewhere() -> ConfigError:
    return ConfigError("the connection is to another database than the store's")
