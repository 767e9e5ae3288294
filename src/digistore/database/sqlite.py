"""SQLite: engines with the settings that the promises rest on, read back before they are used."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, NoSuchModuleError
from sqlalchemy.pool import NullPool, Pool, QueuePool, StaticPool

from digistore.database.retry import Fault
from digistore.errors import ConfigError

if TYPE_CHECKING:
    from digistore.database.lanes import Lane

OLDEST = (3, 37, 0)  # STRICT tables
BUSY_TIMEOUT = 2000  # milliseconds
NO_FOREIGN_KEYS = (
    "SQLite enforces no foreign keys on this connection; call "
    "digistore.database.prepare_sqlite(engine) once, before the engine's first connection"
)

_IS_BEHIND = re.compile(
    r"no such table: digistore_|no such column: |table digistore_\w+ has no column named "
)
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNIQUE = {sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY}
_MACHINE = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
}


class SQLite:
    """How SQLite does it."""

    begin = "BEGIN IMMEDIATE"  # a transaction that began by reading cannot always go on to write
    schema: str | None = None  # it has none
    begin_reading = "BEGIN"
    later = "SELECT 1"  # never needed: a COMMIT in this process has its answer
    pipelines = False  # there is no way to go
    errors = (DBAPIError, sqlite3.Error)
    refusals = (IntegrityError, sqlite3.IntegrityError)

    def distrust(self, driver: Any) -> None:  # noqa: ANN401  sqlite3's
        """Do nothing: it has no pipelines."""

    def fault(self, error: BaseException) -> Fault:
        """Classify by SQLite's extended result code."""
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, sqlite3.Error):
            return Fault.FINAL
        extended = getattr(cause, "sqlite_errorcode", 0)
        primary = extended & 0xFF
        if primary in _BUSY:
            return Fault.TRANSIENT
        if extended in _UNIQUE:
            return Fault.UNIQUE
        if _IS_BEHIND.match(str(cause)):
            return Fault.NO_SCHEMA
        return Fault.MACHINE if primary in _MACHINE else Fault.FINAL

    def opening(self, patience: float | None) -> tuple[Sequence[str], str]:
        """Change the busy time-out, which is the connection's, and put it back."""
        if patience is None:
            return (self.begin,), ""
        pragma = "PRAGMA busy_timeout = {}".format
        return (pragma(int(patience * 1000)), self.begin), pragma(BUSY_TIMEOUT)

    def longest(self, seconds: float) -> str:
        """Bound nothing: who reads a file holds nobody up."""
        return ""

    def open(self, driver: Any) -> bool:  # noqa: ANN401  sqlite3's
        """Ask the driver: after a full disk SQLite has rolled back by itself."""
        return bool(driver.in_transaction)

    def committed(self, driver: Any) -> bool:  # noqa: ANN401  sqlite3's
        """Trust it: the COMMIT has waited for the disk."""
        return True

    async def elsewhere(self, lane: Lane, driver: Any, url: URL) -> bool:  # noqa: ANN401  as below
        """Compare the files; of two in memory nothing can be seen."""
        theirs = (await lane.say("PRAGMA database_list"))[0].file
        return not _is_same(theirs, file_of(url))

    async def join(self, lane: Lane, driver: Any) -> str | None:  # noqa: ANN401  as above
        """Begin a transaction where the driver has not yet done so.

        By default SQLAlchemy lets sqlite3 begin one, which it does not do before a SAVEPOINT: what
        we write would be committed by itself, whatever the host does with its own.
        """
        found = await lane.say("PRAGMA foreign_keys")  # after it SQLAlchemy has begun, too
        if found[0].foreign_keys != 1:
            raise ConfigError(NO_FOREIGN_KEYS)
        if not driver.in_transaction:
            if driver.isolation_level is None or getattr(driver, "autocommit", -1) is True:
                raise ConfigError(
                    "the connection commits each statement by itself (AUTOCOMMIT): "
                    "give one that has a transaction"
                )
            await lane.say(self.begin)
        return None

    async def part(self, lane: Lane, kept: str | None) -> None:
        """Do nothing: nothing was changed."""

    def stuck(self, driver: Any) -> bool:  # noqa: ANN401  as above
        """Say no: what fails is undone by itself."""
        return False

    def lost(self, driver: Any) -> bool:  # noqa: ANN401  as above
        """Ask the driver: of a full disk SQLite rolls the whole back."""
        return not driver.in_transaction

    def prepare_schema(self, connection: Connection) -> None:
        """Do nothing: a file is there, and has one writer at a time."""


def file_of(url: URL) -> str | None:
    """Return the path of the file that *url* names, ``None`` if it names none."""
    if is_memory(url):
        return None
    name = url.database or ""
    return unquote(urlsplit(name).path) if name.startswith("file:") else name


def _is_same(file: str, other: str | None) -> bool:
    if not file or other is None:
        return not file and other is None
    return Path(other).exists() and Path(file).samefile(other)


def is_memory(url: URL) -> bool:
    """Say whether *url* names a database in memory."""
    name = (url.database or "").removeprefix("file:")
    return name in {"", ":memory:"} or url.query.get("mode") == "memory" or "mode=memory" in name


def read_only(url: URL) -> URL:
    """Return *url* so that SQLite itself refuses to make or change the file.

    Raises:
        ConfigError: there is no such file, or it is in memory.
    """
    path = file_of(url) or ""
    if not Path(path).is_file():
        raise ConfigError(f"there is no database at {path or 'an empty path'}")
    return URL.create(
        url.drivername,
        database=f"file:{quote(str(Path(path).resolve()))}",
        query={"mode": "ro", "uri": "true"},
    )


def open_writer(url: URL) -> Engine:
    """Make the engine that writes; in memory it has one connection, shared by all."""
    return _open(url, StaticPool if is_memory(url) else QueuePool)


def open_reader(url: URL) -> Engine:
    """Make the engine for reads of a file; it keeps no pool, as each thread keeps a connection."""
    return _open(url, NullPool)


def _open(url: URL, pool: type[Pool]) -> Engine:
    if sqlite3.sqlite_version_info < OLDEST:
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
        raise ConfigError(NO_FOREIGN_KEYS)
    if found["journal_mode"] not in {"wal", "memory"}:
        raise ConfigError(
            f"SQLite's journal is {found['journal_mode']}; WAL is needed (no network disk)"
        )
    if found["synchronous"] not in {2, 3}:
        raise ConfigError("SQLite does not wait for the disk; synchronous=FULL is needed")


def check_strict(connection: Connection) -> None:
    """Refuse tables that take any value in any column: amounts could be words or fractions.

    Raises:
        ConfigError: somebody else made them.
    """
    loose = connection.exec_driver_sql(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        " AND strict = 0 AND name LIKE 'digistore!_%' ESCAPE '!' AND name <> 'digistore_version'"
        " ORDER BY name"
    ).scalars()
    found = loose.first()
    if found is not None:
        raise ConfigError(
            f"the table {found} is not STRICT: let store.migrate() make the tables of a new file"
        )


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
        check_strict(connection)
    except BaseException:
        connection.close()
        raise
    return connection
