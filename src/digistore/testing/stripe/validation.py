"""Requests against their schemas: words become numbers and truths, and what is left over is told.

`jsonschema` finds what is wrong; here it is only put into Stripe's words.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.exceptions import best_match

from digistore.testing.stripe.errors import BadParameters
from digistore.testing.stripe.forms import Tree, name_of
from digistore.testing.stripe.schemas import Schema, schema_of

_INTEGER = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")
_TRUTHS = {"true": True, "false": False}
_KINDS = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}


def validate(name: str, tree: Tree) -> dict[str, Any]:
    """Return the parameters in *tree* as ``stripe.params.<name>`` types them.

    Raises:
        BadParameters: they break that type.
    """
    schema = schema_of(name)
    given = _coerce(schema, tree, schema["$defs"])
    error = best_match(_validator(name).iter_errors(given))
    if error is not None:
        raise _refusal(error)
    read: dict[str, Any] = given
    return read


@cache
def _validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(name))


def _coerce(schema: Schema, raw: str | Tree, definitions: dict[str, Schema]) -> Any:  # noqa: ANN401 - any JSON
    """Give *raw* the type that the schema asks for; what does not fit stays as it came."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tried = [(one, _coerce(one, raw, definitions)) for one in schema["anyOf"]]
        return next((value for one, value in tried if _fits(one, value, definitions)), tried[0][1])
    if isinstance(raw, str):
        return _coerce_word(schema, raw)
    if schema.get("type") == "array" and all(place.isdecimal() for place in raw):
        places = sorted(raw, key=int)
        return [_coerce(schema["items"], raw[place], definitions) for place in places]
    known = schema.get("properties", {})
    other = schema.get("additionalProperties") or {}
    return {key: _coerce(known.get(key, other), raw[key], definitions) for key in raw}


def _coerce_word(schema: Schema, raw: str) -> str | int | float | bool:
    kind = schema.get("type")
    if kind == "integer" and _INTEGER.fullmatch(raw):
        return int(raw)
    if kind == "number" and _NUMBER.fullmatch(raw):
        return float(raw)
    if kind == "boolean":
        return _TRUTHS.get(raw, raw)
    return raw


def _fits(schema: Schema, value: object, definitions: dict[str, Schema]) -> bool:
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return value in schema["enum"]
    kind = _KINDS.get(schema["type"], float)
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _refusal(error: ValidationError) -> BadParameters:
    path = list(error.absolute_path)
    name = name_of(path)
    said: Any = error.validator_value
    holder: Any = error.schema
    given: Any = error.instance
    if error.validator == "additionalProperties":
        extra = sorted(set(given) - set(holder["properties"]))
        names = [name_of([*path, one]) for one in extra]
        noun = "parameter" if len(names) == 1 else "parameters"
        message = f"Received unknown {noun}: {', '.join(names)}"
        return BadParameters(message, code="parameter_unknown", param=names[0])
    if error.validator == "required":
        absent = next(one for one in said if one not in given)
        name = name_of([*path, absent])
        message = f"Missing required param: {name}."
        return BadParameters(message, code="parameter_missing", param=name)
    if error.validator == "enum":
        message = f"Invalid {name}: must be one of {', '.join(map(str, said))}"
        return BadParameters(message, param=name)
    if error.validator == "type" and said == "integer":
        message = f"Invalid integer: {given}"
        return BadParameters(message, code="parameter_invalid_integer", param=name)
    kind = said if error.validator == "type" else "value"
    return BadParameters(f"Invalid {kind}: {given}", param=name)
