"""``expand``: ids that become the objects they name, and lists that are shown only when asked for.

Which fields can be expanded is read from the SDK's annotations.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from digistore.testing.stripe.errors import BadParameters, not_modelled
from digistore.testing.stripe.sdk import (
    CLASSES,
    classes_within,
    inner_class,
    is_a_list,
    object_class,
    shape,
)
from digistore.testing.stripe.world import Account, Object

Include = Callable[[Account, Object], Object]

_DEEPEST = 4


@dataclass(frozen=True, slots=True)
class _Path:
    text: str
    parts: tuple[str, ...]


def check_paths(noun: str, paths: list[str], *, of_a_list: bool) -> None:
    """Make sure, before anything is done, that all *paths* can be expanded.

    Raises:
        BadParameters: a path names no field, or one that cannot be expanded.
        ApiError: the double does not model what the field holds.
    """
    for text in paths:
        parts = text.split(".")
        path = _Path(text, tuple(parts))
        if len(parts) > _DEEPEST:
            message = f"You cannot expand more than {_DEEPEST} levels of a property: {text}"
            raise BadParameters(message, param="expand")
        if of_a_list and parts.pop(0) != "data":
            raise _refusal(path)
        _check_path(object_class(noun), parts, path)


def _check_path(found: type, parts: list[str], path: _Path) -> None:
    at: type | None = found
    while parts and at is not None:
        field = parts.pop(0)
        known = shape(at)
        shown = field in known.expandable | known.includable
        if field not in known.fields or not (parts or shown):
            raise _refusal(path)
        if parts and is_a_list(at, field) and parts.pop(0) != "data":
            raise _refusal(path)
        classes = classes_within(at, field)
        if not classes and shown:
            raise not_modelled(f"the expansion of {field}", "expand")
        if not classes and parts:
            raise _refusal(path)
        at = classes[0] if len(classes) == 1 else None  # which of them it is, its id says


class Expansion:
    """Expands replies of one account; *includes* make what is only shown when it is asked for."""

    def __init__(self, account: Account, includes: Mapping[tuple[str, str], Include]) -> None:
        self._account = account
        self._includes = includes

    def apply(self, reply: Object, paths: list[str]) -> Object:
        """Return a copy of *reply* with all *paths* expanded; `check_paths` has seen them.

        Raises:
            ApiError: the field holds what the double does not model.
        """
        reply = copy.deepcopy(reply)
        for text in paths:
            parts = tuple(text.split("."))
            self._walk(reply, _class_of(reply), parts, _Path(text, parts))
        return reply

    def _walk(self, at: Object, found: type | None, parts: tuple[str, ...], path: _Path) -> None:
        if not parts:
            return
        if at.get("object") == "list":
            self._go_on(at["data"], None, parts[1:], path)
            return
        field, *rest = parts
        if found is None or field not in shape(found).fields:
            raise _refusal(path)
        if field in shape(found).includable and field not in at:
            include = self._includes[at["object"], field]
            at[field] = copy.deepcopy(include(self._account, at))
        if isinstance(at.get(field), str):
            at[field] = self._resolve(at[field], field)
        self._go_on(at.get(field), inner_class(found, field), tuple(rest), path)

    def _go_on(self, value: object, inner: type | None, rest: tuple[str, ...], path: _Path) -> None:
        values = value if isinstance(value, list) else [value]
        for one in values:
            if isinstance(one, dict):
                self._walk(one, _class_of(one) or inner, rest, path)

    def _resolve(self, given: str, field: str) -> Object:
        meant = self._account.get(given)
        if meant is None:
            raise not_modelled(f"the expansion of {field}", "expand")
        return copy.deepcopy(meant)


def _class_of(one: Object) -> type | None:
    noun = one.get("object")
    return object_class(noun) if noun in CLASSES else None


def _refusal(path: _Path) -> BadParameters:
    return BadParameters(f"This property cannot be expanded ({path.text}).", param="expand")
