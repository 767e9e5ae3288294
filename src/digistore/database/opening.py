"""From a URL or a host's engine to a source of connections, or to a clear refusal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlalchemy import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.pool import StaticPool

from digistore.database import postgresql, sqlite
from digistore.database.sources import AwaitedSource, BlockingSource, FileSource, Source
from digistore.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

_SQLITE = {"sqlite", "sqlite+pysqlite"}
_POSTGRESQL = {"postgresql+psycopg", "postgresql+psycopg_async"}
_SCHEMA = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}")  # what needs no quotes; pg_ is the server's


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
    name = parsed.drivername
    if name in _POSTGRESQL:
        return parsed
    if parsed.get_backend_name() == "postgresql":
        raise ConfigError(
            f"write postgresql+psycopg://... instead of {name}://...: the driver is psycopg 3"
        )
    if name not in _SQLITE:
        raise ConfigError(
            f"{name} is not supported; use sqlite:///<path> or postgresql+psycopg://<host>/<name>"
        )
    if parsed.host:
        raise ConfigError(f"write sqlite:///{parsed.host}: three slashes before a relative path")
    return parsed


def open_url(url: str, schema: str | None, *, awaited: bool, read_only: bool = False) -> Source:
    """Open the database at *url*, for a host's event loop where it is to be *awaited*.

    Where it is to be *read_only*, the database itself refuses to write.

    SQLite always blocks: a call through an async driver costs 48 to 104 times a direct one.

    Raises:
        ConfigError: it cannot be opened, or its settings cannot be relied on.
    """
    parsed = read_url(url)
    if parsed.drivername in _SQLITE:
        if schema is not None:
            raise ConfigError("SQLite has no schemas: leave schema out")
        if read_only:
            return FileSource(sqlite.read_only(parsed))
        if sqlite.is_memory(parsed):
            return _memory(sqlite.open_writer(parsed), owned=True)
        return FileSource(parsed)
    backend = _postgresql(schema)
    if awaited:
        engine = postgresql.open_async_engine(parsed, schema, read_only=read_only)
        return AwaitedSource(engine, backend, owned=True)
    blocking = postgresql.open_engine(parsed, schema, read_only=read_only)
    return _pool(blocking, backend, owned=True)


def use_engine(engine: Engine | AsyncEngine) -> Source:
    """Use a host's engine, without changing it.

    Of a SQLite engine it is the file that is used, by an engine with our own settings; or the
    memory that it shares.

    Raises:
        ConfigError: a driver that is not supported, a memory engine without ``StaticPool``,
            settings that cannot be relied on.
    """
    url = read_url(engine.url.render_as_string(hide_password=False))
    if not isinstance(engine, Engine):
        if url.drivername in _SQLITE:
            raise ConfigError("give a blocking engine for SQLite, or its URL")
        awaited = engine.execution_options(isolation_level="AUTOCOMMIT")
        return AwaitedSource(awaited, _postgresql(None), owned=False)
    if url.drivername in _POSTGRESQL:
        blocking = engine.execution_options(isolation_level="AUTOCOMMIT")
        return _pool(blocking, _postgresql(None), owned=False)
    if not sqlite.is_memory(url):
        return FileSource(url)
    if not isinstance(engine.pool, StaticPool):
        raise ConfigError("a SQLite database in memory needs poolclass=StaticPool: one connection")
    return _memory(engine, owned=False)


def _memory(engine: Engine, *, owned: bool) -> Source:
    sqlite.connect(engine).close()
    return BlockingSource(engine, sqlite.SQLite(), owned=owned, alone=True)


def _pool(engine: Engine, backend: postgresql.PostgreSQL, *, owned: bool) -> Source:
    source = BlockingSource(engine, backend, owned=owned, alone=False)
    try:
        with engine.connect() as connection:
            postgresql.check_server(connection.connection.driver_connection)
    except DBAPIError as error:
        raise ConfigError(
            f"the database {engine.url.database} cannot be opened: {error.orig}"
        ) from error
    return source


def _postgresql(schema: str | None) -> postgresql.PostgreSQL:
    if schema is not None and not _SCHEMA.fullmatch(schema):
        raise ConfigError(
            "schema takes a name of at most 63 small letters, digits and _, not beginning with a "
            "digit or pg_"
        )
    try:
        return postgresql.PostgreSQL(schema)
    except ImportError as error:
        raise ConfigError("PostgreSQL needs psycopg: pip install 'digistore[postgres]'") from error
