"""The pages on PayPal are run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from digistore.testing.paypal.controls import Controls

PAGES = Path(__file__).parents[3] / "docs" / "how-to"
PAGE = PAGES / "test-with-paypal.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


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
    apart = {"sign", "look_up", "wait_until_held"}
    controls = {name for name in vars(Controls) if not name.startswith("_")} - apart
    assert {name for name in controls if f"{name}(" not in text} == set()


def test_the_shop_of_the_other_page_can_be_opened(tmp_path: Path) -> None:
    (shop,) = BLOCK.findall((PAGES / "take-money-with-paypal.md").read_text(encoding="utf-8"))
    here = shop.replace("sqlite:///shop.db", "sqlite://").replace(
        "file:///srv/files", f"file://{tmp_path}"
    )
    done = subprocess.run(  # noqa: S603 - python itself
        [sys.executable, "-W", "error", "-c", here + "\nstore.close()\n"], check=False
    )
    assert done.returncode == 0
