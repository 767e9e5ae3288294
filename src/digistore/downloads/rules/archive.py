"""All files of a release as one ZIP: where every byte of it lies, before any file is read.

Entries are stored, and sizes and checksums known, so each header can be written down at once: the
archive has a length, a strong entity tag and ranges without ever being built. The format is
PKWARE's APPNOTE 6.3.10, with ZIP64 only where it is needed.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from digistore.downloads.rules.names import saved_name

_MOST_16: Final = 0xFFFF
_MOST_32: Final = 0xFFFFFFFF
_PLAIN, _ZIP64 = 20, 45  # versions needed to extract
_UTF8 = 0x0800
_UNIX = 3 << 8
_READABLE_FILE = 0o100644 << 16
_DATE = 1 << 5 | 1  # 1980-01-01, so that the bytes depend on the files alone
_ZIP64_FIELD = 0x0001


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive, as it was stored."""

    name: str
    size: int
    crc32: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """The bytes from *start* up to *end* of the file at *index*."""

    index: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Layout:
    """An archive of *size* bytes: runs of headers and whole files, each with where it begins."""

    size: int
    etag: str
    runs: tuple[tuple[int, bytes | FilePart], ...]

    def parts(self, start: int, end: int) -> Iterator[bytes | FilePart]:
        """Return what the bytes from *start* up to *end* consist of, in order."""
        for begin, run in self.runs:
            length = len(run) if isinstance(run, bytes) else run.end
            low, high = max(start - begin, 0), min(end - begin, length)
            if low >= high:
                continue
            yield run[low:high] if isinstance(run, bytes) else FilePart(run.index, low, high)


def layout(entries: Sequence[Entry]) -> Layout:
    """Lay out an archive of *entries*, in their order; the same entries give the same bytes."""
    names = unique_names([entry.name for entry in entries])
    runs: list[tuple[int, bytes | FilePart]] = []
    place = 0
    headers: list[bytes] = []
    for index, (entry, name) in enumerate(zip(entries, names, strict=True)):
        headers.append(_central_header(entry, name, place))
        header = _local_header(entry, name)
        runs += [(place, header), (place + len(header), FilePart(index, 0, entry.size))]
        place += len(header) + entry.size
    central = b"".join(headers)
    tail = central + _end(len(entries), len(central), place)
    runs.append((place, tail))
    manifest = hashlib.sha256(central)
    for entry in entries:
        manifest.update(entry.sha256.encode())
    return Layout(place + len(tail), f'"{manifest.hexdigest()}"', tuple(runs))


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return what files are saved as, no two alike in any case: a second one is numbered."""
    taken: set[str] = set()
    found = []
    for name in map(saved_name, names):
        stem, dot, extension = name.rpartition(".")
        if not dot:
            stem, extension = extension, ""
        free, number = name, 1
        while free.casefold() in taken:
            number += 1
            free = f"{stem} ({number}){dot}{extension}"
        taken.add(free.casefold())
        found.append(free)
    return tuple(found)


def _local_header(entry: Entry, name: str) -> bytes:
    encoded, large = name.encode(), entry.size >= _MOST_32
    extra = struct.pack("<HHQQ", _ZIP64_FIELD, 16, entry.size, entry.size) if large else b""
    shown = _MOST_32 if large else entry.size
    return (
        struct.pack("<4sHHHHH", b"PK\x03\x04", _ZIP64 if large else _PLAIN, _UTF8, 0, 0, _DATE)
        + struct.pack("<LLLHH", entry.crc32, shown, shown, len(encoded), len(extra))
        + encoded
        + extra
    )


def _central_header(entry: Entry, name: str, place: int) -> bytes:
    encoded = name.encode()
    large, far = entry.size >= _MOST_32, place >= _MOST_32
    fields = ([entry.size, entry.size] if large else []) + ([place] if far else [])
    extra = struct.pack(f"<HH{len(fields)}Q", _ZIP64_FIELD, 8 * len(fields), *fields)
    extra = extra if fields else b""
    shown = _MOST_32 if large else entry.size
    needed = _ZIP64 if fields else _PLAIN
    return (
        struct.pack("<4sHHHHHH", b"PK\x01\x02", _UNIX | needed, needed, _UTF8, 0, 0, _DATE)
        + struct.pack("<LLLHHHHH", entry.crc32, shown, shown, len(encoded), len(extra), 0, 0, 0)
        + struct.pack("<LL", _READABLE_FILE, _MOST_32 if far else place)
        + encoded
        + extra
    )


def _end(count: int, length: int, place: int) -> bytes:
    zip64 = b""
    if count >= _MOST_16 or place >= _MOST_32:  # a directory of 4 GiB has more files than that
        zip64 = struct.pack(
            "<4sQHHLLQQQQ",
            b"PK\x06\x06",
            44,
            _UNIX | _ZIP64,
            _ZIP64,
            0,
            0,
            count,
            count,
            length,
            place,
        ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, place + length, 1)
    counted, shown = min(count, _MOST_16), min(length, _MOST_32)
    return zip64 + struct.pack(
        "<4sHHHHLLH", b"PK\x05\x06", 0, 0, counted, counted, shown, min(place, _MOST_32), 0
    )
