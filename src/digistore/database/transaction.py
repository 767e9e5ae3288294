"""One transaction, retried as a whole, and reads that need none."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from typing import Any, TypeAlias, TypeVar
from weakref import WeakSet, finalize

from sqlalchemy import URL, Connection, Engine, Executable, Row
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from digistore.blocking import offload
from digistore.clock import Clock
from digistore.database.engine import (
    BUSY_TIMEOUT,
    connect,
    is_memory,
    open_reader,
    open_writer,
    read_url,
)
from digistore.database.retry import ATTEMPTS, DATABASE_ERRORS, PATIENCE, Fault, fault
from digistore.database.statements import Prepared, no_text
from digistore.errors import Busy, ConfigError
from digistore.ids import new_id

T = TypeVar("T")
Params: TypeAlias = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
AnyRow: TypeAlias = Row[Any]
Record: TypeAlias = Mapping[Any, Any]


class Reader:
    """Statements on one connection; rows come back whole."""

    def __init__(self, connection: Connection) -> None:
        """Run statements on *connection*."""
        self.connection = connection

    async def rows(self, statement: Executable, params: Params = None) -> Sequence[AnyRow]:
        """Run *statement* and return its rows."""
        return _rows(self.connection, statement, params)

    async def first(self, statement: Executable, params: Params = None) -> AnyRow | None:
        """Return the first row, ``None`` if there is none."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement and return plain tuples, as the driver has them."""
        return prepared.run(self.connection, params)

    async def batch(self, statements: Sequence[Executable]) -> list[Sequence[AnyRow]]:
        """Run *statements* in order and return the rows of each."""
        return [_rows(self.connection, statement, None) for statement in statements]


class Transaction(Reader):
    """A transaction that writes; ``now`` and ``new_id`` answer the same when it is repeated."""

    def __init__(self, connection: Connection, now: datetime, ids: list[str]) -> None:
        """Begin at *now*; *ids* are those that an earlier attempt has drawn."""
        super().__init__(connection)
        self.now = now
        self._ids = ids
        self._drawn = 0

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters, as the driver has them."""
        prepared.run_many(self.connection, rows)

    def new_id(self, prefix: str) -> str:
        """Draw an id with *prefix*; the n-th draw of a repeated transaction gives the same."""
        if self._drawn == len(self._ids):
            self._ids.append(new_id(prefix, self.now))
        drawn = self._ids[self._drawn]
        if not drawn.startswith(f"{prefix}_"):  # the repetition took another path
            drawn = self._ids[self._drawn] = new_id(prefix, self.now)
        self._drawn += 1
        return drawn


class Database:
    """Where the shop's rows are: transactions, reads, and the clock they go by."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        """Use the file of the host's SQLite *engine*, or the memory it shares.

        Raises:
            ConfigError: not SQLite, a memory engine without ``StaticPool``, settings that cannot
                be relied on.
        """
        url = read_url(engine.url.render_as_string(hide_password=False))
        shared = is_memory(url)
        if shared and not isinstance(engine.pool, StaticPool):
            raise ConfigError(
                "a SQLite database in memory needs poolclass=StaticPool: one connection"
            )
        self._start(url, engine if shared else open_writer(url), clock, owned=not shared)

    @classmethod
    def open(cls, url: str, clock: Clock) -> Database:
        """Open the database at *url*.

        Raises:
            ConfigError: it cannot be opened, or its settings cannot be relied on.
        """
        parsed = read_url(url)
        database = cls.__new__(cls)
        database._start(parsed, open_writer(parsed), clock, owned=True)  # noqa: SLF001  its own
        return database

    def _start(self, url: URL, writer: Engine, clock: Clock, *, owned: bool) -> None:
        self.clock = clock
        self.url = url
        self.engine = writer
        self._lock = threading.RLock() if is_memory(url) else None
        connect(writer).close()
        self._readers = None if self._lock else _Readers(open_reader(url))
        # A script that ends without close() leaves nothing open either.
        self._let_go = finalize(self, _let_go, self._readers, writer if owned else None)

    async def transact(
        self, work: Callable[[Transaction], Awaitable[T]], *, patience: float | None = None
    ) -> T:
        """Run *work* in one transaction, and again as a whole where the database asks for it.

        Args:
            work: touches the transaction and nothing else: no gateway, file or hook.
            patience: seconds to wait for a lock, once; for what may be lost rather than wait.

        Raises:
            Busy: the database stayed locked, is full or cannot be written.
        """
        now, ids, begun = self.clock(), list[str](), time.monotonic()
        rivals = 0
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._once(work, now, ids, patience)
            except DATABASE_ERRORS as error:
                kind = fault(error)
                rivals += kind is Fault.UNIQUE
                _explain(kind, error)
                if kind is Fault.FINAL or rivals > 1:
                    raise
                late = time.monotonic() - begun > PATIENCE
                if attempt == ATTEMPTS or late or patience is not None:
                    raise Busy(
                        "the database is busy; the call may be repeated as it was"
                    ) from error
            await offload(time.sleep, secrets.randbelow(1000) / 1e5 * 2**attempt)
        raise AssertionError

    async def _once(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        now: datetime,
        ids: list[str],
        patience: float | None,
    ) -> T:
        with self._exclusive(), self.engine.connect() as connection, _waiting(connection, patience):
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                result = await work(Transaction(connection, now, ids))
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                _roll_back(connection)
                raise
            return result

    async def read(self, work: Callable[[Reader], Awaitable[T]]) -> T:
        """Run several reads at one moment, in one transaction that writes nothing."""
        with self.reading() as connection:
            connection.exec_driver_sql("BEGIN")
            try:
                return await work(Reader(connection))
            finally:
                _roll_back(connection)

    async def rows(self, statement: Executable, params: Params = None) -> Sequence[AnyRow]:
        """Run one reading statement and return its rows.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """
        with self.reading() as connection:
            return _rows(connection, statement, params)

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot reading statement and return plain tuples, as the driver has them.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """
        if self._readers is None:
            with self.reading() as connection:
                return prepared.run(connection, params)
        try:
            kept = self._readers.kept()
            return prepared.run_on(kept.driver, kept.connection.dialect, params)
        except DATABASE_ERRORS as error:
            _explain_reading(error)
            raise

    async def first(self, statement: Executable, params: Params = None) -> AnyRow | None:
        """Return the first row of one reading statement, ``None`` if there is none."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection for reading.

        Raises:
            Busy: the database stayed locked or cannot be read.
        """
        try:
            if self._readers is not None:
                yield self._readers.connection()
            else:
                with self._exclusive(), self.engine.connect() as connection:
                    yield connection
        except DATABASE_ERRORS as error:
            _explain_reading(error)
            raise

    def _exclusive(self) -> AbstractContextManager[object]:
        # In memory all threads share one connection: none may read what is not committed.
        return self._lock or nullcontext()

    def close(self) -> None:
        """Close every connection that this object has opened."""
        self._let_go()


class _Kept:
    """A connection that is closed with the thread that keeps it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.driver = connection.connection.driver_connection

    def close(self) -> None:
        self.connection.close()

    def __del__(self) -> None:
        with suppress(DBAPIError):  # the collector may have closed the driver's connection first
            self.close()


class _Readers:
    """One reading connection per thread: threads may outnumber a pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._local = threading.local()
        self._all: WeakSet[_Kept] = WeakSet()

    def connection(self) -> Connection:
        return self.kept().connection

    def kept(self) -> _Kept:
        kept: _Kept | None = getattr(self._local, "kept", None)
        if kept is None or kept.connection.closed:
            kept = self._local.kept = _Kept(self._engine.connect())
            self._all.add(kept)
        return kept

    def close(self) -> None:
        for kept in list(self._all):
            kept.close()
        self._engine.dispose()


@contextmanager
def _waiting(connection: Connection, patience: float | None) -> Iterator[None]:
    """Let *connection* wait for a lock as long as *patience* says, then as long as always."""
    if patience is None:
        yield
        return
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(patience * 1000)}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")


def _let_go(readers: _Readers | None, engine: Engine | None) -> None:
    if readers is not None:
        readers.close()
    if engine is not None:
        engine.dispose()


def _explain_reading(error: BaseException) -> None:
    """Say in our own words what a reader has met, where there are any."""
    kind = fault(error)
    _explain(kind, error)
    if kind is Fault.TRANSIENT:
        raise Busy("the database cannot be read now; the call may be repeated") from error


def _explain(kind: Fault, error: BaseException) -> None:
    """Say in our own words what no repetition mends by itself."""
    if kind is Fault.MACHINE:
        raise Busy(
            "the database cannot be used: disk full, file read-only or gone; mend that, then repeat"
        ) from error
    if kind is Fault.NO_SCHEMA:
        raise ConfigError(
            "the database has no tables of digistore yet: "
            "run store.migrate(), or: digistore migrate <url>"
        ) from error


def _rows(connection: Connection, statement: Executable, params: Params) -> Sequence[Any]:
    try:
        result = connection.execute(statement, params)
    except UnicodeEncodeError:
        raise no_text() from None
    return result.all() if result.returns_rows else ()


def _roll_back(connection: Connection) -> None:
    # After a full disk SQLite has rolled back by itself; a second ROLLBACK would raise.
    if connection.closed or connection.invalidated:
        return
    driver = connection.connection.driver_connection
    if driver is not None and driver.in_transaction:
        try:
            connection.exec_driver_sql("ROLLBACK")
        except DBAPIError:
            connection.invalidate()
