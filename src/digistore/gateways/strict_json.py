"""JSON with exactly one meaning, whichever parser reads it."""

from __future__ import annotations

from typing import Any

from jiter import from_json

from digistore.errors import MalformedEvent

LARGEST_BODY = 1024 * 1024  # bytes


def read_object(body: bytes) -> dict[str, Any]:
    """Read a JSON object; a number with a fraction or an exponent is a ``Decimal``.

    Raises:
        MalformedEvent: not UTF-8, not JSON, not an object; a key twice, ``NaN`` or ``Infinity``;
            over 1 MiB, nested more than about 200 deep, a number of thousands of digits, or half
            of a surrogate pair.
    """
    if len(body) > LARGEST_BODY:
        raise too_large()
    try:
        found = from_json(
            body,
            allow_inf_nan=False,
            cache_mode="keys",
            catch_duplicate_keys=True,
            float_mode="decimal",
        )
    except ValueError as error:
        raise MalformedEvent("the body is not strict JSON in UTF-8") from error
    if not isinstance(found, dict):
        raise MalformedEvent("the body is not a JSON object")
    return found


def too_large() -> MalformedEvent:
    """Make the error for a body of more than 1 MiB."""
    return MalformedEvent(f"the body has more than {LARGEST_BODY} bytes")
