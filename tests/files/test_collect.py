"""Garbage goes in two phases a day apart, and what anybody wants stays, whatever interrupts it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digistore.blocking import run
from digistore.database import Database, Transaction
from digistore.errors import Busy
from digistore.files import BlobState, GCReport
from digistore.files.memory import MemoryBackend
from digistore.files.tables import blobs
from tests.files.shelf import Shelf, TurnableClock, Watched, sha256
from tests.files.test_sweep import leave_behind

DAY = timedelta(hours=25)


def collect(shelf: Shelf, *, dry_run: bool = False) -> GCReport:
    return run(shelf.files.collect(dry_run=dry_run))


def counts(report: GCReport) -> tuple[int, int, int, int]:
    return report.condemned, report.deleted, report.freed_bytes, report.swept_uploads


def test_what_nothing_refers_to_is_condemned_and_goes_a_day_later(shelf: Shelf) -> None:
    blob = shelf.put(b"unwanted")
    assert counts(collect(shelf)) == (0, 0, 0, 0)  # too young
    shelf.clock.ahead = DAY
    assert counts(collect(shelf)) == (1, 0, 0, 0)
    assert shelf.states() == {blob.sha256: "condemned"}
    assert counts(collect(shelf)) == (0, 0, 0, 0)  # its day has just begun
    shelf.clock.ahead = 2 * DAY
    assert counts(collect(shelf)) == (0, 1, 8, 0)
    assert (shelf.states(), shelf.objects()) == ({}, [])


def test_a_dry_run_tells_all_and_changes_nothing(shelf: Shelf) -> None:
    old, damaged = shelf.put(b"old"), shelf.put(b"damaged")
    shelf.set_state(damaged, BlobState.DAMAGED)
    shelf.clock.ahead = DAY
    collect(shelf)
    young = shelf.put(b"young")
    shelf.clock.ahead = 2 * DAY
    orphan(shelf, b"orphan")
    leave_behind(shelf)
    shelf.clock.ahead = 3 * DAY
    before = shelf.states(), shelf.objects(), shelf.staging()
    told = collect(shelf, dry_run=True)
    assert told.dry_run
    assert counts(told) == (1, 2, 9, 1)
    assert (shelf.states(), shelf.objects(), shelf.staging()) == before
    assert counts(collect(shelf)) == counts(told)
    assert shelf.states() == {young.sha256: "condemned"}
    assert old.sha256 not in shelf.states()


def orphan(shelf: Shelf, content: bytes) -> str:
    """An object that has no row, as a crash between the two leaves."""
    blob = shelf.put(content)

    async def forget(tx: Transaction) -> None:
        await tx.rows(blobs.delete().where(blobs.c.sha256 == blob.sha256))

    run(shelf.database.transact(forget))
    return blob.sha256


def test_an_object_without_a_row_goes_when_it_is_old(shelf: Shelf) -> None:
    kept = shelf.put(b"kept")
    sha256 = orphan(shelf, b"orphan")
    assert counts(collect(shelf)) == (0, 0, 0, 0)
    assert len(shelf.objects()) == 2
    shelf.clock.ahead = DAY
    assert counts(collect(shelf)) == (1, 1, 6, 0)
    assert shelf.states() == {kept.sha256: "condemned"}
    assert not any(sha256 in key for key in shelf.objects())


def test_an_object_that_is_no_blob_is_left_alone(database: Database, clock: TurnableClock) -> None:
    backend = MemoryBackend()
    shelf = Shelf(database, backend, clock)
    backend.hold("blobs/sha256/ab/cd/readme", b"somebody's")
    backend.hold("blobs/other", b"somebody's")
    shelf.clock.ahead = DAY
    assert counts(collect(shelf)) == (0, 0, 0, 0)
    assert len(shelf.objects()) == 2


def test_bytes_that_are_wanted_again_live_on(shelf: Shelf) -> None:
    put, attached = shelf.put(b"put again"), shelf.put(b"attached")
    shelf.clock.ahead = DAY
    assert collect(shelf).condemned == 2
    assert shelf.content(put) == b"put again"  # until then they can be read
    shelf.put(b"put again")
    shelf.attach(attached)
    shelf.clock.ahead = 2 * DAY - timedelta(hours=2)
    assert counts(collect(shelf)) == (0, 0, 0, 0)
    assert shelf.states() == {put.sha256: "live", attached.sha256: "live"}


def test_an_interrupted_removal_is_gone_on_with(database: Database, clock: TurnableClock) -> None:
    steps: list[str] = []

    def look(step: str) -> None:
        steps.append(step)
        if step == "after delete" and steps.count(step) == 2:
            raise ConnectionResetError

    inner = MemoryBackend()
    quiet = Shelf(database, inner, clock)
    for content in (b"one", b"two", b"three"):
        quiet.put(content)
    clock.ahead = DAY
    collect(quiet)
    clock.ahead = 2 * DAY
    with pytest.raises(Busy):
        collect(Shelf(database, Watched(inner, look), clock))
    assert len(quiet.objects()) == 1
    assert list(quiet.states().values()) == ["deleting"] * 2  # one of them has no object any more
    assert collect(quiet).deleted == 1  # the other may still be somebody's
    clock.ahead += timedelta(minutes=16)
    assert collect(quiet).deleted == 1
    assert (quiet.states(), quiet.objects()) == ({}, [])


def test_an_upload_of_bytes_that_are_just_going_is_told_to_come_again(
    database: Database, clock: TurnableClock
) -> None:
    inner = MemoryBackend()
    quiet = Shelf(database, inner, clock)
    blob = quiet.put(b"going")
    clock.ahead = DAY
    collect(quiet)
    clock.ahead = 2 * DAY
    tried: list[str] = []

    def look(step: str) -> None:
        if step in {"before delete", "after delete"} and not tried[1:]:
            tried.append(step)
            with pytest.raises(Busy):
                quiet.put(b"going")

    collect(Shelf(database, Watched(inner, look), clock))
    assert tried == ["before delete", "after delete"]
    assert quiet.states() == {}
    assert quiet.put(b"going") == blob
    assert quiet.content(blob) == b"going"


def test_an_upload_that_a_collection_overtakes_has_its_bytes_in_the_end(
    database: Database, clock: TurnableClock
) -> None:
    """The collection claims and removes an object between its publication and its row."""
    inner = MemoryBackend(clock=lambda: clock() - 2 * DAY)
    quiet = Shelf(database, inner, clock)

    steps: list[str] = []

    def look(step: str) -> None:
        steps.append(step)
        if steps[-3:] == ["after publish", "before stat", "after stat"] and not quiet.states():
            assert collect(quiet).deleted == 1

    overtaken = Shelf(database, Watched(inner, look), clock)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quiet.files._objects, "drop_older", lambda *_: 0)
        blob = overtaken.put(b"a book")
    assert quiet.content(blob) == b"a book"


def test_progress_is_told(shelf: Shelf) -> None:
    for number in range(3):
        shelf.put(bytes([number + 1]))
    shelf.clock.ahead = DAY
    collect(shelf)
    shelf.clock.ahead = 2 * DAY
    told: list[int] = []
    run(shelf.files.collect(dry_run=False, progress=told.append))
    assert told == [1, 2, 3]


def test_two_collections_at_once_remove_nothing_that_came_back(shelf: Shelf) -> None:
    """The slower one had a list of what the faster removed, and a seller stored anew."""
    contents = [f"unwanted {number}".encode() for number in range(3)]
    for content in contents:
        shelf.put(content)
    shelf.clock.ahead = DAY
    collect(shelf)
    shelf.clock.ahead = 2 * DAY
    again: list[bytes] = []

    def meanwhile(_: int) -> None:
        if not again:
            collect(shelf)
            again.extend(one for one in contents if sha256(one) not in shelf.states())
            for content in again:
                shelf.put(content)

    run(shelf.files.collect(dry_run=False, progress=meanwhile))
    assert len(again) == 3
    assert shelf.states() == {sha256(one): "live" for one in contents}
    assert [shelf.content(sha256(one)) for one in contents] == contents
