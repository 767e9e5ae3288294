"""The page on writing a gateway is run as it stands, and names what there is."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

from digistore.testing.gateways import World

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-gateway.md"
(SUITE,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_the_suite_runs_in_under_ten_lines(tmp_path: Path) -> None:
    assert len([line for line in SUITE.splitlines() if line.strip()]) < 10
    (tmp_path / "test_mine.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(  # noqa: S603  python itself
        [*command, "-k", "test_05 or test_17 or test_24", "."],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert " skipped" in done.stdout


def test_the_page_names_all_that_a_world_has() -> None:
    text = PAGE.read_text()
    names = {name for name in vars(World) if not name.startswith("_")} - {
        "namespace",
        "packages",
        "keys",
    }
    assert {name for name in names if f"`{name}" not in text and f", `{name}" not in text} == set()


def test_the_page_counts_what_a_world_must_have() -> None:
    assert inspect.isabstract(World)
    must = {
        name for name, found in vars(World).items() if getattr(found, "__isabstractmethod__", 0)
    }
    assert must == {"pay", "owed", "events", "sign", "fault", "sent"}
