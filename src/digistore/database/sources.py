"""Where connections come from: one file, one memory, or a pool."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakSet, finalize

from sqlalchemy import URL, Connection, Engine, Pool
from sqlalchemy.exc import DBAPIError
from sqlalchemy.util import greenlet_spawn

from digistore.database import postgresql, sqlite
from digistore.database.lanes import AwaitedLane, BlockingLane, Lane

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from digistore.database.backend import Backend
    from digistore.database.statements import Prepared

_ONE_AT_A_TIME = threading.Lock()


class Source(Protocol):
    """Lends connections, each to one operation at a time."""

    @property
    def backend(self) -> Backend:
        """What kind of database it is."""

    @property
    def url(self) -> URL:
        """Where it is."""

    @property
    def engine(self) -> Engine:
        """The blocking engine, which an async one has too."""

    def writing(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for a transaction."""

    def reading(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for reads."""

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run one hot reading statement."""

    async def forget(self) -> None:
        """Throw away the connections that nobody has, as the server may have died."""

    async def close(self) -> None:
        """Let go of every connection that was opened here."""

    def drop(self) -> None:
        """Do the same where nothing can be awaited."""


class _Lent:
    """A blocking connection for the length of an ``async with`` block."""

    def __init__(self, engine: Engine, backend: Backend, lock: Any) -> None:  # noqa: ANN401
        self._engine = engine
        self._backend = backend
        self._lock = lock

    async def __aenter__(self) -> Lane:
        self._lock.__enter__()
        self._pool = self._engine.pool
        try:
            self._connection = self._engine.connect()
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise
        return BlockingLane(self._connection, self._backend)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            lost = self._engine.pool is not self._pool
            if lost:
                self._connection.invalidate()
            self._connection.close()
            if not lost and self._engine.pool is not self._pool:
                self._pool.dispose()  # it was thrown away at this very moment
        finally:
            self._lock.__exit__(None, None, None)


def _replace_pool(engine: Engine) -> Pool:
    """Give *engine* an empty pool, and return the one before it, to be disposed of.

    What others still have of that one they close before they give it back: whoever waits there
    takes its place, with a new connection. No listener does it: SQLAlchemy calls those of a pool
    while another thread adds one ("deque mutated during iteration").
    """
    with _ONE_AT_A_TIME:  # of two at once, one would lose the pool that the other has made
        old = engine.pool
        engine.dispose(close=False)
    return old


class BlockingSource:
    """An engine that blocks: PostgreSQL's pool, or SQLite in memory, whose users take turns."""

    def __init__(self, engine: Engine, backend: Backend, *, owned: bool, alone: bool) -> None:
        """Lend from *engine*, which is closed in the end where it is *owned*.

        In memory all threads share one connection and none may read what is not committed: then
        each has it *alone*.
        """
        self.backend = backend
        self.url = engine.url
        self.engine = engine
        self._lock = threading.RLock() if alone else nullcontext()
        self._let_go = finalize(self, engine.dispose) if owned else None

    def writing(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for a transaction."""
        return _Lent(self.engine, self.backend, self._lock)

    def reading(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for reads."""
        return _Lent(self.engine, self.backend, self._lock)

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run one hot reading statement."""
        async with self.reading() as lane:
            return await lane.fetch(prepared, params)

    async def forget(self) -> None:
        """Throw away the connections that nobody has, as the server may have died."""
        _replace_pool(self.engine).dispose()

    async def close(self) -> None:
        """Let go of every connection that was opened here."""
        self.drop()

    def drop(self) -> None:
        """Do the same where nothing can be awaited."""
        if self._let_go is not None:
            self._let_go()


class FileSource:
    """A SQLite file: a pool for those who write, a connection per thread for those who read."""

    def __init__(self, url: URL) -> None:
        """Open the file at *url*.

        Raises:
            ConfigError: it cannot be opened, or its settings cannot be relied on.
        """
        self.backend = sqlite.SQLite()
        self.url = url
        self.engine = sqlite.open_writer(url)
        self._readers = _Readers(sqlite.open_reader(url))
        # A script that ends without close() leaves nothing open either.
        self._let_go = finalize(self, _let_go, self._readers, self.engine)
        sqlite.connect(self.engine).close()

    def writing(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for a transaction."""
        return _Lent(self.engine, self.backend, nullcontext())

    def reading(self) -> AbstractAsyncContextManager[Lane]:
        """Lend the connection that this thread keeps for reads."""
        lane: Lane = BlockingLane(self._readers.kept().connection, self.backend)
        return nullcontext(lane)

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run one hot reading statement."""
        kept = self._readers.kept()
        return prepared.run_on(kept.driver, kept.connection.dialect, params)

    async def forget(self) -> None:
        """Throw away the connections that nobody has."""
        _replace_pool(self.engine).dispose()

    async def close(self) -> None:
        """Let go of every connection that was opened here."""
        self.drop()

    def drop(self) -> None:
        """Do the same where nothing can be awaited."""
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


def _let_go(readers: _Readers, engine: Engine) -> None:
    readers.close()
    engine.dispose()


class _Awaited:
    """A connection of an async engine for the length of an ``async with`` block."""

    def __init__(self, engine: AsyncEngine, backend: Backend) -> None:
        self._engine = engine
        self._backend = backend

    async def __aenter__(self) -> Lane:
        self._pool = self._engine.pool
        self._connection: AsyncConnection = await self._engine.connect()
        try:
            driver = (await self._connection.get_raw_connection()).driver_connection
            postgresql.check_server(driver)
        except BaseException:
            await self._connection.close()
            raise
        return AwaitedLane(self._connection, driver, self._backend)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        lost = self._engine.pool is not self._pool
        if lost:
            await self._connection.invalidate()
        await self._connection.close()
        if not lost and self._engine.pool is not self._pool:
            await greenlet_spawn(self._pool.dispose)  # it was thrown away meanwhile


class AwaitedSource:
    """An async engine: its connections belong to the host's event loop."""

    def __init__(self, engine: AsyncEngine, backend: postgresql.PostgreSQL, *, owned: bool) -> None:
        """Lend from *engine*, which is closed in the end where it is *owned*."""
        self.backend = backend
        self.url = engine.url
        self.engine = engine.sync_engine
        self._async = engine
        self._owned = owned

    def writing(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for a transaction."""
        return _Awaited(self._async, self.backend)

    def reading(self) -> AbstractAsyncContextManager[Lane]:
        """Lend a connection for reads."""
        return _Awaited(self._async, self.backend)

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run one hot reading statement."""
        async with self.reading() as lane:
            return await lane.fetch(prepared, params)

    def beside(self) -> BlockingSource:
        """Open a blocking engine to the same place, which keeps no connections."""
        engine = postgresql.open_unpooled(self.url, self.backend.schema)
        return BlockingSource(engine, self.backend, owned=True, alone=False)

    async def forget(self) -> None:
        """Throw away the connections that nobody has, as the server may have died."""
        await greenlet_spawn(_replace_pool(self.engine).dispose)

    async def close(self) -> None:
        """Let go of every connection that was opened here."""
        if self._owned:
            await self._async.dispose()

    def drop(self) -> None:
        """Do nothing: connections of a loop cannot be closed without it."""
