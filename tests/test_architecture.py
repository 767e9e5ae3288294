"""The shape of the code, held by reading it: arrows, names, docstrings, sizes."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import digistore

SRC = Path(digistore.__file__).parent
GROUND = (
    "canonical",
    "lifecycle",
    "clock",
    "errors",
    "money",
    "ids",
    "tokens",
    "settings",
    "events",
    "blocking",
    "paging",
    "fields",
)
FRAMEWORKS = ("flask", "fastapi", "starlette", "django", "litestar")
STORY = (
    "users",
    "files",
    "catalog",
    "orders",
    "entitlements",
    "support",
    "payments",
    "downloads",
)
ROOMS = ("models", "rules", "tables", "service")


def may_import() -> dict[str, set[str]]:
    """Whom each part of the package may import."""
    ground = set(GROUND)
    allowed = dict.fromkeys(GROUND, ground)
    allowed["gateways"] = ground
    allowed["database"] = ground
    allowed["audit"] = allowed["outbox"] = ground | {"database"}
    seen = ground | {"database", "audit", "outbox"}
    for slice_ in STORY:
        allowed[slice_] = seen | ({"gateways"} if slice_ in {"orders", "payments"} else set())
        seen = seen | {slice_}
    allowed["short_urls"] = ground | {"database", "audit", "outbox", "users"}
    allowed["analytics"] = seen | {"short_urls"}
    allowed["doctor"] = allowed["analytics"] | {"analytics"}
    allowed["wiring"] = allowed["doctor"] | {"doctor", "gateways"}
    allowed["showing"] = ground | {"database"}
    allowed["making"] = allowed["wiring"] | {"wiring"}
    allowed["store"] = allowed["making"] | {"making", "showing"}
    allowed["web"] = allowed["store"] | {"store", "cli", ""}
    allowed[""] = allowed["cli"] = allowed["__main__"] = allowed["store"] | {"store", "cli", ""}
    return allowed


def part_of(module: str) -> str:
    """The part of the package that a dotted name is in, "" for the package itself."""
    return module.split(".")[1] if "." in module else ""


def modules() -> list[Path]:
    return sorted(path for path in SRC.rglob("*.py") if "versions" not in path.parts)


def name_of(path: Path) -> str:
    parts = ("digistore", *path.relative_to(SRC).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            yield node.module or ""


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(SRC)))
def test_arrows_of_import_point_one_way(path: Path) -> None:
    part = part_of(name_of(path))
    if part == "testing":
        return
    own = {part_of(name) for name in imports(path) if name.split(".")[0] == "digistore"}
    assert own - {part} <= may_import()[part]


@pytest.mark.parametrize("slice_", [*STORY, "short_urls", "analytics", "audit", "outbox"])
def test_rooms_of_a_slice_are_entered_in_order(slice_: str) -> None:
    for place, room in enumerate(ROOMS):
        later = ROOMS[place + 1 :]
        files = [*(SRC / slice_).glob(f"{room}.py"), *(SRC / slice_ / room).rglob("*.py")]
        for path in files:
            entered = {name for name in imports(path) if name.startswith(f"digistore.{slice_}.")}
            assert not {name for name in entered if name.split(".")[2] in later}, path


def test_rules_ask_no_clock_no_database_and_no_luck() -> None:
    for path in [*SRC.rglob("rules.py"), *SRC.rglob("rules/*.py")]:
        forbidden = {"secrets", "random", "time", "asyncio", "threading", "uuid", "sqlite3"}
        found = {name.split(".")[0] for name in imports(path)}
        assert not forbidden & found, path
        assert not {name for name in imports(path) if name.startswith("sqlalchemy")}, path


def test_CVE_2019_7855_randomness_comes_from_secrets_alone() -> None:
    for path in modules():
        assert "random" not in {name.split(".")[0] for name in imports(path)}, path


def test_operations_know_no_event_loop() -> None:
    knows = {SRC / "blocking.py", SRC / "web/asgi.py", SRC / "web/django/streaming.py"}
    for path in modules():
        if path in knows or part_of(name_of(path)) == "testing":
            continue
        assert not {"asyncio", "anyio"} & {name.split(".")[0] for name in imports(path)}, path
        for function in functions(path):
            if isinstance(function, ast.AsyncFunctionDef):
                inside = list(ast.walk(function))
                assert not any(isinstance(one, ast.Yield | ast.YieldFrom) for one in inside), path


def test_each_framework_is_imported_in_its_own_module_alone() -> None:
    for path in modules():
        own = {part for part in name_of(path).split(".") if part in FRAMEWORKS}
        if own == {"fastapi"}:
            own = {"fastapi", "starlette"}  # which it stands on
        assert {name.split(".")[0] for name in imports(path)} & set(FRAMEWORKS) <= own, path


def test_public_names_are_sorted_and_complete() -> None:
    for path in SRC.rglob("__init__.py"):
        module = importlib.import_module(name_of(path))
        names = getattr(module, "__all__", None)
        tree = ast.parse(path.read_text())
        brought = {
            alias.asname or alias.name
            for node in tree.body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        defined = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        if names is None:
            assert path.parent.name not in {*STORY, "digistore"}, path  # a slice says its names
            continue
        constants = sorted(name for name in names if name.isupper())
        others = sorted(name for name in names if not name.isupper())
        classes = [name for name in others if name[0].isupper()]
        rest = [name for name in others if not name[0].isupper()]
        assert list(names) == [*constants, *classes, *rest], path
        assert set(names) <= brought | defined | set(vars(module)), path


def public_definitions() -> Iterator[tuple[str, object]]:
    for info in pkgutil.walk_packages([str(SRC)], "digistore."):
        if "versions" in info.name or info.name.endswith((".env", "__main__", ".django.urls")):
            continue
        module = importlib.import_module(info.name)
        for name, found in vars(module).items():
            mine = getattr(found, "__module__", None) == info.name
            if not name.startswith("_") and mine and callable(found):
                yield f"{info.name}.{name}", found


def members(found: object) -> Iterator[tuple[str, object]]:
    if not inspect.isclass(found):
        return
    for name, member in vars(found).items():
        plain = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        if not name.startswith("_") and (inspect.isfunction(plain) or isinstance(plain, property)):
            yield name, plain.fget if isinstance(plain, property) else plain


def test_every_public_name_has_a_docstring() -> None:
    silent = []
    for name, found in public_definitions():
        if not inspect.getdoc(found):
            silent.append(name)
        silent += [
            f"{name}.{own}"
            for own, member in members(found)
            if not inspect.getdoc(member) and not own.startswith("test_")  # its name is a sentence
        ]
    assert silent == []


def test_every_public_function_is_annotated_without_any() -> None:
    bare = []
    for path in modules():
        for function in functions(path):
            if function.name.startswith("_"):
                continue
            given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            missing = [
                a.arg for a in given if a.annotation is None and a.arg not in {"self", "cls"}
            ]
            if missing or function.returns is None:
                bare.append(f"{path.relative_to(SRC)}:{function.lineno} {function.name}")
    assert bare == []


def test_no_file_is_over_400_lines_and_no_function_over_60() -> None:
    big = [path for path in modules() if len(path.read_text().splitlines()) > 400]
    assert big == []
    long = [
        f"{path.relative_to(SRC)}:{function.lineno} {function.name}"
        for path in modules()
        for function in functions(path)
        if (function.end_lineno or function.lineno) - function.lineno + 1 > 60
    ]
    assert long == []
