"""Two real PostgreSQL servers on loopback: a primary, and a standby that confirms each commit."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from tests.postgres import Cluster

NONE: dict[str, str] = {}
_STANDBY = "pg_basebackup"
_REPLICATION = "SELECT pid FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')"
_RECEIVER = "SELECT pid FROM pg_stat_wal_receiver WHERE status = 'streaming'"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


class Pair:
    """A primary and its synchronous standby; each has a socket in a folder of its own."""

    def __init__(self, programs: Path) -> None:
        """Make room for both; nothing runs yet."""
        self.primary = Cluster(programs, NONE)
        self.standby = Cluster(programs, {"hot_standby": "on"})
        self._running: list[Cluster] = []

    @property
    def url(self) -> str:
        """Both, for clients who want the one that can be written to."""
        hosts = f"host={self.primary.home}&host={self.standby.home}"
        return (
            f"postgresql+psycopg://postgres@/postgres?{hosts}"
            "&target_session_attrs=read-write&connect_timeout=2"
        )

    def start(self) -> None:
        """Start both, and wait until the standby confirms what the primary commits."""
        self.primary.create()
        self._begin(self.primary)
        source = f"host={self.primary.home} user=postgres"
        self.standby.run(_STANDBY, "-d", source, "-R", "-X", "stream", "-c", "fast")
        self._begin(self.standby)
        self._tell("ALTER SYSTEM SET synchronous_standby_names = '*'")
        self._tell("SELECT pg_reload_conf()")
        self.sender()

    def sender(self) -> int:
        """Return the process of the primary that sends the log, once it is confirmed."""
        return wait_for(self.primary, _REPLICATION)

    def receiver(self) -> int:
        """Return the process of the standby that receives it."""
        return wait_for(self.standby, _RECEIVER)

    def wait_for_commits(self, count: int) -> None:
        """Return when *count* commits wait for the standby."""
        wait_for(self.primary, f"{_WAITING} HAVING count(*) >= {count}")

    def hold_back(self) -> None:
        """Let the standby receive what happens, and not show it yet."""
        with _engine(self.standby).connect() as connection:
            connection.exec_driver_sql("SELECT pg_wal_replay_pause()")
        wait_for(self.standby, "SELECT 1 WHERE pg_get_wal_replay_pause_state() = 'paused'")

    def catch_up(self) -> None:
        """Let the standby show all that it has received."""
        with _engine(self.standby).connect() as connection:
            connection.exec_driver_sql("SELECT pg_wal_replay_resume()")
        wait_for(
            self.standby, "SELECT 1 WHERE pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
        )

    def kill_primary(self) -> None:
        """End every process of the primary at once, as a power cut would."""
        postmaster = int((self.primary.home / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGSTOP)  # so that it starts no others meanwhile
        for process in (*children_of(postmaster), postmaster):
            os.kill(process, signal.SIGKILL)
        self._running.remove(self.primary)

    def promote(self) -> None:
        """Let the standby take over; it returns when it can be written to."""
        self.standby.run("pg_ctl", "-w", "promote")

    def stop(self) -> None:
        """Stop what still runs, and leave nothing of either."""
        for cluster in self._running:
            cluster.stop()
        for cluster in (self.primary, self.standby):
            cluster.remove()

    def _begin(self, cluster: Cluster) -> None:
        cluster.start()
        self._running.append(cluster)

    def _tell(self, statement: str) -> None:
        with _engine(self.primary).connect() as connection:
            connection.exec_driver_sql(statement)


@contextmanager
def pair(programs: Path) -> Iterator[Pair]:
    """Run two servers for the length of a ``with`` block."""
    servers = Pair(programs)
    try:
        servers.start()
        yield servers
    finally:
        servers.stop()


def wait_for(cluster: Cluster, question: str) -> int:
    """Ask until there is a row, and return its first number."""
    with _engine(cluster).connect() as connection:
        while True:
            row = connection.exec_driver_sql(question).first()
            if row is not None:
                return int(row[0])
            connection.exec_driver_sql("SELECT pg_sleep(0.005)")


def children_of(process: int) -> list[int]:
    """Return the processes that *process* has started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:  # it has ended meanwhile
                continue
            if parent == process:
                found.append(int(entry.name))
    return found


def _engine(cluster: Cluster) -> Engine:
    return create_engine(cluster.url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
