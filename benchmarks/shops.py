"""Shops of many sizes, and the bare driver on the same database with the same settings."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import event, make_url

from benchmarks.report import POSTGRESQL, SQLITE
from benchmarks.runner import Subject
from digistore import Store
from digistore.blocking import run
from digistore.database.sources import FileSource
from tests.conftest import Shop
from tests.past import database_of
from tests.performance.conftest import planted
from tests.postgres import made_database

FULL, NORMAL = "FULL", "NORMAL"


@dataclass(frozen=True, slots=True)
class Place:
    """A planted shop, how many purchases it has, and where it is."""

    shop: Shop
    purchases: int
    url: str

    @property
    def store(self) -> Store:
        """The store."""
        return self.shop.store

    @property
    def dialect(self) -> Any:  # noqa: ANN401  SQLAlchemy's
        """What statements are compiled for."""
        return database_of(self.store).engine.dialect

    @property
    def is_sqlite(self) -> bool:
        """Whether it is a file."""
        return bool(self.dialect.name == "sqlite")

    def subject(self, letter: str, what: str, synchronous: str = "") -> Subject:
        """Say what is measured here."""
        if self.is_sqlite:
            return Subject(letter, what, SQLITE, self.purchases, synchronous)
        return Subject(letter, what, POSTGRESQL, self.purchases)

    def goal(self, sqlite: float, postgresql: float) -> float:
        """Choose the goal of this database."""
        return sqlite if self.is_sqlite else postgresql

    def driver(self, synchronous: str = FULL) -> Any:  # noqa: ANN401  a driver's connection
        """Connect as the library does, without it."""
        url = make_url(self.url)
        if not self.is_sqlite:
            text = url.set(drivername="postgresql").render_as_string(hide_password=False)
            return psycopg.connect(text, autocommit=True)
        connection = sqlite3.connect(str(url.database), isolation_level=None)
        for pragma in _pragmas(synchronous):
            connection.execute(pragma)
        return connection

    def checkpoint(self) -> None:
        """Let no checkpoint fall into the timing."""
        if self.is_sqlite:
            with self.shop_file() as connection:
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    @contextmanager
    def shop_file(self) -> Iterator[sqlite3.Connection]:
        """Open the file for a moment."""
        connection = sqlite3.connect(str(make_url(self.url).database), isolation_level=None)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def synchronous(self, how: str) -> Iterator[None]:
        """Let the store wait for the disk so much, and never checkpoint by itself."""
        source = database_of(self.store)._source  # noqa: SLF001  past the library, as a test
        if not isinstance(source, FileSource):
            yield
            return

        def settle(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's
            for pragma in _pragmas(how):
                connection.execute(pragma)

        run(source.forget())
        event.listen(source.engine, "connect", settle)
        try:
            yield
        finally:
            event.remove(source.engine, "connect", settle)
            run(source.forget())


def _pragmas(synchronous: str) -> Sequence[str]:
    return (
        "PRAGMA foreign_keys = ON",
        "PRAGMA busy_timeout = 2000",
        "PRAGMA wal_autocheckpoint = 0",
        f"PRAGMA synchronous = {synchronous}",
    )


@contextmanager
def sqlite_place(folder: Path, purchases: int) -> Iterator[Place]:
    """Plant a shop in a file."""
    url = f"sqlite:///{folder}/shop-{purchases}.db"
    with planted(url, folder, purchases) as shop:
        yield Place(shop, purchases, url)


@contextmanager
def postgresql_place(folder: Path, purchases: int) -> Iterator[Place]:
    """Plant a shop on the server of this run."""
    with made_database() as url, planted(url, folder, purchases) as shop:
        yield Place(shop, purchases, url)


class Recorded(list[tuple[str, Any]]):
    """Statements with their values, as the library gave them to the driver."""


@contextmanager
def recording(place: Place) -> Iterator[Recorded]:
    """Record what the store says, to have the bare driver say the very same."""
    database, said = database_of(place.store), Recorded()
    source = database._source  # noqa: SLF001  past the library, as a test
    engines = [source.engine]
    if isinstance(source, FileSource):
        engines.append(source._readers._engine)  # noqa: SLF001  as above
    hook, name = (_sqlite(said), "do_connect") if place.is_sqlite else (_psycopg(said), "connect")
    _forget(source)
    for engine in engines:
        event.listen(engine, name, hook)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, name, hook)
        _forget(source)


def _forget(source: Any) -> None:  # noqa: ANN401  a Source
    if isinstance(source, FileSource):
        source._readers.close()  # noqa: SLF001  as above
    run(source.forget())


def _note(said: Recorded, text: object, values: Any) -> None:  # noqa: ANN401  a driver's
    if not str(text).startswith("PRAGMA"):
        said.append((str(text), values))


def _sqlite(said: Recorded) -> Callable[..., None]:
    class Cursor(sqlite3.Cursor):
        def execute(self, sql: str, values: Any = ()) -> Any:  # noqa: ANN401  the driver's
            _note(said, sql, values)
            return super().execute(sql, values)

        def executemany(self, sql: str, values: Any) -> Any:  # noqa: ANN401  the driver's
            _note(said, sql, list(values))
            return super().executemany(sql, values)

    class Connection(sqlite3.Connection):
        def cursor(self, factory: Any = Cursor) -> Any:  # noqa: ANN401  the driver's
            return super().cursor(factory)

    def hook(_dialect: object, _record: object, _args: object, given: dict[str, Any]) -> None:
        given["factory"] = Connection

    return hook


def _psycopg(said: Recorded) -> Callable[..., None]:
    base: Any = psycopg.Cursor

    class Cursor(base):  # type: ignore[misc]
        def execute(self, query: Any, values: Any = None, **kwargs: Any) -> Any:  # noqa: ANN401
            _note(said, query, values)
            return super().execute(query, values, **kwargs)

        def executemany(self, query: Any, values: Any, **kwargs: Any) -> None:  # noqa: ANN401
            _note(said, query, list(values))
            super().executemany(query, values, **kwargs)

    def hook(driver: Any, _record: object) -> None:  # noqa: ANN401  the driver's
        driver.cursor_factory = Cursor

    return hook


def say(driver: Any, statements: Sequence[tuple[str, Any]]) -> list[Any]:  # noqa: ANN401
    """Say *statements* on a bare connection; return the rows of the last."""
    rows: list[Any] = []
    for text, values in statements:
        cursor = driver.cursor()
        if isinstance(values, list) and values and isinstance(values[0], tuple | dict | list):
            cursor.executemany(text, values)
        else:
            cursor.execute(text, values or ())
            rows = cursor.fetchall() if cursor.description is not None else []
        cursor.close()
    return rows
