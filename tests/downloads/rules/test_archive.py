"""Archives that are laid out and never built, read by programs that know nothing of us."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digistore.downloads.rules.archive import Entry, FilePart, Layout, layout, unique_names
from tests.files.shelf import sha256

GIB = 2**30


def entry(name: str, content: bytes) -> Entry:
    return Entry(name, len(content), zlib.crc32(content), sha256(content))


def written(whole: Layout, contents: list[bytes], start: int = 0, end: int | None = None) -> bytes:
    return b"".join(
        part if isinstance(part, bytes) else contents[part.index][part.start : part.end]
        for part in whole.parts(start, whole.size if end is None else end)
    )


def archive(files: dict[str, bytes]) -> tuple[Layout, bytes]:
    whole = layout([entry(name, content) for name, content in files.items()])
    return whole, written(whole, list(files.values()))


FILES = {"book.pdf": b"%PDF- a book", "naïve €.txt": b"words" * 1000, "empty": b""}


def test_python_reads_it() -> None:
    whole, content = archive(FILES)
    assert len(content) == whole.size
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        assert opened.testzip() is None
        assert {one.filename: opened.read(one) for one in opened.infolist()} == FILES
        for one in opened.infolist():
            assert one.compress_type == zipfile.ZIP_STORED
            assert one.date_time == (1980, 1, 1, 0, 0, 0)
            assert one.external_attr >> 16 == 0o100644


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(archive(FILES)[1])
    done = subprocess.run(  # noqa: S603
        ["unzip", "-t", str(path)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "No errors detected" in done.stdout


CONTENTS = st.dictionaries(st.text(max_size=20), st.binary(max_size=50), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(files=CONTENTS, data=st.data())
def test_any_part_is_that_part_of_the_whole(files: dict[str, bytes], data: st.DataObject) -> None:
    whole, content = archive(files)
    assert len(content) == whole.size
    start = data.draw(st.integers(0, whole.size))
    end = data.draw(st.integers(start, whole.size))
    assert written(whole, list(files.values()), start, end) == content[start:end]
    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        names = opened.namelist()
        assert len({name.casefold() for name in names}) == len(files)
        assert [opened.read(name) for name in names] == list(files.values())


def test_the_same_files_give_the_same_bytes_and_others_another_tag() -> None:
    first, second = archive(FILES), archive(dict(FILES))
    assert (first[0].etag, first[1]) == (second[0].etag, second[1])
    for other in (
        {**FILES, "empty": b"x"},
        {**FILES, "more": b""},
        {"Book.pdf" if name == "book.pdf" else name: one for name, one in FILES.items()},
        dict(reversed(FILES.items())),
    ):
        assert archive(other)[0].etag != first[0].etag


def test_files_that_only_their_sha256_tells_apart_have_another_tag() -> None:
    one, other = (layout([Entry("a.txt", 4, 7, digit * 64)]) for digit in "ab")
    assert one.etag != other.etag


def test_names_differ_in_every_file_system() -> None:
    names = ["a.txt", "A.TXT", "../a.txt", "a (2).txt", "b", "B", "\u202ea.txt", ""]
    assert unique_names(names) == (
        "a.txt",
        "A (2).TXT",
        "a (3).txt",
        "a (2) (2).txt",
        "b",
        "B (2)",
        "a (4).txt",
        "download",
    )


def test_entries_beyond_four_gigabytes_are_told_as_zip64() -> None:
    sizes = (5 * GIB, 7, 2**32 - 1, 2**32 - 2)
    entries = [Entry(f"{size}.bin", size, 1, "0" * 64) for size in sizes]
    whole = layout(entries)
    tail = b""
    begins = {}
    for begin, run in whole.runs:
        if isinstance(run, FilePart):
            begins[run.index] = begin
        else:
            tail = run
    assert whole.size == whole.runs[-1][0] + len(tail)
    central = zipfile.ZipFile(_Holes(whole.size, tail))
    with central:
        found = central.infolist()
    assert [one.file_size for one in found] == list(sizes)
    for index, one in enumerate(found):
        local = next(run for begin, run in whole.runs if begin == one.header_offset)
        assert isinstance(local, bytes)
        assert one.header_offset + len(local) == begins[index]
        (shown,) = struct.unpack_from("<L", local, 22)
        assert shown == min(sizes[index], 2**32 - 1)


class _Holes(io.RawIOBase):
    """A file of which only the end is there: enough for a directory of entries."""

    def __init__(self, size: int, tail: bytes) -> None:
        self._size, self._tail, self._place = size, tail, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = 0) -> int:
        self._place = offset + (0, self._place, self._size)[whence]
        return self._place

    def read(self, n: int = -1) -> bytes:
        start = self._place - (self._size - len(self._tail))
        assert start >= 0, "the directory alone is read"
        part = self._tail[start:] if n < 0 else self._tail[start : start + n]
        self._place += len(part)
        return part
