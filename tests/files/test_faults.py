"""Every call to the storage fails once, before it or after it; the same put then succeeds."""

import errno
import tracemalloc
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore.blocking import run
from digistore.database import Database
from digistore.errors import Busy, DamagedFile
from digistore.files.local import LocalBackend
from digistore.files.memory import MemoryBackend
from digistore.files.rules import blob_key
from tests.files.shelf import MIB, PLENTY, Shelf, TurnableClock, Watched, megabytes

BOOK = b"the book" * 1000


class FailsAt:
    """Raise at one point, counted from the start."""

    def __init__(self, point: int) -> None:
        self.left = point

    def __call__(self, _: str) -> None:
        self.left -= 1
        if self.left == 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    @property
    def reached(self) -> bool:
        return self.left <= 0


@pytest.mark.parametrize("known_before", [False, True])
def test_wherever_the_storage_fails_nothing_half_done_is_left(
    local: Shelf, *, known_before: bool
) -> None:
    point, fault = 0, FailsAt(0)
    while fault.reached:
        point += 1
        content = BOOK + str(point).encode()
        if known_before:
            local.put(content)
        fault = FailsAt(point)
        shaky = Shelf(local.database, Watched(local.backend, fault), local.clock)
        try:
            shaky.put(content)
        except Busy:
            assert fault.reached
        assert local.verify() == ((), ())
        blob = local.put(content)
        assert local.content(blob) == content
        assert len(local.objects()) == point
    assert point > 10
    # Only where removing it was what failed, something is left, and swept in time.
    assert len(local.staging()) <= 2
    local.clock.ahead = timedelta(hours=25)
    run(local.files.sweep())
    assert not local.staging()


_NOBODY = {
    "sqlite": ("PRAGMA busy_timeout = 0", "BEGIN IMMEDIATE", "ROLLBACK"),
    "postgresql": (  # one by zero, where anybody has a transaction open
        """SELECT 1 / (count(*) = 0)::int FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend'
        AND xact_start IS NOT NULL AND pid <> pg_backend_pid()""",
    ),
}


def test_no_call_to_the_storage_happens_inside_a_transaction(
    database: Database, place: str
) -> None:
    engine = create_engine(place, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    rival = engine.connect()
    look = _NOBODY[rival.dialect.name]
    calls: list[str] = []

    def nobody_writes(call: str) -> None:
        calls.append(call)
        for statement in look:
            rival.exec_driver_sql(statement)

    shelf = Shelf(database, Watched(MemoryBackend(), nobody_writes), TurnableClock())
    blob = shelf.put(BOOK)
    shelf.put(BOOK)
    shelf.content(blob)
    shelf.content(blob, 1, 2)
    shelf.verify()
    run(shelf.files.sweep())
    assert {"before write", "after publish", "after read", "before delete"} <= set(calls)
    rival.close()


def test_a_full_disk_is_busy_and_leaves_nothing(database: Database, folder: Path) -> None:

    def full(call: str) -> None:
        if call == "before write":
            raise OSError(errno.ENOSPC, "No space left on device")

    shelf = Shelf(database, Watched(LocalBackend(folder), full), TurnableClock())
    with pytest.raises(Busy, match="No space left"):
        shelf.put(BOOK)
    assert (shelf.objects(), shelf.staging(), shelf.states()) == ([], [], {})
    assert shelf.uploads() == [("failed", len(BOOK))]


def test_a_collection_that_is_faster_than_the_row_loses_nothing(database: Database) -> None:
    plain = MemoryBackend()

    def collected(call: str) -> None:
        if call == "after publish" and len(plain.list("blobs")) == 1:
            looks.append(call)
        if call == "before stat" and looks:  # between the row and the second look
            looks.append(call)
            if len(looks) == 3:
                plain.delete(plain.list("blobs")[0].key)

    looks: list[str] = []
    shelf = Shelf(database, Watched(plain, collected), TurnableClock())
    blob = shelf.put(BOOK)
    assert len(looks) >= 3
    assert shelf.content(blob) == BOOK


def test_damage_found_while_the_same_bytes_come_in_is_healed_by_them(database: Database) -> None:
    plain = MemoryBackend()
    steady = Shelf(database, plain, TurnableClock())
    blob = steady.put(BOOK)
    calls: list[str] = []

    def damaged(call: str) -> None:
        calls.append(call)
        if calls.count("after stat") == 1 and call == "after stat":  # it was found to be known
            plain.hold(blob_key(blob.sha256), b"x" * len(BOOK))
            assert steady.verify() == ((blob.sha256,), ())

    assert Shelf(database, Watched(plain, damaged), TurnableClock()).put(BOOK) == blob
    assert "after replace" in calls
    assert steady.states() == {blob.sha256: "live"}
    assert steady.content(blob) == BOOK


@pytest.mark.parametrize("part", [(0, None), (1, 3)])
def test_an_object_that_goes_while_it_is_opened_is_damaged(
    database: Database, part: tuple[int, int | None]
) -> None:
    plain = MemoryBackend()

    def gone(call: str) -> None:
        if call == "after stat" and armed:
            plain.delete(plain.list("blobs")[0].key)

    armed = False
    shelf = Shelf(database, Watched(plain, gone), TurnableClock())
    blob = shelf.put(BOOK)
    armed = True
    with pytest.raises(DamagedFile):
        shelf.files.open(blob, *part)
    armed = False
    assert shelf.put(BOOK) == blob
    armed = True
    assert shelf.verify() == ((), (blob.sha256,))
    assert shelf.states() == {blob.sha256: "live"}


def test_a_bad_sector_is_busy_for_a_reader_and_named_by_verify(
    database: Database, clock: TurnableClock
) -> None:
    def bad(call: str) -> None:
        if call == "before read":
            raise OSError(errno.EIO, "Input/output error")

    shelf = Shelf(database, Watched(MemoryBackend(), bad), clock)
    blob = shelf.put(BOOK)
    clock.ahead = timedelta(days=31)  # a part needs the whole to be hashed again
    for part in ((0, None), (1, 3)):
        with pytest.raises(Busy):
            shelf.files.open(blob, *part)
    assert run(shelf.files.verify()).unreadable == (blob.sha256,)
    assert shelf.states() == {blob.sha256: "live"}


def test_an_object_that_goes_as_soon_as_it_is_written_is_busy(database: Database) -> None:
    plain = MemoryBackend()

    def gone(call: str) -> None:
        if call == "after publish":
            plain.delete(plain.list("blobs")[0].key)

    shelf = Shelf(database, Watched(plain, gone), TurnableClock())
    with pytest.raises(Busy):
        shelf.put(BOOK)
    assert (shelf.staging(), shelf.states()) == ([], {})


def peak(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(local: Shelf) -> None:
    def round_trip(count: int) -> None:
        blob = run(local.files.put(megabytes(count), max_bytes=PLENTY))
        with local.files.open(blob) as reader:
            assert sum(len(part) for part in reader) == count * MIB
        run(local.files.verify())

    round_trip(1)  # what is loaded once
    small, large = peak(lambda: round_trip(4)), peak(lambda: round_trip(40))
    assert large < small + MIB
