"""A real project of Django's, by its own test runner and commands, on both of its databases."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import make_url

from digistore import Store
from digistore.database.migrations import VERSION_TABLE, revisions
from digistore.database.types import metadata
from tests.conftest import SECRET
from tests.extent import PART, extent
from tests.postgres import made_database

HERE = Path(__file__).parents[2]
HOST = "tests.web.django_host"
STORIES = re.compile(r"^    def test_", re.MULTILINE)


def python(*words: str, **given: str) -> str:
    """Run a program in the project, with warnings as errors."""
    done = subprocess.run(  # noqa: S603 - our own words
        [sys.executable, "-W", "error", "-m", *words],
        cwd=HERE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": f"{HOST}.settings", **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_project_shares_its_connection_with_the_store(database: str) -> None:
    modules = ("stories", "connections")
    told = python("django", "test", *(f"{HOST}.{one}" for one in modules), HOST_DATABASE=database)
    texts = [(HERE / f"tests/web/django_host/{one}.py").read_text() for one in modules]
    stories = [story for text in texts for story in STORIES.findall(text)]
    assert f"Ran {len(stories)} tests" in told


@pytest.mark.parametrize("database", ["postgresql"] if PART else ["sqlite", "postgresql"])
def test_the_schema_comes_and_goes_with_djangos_migrations(database: str, tmp_path: Path) -> None:
    with made_database() as empty:
        url = f"sqlite:///{tmp_path}/site.db" if database == "sqlite" else empty
        name = make_url(url).database or ""
        steps = ("all", "zero", "0001", "all")
        told = python(f"{HOST}.migrating", *steps, HOST_DATABASE=database, HOST_NAME=name)
        whole, nothing, first, again = json.loads(told)
        assert (nothing, set(whole)) == ([], {*metadata.tables, VERSION_TABLE})
        assert first == again == whole
        with Store.open(url, files="memory://", gateways=[], secret=SECRET) as store:
            store.check_schema()
            store.migrate()  # which is where Django has brought it


@pytest.mark.parametrize("database", extent(["sqlite"], ["sqlite", "postgresql"]))
def test_the_schema_comes_to_the_alias_of_the_store(database: str, tmp_path: Path) -> None:
    """Whatever else Django migrates: a router, as the documentation of Django has one."""
    with made_database() as one, made_database() as two:
        files = [f"sqlite:///{tmp_path}/{name}.db" for name in ("site", "shop")]
        names = [
            make_url(url).database or "" for url in (files if database == "sqlite" else (one, two))
        ]
        told = python(
            f"{HOST}.migrating",
            *("all", "zero"),
            HOST_DATABASE=database,
            HOST_NAME=names[0],
            HOST_ALIAS="shop",
            HOST_ALIAS_NAME=names[1],
        )
        whole, nothing = json.loads(told)
        assert nothing == []
        assert sorted(whole) == sorted([*metadata.tables, VERSION_TABLE])  # once, not in both


def test_a_store_on_a_database_of_its_own_brings_nothing_into_djangos(tmp_path: Path) -> None:
    given = {"HOST_DATABASE": "sqlite", "HOST_NAME": f"{tmp_path}/site.db"}
    own = {"HOST_STORE": f"sqlite:///{tmp_path}/shop.db"}
    assert json.loads(python(f"{HOST}.migrating", "all", "zero", **given, **own)) == [[], []]


def test_each_revision_is_a_migration_of_djangos() -> None:
    folder = HERE / "src/digistore/web/django/migrations"
    named = [re.findall(r'revision\("(\w+)"', path.read_text()) for path in folder.glob("0*.py")]
    assert sorted(one for found in named for one in found) == revisions()
