"""JSON Schemas of requests, made from the typed parameters that the SDK carries.

What the SDK's types say is taken strictly: other parameters are refused, and an enumeration that is
open for the future (``Literal[...] | str``) is closed to what is documented today.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import import_module
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

import typing_extensions

Schema: TypeAlias = dict[str, Any]

DECIMAL = r"^-?[0-9]{1,15}(\.[0-9]{1,12})?$"
_ATOMS: Mapping[object, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Decimal: {"type": "string", "pattern": DECIMAL},
}


@cache
def schema_of(name: str) -> Schema:
    """Return the schema of ``stripe.params.<name>``; the first call for a name loads and builds.

    Types that hold others are definitions of it, so a type that holds itself is no trouble.
    """
    module, _, attribute = f"stripe.params.{name}".rpartition(".")
    definitions: dict[str, Schema] = {}
    top = _define(getattr(import_module(module), attribute), definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$defs": definitions,
    } | top


def _define(typed: type, definitions: dict[str, Schema]) -> Schema:
    """Put a TypedDict among the *definitions*, and return a reference to it."""
    reference: Schema = {"$ref": f"#/$defs/{typed.__name__}"}
    if typed.__name__ in definitions:
        return reference
    own = definitions[typed.__name__] = {"type": "object", "additionalProperties": False}
    hints = _hints(typed)
    own["properties"] = {name: _convert(hint, definitions) for name, hint in hints.items()}
    needed: frozenset[str] = getattr(typed, "__required_keys__", frozenset())
    own["required"] = sorted(needed & hints.keys())
    return reference


def _hints(typed: type) -> dict[str, Any]:
    """Resolve the annotations of a TypedDict, without what the SDK itself is told by them.

    The key, the account and other options of a request are headers, no parameters.
    """
    options = import_module("stripe").RequestOptions.__annotations__
    annotations = {
        name: hint for name, hint in inspect.get_annotations(typed).items() if name not in options
    }
    holder = types.new_class(
        "Holder", (), {}, lambda body: body.update(__annotations__=annotations)
    )
    return typing_extensions.get_type_hints(holder, globalns=vars(sys.modules[typed.__module__]))


def _convert(hint: object, definitions: dict[str, Schema]) -> Schema:
    if hint in _ATOMS:
        return _ATOMS[hint]
    if typing_extensions.is_typeddict(hint) and isinstance(hint, type):
        return _define(hint, definitions)
    origin, parts = get_origin(hint), get_args(hint)
    if origin in {Literal, typing_extensions.Literal}:
        return {"enum": list(parts)}
    if origin in {Union, types.UnionType}:
        return _union([part for part in parts if part is not type(None)], definitions)
    if origin is list:
        return {"type": "array", "items": _convert(parts[0], definitions)}
    if origin is dict:
        return {"type": "object", "additionalProperties": _convert(parts[1], definitions)}
    message = f"the SDK has a kind of parameter that the double cannot read: {hint!r}"
    raise TypeError(message)


def _union(parts: list[object], definitions: dict[str, Schema]) -> Schema:
    # An UntypedStripeObject is what came out of a reply; in a form it is a hash like any other.
    parts = [part for part in parts if not _is_of_the_sdk(part)]
    words = [word for part in parts if get_origin(part) is Literal for word in get_args(part)]
    if any(word != "" for word in words):
        parts = [part for part in parts if part is not str]
    converted = [_convert(part, definitions) for part in parts]
    return converted[0] if len(converted) == 1 else {"anyOf": converted}


def _is_of_the_sdk(part: object) -> bool:
    return getattr(get_origin(part), "__name__", "") == "UntypedStripeObject"
