"""The page on the double is run as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from digistore.testing.stripe.controls import Controls

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "test-with-stripe.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.skipif(find_spec("digistore.gateways.stripe") is None, reason="no Stripe adapter yet")
def test_the_tests_on_the_page_pass(tmp_path: Path) -> None:
    start, *tests = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    (tmp_path / "conftest.py").write_text(start)
    (tmp_path / "test_shop.py").write_text("from conftest import *\n\n\n" + "\n\n".join(tests))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "."],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout


def test_the_page_names_every_control_of_the_double() -> None:
    text = PAGE.read_text(encoding="utf-8")
    apart = {"connect_account", "sign", "look_up", "wait_until_held"}
    controls = {name for name in vars(Controls) if not name.startswith("_")} - apart
    assert {name for name in controls if f"{name}(" not in text} == set()
