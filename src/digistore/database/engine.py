"""Engines with the settings that the promises rest on, read back before anything relies on them."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.pool import NullPool, Pool, QueuePool, StaticPool

from digistore.errors import ConfigError

OLDEST_SQLITE = (3, 37, 0)  # STRICT tables
BUSY_TIMEOUT = 2000  # milliseconds


def read_url(url: str) -> URL:
    """Parse a database URL.

    Raises:
        ConfigError: not a URL, or a database that is not supported.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(
            "the database URL cannot be read; use for example sqlite:///shop.db"
        ) from error
    if parsed.drivername not in {"sqlite", "sqlite+pysqlite"}:
        raise ConfigError(f"{parsed.drivername} is not supported yet; use sqlite:///<path>")
    if parsed.host:
        raise ConfigError(f"write sqlite:///{parsed.host}: three slashes before a relative path")
    return parsed


def is_memory(url: URL) -> bool:
    """Say whether *url* names a database in memory."""
    name = (url.database or "").removeprefix("file:")
    return name in {"", ":memory:"} or url.query.get("mode") == "memory" or "mode=memory" in name


def open_writer(url: URL) -> Engine:
    """Make the engine that writes; in memory it has one connection, shared by all."""
    return _open(url, StaticPool if is_memory(url) else QueuePool)


def open_reader(url: URL) -> Engine:
    """Make the engine for reads of a file; it keeps no pool, as each thread keeps a connection."""
    return _open(url, NullPool)


def _open(url: URL, pool: type[Pool]) -> Engine:
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigError(f"SQLite {sqlite3.sqlite_version} is too old; 3.37 or newer is needed")
    try:
        engine = create_engine(
            url,
            poolclass=pool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,  # an error that reaches a log names no person
            connect_args={"check_same_thread": False},
        )
    except (NoSuchModuleError, ArgumentError) as error:
        raise ConfigError(f"no driver for {url.drivername}") from error
    prepare_sqlite(engine)
    return engine


def prepare_sqlite(engine: Engine) -> None:
    """Give every new connection of a SQLite engine the settings that digistore relies on.

    ``foreign_keys=ON``, ``recursive_triggers=ON``, ``journal_mode=WAL``, ``synchronous=FULL`` and
    a busy time-out of two seconds. Call it once, before the engine's first connection.
    """
    event.listen(engine, "connect", _prepare)


def _prepare(connection: Any, _record: object) -> None:  # noqa: ANN401  the driver's own
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
        cursor.execute("PRAGMA foreign_keys = ON")  # before any BEGIN, or it does nothing
        cursor.execute("PRAGMA recursive_triggers = ON")  # or REPLACE gets around a trigger
        _turn_on_wal(cursor)
        cursor.execute("PRAGMA synchronous = FULL")
    finally:
        cursor.close()


def _turn_on_wal(cursor: sqlite3.Cursor) -> None:
    """Ask for the write-ahead log, again while others open the same new database.

    SQLite never waits here, whatever its busy time-out: two that both go up from a shared lock
    would wait for each other (https://sqlite.org/c3ref/busy_handler.html).
    """
    last = time.monotonic() + BUSY_TIMEOUT / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > last:
                raise
        else:
            return
        time.sleep(0.005)


def check_sqlite(connection: Connection) -> None:
    """Read the settings back.

    Raises:
        ConfigError: a setting did not take, so a promise could not be kept.
    """
    found = {
        name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
        for name in ("foreign_keys", "journal_mode", "synchronous")
    }
    if found["foreign_keys"] != 1:
        raise ConfigError(
            "SQLite enforces no foreign keys; call digistore.database.prepare_sqlite(engine)"
        )
    if found["journal_mode"] not in {"wal", "memory"}:
        raise ConfigError(
            f"SQLite's journal is {found['journal_mode']}; WAL is needed (no network disk)"
        )
    if found["synchronous"] not in {2, 3}:
        raise ConfigError("SQLite does not wait for the disk; synchronous=FULL is needed")


def connect(engine: Engine) -> Connection:
    """Open a first connection, with its settings read back.

    Raises:
        ConfigError: the database cannot be opened, or its settings cannot be relied on.
    """
    try:
        connection = engine.connect()
    except DBAPIError as error:
        raise ConfigError(
            f"the database {engine.url.database} cannot be opened: {error.orig}"
        ) from error
    try:
        check_sqlite(connection)
    except BaseException:
        connection.close()
        raise
    return connection
