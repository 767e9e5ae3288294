"""The first screen of the README runs as it stands, in both colours."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest

from digistore.errors import AlreadyExists

README = Path(__file__).parents[2] / "README.md"
OPERATION = re.compile(r"\bstore(?:\.\w+){1,2}\(")


def block() -> str:
    """Return the Python block under *Quick start*."""
    _, _, after = README.read_text(encoding="utf-8").partition("## Quick start")
    found = re.search(r"```python\n(.*?)```", after, re.DOTALL)
    assert found is not None
    return found[1]


def awaited(code: str) -> str:
    """Return what an async host writes: ``await`` before each operation, and the other class."""
    return re.sub(r"\bStore\b", "AsyncStore", OPERATION.sub(r"await \g<0>", code))


def run(code: str) -> dict[str, Any]:
    """Run *code*, which may await, and close its store, whatever becomes of it."""
    names: dict[str, Any] = {}
    compiled = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

    async def whole() -> None:
        try:
            result = FunctionType(compiled, names)()
            if inspect.isawaitable(result):
                await result
        finally:
            if "store" in names:
                closed = names["store"].close()
                if inspect.isawaitable(closed):
                    await closed

    asyncio.run(whole())
    return names


@pytest.fixture(params=[block(), awaited(block())], ids=["Store", "AsyncStore"])
def code(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder but for the two books, to be in."""
    for version in ("1.0", "1.1"):
        (tmp_path / f"book-{version}.pdf").write_bytes(f"%PDF-1.7 of {version}".encode())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_quick_start_runs_as_it_stands(folder: Path, code: str) -> None:
    names = run(code)
    assert names["checkout"].url.startswith("sandbox://")
    assert names["link"].files[0].name == "book.pdf"
    assert (folder / "shop.db").exists()
    assert (folder / "shop-files").is_dir()


def test_the_quick_start_is_a_script_without_a_warning(folder: Path) -> None:
    script = folder / "shop.py"
    script.write_text(block(), encoding="utf-8")
    done = subprocess.run(  # noqa: S603  our own Python, our own text
        [sys.executable, "-W", "error", str(script)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_an_async_host_writes_await_and_nothing_else(code: str) -> None:
    assert code.replace("await ", "").replace("AsyncStore", "Store") == block()
    assert code.count("await ") in {0, len(OPERATION.findall(block()))}


@pytest.mark.usefixtures("folder")
def test_a_second_run_fails_only_because_the_user_is_there_already(code: str) -> None:
    run(code)
    with pytest.raises(AlreadyExists) as caught:
        run(code)
    assert (caught.value.noun, caught.value.field) == ("user", "email")
