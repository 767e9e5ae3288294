"""Change the code that decides about money and rights in small ways, and see that tests notice.

Run it by hand, ``python -m tests.mutation.mutants [a part of a name]``, in an environment that has
mutmut: ``python3 noxfile.py -s mutation`` makes one. A mutant that no test can tell from the code
is written down in ``equivalent.txt`` with the reason; of all others, 95 of 100 must be killed in
each group. A change of nothing but the words of a sentence is no mutant: no test compares them.
"""

from __future__ import annotations

import ast
import difflib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Final, NamedTuple

ROOT = Path(__file__).parents[2]
EXPLAINED = Path(__file__).with_name("equivalent.txt")
NEEDED: Final = 95
MUTANTS, OUTCOMES = "mutants.json", "outcomes.json"
COPIED = ("src", "tests", "docs", "pyproject.toml", "README.md")


class Part(NamedTuple):
    """Modules that the same tests concern, and the group whose score they count for."""

    group: str
    modules: tuple[str, ...]
    tests: tuple[str, ...]


class Mutant(NamedTuple):
    """One change: the function it is in, what stood there, what stands there now."""

    function: str
    right: str
    wrong: str


PARTS = (
    Part("money", ("money.py",), ("tests/test_money.py",)),
    Part("rules", ("payments/rules/*.py",), ("tests/payments/rules",)),
    Part("settle", ("payments/book.py",), ("tests/payments/rules",)),
    Part(
        "settle",
        ("payments/service/settle.py", "payments/writing.py"),
        (
            "tests/payments/test_writing.py",
            "tests/payments/test_settle.py",
            "tests/payments/test_dispositions.py",
            "tests/payments/test_disputes.py",
            "tests/payments/test_refunds.py",
            "tests/payments/test_assigning.py",
            "tests/payments/test_webhooks.py",
            "tests/entitlements/test_commands.py",
            "tests/support/test_requests.py",
            "tests/performance/test_statements.py",
        ),
    ),
    Part("rules", ("entitlements/rules.py",), ("tests/entitlements/test_rules.py",)),
    Part("rules", ("orders/rules.py",), ("tests/orders/test_rules.py",)),
    Part("rules", ("orders/discounts/rules.py",), ("tests/orders/test_discount_rules.py",)),
    Part("rules", ("orders/receipts/rules.py",), ("tests/orders/test_receipt_rules.py",)),
    Part("rules", ("users/rules.py",), ("tests/users/test_rules.py",)),
    Part("rules", ("catalog/rules.py",), ("tests/catalog/test_rules.py",)),
    Part("rules", ("files/rules.py",), ("tests/files/test_rules.py",)),
    Part("rules", ("support/rules.py",), ("tests/support/test_rules.py",)),
    Part("rules", ("analytics/rules.py",), ("tests/analytics/test_rules.py",)),
    Part(
        "rules",
        ("downloads/rules/*.py",),
        (
            "tests/downloads/rules",
            "tests/downloads/test_links.py",
            "tests/downloads/test_plan.py",
            "tests/downloads/test_zip.py",
        ),
    ),
    Part(
        "rules",
        ("short_urls/rules/*.py",),
        ("tests/short_urls/rules", "tests/short_urls/test_targets.py"),
    ),
)


def mutate(part: Part, folder: Path) -> list[tuple[Mutant, bool]]:
    """Try all mutants of *part* in *folder*, and say of each whether it was killed."""
    for name in COPIED:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "_build")
            shutil.copytree(ROOT / name, folder / name, ignore=ignored)
        else:
            shutil.copy2(ROOT / name, folder)
    source = folder / "src"
    found: dict[str, Mutant] = {}
    for pattern in part.modules:
        for path in sorted((source / "digistore").glob(pattern)):
            found |= _plant(path, ".".join(path.relative_to(source).with_suffix("").parts))
    by_function: dict[str, list[str]] = {}
    for key in found:
        by_function.setdefault(key.rpartition("__mutmut_")[0], []).append(key)
    (folder / MUTANTS).write_text(json.dumps(by_function), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.mutation.trying", *part.tests]
    settings = {"PYTHONPATH": f"{source}:{folder}"}
    subprocess.run(command, cwd=folder, env=os.environ | settings, check=False)  # noqa: S603
    outcomes = json.loads((folder / OUTCOMES).read_text(encoding="utf-8"))
    return [(mutant, bool(outcomes[key])) for key, mutant in found.items()]


def _plant(path: Path, module: str) -> dict[str, Mutant]:
    """Put all mutants of a module beside its functions; return those that are more than words."""
    from mutmut.mutation.file_mutation import (  # noqa: PLC0415  only this session has it
        mutate_file_contents,
    )

    planted = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
    path.write_text(planted.code, encoding="utf-8")
    functions = _functions(planted.code)
    found = {}
    for name in planted.mutant_names:
        mangled, _, _ = name.rpartition("__mutmut_")
        right, wrong = functions[f"{mangled}__mutmut_orig"], functions[name]
        if not _same_but_for_words(right, wrong):
            function = mangled.removeprefix("x_").removeprefix("xǁ").replace("ǁ", ".")
            where = f"{module.removeprefix('digistore.')}:{function}"
            found[f"{module}.{name}"] = Mutant(where, *_difference(right, wrong))
    return found


def _functions(code: str) -> dict[str, ast.stmt]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name: node for node in ast.walk(ast.parse(code)) if isinstance(node, kinds)}
    for node in found.values():
        node.name = "function"
    return dict(found)


class _Silent(ast.NodeTransformer):
    """Takes the words out of sentences."""

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        said = isinstance(node.value, str) and " " in node.value
        return ast.Constant(None) if said else node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        parts = [part.value for part in node.values if isinstance(part, ast.Constant)]
        return ast.Constant(None) if any(" " in str(part) for part in parts) else node


def _same_but_for_words(right: ast.stmt, wrong: ast.stmt) -> bool:
    """Say whether only a sentence differs, or is not said: ``None`` takes its place."""
    one, other = (_Silent().visit(deepcopy(code)) for code in (right, wrong))
    return ast.dump(one) == ast.dump(other)


def _difference(right: ast.stmt, wrong: ast.stmt) -> tuple[str, str]:
    texts = ast.unparse(right).splitlines(), ast.unparse(wrong).splitlines()
    lines = [line for line in difflib.ndiff(*texts) if line[0] in "-+"]
    taken, put = ([one[1:].strip() for one in lines if one[0] == sign] for sign in "-+")
    return _cut(" / ".join(taken), " / ".join(put))


def _cut(right: str, wrong: str) -> tuple[str, str]:
    """Leave out of two long lines what is the same at both ends, but for a few words."""
    same = _alike(right, wrong)
    ends = _alike(right[same:][::-1], wrong[same:][::-1])
    first = max(0, same - 40)
    cut = [line[first : len(line) - max(0, ends - 40)] for line in (right, wrong)]
    return cut[0], cut[1]


def _alike(one: str, other: str) -> int:
    """Return how many characters are the same, from the first on."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def explained() -> dict[Mutant, str]:
    """Read the mutants that are equivalent to the code, with the reason of each."""
    blocks = EXPLAINED.read_text(encoding="utf-8").split("\n\n")
    found = {}
    for block in blocks:
        if not block.startswith("#"):
            function, right, wrong, *reason = block.strip().splitlines()
            mutant = Mutant(function, right.removeprefix("- "), wrong.removeprefix("+ "))
            found[mutant] = " ".join(reason)
    return found


def main(wanted: str = "") -> int:
    """Try the modules whose name has *wanted* in it; say what survived, and the score."""
    known = explained()
    scores: dict[str, list[bool]] = {}
    stale: list[Mutant] = []
    for part in PARTS:
        if any(wanted in module for module in part.modules):
            with tempfile.TemporaryDirectory() as folder:
                outcomes = mutate(part, Path(folder))
            survivors = [one for one, killed in outcomes if not killed]
            unknown = [one for one in survivors if one not in known]
            for one in unknown:
                print(f"{one.function}\n- {one.right}\n+ {one.wrong}\n")
            killed, missed = len(outcomes) - len(survivors), len(unknown)
            score = f"{killed} killed, {len(survivors) - missed} explained, {missed} unexplained"
            print(f"{' '.join(part.modules)}: {score}", flush=True)
            scores.setdefault(part.group, []).extend([True] * killed + [False] * missed)
            tried = {one.function.partition(":")[0] for one, _ in outcomes}
            mine = [one for one in known if one.function.partition(":")[0] in tried]
            stale += [one for one in mine if one not in survivors]
    for one in stale:
        print(f"explained, but killed or gone: {one}")
    for group, counted in scores.items():
        print(f"{group}: {sum(counted)} of {len(counted)} killed")
    enough = all(sum(one) * 100 >= NEEDED * len(one) for one in scores.values())
    return 0 if enough and not stale else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
