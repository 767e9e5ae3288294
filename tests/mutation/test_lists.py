"""What is taken away by hand, before a release, still stands where the lists say."""

from __future__ import annotations

import re

import pytest

from digistore.database.types import metadata
from tests.mutation.guards import GUARDS, PAIRS, Guard, Pair
from tests.mutation.mutants import PARTS, explained
from tests.mutation.removals import PACKAGE, ROOT, SCHEMA, less

GUARD_NAMES = {guard.name for guard in GUARDS}
CONSTRAINTS = {str(one.name) for table in metadata.sorted_tables for one in table.constraints}


def all_there(tests: str) -> bool:
    return all((ROOT / path).exists() for path in tests.split())


def test_every_guard_has_a_name_of_its_own() -> None:
    assert len(GUARD_NAMES) == len(GUARDS)
    assert len({pair.promise for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_there_once(guard: Guard) -> None:
    text = (PACKAGE / guard.file).read_text(encoding="utf-8")
    assert text.count(guard.right) == 1
    assert guard.wrong != guard.right
    assert all_there(guard.tests)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.promise)
def test_a_pair_is_of_guards_and_constraints_that_exist(pair: Pair) -> None:
    text = (PACKAGE / SCHEMA).read_text(encoding="utf-8")
    assert all_there(pair.tests)
    assert len(pair.without) >= 2
    for name in pair.without:
        if name not in GUARD_NAMES:
            assert name in CONSTRAINTS
            assert name not in less(text, name)


def test_the_schema_is_made_of_what_is_left_out_by_turns() -> None:
    """``removals`` reads what to leave out from the tables that the migration has made."""
    text = (PACKAGE / SCHEMA).read_text(encoding="utf-8")
    made = set(re.findall(r'op\.f\("(digistore_\w+)"\)', text))
    assert made >= CONSTRAINTS


def test_every_module_of_rules_is_changed() -> None:
    decides = {*PACKAGE.rglob("rules.py"), *PACKAGE.rglob("rules/*.py")}
    changed = {path for part in PARTS for module in part.modules for path in PACKAGE.glob(module)}
    assert changed >= decides | {PACKAGE / "money.py", PACKAGE / "payments/service/settle.py"}
    assert all(all_there(" ".join(part.tests)) for part in PARTS)


def test_what_is_equivalent_is_explained_and_still_there() -> None:
    for mutant, reason in explained().items():
        module, _, function = mutant.function.partition(":")
        text = (PACKAGE / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8")
        assert f"def {function.rpartition('.')[2]}(" in text
        assert mutant.right != mutant.wrong
        assert reason.endswith(".")
