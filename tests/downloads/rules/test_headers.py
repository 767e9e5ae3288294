"""The headers of an archive, field by field, as APPNOTE 6.3.10 lays them down (4.3.7 to 4.3.16)."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

import pytest

from digistore.downloads.rules.archive import Entry, FilePart, layout

LIMIT = 2**32 - 1  # from here on a field says so, and the truth stands in ZIP64's
NAME_OF = "{:05}.txt".format
LOCAL = ("signature", "<4s"), ("needed", "H"), ("flags", "H"), ("method", "H"), ("time", "H")
SIZES = ("date", "H"), ("crc", "L"), ("packed", "L"), ("size", "L"), ("name", "H"), ("extra", "H")
CENTRAL = (
    ("signature", "<4s"),
    ("made_by", "H"),
    *LOCAL[1:],
    *SIZES,
    ("comment", "H"),
    ("disk", "H"),
    ("internal", "H"),
    ("external", "L"),
    ("offset", "L"),
)
END64 = (
    ("signature", "<4s"),
    ("length", "Q"),
    ("made_by", "H"),
    ("needed", "H"),
    ("disk", "L"),
    ("central_disk", "L"),
    ("here", "Q"),
    ("entries", "Q"),
    ("central", "Q"),
    ("offset", "Q"),
    ("locator", "4s"),
    ("end64_disk", "L"),
    ("end64", "Q"),
    ("disks", "L"),
)
END = (
    ("signature", "<4s"),
    ("disk", "H"),
    ("central_disk", "H"),
    ("here", "H"),
    ("entries", "H"),
    ("central", "L"),
    ("offset", "L"),
    ("comment", "H"),
)
DATED = {"flags": 0x0800, "method": 0, "time": 0, "date": 0x21}  # UTF-8, stored, 1980-01-01


class Read(NamedTuple):
    """The fields of one record, and the bytes after them."""

    fields: dict[str, Any]
    rest: bytes


def read(record: bytes, form: tuple[tuple[str, str], ...]) -> Read:
    code = "".join(kind for _, kind in form)
    names = [name for name, _ in form]
    values = struct.unpack_from(code, record)
    return Read(dict(zip(names, values, strict=True)), record[struct.calcsize(code) :])


class Archive(NamedTuple):
    """What stands before each file, and after all."""

    local: list[bytes]
    tail: bytes


def archive(*sizes: int) -> Archive:
    whole = layout([Entry(NAME_OF(at), size, 7 + at, "0" * 64) for at, size in enumerate(sizes)])
    *local, tail = [run for _, run in whole.runs if isinstance(run, bytes)]
    return Archive(local, tail)


def extra(*fields: int) -> bytes:
    """ZIP64's own field, 4.5.3: only what does not fit, in this order."""
    if not fields:
        return b""
    return struct.pack(f"<HH{len(fields)}Q", 1, 8 * len(fields), *fields)


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT, LIMIT + 1, 2**40])
def test_before_each_file_stand_its_sizes(size: int) -> None:
    large = size >= LIMIT
    more = extra(size, size) if large else b""
    found = read(archive(size).local[0], LOCAL + SIZES)
    assert found.rest == b"00000.txt" + more
    assert found.fields == DATED | {
        "signature": b"PK\x03\x04",
        "needed": 45 if large else 20,
        "crc": 7,
        "packed": min(size, LIMIT),
        "size": min(size, LIMIT),
        "name": 9,
        "extra": len(more),
    }


@pytest.mark.parametrize("size", [0, 1, LIMIT - 1, LIMIT, LIMIT + 1])
@pytest.mark.parametrize("before", [0, LIMIT - 40, LIMIT - 39, LIMIT - 38, 2**40])
def test_the_directory_says_where_each_file_is(size: int, before: int) -> None:
    made = archive(before, size)
    place = before + len(made.local[0])
    first = read(made.tail, CENTRAL)
    second = read(first.rest[first.fields["name"] + first.fields["extra"] :], CENTRAL)
    more = [size, size] * (size >= LIMIT) + [place] * (place >= LIMIT)
    assert second.rest.startswith(b"00001.txt" + extra(*more))
    assert second.fields == DATED | {
        "signature": b"PK\x01\x02",
        "made_by": 3 << 8 | (45 if more else 20),
        "needed": 45 if more else 20,
        "crc": 8,
        "packed": min(size, LIMIT),
        "size": min(size, LIMIT),
        "name": 9,
        "extra": len(extra(*more)),
        "comment": 0,
        "disk": 0,
        "internal": 0,
        "external": 0o100644 << 16,
        "offset": min(place, LIMIT),
    }


def directory(*sizes: int) -> tuple[int, int, bytes]:
    """Where it begins, how long it is, and what comes after it."""
    made = archive(*sizes)
    begin = sum(map(len, made.local)) + sum(sizes)
    length = 0
    while made.tail.startswith(b"PK\x01\x02", length):
        name, more = struct.unpack_from("<HH", made.tail, length + 28)
        length += 46 + name + more
    return begin, length, made.tail[length:]


@pytest.mark.parametrize(
    "sizes",
    [
        *[(), (1,), (1, 2), (LIMIT - 40,), (LIMIT - 39,), (LIMIT - 38,), (2**40,)],
        *[(0,) * 65_534, (0,) * 65_535, (0,) * 65_536],
    ],
    ids=lambda sizes: f"{len(sizes)} of {max(sizes, default=0)}",
)
def test_the_end_counts_the_files_and_finds_the_directory(sizes: tuple[int, ...]) -> None:
    begin, length, rest = directory(*sizes)
    if len(sizes) >= 2**16 - 1 or begin >= LIMIT:
        whole = read(rest, END64)
        assert whole.fields == {
            "signature": b"PK\x06\x06",
            "length": 44,  # without itself and the signature
            "made_by": 3 << 8 | 45,
            "needed": 45,
            "disk": 0,
            "central_disk": 0,
            "here": len(sizes),
            "entries": len(sizes),
            "central": length,
            "offset": begin,
            "locator": b"PK\x06\x07",
            "end64_disk": 0,
            "end64": begin + length,
            "disks": 1,
        }
        rest = whole.rest
    assert read(rest, END) == (
        {
            "signature": b"PK\x05\x06",
            "disk": 0,
            "central_disk": 0,
            "here": min(len(sizes), 2**16 - 1),
            "entries": min(len(sizes), 2**16 - 1),
            "central": length,
            "offset": min(begin, LIMIT),
            "comment": 0,
        },
        b"",
    )


def test_a_part_that_is_empty_is_not_there() -> None:
    whole = layout([Entry("a.txt", 5, 7, "0" * 64), Entry("b.txt", 0, 7, "0" * 64)])
    (_, first), (begin, content), (_, second), (_, empty), (tail_at, tail) = whole.runs
    assert (content, empty) == (FilePart(0, 0, 5), FilePart(1, 0, 0))
    assert list(whole.parts(0, whole.size)) == [first, content, second, tail]
    assert list(whole.parts(begin, begin + 5)) == [content]
    assert list(whole.parts(begin + 2, begin + 4)) == [FilePart(0, 2, 4)]
    assert list(whole.parts(tail_at, tail_at)) == []
