"""PostgreSQL through psycopg 3: engines with time-outs, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy import URL, Connection, Engine, Select, create_engine, func, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateSchema

from digistore.database.retry import PATIENCE, Fault
from digistore.errors import ConfigError, TransactionFailed

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from digistore.database.lanes import Lane

OLDEST = 14
LOCK_TIMEOUT = 2000  # milliseconds
# A client that dies without a word lets go of its locks after it.
IDLE_IN_TRANSACTION_TIMEOUT = 30_000  # milliseconds
CONNECT_TIMEOUT = 5  # seconds; psycopg's least is 2
# pg_advisory_xact_lock takes one number for all: this one is ours ("digistore" in base 36).
SCHEMA_LOCK = 38_120_949_073_562

_IDLE, _IN_ERROR, _UNKNOWN = 0, 3, 4  # libpq's transaction status: PQTRANS_...
_REPLICATION_WAIT = "SyncRepWaitForLSN"  # the server's function; its words are translated
_SEARCH_PATH = "search_path"
_OWN_PATH = re.compile(r"search[_-]path", re.IGNORECASE)  # the server takes both for one
_READ_ONLY = "-c default_transaction_read_only=on"
_HEARD: WeakKeyDictionary[Any, list[str]] = WeakKeyDictionary()

_FAULTS = {
    **dict.fromkeys(("40001", "40P01", "55P03", "53300"), Fault.TRANSIENT),
    # An administrator's order; a server that is starting, stopping, or a standby now; a session or
    # transaction that the server has ended because it was idle or took too long.
    **dict.fromkeys(("57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "25006"), Fault.GONE),
    **dict.fromkeys(("53100", "53200", "57014", "58030"), Fault.MACHINE),
    "26000": Fault.GONE,  # what was prepared is not there: behind a pooler, or after a failure
    "23505": Fault.UNIQUE,
    # Insufficient privilege; and no schema on the search path that the role may use.
    **dict.fromkeys(("42501", "3F000"), Fault.RIGHTS),
}
_CONNECTION_CLASS = "08"
_UNDEFINED = {"42P01", "42703"}  # a table, a column


class PostgreSQL:
    """How PostgreSQL does it."""

    begin = "BEGIN ISOLATION LEVEL READ COMMITTED"
    begin_reading = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    # The least that is written to the log, which a standby confirms up to a place, not row by row.
    later = "SELECT pg_logical_emit_message(true, 'digistore', '')"

    def __init__(self, schema: str | None = None) -> None:
        """Take the tables from *schema*, by default from the connection's search path."""
        import psycopg  # noqa: PLC0415  an extra

        self.schema = schema
        self.pipelines = psycopg.Pipeline.is_supported()  # by libpq 14
        self.errors: tuple[type[Exception], ...] = (DBAPIError, PoolTimeout, psycopg.Error)
        self.refusals: tuple[type[Exception], ...] = (IntegrityError, psycopg.IntegrityError)
        self._data_error = psycopg.DataError
        self._broken = (psycopg.OperationalError, psycopg.InterfaceError)

    def distrust(self, driver: Any) -> None:  # noqa: ANN401  psycopg's
        """Prepare nothing any more on this connection.

        psycopg counts a statement as prepared once it is queued; the server skips it where one
        before it in the pipeline has failed, and every later run would ask for what is not there.
        """
        driver.prepare_threshold = None

    def fault(self, error: BaseException) -> Fault:
        """Classify by SQLSTATE; an error without one comes from a connection that is gone."""
        if isinstance(error, PoolTimeout):
            return Fault.TRANSIENT
        cause = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(cause, "sqlstate", None)
        if state is None:
            return self._unsaid(cause)
        if state.startswith(_CONNECTION_CLASS):
            return Fault.GONE
        if state in _UNDEFINED and "digistore_" in str(cause):
            return Fault.NO_SCHEMA
        return _FAULTS.get(state, Fault.FINAL)

    def _unsaid(self, cause: BaseException | None) -> Fault:
        if isinstance(cause, self._data_error):  # NUL, which psycopg does not even send
            return Fault.TEXT
        return Fault.GONE if isinstance(cause, self._broken) else Fault.FINAL

    def opening(self, patience: float | None) -> tuple[Sequence[str], str]:
        """Set the lock time-out of the transaction alone."""
        if patience is None:
            return (self.begin,), ""
        # Zero would mean: for ever.
        return (self.begin, f"SET LOCAL lock_timeout = {max(1, int(patience * 1000))}"), ""

    def longest(self, seconds: float) -> str:
        """Set the statement time-out of the transaction alone."""
        return f"SET LOCAL statement_timeout = {max(1, int(seconds * 1000))}"

    def open(self, driver: Any) -> bool:  # noqa: ANN401  psycopg's
        """Ask libpq; a connection that is gone counts as open, so that it is thrown away."""
        return bool(driver.closed or driver.info.transaction_status != _IDLE)

    def committed(self, driver: Any) -> bool:  # noqa: ANN401  psycopg's
        """Doubt a COMMIT whose wait for the standby was cancelled.

        The server then says that it has succeeded, with a warning: "committed locally, but might
        not have been replicated" (https://www.postgresql.org/docs/current/warm-standby.html).
        """
        heard = _notices(driver)
        doubted = _REPLICATION_WAIT in heard
        heard.clear()
        return not doubted

    async def elsewhere(self, lane: Lane, driver: Any, url: URL) -> bool:  # noqa: ANN401  psycopg's
        """Compare the names: one server may be known by several addresses."""
        return url.database is not None and driver.info.dbname != url.database

    async def join(self, lane: Lane, driver: Any) -> str | None:  # noqa: ANN401  psycopg's
        """Look where the schema's tables are, until the end of the operation."""
        if self.stuck(driver):
            raise TransactionFailed(
                "a statement of this transaction has failed; roll it back, then begin again"
            )
        if driver.pgconn.pipeline_status:
            raise ConfigError("the connection is in a pipeline: leave it before you lend it")
        if driver.autocommit:
            raise ConfigError(
                "the connection commits each statement by itself (AUTOCOMMIT): "
                "give one that has a transaction"
            )
        if self.schema is None:
            return None
        read = select(func.current_setting(_SEARCH_PATH).label("before"))
        before: str = (await lane.rows(read))[0].before
        await lane.rows(_look_in(self.schema))
        return before

    async def part(self, lane: Lane, kept: str | None) -> None:
        """Look again where the host does."""
        if kept is not None:
            await lane.rows(_look_in(kept))

    def stuck(self, driver: Any) -> bool:  # noqa: ANN401  psycopg's
        """Ask libpq: after an error, all is refused."""
        return bool(driver.info.transaction_status == _IN_ERROR)

    def lost(self, driver: Any) -> bool:  # noqa: ANN401  psycopg's
        """Ask libpq."""
        return driver.closed or driver.info.transaction_status in {_IDLE, _UNKNOWN}

    def prepare_schema(self, connection: Connection) -> None:
        """Make the schema; from here on no other process changes it at the same time."""
        lock_schema(connection)
        # IF NOT EXISTS asks for the right to make it, even where it is there.
        if self.schema is not None and not inspect(connection).has_schema(self.schema):
            connection.execute(CreateSchema(self.schema, if_not_exists=True))


def _look_in(search_path: str) -> Select[tuple[str]]:
    """Look for tables there until the transaction ends."""
    return select(func.set_config(_SEARCH_PATH, search_path, True))  # noqa: FBT003  PostgreSQL's own


def lock_schema(connection: Connection) -> None:
    """Wait until no other process changes the schema, and keep all others out until the end."""
    connection.execute(text("SELECT pg_advisory_xact_lock(:ours)"), {"ours": SCHEMA_LOCK})


def _notices(driver: Any) -> list[str]:  # noqa: ANN401  psycopg's
    """Return who in the server has warned *driver* since this was last cleared."""
    heard = _HEARD.get(driver)
    if heard is None:
        heard = _HEARD[driver] = []
        driver.add_notice_handler(partial(_hear, heard))
    return heard


def _hear(heard: list[str], notice: Any) -> None:  # noqa: ANN401  psycopg's
    if notice.severity_nonlocalized == "WARNING":
        heard.append(notice.source_function)


def check_server(driver: Any) -> None:  # noqa: ANN401  psycopg's
    """Look at what the server has said of itself when it was connected to.

    Raises:
        ConfigError: it is too old, or keeps another encoding than UTF-8.
    """
    version = driver.info.server_version
    if version < OLDEST * 10_000:
        raise ConfigError(f"PostgreSQL {version // 10_000} is too old; {OLDEST} or newer is needed")
    encoding = driver.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigError(f"the database keeps its text as {encoding}; UTF8 is needed")
    _notices(driver)


def open_engine(url: URL, schema: str | None, *, read_only: bool = False) -> Engine:
    """Make an engine of our own; it connects when it is first used."""
    return create_engine(url, **_settings(url, schema, read_only=read_only))


def open_unpooled(url: URL, schema: str | None) -> Engine:
    """Make an engine that connects for each use anew."""
    settings = _settings(url, schema)
    del settings["pool_timeout"]
    return create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool, **settings)


def open_async_engine(url: URL, schema: str | None, *, read_only: bool = False) -> AsyncEngine:
    """Make one for a host's event loop."""
    try:
        from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415  needs greenlet

        return create_async_engine(url, **_settings(url, schema, read_only=read_only))
    except ImportError as error:
        raise ConfigError(
            "AsyncStore on PostgreSQL needs greenlet: pip install 'digistore[async]'"
        ) from error


def _settings(url: URL, schema: str | None, *, read_only: bool = False) -> dict[str, Any]:
    given: dict[str, Any] = (
        {"connect_timeout": CONNECT_TIMEOUT} if "connect_timeout" not in url.query else {}
    )
    given["options"] = _options(url, schema, read_only=read_only)
    return {
        "isolation_level": "AUTOCOMMIT",  # we say BEGIN ourselves; a single read needs none
        "pool_timeout": PATIENCE,
        "hide_parameters": True,  # an error that reaches a log names no person
        "connect_args": given,
    }


def _options(url: URL, schema: str | None, *, read_only: bool) -> str:
    """Put the URL's options after ours, as the server takes the last of each."""
    own = url.query.get("options", ())
    told = own if isinstance(own, str) else " ".join(own)
    found = [
        f"-c lock_timeout={LOCK_TIMEOUT}",
        f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT}",
    ]
    if schema is not None:
        if _OWN_PATH.search(told):
            raise ConfigError("give schema, or options with a search_path in the URL, not both")
        found.append(f"-c search_path={schema}")
    return " ".join([*found, *([told] if told else []), *([_READ_ONLY] if read_only else [])])
