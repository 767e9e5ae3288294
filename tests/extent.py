"""How far chance and races go: a part at every change, all of it before a release."""

from __future__ import annotations

import os
import zlib
from typing import Final, TypeVar

T = TypeVar("T")

_CHOSEN: Final = os.environ.get("DIGISTORE_TESTS")
WHOLE: Final = _CHOSEN == "whole"
PART: Final = _CHOSEN == "part"  # where minutes count: most tests on one database alone


def extent(part: T, whole: T) -> T:
    """Return how many lives, rounds or examples to play in this run, or which."""
    return whole if WHOLE else part


def is_one_in(many: int, name: str) -> bool:
    """Say whether *name* is of a part of all names, one in *many*; each name always answers so."""
    return zlib.crc32(name.encode()) % many == 0
