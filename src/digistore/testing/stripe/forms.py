"""Forms as Stripe reads them: ``line_items[0][price_data][currency]=usd`` becomes a tree."""

from __future__ import annotations

import re
from typing import TypeAlias
from urllib.parse import parse_qsl

from digistore.testing.stripe.errors import BadParameters

Tree: TypeAlias = "dict[str, str | Tree]"

_NAME = re.compile(r"(?P<head>[^\[\]]+)(?P<rest>(?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_MISFORMED = "Invalid request (check that your POST parameters are encoded properly)"


def read_form(text: str) -> Tree:
    """Un-nest an encoded form; a list is a tree whose names are its places, ``[]`` the next one.

    Raises:
        BadParameters: it is no form, or one name is both a value and a tree.
    """
    tree: Tree = {}
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except ValueError as cause:
        raise BadParameters(_MISFORMED) from cause
    for name, value in pairs:
        _put(tree, name, value)
    return tree


def name_of(path: list[str | int]) -> str:
    """Return the name that the parameter at *path* has in a form."""
    if not path:
        return ""
    head, *rest = path
    return str(head) + "".join(f"[{part}]" for part in rest)


def _put(tree: Tree, name: str, value: str) -> None:
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise BadParameters(_MISFORMED, param=name)
    *parents, last = matched["head"], *_PART.findall(matched["rest"])
    for parent in parents:
        inner = tree.setdefault(parent or str(len(tree)), {})
        if isinstance(inner, str):
            raise BadParameters(_MISFORMED, param=name)
        tree = inner
    last = last or str(len(tree))
    if last in tree:
        raise BadParameters(_MISFORMED, param=name)
    tree[last] = value
