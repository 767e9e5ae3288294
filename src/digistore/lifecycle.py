"""Lives as tables: what may follow what."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from digistore.errors import InvalidTransition

S = TypeVar("S", bound=StrEnum)


def moves(noun: str, table: Mapping[S, frozenset[S]], now: S, new: S) -> bool:
    """Say whether a thing must change; ``False`` means that it is there already: a replay.

    Raises:
        InvalidTransition: *table* has no way from *now* to *new*.
    """
    if now is new:
        return False
    if new not in table[now]:
        raise InvalidTransition(noun, now, new)
    return True
