"""Field types of inputs and models: bounded, without control characters, strict.

``checked`` turns what pydantic finds into ``Invalid``, field by field.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, TypeAlias, TypeVar, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    JsonValue,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ErrorType

from digistore.canonical import canonical_json
from digistore.errors import Invalid

MOST_METADATA = 16_384  # characters of JSON
_DEPTH = 8
_MOST_PROBLEMS = 100
_LINE_BREAKS = "\n\r\t"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")

Metadata: TypeAlias = Mapping[str, JsonValue]


class Input(BaseModel):
    """What a caller gives: strict, nothing unknown, nothing that can change."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Model(BaseModel):
    """What the library returns: frozen; a change makes a new one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Given(BaseModel):
    """What a caller makes by hand and the library keeps: strict, nothing unknown, frozen.

    Raises:
        Invalid: with a stable word for each field that cannot be used.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    def __init__(self, /, **values: object) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _refusal(error) from None

    # Within a model that holds this one, pydantic goes on collecting what is wrong.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]


M = TypeVar("M", bound=BaseModel)


def maker(model: type[M]) -> Callable[[Mapping[str, object]], M]:
    """Return what makes a *model* of its values as calling it does, in less of the time."""
    make: Callable[[Mapping[str, object]], M] = TypeAdapter(model).validator.validate_python
    return make


def checked(model: type[M], **values: object) -> M:
    """Make a *model* of *values*.

    Raises:
        Invalid: with a stable word for each field that cannot be used; values are not echoed.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> Invalid:
    fields = problem_words(error)
    listed = ", ".join(f"{field} ({word})" for field, word in sorted(fields.items()))
    return Invalid(f"not usable: {listed}", fields=fields)


def problem_words(error: ValidationError) -> dict[str, str]:
    """Return a stable word for each field that cannot be used."""
    if error.error_count() > _MOST_PROBLEMS:  # listing them would cost more than finding them
        return {"input": "too_many_problems"}
    return {
        _field(found["loc"]): _word(found["type"])
        for found in error.errors(include_url=False, include_input=False)
    }


def _field(place: tuple[int | str, ...]) -> str:
    # What comes after the field's name are keys that the caller made up; so is the name of a
    # field that there is not, which is told only where it could be one.
    name = str(place[0]) if place else "input"
    return name if _NAME.fullmatch(name) else "input"


def _word(kind: str) -> str:
    """Return our own word for what pydantic found; what a validator of ours said stays."""
    if kind not in _PYDANTIC:
        return kind
    if kind.endswith("_type"):
        return "wrong_type"
    return _WORDS.get(kind, "malformed" if kind.endswith("_parsing") else "invalid")


_PYDANTIC = frozenset(get_args(ErrorType))
_WORDS: Mapping[str, str] = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "literal_error": "unknown",
    "enum": "unknown",
    "string_pattern_mismatch": "characters",
    "string_unicode": "characters",
    "invalid_key": "characters",
    **dict.fromkeys(("too_long", "string_too_long", "bytes_too_long"), "too_long"),
    **dict.fromkeys(("too_short", "string_too_short", "bytes_too_short"), "too_short"),
    **dict.fromkeys(("int_from_float", "is_instance_of", "none_required"), "wrong_type"),
    **dict.fromkeys(("greater_than", "greater_than_equal"), "too_small"),
    **dict.fromkeys(("less_than", "less_than_equal", "int_parsing_size"), "too_large"),
    "finite_number": "too_large",
}


def _printable(text: str) -> str:
    if not _is_printable(text):
        kind = "characters"
        raise PydanticCustomError(kind, "control characters are not allowed")
    return text


def _multi_line(text: str) -> str:
    _printable(_without_breaks(text))
    return text


def _is_printable(text: str) -> bool:
    return not any(unicodedata.category(sign) in {"Cc", "Cs"} for sign in text)


def _without_breaks(text: str) -> str:
    return "".join(sign for sign in text if sign not in _LINE_BREAKS)


def _bounded(metadata: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    kind = _fault(metadata, _DEPTH)
    if kind is None and len(canonical_json(metadata)) > MOST_METADATA:
        kind = "too_large"
    if kind is not None:
        raise PydanticCustomError(kind, "metadata is small, flat, finite and printable")
    return metadata


def _fault(value: object, depth: int) -> str | None:
    """Say what is wrong with a part of metadata, ``None`` if nothing is."""
    if isinstance(value, str):
        return None if _is_printable(_without_breaks(value)) else "characters"
    if isinstance(value, float):
        return None if math.isfinite(value) else "too_large"
    if not isinstance(value, Mapping | list):
        return None
    if depth == 0:
        return "too_large"
    if isinstance(value, Mapping) and not all(_is_printable(key) for key in value):
        return "characters"
    inside = value.values() if isinstance(value, Mapping) else value
    return next((kind for one in inside if (kind := _fault(one, depth - 1))), None)


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        kind = "naive"
        raise PydanticCustomError(kind, "a time needs its zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        kind = "out_of_range"
        raise PydanticCustomError(kind, "a time is within the years 1 to 9999, in UTC") from None


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
Country: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Time: TypeAlias = Annotated[datetime, AfterValidator(_with_zone)]
SmallMetadata: TypeAlias = Annotated[Metadata, AfterValidator(_bounded)]
