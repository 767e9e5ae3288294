"""Each advisory of the list has its test: none is lost when a test is renamed or goes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.security.advisories import ADVISORIES

TESTS = Path(__file__).parents[1]
SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def plain(name: str) -> str:
    """Without the signs that a name of a test cannot hold."""
    return SEPARATORS.sub("_", name)


def test_every_advisory_has_a_test_that_bears_its_id() -> None:
    paths = sorted({f"tests/{one.path}" for one in ADVISORIES})
    collected = subprocess.run(  # noqa: S603  our own tests
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *paths],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    names = [plain(line) for line in collected.stdout.splitlines() if "::" in line]
    lost = [
        one.id
        for one in ADVISORIES
        if not any(plain(f"tests/{one.path}") in name and plain(one.id) in name for name in names)
    ]
    assert lost == []


def test_no_advisory_stands_twice_in_the_list() -> None:
    assert len({one.id for one in ADVISORIES}) == len(ADVISORIES)
