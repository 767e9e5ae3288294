"""(k) ``import digistore``, in a fresh Python each time."""

from __future__ import annotations

import functools
import subprocess
import sys
import time

from benchmarks.runner import Case, Subject, Table, Way, interleave

SIX = ("sqlalchemy", "pydantic", "stripe", "fsspec", "alembic", "shortuuid")
GOAL = 0.8
WHY = (
    "SQLAlchemy and pydantic are half of it; the other half is building our own models and tables,"
    " once per process"
)


def imports(rounds: int) -> Table:
    """(k) beside the six packages that a shop like this is made of."""
    ways = {
        "import digistore": Way(_importing("digistore"), GOAL, WHY),
        "nothing": Way(_importing("sys")),
        "sqlalchemy and pydantic": Way(_importing("sqlalchemy", "pydantic")),
    }
    notes = [f"Floor: {', '.join(SIX)}, in one Python."]
    subject = Subject("k", "import, the start of Python included")
    floor = functools.partial(_importing, *SIX)
    return interleave(subject, floor, ways, rounds=rounds, seconds=0.0, notes=notes)


def _importing(*names: str) -> Case:
    command = [sys.executable, "-c", f"import {', '.join(names)}"]

    def case(times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            subprocess.run(command, check=True)  # noqa: S603  our own words
        return time.perf_counter() - begun

    return case
