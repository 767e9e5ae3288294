"""Take away what holds a promise, one thing at a time and two at a time, and see who notices.

Run it by hand, ``python -m tests.mutation.removals [constraints|guards] [a part of a name]``, after
the schema or a guard has changed. Each constraint of the schema is left out of a database into
which bad rows are then written; each guard is taken out of a copy of the package, on which the
tests that concern it are run. What is not missed alone has a twin that holds the same promise, and
then both together must be missed. With one that is not, it ends with 1.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.mutation.guards import GUARDS, PAIRS, Guard
from tests.mutation.lessened import Shops, constraints, let_in, told_shops
from tests.postgres import VARIABLE, postgres

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "digistore"
SCHEMA = "database/migrations/versions/dg0001_first.py"
ALEMBICS_OWN = "digistore_version_pkc"  # the table that says which revision a database has


# Constraints.


def try_constraints(wanted: str) -> int:
    """Leave out every constraint, alone or with its twin; return how many nobody missed."""
    missed = 0
    with told_shops() as shops:
        if spoilt := let_in(shops, []):
            sys.exit(f"with all constraints, this comes in: {spoilt}")
        tables = constraints(shops.story)
        del tables[ALEMBICS_OWN]
        for name, table in tables.items():
            if wanted in name:
                others = [one for one, its in tables.items() if its == table and one != name]
                said = _notice(shops, name, others)
                missed += said is None
                print(f"{'MISSED' if said is None else 'found '} {name}: {said}", flush=True)
    print(f"{missed} missed of {len(tables)} constraints")
    return missed


def _notice(shops: Shops, name: str, others: Sequence[str]) -> str | None:
    if alone := let_in(shops, [name]):
        return alone[0]
    for other in others:
        both = set(let_in(shops, [name, other])) - set(let_in(shops, [other]))
        if both:
            return f"its twin is {other}; without both: {min(both)}"
    return None


# Guards.


def without(folder: Path, guards: Sequence[Guard], schema: Sequence[str]) -> None:
    """Copy the package to *folder*, less some guards and constraints."""
    shutil.copytree(PACKAGE, folder / "digistore", ignore=shutil.ignore_patterns("__pycache__"))
    for guard in guards:
        path = folder / "digistore" / guard.file
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(guard.right, guard.wrong), encoding="utf-8")
    path = folder / "digistore" / SCHEMA
    text = path.read_text(encoding="utf-8")
    for name in schema:
        text = less(text, name)
    path.write_text(text, encoding="utf-8")


def less(text: str, constraint: str) -> str:
    """Return a revision that does not make *constraint*."""
    lines = text.splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and _name_of(node) == constraint and node.end_lineno:
            return "".join([*lines[: node.lineno - 1], *lines[node.end_lineno :]])
    raise LookupError(constraint)


def _name_of(call: ast.Call) -> object:
    given = next((one.value for one in call.keywords if one.arg == "name"), None)
    if isinstance(given, ast.Call) and given.args and isinstance(given.args[0], ast.Constant):
        return given.args[0].value
    return None


def who_notices(
    guards: Sequence[Guard], schema: Sequence[str], tests: str, which: str
) -> list[str]:
    """Run tests without some guards and constraints; return the names of those that fail."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        without(folder, guards, schema)
        options = ["-x", "-q", "--tb=no", "-rfE", "--no-header", "-p", "no:cacheprovider"]
        asked = ["-k", which] if which else []
        command = [sys.executable, "-m", "pytest", *tests.split(), *options, *asked]
        done = subprocess.run(  # noqa: S603  our own words
            command,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": name},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode not in {0, 1}:
        sys.exit(f"pytest ended with {done.returncode}: {done.stdout}{done.stderr}")
    told = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return sorted({line.rpartition("::")[2].partition(" - ")[0] for line in told})


def try_guards(wanted: str) -> int:
    """Take out every guard, and every pair; return how many nobody missed."""
    by_name = {guard.name: guard for guard in GUARDS}
    twins = {name for pair in PAIRS for name in pair.without}
    missed = 0
    for guard in GUARDS:
        if wanted in guard.name:
            found = who_notices([guard], [], guard.tests, guard.which)
            alone = guard.name not in twins and not found
            missed += alone
            said = ", ".join(found) or ("nobody" if alone else "its twin holds, see below")
            print(f"{'MISSED' if alone else 'found '} {guard.name}: {said}", flush=True)
    for pair in PAIRS:
        if wanted in pair.promise:
            guards = [by_name[name] for name in pair.without if name in by_name]
            schema = [name for name in pair.without if name not in by_name]
            found = who_notices(guards, schema, pair.tests, pair.which)
            missed += not found
            print(f"{'found ' if found else 'MISSED'} both of: {pair.promise}: {found}", flush=True)
    print(f"{missed} missed of {len(GUARDS)} guards and {len(PAIRS)} pairs")
    return missed


def main(what: str = "", wanted: str = "") -> int:
    """Do all, or the ``constraints``, or the ``guards``; of those, what has *wanted* in it."""
    missed = 0
    with ExitStack() as running:
        os.environ[VARIABLE], _ = running.enter_context(postgres())
        if what in {"", "guards"}:
            missed += try_guards(wanted)
        if what in {"", "constraints"}:
            missed += try_constraints(wanted)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
