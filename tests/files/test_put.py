import asyncio
import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest

from digistore.errors import Busy, Invalid
from digistore.files import BlobRef, BlobState, Source
from tests.files.shelf import MIB, Shelf, flip, megabytes, path_of, sha256

BOOK = b"%PDF-1.7 the book"


def refused(shelf: Shelf, source: object, *, max_bytes: int = 2**40, **more: str) -> str:
    with pytest.raises(Invalid) as caught:
        shelf.put(cast("Source", source), max_bytes=max_bytes, **more)
    assert not shelf.objects()
    assert not shelf.staging()
    assert not shelf.states()
    assert [state for state, _ in shelf.uploads()] == ["failed"]
    return caught.value.fields["file"]


def test_what_is_put_can_be_opened(shelf: Shelf) -> None:
    blob = shelf.put(BOOK)
    assert blob == BlobRef(sha256(BOOK), len(BOOK), zlib.crc32(BOOK), "application/pdf")
    assert shelf.content(blob) == BOOK
    assert shelf.content(blob.sha256) == BOOK
    assert shelf.states() == {blob.sha256: "live"}
    assert shelf.uploads() == [("done", len(BOOK))]
    assert not shelf.staging()


def test_every_kind_of_source_gives_the_same_blob(shelf: Shelf, tmp_path: Path) -> None:
    content = b"".join(megabytes(3)) + b"tail"
    path = tmp_path / "book.pdf"
    path.write_bytes(content)
    sources: list[object] = [
        content,
        path,
        io.BytesIO(content),
        iter([content[:100], b"", content[100:]]),
        bytearray(content),
        memoryview(content),
    ]
    with path.open("rb") as file:
        found = {shelf.put(cast("Source", source)) for source in (*sources, file)}
    assert [blob.sha256 for blob in found] == [sha256(content)]
    assert len(shelf.objects()) == 1


def test_a_binary_file_is_read_from_where_it_stands(shelf: Shelf) -> None:
    source = io.BytesIO(b"read before" + BOOK)
    source.seek(len(b"read before"))
    assert shelf.content(shelf.put(source)) == BOOK


def test_both_colours_take_bytes_in(shelf: Shelf) -> None:
    blob = asyncio.run(shelf.files.put(BOOK, max_bytes=100))
    assert asyncio.run(shelf.files.put(BOOK, max_bytes=100)) == blob
    assert asyncio.run(shelf.files.verify()).checked == 1


def test_a_source_that_fails_midway_publishes_nothing(shelf: Shelf) -> None:
    with pytest.raises(ConnectionResetError):
        shelf.put(megabytes(12, broken_at=7))
    assert not shelf.objects()
    assert not shelf.staging()
    assert not shelf.states()
    assert shelf.uploads() == [("failed", 6 * MIB)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_whatever_ends_the_source_publishes_nothing(
    shelf: Shelf, error: type[BaseException]
) -> None:
    def source() -> Iterator[bytes]:
        yield BOOK
        raise error

    with pytest.raises(error):
        shelf.put(source())
    assert (shelf.objects(), shelf.staging(), shelf.states()) == ([], [], {})


def test_too_large_stops_within_one_chunk(shelf: Shelf) -> None:
    asked = 0

    def endless() -> Iterator[bytes]:
        nonlocal asked
        while True:
            asked += MIB
            yield bytes(MIB)

    assert refused(shelf, endless(), max_bytes=3 * MIB) == "file_too_large"
    assert asked == 4 * MIB


def test_a_file_may_have_exactly_its_limit(shelf: Shelf) -> None:
    assert shelf.put(BOOK, max_bytes=len(BOOK)).size == len(BOOK)
    assert shelf.put(b"x", max_bytes=1).size == 1


def test_one_byte_more_than_the_limit_is_too_large(shelf: Shelf) -> None:
    assert refused(shelf, BOOK, max_bytes=len(BOOK) - 1) == "file_too_large"


def test_one_huge_piece_is_too_large_as_well(shelf: Shelf) -> None:
    assert refused(shelf, [bytes(5 * MIB)], max_bytes=MIB) == "file_too_large"


@pytest.mark.parametrize("source", [b"", [], [b"", b""], io.BytesIO()])
def test_an_empty_file_is_refused(shelf: Shelf, source: Iterable[bytes]) -> None:
    assert refused(shelf, source) == "file_empty"


def test_a_wrong_hash_leaves_nothing(shelf: Shelf) -> None:
    assert refused(shelf, BOOK, expected_sha256=sha256(b"another book")) == "hash_mismatch"


def test_the_right_hash_is_taken_in_either_case(shelf: Shelf) -> None:
    blob = shelf.put(BOOK, expected_sha256=sha256(BOOK).upper())
    assert blob.sha256 == sha256(BOOK)


@pytest.mark.parametrize("source", ["text", ["text"], 7, None, [1, 2], Path("/nowhere/book.pdf")])
def test_what_is_not_bytes_is_unreadable(shelf: Shelf, source: object) -> None:
    assert refused(shelf, source) == "unreadable"


def test_a_file_in_text_mode_is_unreadable(shelf: Shelf) -> None:
    assert refused(shelf, io.StringIO("text")) == "unreadable"


def test_a_folder_is_unreadable(shelf: Shelf, tmp_path: Path) -> None:
    assert refused(shelf, tmp_path) == "unreadable"


def test_the_same_bytes_are_stored_once(shelf: Shelf) -> None:
    first, written = shelf.put(BOOK), shelf.objects()
    assert shelf.put(BOOK) == first
    assert shelf.objects() == written
    assert shelf.uploads() == [("done", len(BOOK))] * 2


def test_a_blob_that_is_known_is_not_written_again(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    inode = path_of(folder, blob).stat().st_ino
    local.put(BOOK)
    assert path_of(folder, blob).stat().st_ino == inode


def test_a_condemned_blob_that_is_wanted_again_lives(shelf: Shelf) -> None:
    blob = shelf.put(BOOK)
    shelf.set_state(blob, BlobState.CONDEMNED)
    assert shelf.content(blob) == BOOK
    shelf.put(BOOK)
    assert shelf.states() == {blob.sha256: "live"}


def test_a_blob_that_is_being_deleted_is_busy(shelf: Shelf) -> None:
    blob = shelf.put(BOOK)
    shelf.set_state(blob, BlobState.DELETING)
    with pytest.raises(Busy):
        shelf.put(BOOK)
    assert shelf.states() == {blob.sha256: "deleting"}
    assert not shelf.staging()
    assert [state for state, _ in shelf.uploads()] == ["done", "failed"]


def test_fresh_bytes_heal_a_damaged_blob(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    assert local.verify() == ((blob.sha256,), ())
    assert local.put(BOOK) == blob
    assert local.content(blob) == BOOK
    assert local.states() == {blob.sha256: "live"}
    assert local.verify() == ((), ())


def test_fresh_bytes_heal_damage_that_nobody_has_noticed(local: Shelf, folder: Path) -> None:
    blob = local.put(BOOK)
    flip(path_of(folder, blob))
    local.put(BOOK)
    assert local.content(blob) == BOOK


def test_an_object_that_is_gone_is_written_again(shelf: Shelf) -> None:
    blob = shelf.put(BOOK)
    shelf.backend.delete(shelf.objects()[0])
    assert shelf.put(BOOK) == blob
    assert shelf.content(blob) == BOOK


def test_an_object_that_no_row_vouches_for_is_written_over(local: Shelf, folder: Path) -> None:
    planted = path_of(folder, BlobRef(sha256(BOOK), len(BOOK), 0, ""))
    planted.parent.mkdir(parents=True)
    planted.write_bytes(b"x" * len(BOOK))
    blob = local.put(BOOK)
    assert planted.read_bytes() == BOOK
    assert local.content(blob) == BOOK
