"""Each advisory of the list has its test: none is lost when a test is renamed or goes."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.security.advisories import ADVISORIES, Advisory

TESTS = Path(__file__).parents[1]
SEPARATORS = re.compile(r"[^A-Za-z0-9]+")


def plain(name: str) -> str:
    """Without the signs that a name of a test cannot hold."""
    return SEPARATORS.sub("_", name)


@cache
def names(path: str) -> tuple[str, ...]:
    """The names of a file's tests, and the texts of which those of their cases are made.

    Read and not collected, which takes ten seconds; docstrings and comments are no names.
    """
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    functions = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef)]
    tests = [one for one in functions if one.name.startswith("test_")]
    spoken = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}  # docstrings
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in spoken
    ]
    return tuple(plain(one) for one in (*(test.name for test in tests), *texts))


@pytest.mark.parametrize("advisory", ADVISORIES, ids=lambda one: f"{one.id} {one.wrong}")
def test_an_advisory_has_a_test_that_bears_its_id(advisory: Advisory) -> None:
    found = re.compile(rf"(?:^|_){plain(advisory.id)}(?:_|$)")
    assert any(found.search(name) for name in names(advisory.path))


def test_no_advisory_stands_twice_in_the_list() -> None:
    assert len({one.id for one in ADVISORIES}) == len(ADVISORIES)
