"""Hosts with a table, a transaction and a connection of their own, on the store's database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from sqlalchemy import Engine, create_engine, make_url, text
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_scoped_session,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    scoped_session,
    sessionmaker,
)
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.database import prepare_sqlite
from tests.conftest import Awaited

# What is between us and a host differs in each pair.
EVERY = pytest.mark.parametrize(
    "kind_of_store",
    ["SQLite-Store", "SQLite-AsyncStore", "PostgreSQL-Store", "PostgreSQL-AsyncStore"],
)


class Base(DeclarativeBase):
    """The host's own metadata."""


class Note(Base):
    """A row of the host's."""

    __tablename__ = "host_notes"
    words: Mapped[str] = mapped_column(primary_key=True)


class Host:
    """What a host has, in either colour: its session or connection, awaited where need be."""

    def __init__(self, store: Store, url: str, lends: str) -> None:
        """Prepare for *store*, whose colour it has; *lends* is what it gives to ``using``."""
        self.store = store
        self.url = make_url(url)
        self.lends = lends
        self.awaited = isinstance(store, Awaited)
        self.engine: Any = self.connect_to(self.url)
        self.sync_engine = cast("Engine", getattr(self.engine, "sync_engine", self.engine))
        if self.url.get_backend_name() == "sqlite":
            prepare_sqlite(self.sync_engine)

    def connect_to(self, url: Any, **options: Any) -> Engine | AsyncEngine:
        """Make an engine of the host's colour."""
        if not self.awaited:
            return create_engine(url, poolclass=NullPool, **options)
        if url.get_backend_name() == "sqlite":
            url = url.set(drivername="sqlite+aiosqlite")
        return create_async_engine(url, poolclass=NullPool, **options)

    @contextmanager
    def open(self, engine: Any = None, lends: str = "") -> Iterator[Any]:
        """Lend a session or connection, whose transaction begins when it is first used."""
        lent = self._lent(engine or self.engine, lends or self.lends)
        try:
            if self.awaited and not isinstance(lent, AsyncSession | async_scoped_session):
                lent = self.wait(lent.start())
            yield lent
        finally:
            self.wait(lent.remove() if hasattr(lent, "remove") else lent.close())

    def _lent(self, engine: Any, lends: str) -> Any:
        if lends == "connection":
            return engine.connect()
        if lends == "session":
            return AsyncSession(engine) if self.awaited else Session(engine)
        if self.awaited:
            return async_scoped_session(async_sessionmaker(engine), lambda: 1)
        return scoped_session(sessionmaker(engine))

    def inside(self, lent: Any) -> Store:
        """The store inside the transaction of what is lent."""
        if not self.awaited:
            return self.store.using(lent)
        found = cast("Any", self.store)._target.using(lent)
        return cast("Store", Awaited(found, cast("Any", self.store)._loop))

    def run(self, lent: Any, sql: str) -> Any:
        """Run a statement of the host's own."""
        return self.wait(lent.execute(text(sql)))

    def note(self, lent: Any, words: str) -> None:
        """Write a row of the host's."""
        self.run(lent, f"INSERT INTO host_notes VALUES ('{words}')")

    def commit(self, lent: Any) -> None:
        """End the host's transaction."""
        self.wait(lent.commit())

    def rollback(self, lent: Any) -> None:
        """Take back the host's transaction."""
        self.wait(lent.rollback())

    def wait(self, result: Any) -> Any:
        """Wait for what a host with a loop returns."""
        return cast("Any", self.store)._run(result) if self.awaited else result

    def kept(self) -> tuple[list[str], list[str]]:
        """What another connection sees: the host's notes, and the names of our users."""
        with create_engine(self.url, poolclass=NullPool).connect() as other:
            notes = other.scalars(text("SELECT words FROM host_notes ORDER BY 1")).all()
            names = other.scalars(
                text("SELECT name FROM digistore_users WHERE name IS NOT NULL ORDER BY 1")
            ).all()
        return list(notes), list(names)


@pytest.fixture
def lends() -> str:
    """What the host gives to ``using``."""
    return "session"


@pytest.fixture
def host(store: Store, database_url: str, lends: str) -> Iterator[Host]:
    """A host on the database of the store."""
    found = Host(store, database_url, lends)
    plain = create_engine(database_url, poolclass=NullPool)
    with plain.begin() as connection:
        Base.metadata.drop_all(connection)
        Base.metadata.create_all(connection)
    yield found
    with plain.begin() as connection:
        Base.metadata.drop_all(connection)
