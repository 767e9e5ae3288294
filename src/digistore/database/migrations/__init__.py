"""The schema: how it is made, and whether what is there is what is needed.

The revisions have a version table of their own, ``digistore_version``, so they never meet a
host's own Alembic history.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from digistore.database.migrations import whereabouts
from digistore.database.postgresql import lock_schema
from digistore.database.types import metadata
from digistore.errors import ConfigError

if TYPE_CHECKING:
    from alembic.config import Config

VERSION_TABLE = "digistore_version"
HEAD = "dg0001"
_HERE = Path(__file__).parent
ONE_AT_A_TIME = Lock()  # of a process, whatever its databases: Alembic's state is global


def bring(connection: Connection, to: str) -> None:
    """Bring the schema to the revision *to*, if it is not there or beyond, for Django's migrations.

    It happens inside the transaction that *connection* has open.
    """
    with _one_at_a_time(connection):
        if (current(connection) or "") < to:  # they are numbered
            from alembic import command  # noqa: PLC0415  see upgrade

            command.upgrade(_config(connection), to)


def take_back(connection: Connection, to: str | None) -> None:
    """Bring the schema back to the revision *to*, or to nothing: what was in its tables is gone.

    It happens inside the transaction that *connection* has open.
    """
    with _one_at_a_time(connection):
        if (current(connection) or "") > (to or ""):
            from alembic import command  # noqa: PLC0415  see upgrade

            command.downgrade(_config(connection), to or "base")
        if to is None:
            connection.execute(text(f"DROP TABLE IF EXISTS {VERSION_TABLE}"))


@contextmanager
def _one_at_a_time(connection: Connection) -> Iterator[None]:
    if connection.dialect.name == "postgresql":
        lock_schema(connection)
    with ONE_AT_A_TIME:
        yield


def migrate(connection: Connection) -> None:
    """Bring the schema to :data:`HEAD`, inside the transaction that *connection* has open.

    Raises:
        ConfigError: the database was made by a newer version.
    """
    with _one_at_a_time(connection):
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Do it; whoever calls this lets one upgrade run at a time, by both locks.

    Raises:
        ConfigError: the database was made by a newer version, or its tables are behind and in a
            history of the host's own.
    """
    found = current(connection)
    if found is None and _is_of_a_host(connection):
        _check_tables(connection)
        return
    _check_known(found)
    from alembic import command  # noqa: PLC0415  half a second that only migrations pay

    command.upgrade(_config(connection), HEAD)


def _check_known(found: str | None) -> None:
    if found is not None and found not in revisions():
        raise ConfigError(
            f"the database is at revision {found}, which this version does not know, as it has "
            f"{HEAD}: install the digistore that made it, or a newer one"
        )


def revisions() -> list[str]:
    """Return the names of all revisions, the first first."""
    return sorted(path.stem.partition("_")[0] for path in (_HERE / "versions").glob("dg*.py"))


def current(connection: Connection) -> str | None:
    """Return the revision that the database has, ``None`` if it has none."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  a constant


def check_schema(connection: Connection, *, schema: str | None = None) -> str | None:
    """Compare the database's revision with the one that this version needs.

    Args:
        connection: to the database.
        schema: what the host has named, where it has.

    Returns:
        The name of PostgreSQL's schema that has the tables; SQLite has none.

    Raises:
        ConfigError: they differ; the message names both, and the command to run where the
            database is behind. Or the role may not look at them.
    """
    found = current(connection)
    if found is None and _is_of_a_host(connection):
        _check_tables(connection)
        return whereabouts.found_in(connection, next(iter(metadata.tables)))
    if found == HEAD:
        return whereabouts.found_in(connection, VERSION_TABLE)
    _check_known(found)
    elsewhere = "" if found else whereabouts.elsewhere(connection, VERSION_TABLE, schema)
    raise ConfigError(
        f"the database is at revision {found or 'none'}, {HEAD} is needed: "
        f"run store.migrate(), or: {whereabouts.command(connection, schema)}{elsewhere}"
    )


def _is_of_a_host(connection: Connection) -> bool:
    """Say whether our tables are there without our history: Alembic of the host's has made them."""
    return inspect(connection).has_table(next(iter(metadata.tables)))


def _check_tables(connection: Connection) -> None:
    """Look for all tables and columns, as the host's history does not say which revision it is at.

    Raises:
        ConfigError: some are not there.
    """
    inspector = inspect(connection)
    found = {
        (table, column["name"])
        for (_, table), columns in inspector.get_multi_columns().items()
        for column in columns
    }
    needed = {(table.name, column.name) for table in metadata.sorted_tables for column in table.c}
    missing = sorted(".".join(one) for one in needed - found)
    if missing:
        raise ConfigError(
            f"{missing[0]} is not in the database, nor are {len(missing) - 1} other columns that "
            f"revision {HEAD} has: its tables are in a history of your own, "
            "run: alembic upgrade heads"
        )


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Hide digistore's tables from a host's autogenerate; pass it as ``include_name``."""
    return not (kind == "table" and name is not None and name.startswith("digistore_"))


def _config(connection: Connection) -> Config:
    from alembic.config import Config  # noqa: PLC0415  see migrate

    config = Config()
    config.set_main_option("script_location", str(_HERE).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
