"""The disk of a PostgreSQL is full: Busy, nothing acknowledged is lost, and on it goes with room.

A tablespace on a disk of a few megabytes, and a server all of whose files are on one. Eight
clients buy; once half is settled, a ballast takes all the room there is, until somebody is refused.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tests.extent import extent
from tests.faults.failover import COLOURS, Trial
from tests.postgres import Cluster, find_programs

PROGRAMS = find_programs()
SETTLES = extent(48, 1_000)
SIZE = {"tablespace": "48m", "server": "96m"}
SETTINGS = {"min_wal_size": "2MB", "max_wal_size": "8MB", "autovacuum": "off"}


@contextmanager
def tiny_disk(place: Path, size: str) -> Iterator[None]:
    """Mount a disk in memory at *place*, for the owner of that folder."""
    owner = place.stat()
    options = f"size={size},mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)  # noqa: S603, S607
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S603, S607


def may_mount() -> bool:
    folder = Path(tempfile.mkdtemp(prefix="digistore-disk-"))
    try:
        with tiny_disk(folder, "1m"):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        folder.rmdir()


pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        PROGRAMS is None, reason="NO DISK IS FILLED: it takes a PostgreSQL of the system"
    ),
    pytest.mark.skipif(
        PROGRAMS is not None and not may_mount(),
        reason="NO DISK IS FILLED: a tmpfs cannot be mounted here, which takes root",
    ),
]


class Full:
    """Fills a disk under the clients, and makes room once they were refused."""

    trial: Trial

    def __init__(self, cluster: Cluster, disk: Path, *, reads: bool) -> None:
        self._cluster = cluster
        self._ballast = disk / "ballast"
        self._reads = reads

    def __call__(self) -> None:
        with pytest.raises(OSError, match="No space"):
            self._fill()
        self.trial.tally.refused.wait()
        if self._reads:
            with self.trial.open() as store:
                assert [one.title for one in store.catalog.find(None).items] == ["Book"]
        self._ballast.unlink()
        if not self._runs():
            self._cluster.start()

    def _fill(self) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(2**16))

    def _runs(self) -> bool:
        try:
            self._cluster.run("pg_ctl", "status")
        except subprocess.CalledProcessError:
            return False
        return True


@pytest.mark.parametrize(
    ("place", "colour"),
    extent(
        [("tablespace", "AsyncStore")],
        [(place, colour) for place in SIZE for colour in COLOURS],
    ),
)
def test_a_full_disk_loses_and_doubles_nothing(place: str, colour: str) -> None:
    assert PROGRAMS is not None
    cluster = Cluster(PROGRAMS, SETTINGS)
    home = cluster.home.stat()
    disk = cluster.home if place == "server" else Path(tempfile.mkdtemp(prefix="digistore-disk-"))
    os.chown(disk, home.st_uid, home.st_gid)
    try:
        with tiny_disk(disk, SIZE[place]):
            try:
                cluster.create("--wal-segsize=1")
                cluster.start()
                figures = _tried(cluster, disk, place, colour)
            finally:
                cluster.stop()
    finally:
        cluster.remove()
        shutil.rmtree(disk, ignore_errors=True)
    assert figures["acknowledged"] == SETTLES, figures
    assert (figures["lost"], figures["doubled"], figures["errors"]) == (0, 0, 0), figures
    assert figures["answered with Busy"] > 0


def _tried(cluster: Cluster, disk: Path, place: str, colour: str) -> dict[str, Any]:
    server = create_engine(cluster.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    where = ""
    with server.connect() as connection:
        if place == "tablespace":
            connection.exec_driver_sql(f"CREATE TABLESPACE tiny LOCATION '{disk}'")
            where = "TABLESPACE tiny"
        connection.exec_driver_sql(f"CREATE DATABASE shop {where}")
    url = server.url.set(database="shop").render_as_string(hide_password=False)
    strike = Full(cluster, disk, reads=place == "tablespace")
    strike.trial = COLOURS[colour](url, url, SETTLES, strike)
    strike.trial.run()
    return strike.trial.report()
