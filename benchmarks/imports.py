"""(k) ``import digistore``, in a fresh Python each time."""

from __future__ import annotations

import subprocess
import sys
import time

from benchmarks.runner import Case, Table, interleave

SIX = ("sqlalchemy", "pydantic", "stripe", "fsspec", "alembic", "shortuuid")
GOAL = 0.8


def imports(rounds: int) -> Table:
    """(k) beside the six packages that a shop like this is made of."""
    ways = {
        "import digistore": (_importing("digistore"), GOAL),
        "nothing": (_importing("sys"), None),
        "sqlalchemy and pydantic": (_importing("sqlalchemy", "pydantic"), None),
    }
    notes = [f"Floor: {', '.join(SIX)}, in one Python."]
    title = "(k) import digistore, the start of Python included"
    return interleave(
        title, lambda: _importing(*SIX), ways, rounds=rounds, seconds=0.0, notes=notes
    )


def _importing(*names: str) -> Case:
    command = [sys.executable, "-c", f"import {', '.join(names)}"]

    def case(times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            subprocess.run(command, check=True)  # noqa: S603  our own words
        return time.perf_counter() - begun

    return case
