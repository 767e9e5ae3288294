"""Lists come in pages: a bounded piece, and an opaque cursor to the next.

A cursor holds the sort key of the last item, so a page costs the same however far it is, and
neither skips nor repeats what was there all the time.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar, overload

from digistore.errors import Invalid

LARGEST_PAGE: Final = 100
LONGEST_CURSOR: Final = 2000
_MOST = 2**53 - 1  # what JSON and every driver can carry exactly; as microseconds, the year 2255

Part: TypeAlias = int | str

T = TypeVar("T")
A = TypeVar("A", bound=Part)
B = TypeVar("B", bound=Part)
C = TypeVar("C", bound=Part)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; ``next`` is the cursor to go on from, ``None`` at the end."""

    items: tuple[T, ...]
    next: str | None = None

    def __iter__(self) -> Iterator[T]:
        """Go through the items of this page."""
        return iter(self.items)

    def __len__(self) -> int:
        """Count the items of this page."""
        return len(self.items)


def page_of(items: Sequence[T], limit: int, key: Callable[[T], tuple[Part, ...]]) -> Page[T]:
    """Make a page of the first *limit* of *items*.

    Args:
        items: what was read, in order: one more than *limit*, if there are that many.
        limit: how many items the page may have, 1 or more.
        key: the sort key of an item, which becomes the cursor; unique in the list.
    """
    kept = tuple(items[:limit])
    more = len(items) > limit
    return Page(kept, encode_cursor(*key(kept[-1])) if more else None)


def checked_limit(limit: int) -> int:
    """Return *limit* if it is a whole number from 1 to 100.

    Raises:
        Invalid: it is not.
    """
    if type(limit) is not int or not 1 <= limit <= LARGEST_PAGE:
        raise Invalid(f"a page has 1 to {LARGEST_PAGE} items", fields={"limit": "out_of_range"})
    return limit


def encode_cursor(*parts: Part) -> str:
    """Return an opaque cursor that holds *parts*: text for URLs, of letters, digits, - and _."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@overload
def decode_cursor(cursor: str, first: type[A], /) -> tuple[A]: ...


@overload
def decode_cursor(cursor: str, first: type[A], second: type[B], /) -> tuple[A, B]: ...


@overload
def decode_cursor(
    cursor: str, first: type[A], second: type[B], third: type[C], /
) -> tuple[A, B, C]: ...


def decode_cursor(cursor: str, /, *kinds: type[Any]) -> tuple[Part, ...]:
    """Return the parts of a cursor that :func:`encode_cursor` made, one of each of *kinds*.

    Numbers lie within 2^53 and texts hold no NUL, so a forged cursor can skip items, which its
    reader may do anyway, but breaks no query.

    Raises:
        Invalid: it was not made by ``encode_cursor``, or for another list.
    """
    parts = _parts(cursor)
    if (
        tuple(type(part) for part in parts) != kinds
        or not all(_is_usable(part) for part in parts)
        or encode_cursor(*parts) != cursor
    ):
        raise Invalid(
            "not a cursor of this list; pass the next of a page, or nothing for the first",
            fields={"after": "invalid"},
        )
    return parts


def _parts(cursor: str) -> tuple[Part, ...]:
    """Read the JSON of a cursor; what cannot be read has no parts."""
    if not isinstance(cursor, str) or len(cursor) > LONGEST_CURSOR:
        return ()
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = json.loads(raw.decode())
    except (ValueError, RecursionError):
        return ()
    return tuple(found) if isinstance(found, list) else ()


def _is_usable(part: Part) -> bool:
    if isinstance(part, int):
        return -_MOST <= part <= _MOST
    return "\0" not in part and not any("\ud800" <= sign <= "\udfff" for sign in part)
