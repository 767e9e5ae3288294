"""``import digistore`` brings what a shop needs, and nothing that only some shops need."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# Prints the modules that are loaded and the seconds it took.
TIMED = """
import sys, time, json
begun = time.perf_counter()
import {name}
print(json.dumps([time.perf_counter() - begun, sorted(sys.modules)]))
"""
TOO_MUCH = {
    "a provider": ("stripe", "paypalrestsdk", "requests", "httpx", "aiohttp", "urllib3"),
    "storage": ("fsspec", "s3fs", "boto3", "botocore"),
    "migrations": ("alembic", "mako"),
    "a web framework": ("flask", "django", "fastapi", "starlette", "werkzeug"),
    "what prints receipts": ("jinja2", "fpdf", "PIL", "fontTools", "uharfbuzz"),
    "an ORM": ("sqlalchemy.orm",),
    "a console": ("rich", "click", "typer", "digistore.cli"),
    "tests": ("digistore.testing", "pytest", "hypothesis"),
    "the sandbox": ("digistore.gateways.sandbox",),
}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("elsewhere")
    alone, _ = time_import("sqlalchemy", folder)
    seconds, modules = time_import("digistore", folder)
    print(f"\nimport digistore: {seconds:.2f} s; import sqlalchemy alone: {alone:.2f} s")  # noqa: T201 - the figure is what a reader wants to see
    return modules


def time_import(name: str, folder: Path) -> tuple[float, set[str]]:
    done = subprocess.run(  # noqa: S603 - our own script, by the Python that runs this
        [sys.executable, "-c", TIMED.format(name=name)],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    seconds, modules = json.loads(done.stdout)
    return seconds, set(modules)


@pytest.mark.parametrize("names", TOO_MUCH.values(), ids=TOO_MUCH)
def test_importing_digistore_does_not_load(loaded: set[str], names: tuple[str, ...]) -> None:
    assert "digistore.store" in loaded
    assert not {name for name in names if name in loaded}
