"""Field types of inputs and models: bounded, without control characters, strict.

``checked`` turns what pydantic finds into ``Invalid``, field by field.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    JsonValue,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from digistore.canonical import canonical_json
from digistore.errors import Invalid

MOST_METADATA = 16_384  # characters of JSON
_DEPTH = 8
_LINE_BREAKS = "\n\r\t"

Metadata: TypeAlias = Mapping[str, JsonValue]


class Input(BaseModel):
    """What a caller gives: strict, nothing unknown, nothing that can change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Model(BaseModel):
    """What the library returns: frozen; a change makes a new one."""

    model_config = ConfigDict(frozen=True, extra="forbid")


M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], **values: object) -> M:
    """Make a *model* of *values*.

    Raises:
        Invalid: with a stable word for each field that cannot be used; values are not echoed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        fields = {
            ".".join(str(part) for part in found["loc"]) or "input": _word(found["type"])
            for found in error.errors(include_url=False, include_input=False)
        }
        listed = ", ".join(f"{field} ({word})" for field, word in sorted(fields.items()))
        raise Invalid(f"not usable: {listed}", fields=fields) from None


def _word(kind: str) -> str:
    return _WORDS.get(kind, kind)


_WORDS: Mapping[str, str] = {
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "string_pattern_mismatch": "characters",
    "extra_forbidden": "unknown_field",
    "missing": "missing",
}


def _printable(text: str) -> str:
    if any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text):
        kind = "characters"
        raise PydanticCustomError(kind, "control characters are not allowed")
    return text


def _multi_line(text: str) -> str:
    _printable("".join(sign for sign in text if sign not in _LINE_BREAKS))
    return text


def _bounded(metadata: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    if not _is_finite(metadata, _DEPTH) or len(canonical_json(metadata)) > MOST_METADATA:
        kind = "too_large"
        raise PydanticCustomError(kind, "metadata is small, flat and finite")
    return metadata


def _is_finite(value: object, depth: int) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, Mapping):
        inside = [*value.keys(), *value.values()]
    elif isinstance(value, list | tuple):
        inside = list(value)
    else:
        return True
    return depth > 0 and all(_is_finite(one, depth - 1) for one in inside)


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        kind = "naive"
        raise PydanticCustomError(kind, "a time needs its zone")
    return moment.astimezone(UTC)


Title: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
]
Line: TypeAlias = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=50_000), AfterValidator(_multi_line)]
Reason: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=2000),
    AfterValidator(_multi_line),
]
Slug: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=80)
]
Name: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Ref: TypeAlias = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_printable),
]
AsciiKey: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[\x21-\x7e]+$", min_length=1, max_length=200)
]
Time: TypeAlias = Annotated[datetime, AfterValidator(_with_zone)]
SmallMetadata: TypeAlias = Annotated[Metadata, AfterValidator(_bounded)]
