"""The examples are scripts that run in an empty folder, and modules that do nothing on import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAID = {
    "purchase_flow.py": """
        a visitor may: sign_in
        the buyer may: buy
        to pay:        29.00 USD
        order:         paid
        access:        live
        downloaded:    First edition.
        updated:       True
        downloaded:    Corrected.
        help:          open
        """,
    "purchase_flow_async.py": """
        webhooks: settled
        access:   9 of 10
        file:     First edition.
        """,
    "seller_day.py": """
        queue:    Where do I start? (49.00 USD)
        refund:   29.00 USD, succeeded
        products: 106.00 USD in 4 orders
        support:  49.00 USD in 1 orders
        refunded: 29.00 USD
        net:      126.00 USD
        """,
}


def run(folder: Path, *words: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-W", "error", *words],
        capture_output=True,
        check=False,
        cwd=folder,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_every_example_is_tested() -> None:
    apps = {f"{name}.py" for name in ("flask_app", "fastapi_app")}
    assert {path.name for path in EXAMPLES.glob("*.py")} == SAID.keys() | apps
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} - {"__pycache__"} == {
        "django_app"
    }


@pytest.mark.parametrize("name", SAID)
def test_the_example_runs_in_an_empty_folder(tmp_path: Path, name: str) -> None:
    said = [line.strip() for line in SAID[name].strip().splitlines()]
    assert run(tmp_path, str(EXAMPLES / name)).splitlines() == said
    assert {path.name for path in tmp_path.iterdir()} == {"shop.db", "shop-files"}


@pytest.mark.parametrize("name", SAID)
def test_the_example_can_be_imported(tmp_path: Path, name: str) -> None:
    code = f"import sys; sys.path.insert(0, {str(EXAMPLES)!r}); import {Path(name).stem}"
    assert run(tmp_path, "-B", "-c", code) == ""
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", SAID)
def test_the_example_is_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text(encoding="utf-8").splitlines()) < 80
