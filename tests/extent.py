"""How far chance and races go: a part at every change, all of it before a release."""

from __future__ import annotations

import os
from typing import Final

WHOLE: Final = os.environ.get("DIGISTORE_TESTS") == "whole"


def extent(part: int, whole: int) -> int:
    """Return how many lives, rounds or examples to play in this run."""
    return whole if WHOLE else part
