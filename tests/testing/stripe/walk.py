"""Hold replies against the annotations of the SDK's classes, all the way down."""

from __future__ import annotations

from typing import Any, Literal, Union, get_args, get_origin

from digistore.testing.stripe.sdk import CLASSES, inner_class, object_class, shape

_PLAIN: set[type] = {int, str, bool}


def walk(found: dict[str, Any]) -> list[str]:
    """What the SDK's class of *found* does not know, lacks, or types in another way."""
    return list(_walk(found, None, found.get("object", "?")))


def _walk(found: dict[str, Any], known: type | None, path: str) -> list[str]:
    noun = found.get("object")
    if noun == "list":
        extra = found.keys() - {"object", "data", "has_more", "url"}
        wrong = [f"{path}.{name} is invented" for name in extra]
        return wrong + _walk_all(found["data"], None, path)
    if noun in CLASSES:
        known = object_class(noun)
    if known is None:
        return [f"{path}: the SDK has no class for {found}"]
    fields = shape(known)
    wrong = [f"{path}.{name} is invented" for name in found.keys() - fields.fields]
    if noun in CLASSES:
        needed = fields.fields - fields.nullable - fields.includable - {"deleted"}
        wrong += [f"{path}.{name} is missing" for name in needed - found.keys()]
    for name, value in found.items():
        if name in fields.fields:
            wrong += _check(value, known, name, f"{path}.{name}")
    return wrong


def _walk_all(found: list[dict[str, Any]], known: type | None, path: str) -> list[str]:
    return [text for one in found for text in _walk(one, known, f"{path}[]")]


def _check(value: object, known: type, name: str, path: str) -> list[str]:
    if value is None:
        return [] if name in shape(known).nullable else [f"{path} is null"]
    if isinstance(value, dict):
        return _check_hash(value, known, name, path)
    if isinstance(value, list):
        inner = inner_class(known, name)
        hashes = [one for one in value if isinstance(one, dict)]
        return _walk_all(hashes, inner, path)
    words = _words(annotation(known, name))
    if words and value not in words:
        return [f"{path} is {value!r}, which is not documented"]
    kinds = _kinds(annotation(known, name))
    if kinds and type(value) not in kinds:
        return [f"{path} is {value!r}, not of {kinds}"]
    return []


def _check_hash(value: dict[str, Any], known: type, name: str, path: str) -> list[str]:
    if "UntypedStripeObject" in str(annotation(known, name)):
        plain = all(isinstance(one, str) for one in value.values())
        return [] if plain else [f"{path} holds more than texts"]
    if known is object_class("event") and name == "data":
        return _walk(value["object"], None, f"{path}.object")
    return _walk(value, inner_class(known, name), path)


def annotation(known: type, name: str) -> object:
    for base in known.__mro__:
        own = vars(base).get("__annotations__", {})
        if name in own:
            return own[name]
    raise KeyError(name)


def _parts(kind: object) -> list[object]:
    if get_origin(kind) is Union:
        return [inner for part in get_args(kind) for inner in _parts(part)]
    return [kind]


def _words(kind: object) -> set[object]:
    """The documented words, where the SDK names any."""
    parts = _parts(kind)
    return {word for part in parts if get_origin(part) is Literal for word in get_args(part)}


def _kinds(kind: object) -> set[type]:
    """The plain types that a value may have, if it may have no other."""
    parts = [part for part in _parts(kind) if part is not type(None)]
    plain: set[type] = {part for part in parts if isinstance(part, type) and part in _PLAIN}
    return plain if len(plain) == len(parts) else set()
