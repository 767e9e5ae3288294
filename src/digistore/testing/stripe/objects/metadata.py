"""What a shop writes on objects: at most 50 pairs, https://docs.stripe.com/api/metadata."""

from __future__ import annotations

from digistore.testing.stripe.errors import BadParameters

_MOST, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500


def checked_metadata(given: dict[str, str] | str | None, name: str = "metadata") -> dict[str, str]:
    """Return the pairs to keep; an empty value keeps none.

    Raises:
        BadParameters: there are too many, or one is too long.
    """
    if not isinstance(given, dict):
        return {}
    if len(given) > _MOST:
        message = f"Metadata can have at most {_MOST} keys; you passed {len(given)}."
        raise BadParameters(message, param=name)
    for key, value in given.items():
        if len(key) > _LONGEST_KEY:
            message = f"Metadata keys can be at most {_LONGEST_KEY} characters long: '{key}'."
            raise BadParameters(message, param=name)
        if len(value) > _LONGEST_VALUE:
            message = f"Metadata values can be at most {_LONGEST_VALUE} characters long: '{key}'."
            raise BadParameters(message, param=f"{name}[{key}]")
    return {key: value for key, value in given.items() if value != ""}


def merge_metadata(
    known: dict[str, str], given: dict[str, str] | str | None, name: str = "metadata"
) -> dict[str, str]:
    """Return *known* changed by *given*: an empty value takes a pair away, an empty text all."""
    if given is None:
        return known
    if not isinstance(given, dict):
        return {}
    merged = {key: value for key, value in (known | given).items() if value != ""}
    return checked_metadata(merged, name)
