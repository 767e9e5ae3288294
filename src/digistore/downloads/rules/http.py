"""What HTTP says about a body of known size that never changes: RFC 9110, sections 13 to 15."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

METHODS: Final = ("GET", "HEAD")
LONGEST_CONDITION = 8192  # characters of a condition that are read
LONGEST_RANGE = 64

# One spec alone: lists of ranges cost a server more than they help a client (CVE-2025-62727).
# ASCII, or an s of another alphabet would spell the unit as well.
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'[ \t,]*(W/)?("[!#-~\x80-\xff]*")[ \t]*(?=,|$)')


@dataclass(frozen=True, slots=True)
class Planned:
    """An answer but for its body: the bytes from *start* up to *end*, if it *has_body*."""

    status: int
    start: int
    end: int
    headers: Mapping[str, str]
    has_body: bool = False

    @property
    def length(self) -> int:
        """How many bytes are sent."""
        return self.end - self.start if self.has_body else 0


def plan_response(method: str, headers: Mapping[str, str], *, size: int, etag: str) -> Planned:
    """Decide what a request for *size* bytes is answered; no header makes it fail.

    A header that says nothing usable is ignored: the whole body is never a wrong answer. Conditions
    by date are ignored too, as no ``Last-Modified`` is sent.

    Args:
        method: as received; GET and HEAD are answered.
        headers: of the request, by name in any case; one that came twice is joined by a comma.
        size: of the whole body in bytes, 0 or more.
        etag: the strong entity tag, with its quotes.

    Returns:
        200, 206, 304, 405, 412 or 416, with the headers that belong to it.
    """
    if method not in METHODS:
        return Planned(405, 0, 0, {"Allow": ", ".join(METHODS), "Content-Length": "0"})
    given = {name.lower(): value for name, value in headers.items()}
    common = {"Accept-Ranges": "bytes", "ETag": etag}
    if "if-match" in given and not _matches(given["if-match"], etag, weak=False):
        return Planned(412, 0, 0, {**common, "Content-Length": "0"})
    if "if-none-match" in given and _matches(given["if-none-match"], etag, weak=True):
        return Planned(304, 0, 0, common)  # a length would have to be that of the whole body
    wanted = _wanted(method, given, size, etag)
    if wanted is None:
        return Planned(200, 0, size, {**common, "Content-Length": str(size)}, method == "GET")
    start, end = wanted
    if start >= end:
        unmet = {"Content-Range": f"bytes */{size}", "Content-Length": "0"}
        return Planned(416, 0, 0, common | unmet)
    part = {
        "Content-Range": f"bytes {start}-{end - 1}/{size}",
        "Content-Length": str(end - start),
    }
    return Planned(206, start, end, common | part, has_body=True)


def _wanted(method: str, given: Mapping[str, str], size: int, etag: str) -> tuple[int, int] | None:
    """Return the part that is asked for, an empty one if it lies outside, ``None`` for all."""
    if method != "GET" or "range" not in given:
        return None
    if "if-range" in given and given["if-range"].strip(" \t") != etag:
        return None
    return byte_range(given["range"], size)


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Read the ``Range`` header of a GET for a body of *size* bytes.

    What is malformed, of another unit or a list of ranges is ignored, as RFC 9110, section 14.2,
    allows.

    Returns:
        ``(start, end)`` with ``0 <= start < end <= size``; ``(size, size)`` if it is well formed
        but outside the body (416, section 15.5.17); ``None`` for the whole body.
    """
    if not size or len(header) > LONGEST_RANGE:
        return None
    found = _RANGE.fullmatch(header.strip(" \t"))
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        return max(0, size - int(found[2])), size
    first, last = int(found[1]), int(found[2]) if found[2] else size
    if last < first and found[2]:
        return None
    return min(first, size), max(min(first, size), min(last + 1, size))


def _matches(header: str, etag: str, *, weak: bool) -> bool:
    """Say whether a list of entity tags holds *etag*, by weak or by strong comparison."""
    read = header[:LONGEST_CONDITION]
    if read.strip(" \t") == "*":
        return True
    return any(tag == etag and (weak or not is_weak) for is_weak, tag in _tags(read))


def _tags(header: str) -> Iterator[tuple[bool, str]]:
    """Read entity tags up to the first thing that is none."""
    place = 0
    while found := _TAG.match(header, place):
        yield found[1] is not None, found[2]
        place = found.end()
