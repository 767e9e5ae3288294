"""JSON with exactly one meaning, whichever parser reads it."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from pydantic_core import from_json

from digistore.errors import MalformedEvent

LARGEST_BODY = 1024 * 1024  # bytes
DEEPEST = 32
LARGEST = 10**40  # numbers

_Container: TypeAlias = "dict[str, Any] | list[Any]"


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        MalformedEvent: not UTF-8, not JSON, not an object; a key twice, ``NaN`` or ``Infinity``;
            over 1 MiB, nested more than 32 deep, a number of 1e40 or above, or half of a
            surrogate pair.
    """
    if len(body) > LARGEST_BODY:
        raise too_large()
    try:
        # It refuses what Python's own reader lets pass: NaN, half surrogates, a byte order mark.
        found = from_json(body, allow_inf_nan=False, cache_strings="none")
        if not isinstance(found, dict):
            raise MalformedEvent("the body is not a JSON object")
        _check_repeats(body, _count_strings(found))
    except ValueError as error:
        raise MalformedEvent("the body is not strict JSON in UTF-8") from error
    return found


def too_large() -> MalformedEvent:
    """Make the error for a body of more than 1 MiB."""
    return MalformedEvent(f"the body has more than {LARGEST_BODY} bytes")


def _count_strings(found: dict[str, Any]) -> int:
    """Return how many keys and texts there are at all depths, level by level.

    Raises:
        ValueError: too deep, or a number is too large.
    """
    strings = 0
    level: list[_Container] = [found]
    for _ in range(DEEPEST):
        below: list[_Container] = []
        for container in level:
            values: Any = container
            if type(container) is dict:
                strings += len(container)
                values = container.values()
            for value in values:
                kind = type(value)
                if kind is str:
                    strings += 1
                elif kind is dict or kind is list:
                    below.append(value)
                elif (kind is int or kind is float) and not -LARGEST < value < LARGEST:
                    raise ValueError("a number is too large")  # infinity, too
        if not below:
            return strings
        level = below
    raise ValueError("nested too deep")


def _check_repeats(body: bytes, strings: int) -> None:
    """Make sure that no key was there twice, of which a reader has kept one.

    Where nothing is escaped, every key and text stands between two quotes of its own; if there are
    no more quotes than that, nothing is missing.  All else is read once more, key by key.
    """
    if b"\\" not in body and body.count(b'"') == 2 * strings:
        return
    json.loads(body, object_pairs_hook=_without_repeats)


def _without_repeats(pairs: list[tuple[str, Any]]) -> None:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key is there twice")
