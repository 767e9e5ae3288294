from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from digistore.cli import main
from digistore.cli.demo.stage import Stage
from digistore.cli.demo.teller import Untrue, refused
from digistore.entitlements import Access
from digistore.errors import NotFound

CHAPTERS = [
    "A shop opens",
    "A product goes on sale",
    "A customer buys",
    "The file arrives",
    "An update reaches the old buyer",
    "Paid twice, put right",
    "Help is paid, given and done",
    "A refund ends access and leaves the books",
    "A message that never came",
    "The seller's day",
    "Every promise, checked",
]


def run_demo(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a person does, at home in *folder* and with nowhere else to write."""
    places = {name: str(folder / name) for name in ("HOME", "TMPDIR", "here")}
    for place in places.values():
        Path(place).mkdir(exist_ok=True)
    here = places.pop("here")
    return subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-W", "error", "-m", "digistore", "demo", *words],
        capture_output=True,
        check=False,
        cwd=here,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1", **places, **environment},
    )


def left_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if not path.is_dir()]


def test_the_demo_tells_its_story(tmp_path: Path) -> None:
    done = run_demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    titles = [f"{number:>2}  {title}" for number, title in enumerate(CHAPTERS, start=1)]
    assert [line for line in lines if line in titles] == titles
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in done.stdout
    assert lines[-1] == "The folder is gone; --keep would keep it."
    assert left_in(tmp_path) == []
    assert list((tmp_path / "TMPDIR").iterdir()) == []


def test_the_demo_can_be_told_in_ascii(tmp_path: Path) -> None:
    done = run_demo(tmp_path, PYTHONUTF8="0", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "ok Ann has access, by exactly one purchase" in done.stdout
    assert "\\x" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_the_demo_keeps_its_folder_if_asked(tmp_path: Path) -> None:
    done = run_demo(tmp_path, "--keep")
    (folder,) = (tmp_path / "TMPDIR").iterdir()
    assert done.stdout.splitlines()[-1] == f"Everything is in {folder}"
    assert {"shop.db", "files", "downloads"} <= {path.name for path in folder.iterdir()}
    assert all(path.is_relative_to(folder) for path in left_in(tmp_path))


@pytest.fixture
def demo(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The demo as one document, in this process, which has no network."""

    def no_network(*_: object, **__: object) -> None:
        message = "the demo needs no network"
        raise AssertionError(message)

    monkeypatch.setattr(socket, "socket", no_network)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    assert main(["demo", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def facts_of(demo: Any, title: str) -> dict[str, str]:
    chapter = next(chapter for chapter in demo["chapters"] if chapter["title"] == title)
    return {fact["what"]: fact["is"] for fact in chapter["facts"]}


def test_the_demo_is_a_document_for_programs(demo: Any) -> None:
    assert [chapter["title"] for chapter in demo["chapters"]] == CHAPTERS
    assert demo["failure"] is None
    assert demo["folder"] is None
    assert demo["checked"] == sum(len(chapter["checked"]) for chapter in demo["chapters"])
    assert all(chapter["checked"] for chapter in demo["chapters"])
    arrived = facts_of(demo, "The file arrives")
    assert len(arrived["bought"]) == 64
    assert arrived["bought"] == arrived["downloaded"]
    updated = facts_of(demo, "An update reaches the old buyer")
    assert updated["before"] == arrived["downloaded"] != updated["now"]
    twice = facts_of(demo, "Paid twice, put right")
    assert twice["bank debit"] == "29.00 USD, 29.00 USD, 0.00 USD"
    day = facts_of(demo, "The seller's day")
    assert day["the bank"] == "97.00 USD kept by the gateway, 29.00 USD by transfer"


def test_what_is_not_true_ends_the_demo(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    nobody = Access(granted=False, reason="not_purchased")
    monkeypatch.setattr(Stage, "access", lambda *_: nobody)
    assert main(["demo"]) == 1
    out, err = capsys.readouterr()
    assert " 3  A customer buys" in out
    assert err == "digistore: not true in chapter 3: Ann has access, by exactly one purchase\n"
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_demo_cleans_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Stage) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Stage, "people", interrupt)
    assert main(["demo"]) == 130
    assert capsys.readouterr().err == "stopped\n"
    assert list(tmp_path.iterdir()) == []


def test_a_refusal_that_does_not_come_is_not_true() -> None:
    with pytest.raises(Untrue, match="refused with NotFound"):
        refused(NotFound, lambda: None)
