"""JSON with exactly one meaning, whichever parser reads it."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from digistore.errors import MalformedEvent

LARGEST_BODY = 1024 * 1024  # bytes
DEEPEST = 32
_LONGEST_NUMBER = 40  # characters

# A string, even one that never ends, is one token: each character is looked at once.
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        MalformedEvent: not UTF-8, not JSON, not an object; a key twice, ``NaN`` or ``Infinity``;
            over 1 MiB, nested more than 32 deep, a number longer than 40 characters, or half of
            a surrogate pair.
    """
    if len(body) > LARGEST_BODY:
        raise MalformedEvent(f"the body has more than {LARGEST_BODY} bytes")
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        found = json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_int=_short_int,
            parse_float=_finite,
            parse_constant=_no_constant,
        )
        # Half a surrogate pair is read in as many ways as there are parsers: it has no UTF-8.
        json.dumps(found, ensure_ascii=False).encode("utf-8")
    except ValueError as error:
        raise MalformedEvent("the body is not strict JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise MalformedEvent("the body is not a JSON object")
    return found


def _check_depth(text: str) -> None:
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > DEEPEST:
            message = "nested too deep"
            raise ValueError(message)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key is there twice"
        raise ValueError(message)
    return found


def _short_int(digits: str) -> int:
    return int(_bounded(digits))


def _finite(digits: str) -> float:
    number = float(_bounded(digits))
    if not math.isfinite(number):
        message = "a number is too large"
        raise ValueError(message)
    return number


def _bounded(digits: str) -> str:
    if len(digits) > _LONGEST_NUMBER:
        message = "a number is too long"
        raise ValueError(message)
    return digits


def _no_constant(name: str) -> NoReturn:
    message = f"{name} is not JSON"
    raise ValueError(message)
