"""The shop's database: one transaction, retried as a whole, and reads that need none."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import union_all

from digistore.blocking import offload
from digistore.clock import Clock
from digistore.database.attempt import Attempt
from digistore.database.migrations import ONE_AT_A_TIME, upgrade
from digistore.database.opening import open_url, use_engine
from digistore.database.retry import ATTEMPTS, PATIENCE, Fault, pause
from digistore.database.rights import no_right
from digistore.database.sources import AwaitedSource
from digistore.database.statements import no_text
from digistore.database.transaction import Reader, Transaction
from digistore.errors import Busy, ConfigError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine, Executable
    from sqlalchemy.ext.asyncio import AsyncEngine

    from digistore.database.backend import Backend
    from digistore.database.lanes import AnyRow, Lane, Params
    from digistore.database.sources import Source
    from digistore.database.statements import Call, Prepared, Statement

T = TypeVar("T")


class Database:
    """Where the shop's rows are: transactions, reads, and the clock they go by."""

    def __init__(self, source: Source, clock: Clock) -> None:
        """Read from and write to *source*."""
        self.clock = clock
        self.url = source.url
        self._source = source
        self._backend: Backend = source.backend

    @classmethod
    def open(
        cls, url: str, clock: Clock, *, schema: str | None = None, awaited: bool = False
    ) -> Database:
        """Open the database at *url*.

        Raises:
            ConfigError: it cannot be opened, or its settings cannot be relied on.
        """
        return cls(open_url(url, schema, awaited=awaited), clock)

    @classmethod
    def open_replica(
        cls,
        place: str | Engine | AsyncEngine,
        clock: Clock,
        *,
        schema: str | None = None,
        awaited: bool = False,
    ) -> Database:
        """Open a read replica at a URL, by connections that refuse to write, or use an engine.

        Raises:
            ConfigError: it cannot be opened, or its settings cannot be relied on.
        """
        if isinstance(place, str):
            return cls(open_url(place, schema, awaited=awaited, read_only=True), clock)
        return cls(use_engine(place), clock)

    @classmethod
    def over(cls, engine: Engine | AsyncEngine, clock: Clock) -> Database:
        """Use a host's *engine*, without changing it.

        Raises:
            ConfigError: an engine that cannot be relied on.
        """
        return cls(use_engine(engine), clock)

    @property
    def engine(self) -> Engine:
        """The blocking engine below, which an async one has too."""
        return self._source.engine

    @property
    def awaited(self) -> bool:
        """Whether its connections belong to a host's event loop."""
        return isinstance(self._source, AwaitedSource)

    @cached_property
    def beside(self) -> Database:
        """The same database for code that blocks, in a thread that has no event loop."""
        if isinstance(self._source, AwaitedSource):
            return Database(self._source.beside(), self.clock)
        return self

    @property
    def backend(self) -> Backend:
        """What kind of database it is."""
        return self._backend

    @property
    def joined(self) -> bool:
        """Whether the transaction is a host's: then nothing in it may wait for others."""
        return False

    @property
    def read_only(self) -> bool:
        """Whether it is a replica, which nothing can be written to."""
        return False

    def refuse_stale(self, what: str) -> None:
        """Refuse a decision on access, where what is read may lag behind.

        Raises:
            StaleRead: it may.
        """

    def refuse_inside(self, what: str) -> None:
        """Refuse *what*, where the transaction is a host's.

        Raises:
            InsideTransaction: it is.
        """

    async def around(self, operation: Coroutine[Any, Any, T]) -> T:
        """Run an operation of the store; its transactions are its own."""
        return await operation

    @property
    def errors(self) -> tuple[type[Exception], ...]:
        """What the database may raise that is none of our own errors."""
        return self._backend.errors

    @property
    def refusals(self) -> tuple[type[Exception], ...]:
        """What it raises where a constraint refuses a row."""
        return self._backend.refusals

    async def transact(
        self, work: Callable[[Transaction], Awaitable[T]], *, patience: float | None = None
    ) -> T:
        """Run *work* in one transaction, and again as a whole where the database asks for it.

        A connection that is lost during COMMIT leaves it unknown whether all is done or nothing:
        then rows that no other transaction writes tell, by the ids it has drawn and what it left.

        Args:
            work: touches the transaction and nothing else: no gateway, file or hook.
            patience: seconds to wait for a lock, once; for what may be lost rather than wait.

        Raises:
            Busy: the database stayed locked, is full or cannot be written; ``outcome_unknown``
                where a COMMIT got no answer and then nobody could be asked.
        """
        attempt = Attempt(work, self.clock(), patience)
        begun, rivals = time.monotonic(), 0
        for number in range(1, ATTEMPTS + 1):
            try:
                return await self._tried(attempt)
            except self._backend.errors as error:
                kind = self._backend.fault(error)
                rivals += kind is Fault.UNIQUE and not attempt.unknown
                explain(kind, error, unknown=attempt.unknown)
                if kind is Fault.FINAL or rivals > 1:
                    raise
                if kind is Fault.GONE:
                    await self._source.forget()
                left = begun + PATIENCE - time.monotonic()
                if number == ATTEMPTS or left < 0 or patience is not None:
                    raise _given_up(unknown=attempt.unknown) from error
            await offload(time.sleep, min(left, pause(kind, number)))
        raise AssertionError

    async def _tried(self, attempt: Attempt[T]) -> T:
        """Try once more, unless it is done already."""
        if attempt.unknown and await self._done(attempt):
            return attempt.result
        try:
            return await attempt.run(self._source)
        except self._backend.errors:
            raise
        except Exception:
            # What refuses the repetition may be what the first time has done, late.
            if attempt.unknown and await self._done(attempt):
                return attempt.result
            raise

    async def _done(self, attempt: Attempt[Any]) -> bool:
        """Say whether a transaction whose COMMIT got no answer is done, and durably so."""
        asked = attempt.traces()
        if not asked:
            return False
        found = union_all(*asked).limit(1)
        if not await self._read_once(lambda lane: lane.rows(found)):
            return False
        # That COMMIT may have been cut while it waited for the standby; a later one waits for both.
        later = self._backend.later
        await Attempt(lambda tx: tx.say(later), attempt.now, None).run(self._source)
        return True

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Run several reads at one moment, in one transaction that writes nothing.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """

        async def at_one_moment(lane: Lane) -> T:
            await lane.say(self._backend.begin_reading)
            try:
                return await work(Reader(lane))
            finally:
                await lane.roll_back()

        return await self._reading(at_one_moment)

    async def rows(self, statement: Executable | Call, params: Params = None) -> Sequence[AnyRow]:
        """Run one reading statement and return its rows.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """
        return await self._reading(lambda lane: lane.rows(statement, params))

    async def first(self, statement: Executable | Call, params: Params = None) -> AnyRow | None:
        """Return the first row of one reading statement, ``None`` if there is none."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot reading statement and return plain tuples, as the driver has them.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """
        try:
            return await self._source.fetch(prepared, params)
        except self._backend.errors as error:
            await self._explain_reading(error, again=True)
        return await self._reading(lambda lane: lane.fetch(prepared, params))

    async def _reading(self, work: Callable[[Lane], Awaitable[T]]) -> T:
        """Lend a connection for reads, another one if the first was dead."""
        try:
            return await self._read_once(work)
        except self._backend.errors as error:
            await self._explain_reading(error, again=True)
        try:
            return await self._read_once(work)
        except self._backend.errors as error:
            await self._explain_reading(error, again=False)
            raise

    async def _read_once(self, work: Callable[[Lane], Awaitable[T]]) -> T:
        async with self._source.reading() as lane:
            return await work(lane)

    async def _explain_reading(self, error: Exception, *, again: bool) -> None:
        """Raise in our own words what a reader has met; come back if it may try *again*."""
        kind = self._backend.fault(error)
        explain(kind, error)
        if kind is Fault.GONE and again:
            await self._source.forget()
            return
        if kind in {Fault.TRANSIENT, Fault.GONE}:
            raise Busy("the database cannot be read now; the call may be repeated") from error
        raise error

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run several reading statements at one moment, in one round trip where that can be.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """

        async def at_one_moment(lane: Lane) -> list[Sequence[AnyRow]]:
            try:
                said = await lane.batch([self._backend.begin_reading, *statements, "COMMIT"])
            except BaseException:
                await lane.roll_back()
                raise
            return said[1:-1]

        return await self._reading(at_one_moment)

    async def whole(self, call: Callable[[Connection], T]) -> T:
        """Call what needs a blocking connection, to read."""
        return await self._reading(lambda lane: lane.whole(call))

    async def migrate(self) -> None:
        """Bring the schema up to date, in one transaction.

        Raises:
            ConfigError: the database was made by a newer version.
        """

        async def work(tx: Transaction) -> None:
            await tx.whole(self._backend.prepare_schema)
            await tx.whole(upgrade)

        await offload(ONE_AT_A_TIME.acquire)  # a thread waits for it, never a loop
        try:
            await self.transact(work)
        finally:
            ONE_AT_A_TIME.release()

    async def close(self) -> None:
        """Close every connection that this object has opened."""
        await self._source.close()

    def drop(self) -> None:
        """Do so before a first use, where nothing can be awaited."""
        self._source.drop()


def _given_up(*, unknown: bool) -> Busy:
    if unknown:
        return Busy(
            "the connection was lost in COMMIT, and nobody could be asked whether it was done: "
            "repeat what has a key, look first before you repeat anything else",
            outcome_unknown=True,
        )
    return Busy("the database is busy; the call may be repeated as it was")


def explain(kind: Fault, error: BaseException, *, unknown: bool = False) -> None:
    """Say in our own words what no repetition mends by itself.

    Raises:
        Busy: the machine is in trouble; an earlier COMMIT may be done where that is *unknown*.
        ConfigError: there are no tables, or those of an older version, or the role lacks a right.
        Invalid: a text that no database keeps.
    """
    if kind is Fault.TEXT:
        raise no_text() from None
    if kind is Fault.MACHINE:
        raise Busy(
            "the database cannot be used: disk full, file read-only or gone, or it took longer "
            "than statement_timeout; mend that, then repeat",
            outcome_unknown=unknown,
        ) from error
    if kind is Fault.NO_SCHEMA:
        raise ConfigError(
            "the database lacks tables or columns that this version of digistore needs: "
            "run store.migrate(), or: digistore migrate <url>; store.check_schema() says more"
        ) from error
    if kind is Fault.RIGHTS:
        raise no_right(str(getattr(error, "orig", error))) from error
