import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.blocking import run
from digistore.errors import DamagedFile, Invalid, NotFound
from digistore.files import BlobReader, BlobState
from digistore.files.memory import MemoryBackend
from digistore.files.models import Verdict
from tests.files.shelf import MIB, Shelf, flip, megabytes, path_of, sha256

BOOK = b"a book of some pages"
MONTH = timedelta(days=31)


def readable_until_damage(reader: BlobReader, n: int) -> int:
    """Read in pieces of *n* bytes; return how many bytes came before the reader refused."""
    came = 0
    with reader:
        try:
            while part := reader.read(n):
                came += len(part)
        except DamagedFile:
            return came
    pytest.fail("the file arrived whole")


@pytest.mark.parametrize(("start", "end"), [(0, None), (0, 1), (5, None), (3, 9), (20, 20), (7, 7)])
def test_a_part_is_exactly_what_was_asked_for(shelf: Shelf, start: int, end: int | None) -> None:
    blob = shelf.put(BOOK)
    with shelf.files.open(blob, start, end) as reader:
        assert reader.size == len(BOOK[start:end])
        assert reader.read() == BOOK[start:end]
        assert reader.read() == b""
        assert reader.read(5) == b""


@pytest.mark.parametrize(("start", "end"), [(-1, None), (0, 21), (5, 4), (21, None), (30, 40)])
def test_a_part_outside_the_file_is_refused(shelf: Shelf, start: int, end: int | None) -> None:
    blob = shelf.put(BOOK)
    with pytest.raises(Invalid) as caught:
        shelf.files.open(blob, start, end)
    assert caught.value.fields == {"range": "outside"}


def test_iterating_yields_chunks_of_one_mebibyte(shelf: Shelf) -> None:
    content = b"".join(megabytes(2)) + b"tail"
    blob = shelf.put(content)
    with shelf.files.open(blob) as reader:
        parts = list(reader)
    assert [len(part) for part in parts] == [MIB, MIB, 4]
    assert b"".join(parts) == content


def test_a_blob_that_is_not_there_is_not_found(shelf: Shelf) -> None:
    with pytest.raises(NotFound):
        shelf.files.open("0" * 64)
    blob = shelf.put(BOOK)
    shelf.set_state(blob, BlobState.DELETING)
    with pytest.raises(NotFound):
        shelf.files.open(blob)


@given(st.lists(st.integers(0, 12), max_size=20))
def test_pieces_of_any_size_add_up(sizes: list[int]) -> None:
    memory = MemoryBackend()
    memory.hold("blobs/x", BOOK)
    told: list[Verdict] = []
    source = memory.read("blobs/x", 0, len(BOOK))
    reader = BlobReader(source, len(BOOK), sha256=sha256(BOOK), conclude=told.append)
    came = b"".join(reader.read(size) for size in sizes)
    assert came == BOOK[: sum(sizes)]
    assert came + reader.read() == BOOK
    assert told == [Verdict.INTACT]


class Dripping:
    """A source that gives one byte at a time, as a network may."""

    def __init__(self, content: bytes) -> None:
        self.left = content

    def read(self, _: int, /) -> bytes:
        part, self.left = self.left[:1], self.left[1:]
        return part

    def close(self) -> None:
        self.left = b""


def test_short_reads_are_joined_and_an_early_end_is_damage() -> None:
    told: list[Verdict] = []
    reader = BlobReader(Dripping(BOOK), len(BOOK), sha256=sha256(BOOK), conclude=told.append)
    assert reader.read(7) + reader.read() == BOOK
    short = BlobReader(Dripping(BOOK[:-1]), len(BOOK), sha256=None, conclude=told.append)
    with pytest.raises(DamagedFile):
        short.read()
    assert told == [Verdict.INTACT, Verdict.DAMAGED]


@pytest.mark.parametrize("position", [0, MIB, 3 * MIB + 3])
def test_a_damaged_file_never_arrives_whole(local: Shelf, folder: Path, position: int) -> None:
    content = b"".join(megabytes(3)) + b"tail"
    blob = local.put(content)
    flip(path_of(folder, blob), position)
    assert readable_until_damage(local.files.open(blob), MIB) == 3 * MIB
    assert local.states() == {blob.sha256: "damaged"}


def test_damage_that_leaves_no_mark_is_found_within_a_month(local: Shelf, folder: Path) -> None:
    """Hashing every read would take longer than sending it; `files verify` finds it at once."""
    blob = local.put(BOOK)
    path = path_of(folder, blob)
    before = path.stat()
    flip(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    local.clock.ahead = MONTH
    assert readable_until_damage(local.files.open(blob), 5) == len(BOOK) - 5


def test_after_damage_every_request_is_refused(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    reader = local.files.open(blob)
    with reader:
        for _ in range(2):
            with pytest.raises(DamagedFile):
                reader.read()
    for part in ((0, None), (0, 3), (4, 9)):
        with pytest.raises(DamagedFile):
            local.files.open(blob, *part)


def test_a_part_of_a_damaged_file_is_refused_before_its_first_byte(
    local: Shelf, folder: Path
) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob), len(BOOK) - 1)  # not within the part
    with pytest.raises(DamagedFile):
        local.files.open(blob, 0, 3)
    assert local.states() == {blob.sha256: "damaged"}


def test_a_part_is_hashed_again_every_month(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    path = path_of(folder, blob)
    before = path.stat()
    flip(path, 9)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert local.content(blob, 0, 3) == BOOK[:3]
    local.clock.ahead = MONTH
    with pytest.raises(DamagedFile):
        local.files.open(blob, 0, 3)


@pytest.mark.parametrize("end", [3, None])
def test_what_was_hashed_is_trusted_for_another_month(
    local: Shelf, folder: Path, end: int | None
) -> None:
    blob = local.put(BOOK)
    local.clock.ahead = MONTH
    assert local.content(blob, 0, end) == BOOK[:end]
    path = path_of(folder, blob)
    before = path.stat()
    flip(path, 9)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert local.content(blob, 0, 3) == BOOK[:3]


@pytest.mark.parametrize("part", [(0, None), (0, 3)])
def test_a_file_of_another_size_is_damaged(
    local: Shelf, folder: Path, part: tuple[int, int | None]
) -> None:
    blob = local.put(BOOK)
    path_of(folder, blob).write_bytes(BOOK[:-1])
    with pytest.raises(DamagedFile):
        local.files.open(blob, *part)
    assert local.states() == {blob.sha256: "damaged"}


def test_a_file_that_shrinks_while_it_is_read_is_never_short(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    for part in ((0, None), (2, None)):
        local.put(BOOK)
        with local.files.open(blob, *part) as reader:
            reader.read(3)
            os.truncate(path_of(folder, blob), 8)
            with pytest.raises(DamagedFile):
                reader.read()


@pytest.mark.parametrize("part", [(0, None), (0, 3)])
def test_a_missing_object_is_refused_and_may_come_back(
    local: Shelf, folder: Path, part: tuple[int, int | None]
) -> None:
    blob = local.put(BOOK)
    path = path_of(folder, blob)
    path.rename(folder / "aside")
    with pytest.raises(DamagedFile):
        local.files.open(blob, *part)
    (folder / "aside").rename(path)  # the disk is mounted again
    assert local.content(blob, *part) == BOOK[slice(*part)]


def test_who_finds_damage_does_not_stop_a_removal(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    with local.files.open(blob) as reader:
        local.set_state(blob, BlobState.DELETING)
        with pytest.raises(DamagedFile):
            reader.read()
    assert local.states() == {blob.sha256: "deleting"}


def test_a_heal_is_not_undone_by_who_read_the_damage(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    reader = local.files.open(blob)
    run(local.files.put(BOOK, max_bytes=100))
    with reader, pytest.raises(DamagedFile):
        reader.read()
    assert local.states() == {blob.sha256: "live"}
    assert local.content(blob) == BOOK
