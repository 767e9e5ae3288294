"""``digistore copy``: what it says, and what it refuses before anything is written."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from digistore.database.types import metadata
from tests.cli.conftest import URL, Host
from tests.postgres import made_database

NEW = "sqlite:///new.db"


@pytest.mark.usefixtures("sold")
def test_copy_says_what_was_copied_and_what_is_left_to_do(host: Host) -> None:
    before = sha256(Path("shop.db").read_bytes()).digest()
    code, out, err = host.run("copy", URL, NEW)
    assert (code, err) == (0, "")
    assert f"rows of {len(metadata.tables)} tables copied, and counted" in out.splitlines()[0]
    for word in ("no process of the shop", "digistore doctor", "same secret and the same files"):
        assert word in out
    assert sha256(Path("shop.db").read_bytes()).digest() == before
    assert host.run("doctor", NEW)[0] == 0


@pytest.mark.usefixtures("sold")
def test_copy_answers_a_program_with_the_rows_of_each_table(host: Host) -> None:
    code, out, _ = host.run("--json", "copy", URL, NEW)
    found = json.loads(out)
    assert code == 0
    assert found["tables"].keys() == set(metadata.tables)
    assert found["tables"]["digistore_payments"] == 1
    assert found["rows"] == sum(found["tables"].values())


@pytest.mark.usefixtures("sold")
def test_copy_takes_a_schema_on_either_side(host: Host) -> None:
    with made_database() as place:
        code, out, _ = host.run("copy", URL, place, "--schema", "shop")
        assert code == 0
        with create_engine(place, poolclass=NullPool).connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM shop.digistore_payments")) == 1
            found = connection.scalar(text("SELECT to_regclass('public.digistore_payments')"))
            assert found is None
        there = host.run("copy", place, NEW, "--from-schema", "shop")
        assert there[:2] == (0, out)


@pytest.mark.usefixtures("sold")
def test_copy_refuses_a_database_with_rows(host: Host) -> None:
    code, out, err = host.run("copy", URL, URL)
    assert (code, out) == (2, "")
    assert err.startswith("digistore: sqlite:///shop.db has rows already")


@pytest.mark.parametrize("source", [NEW, "sqlite://", "mysql://u:hush@h/db", "shop.db"])
def test_copy_refuses_a_source_that_is_none(host: Host, source: str) -> None:
    code, out, err = host.run("copy", source, "sqlite:///other.db")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "hush" not in err
    assert not Path("new.db").exists()
    assert not Path("other.db").exists()


def test_copy_refuses_to_fill_a_memory_that_ends_with_it(host: Host) -> None:
    code, _, err = host.run("copy", URL, "sqlite://")
    assert (code, err) == (2, "digistore: TO is in memory, and would be gone: name a file\n")


def test_copy_works_on_two_urls_and_no_store(host: Host) -> None:
    code, _, err = host.run_on_store("copy", URL, NEW)
    assert (code, err) == (2, "digistore: copy takes two URLs and no --store\n")
    assert host.run("copy", URL)[0] == 2
