"""The same bad rows in PostgreSQL: named as well, or refused by the types of its columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import DataError, ProgrammingError
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.blocking import run
from digistore.database import Reader
from digistore.database.lanes import BlockingLane
from digistore.database.postgresql import PostgreSQL
from digistore.database.types import metadata
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.doctor.plant import BY_NAME, Plant
from tests.doctor.story import Licence, tell
from tests.doctor.test_plants import PLANTS, named
from tests.postgres import made_database


class Bare(NamedTuple):
    """A database without constraints, in which everything has happened."""

    engine: Engine
    ids: Mapping[str, str]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    folder = tmp_path_factory.mktemp("story")
    with made_database() as url:
        ids = _story(url, folder)
        engine = create_engine(url, poolclass=NullPool)
        with engine.begin() as connection:
            _without_constraints(connection)
        yield Bare(engine, ids)


def _story(url: str, folder: Path) -> Mapping[str, str]:
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with Store.open(
        url,
        files=f"file://{folder}/files",
        gateways=[sandbox],
        secret=SECRET,
        clock=clock,
        personalisers={"licence-1": Licence()},
    ) as store:
        store.migrate()
        ids = tell(Shop(store, sandbox, clock))
        assert store.doctor().findings == ()
        return ids


def _without_constraints(connection: Connection) -> None:
    for name in metadata.tables:
        connection.exec_driver_sql(f"CREATE TABLE bare AS SELECT * FROM {name}")
        connection.exec_driver_sql(f"DROP TABLE {name} CASCADE")
        connection.exec_driver_sql(f"ALTER TABLE bare RENAME TO {name}")


def subjects(connection: Connection, check: str) -> list[str]:
    reader = Reader(BlockingLane(connection, PostgreSQL()))
    return run(BY_NAME[check].find(reader, 100))


@pytest.mark.parametrize("planted", PLANTS, ids=named)
def test_a_bad_row_is_named(planted: Plant, bare: Bare) -> None:
    if any("10.5" in statement for statement in planted.statements):
        return  # a fraction is rounded before it is stored: no such row can exist
    refused = None
    with bare.engine.connect() as connection:
        for statement in planted.statements:
            spelled = text(statement.replace("x'00'", r"'\x00'"))
            try:
                changed = connection.execute(spelled, bare.ids).rowcount
            except (DataError, ProgrammingError) as error:
                refused = str(error)
                break
            assert changed != 0, statement
        if refused is not None:  # a text in a column of whole numbers: no such row can exist
            assert re.search("type (bigint|smallint)", refused)
            return
        assert bare.ids.get(planted.subject, planted.subject) in subjects(connection, planted.check)


def test_without_a_plant_nothing_is_found(bare: Bare) -> None:
    with bare.engine.connect() as connection:
        assert {check: found for check in BY_NAME if (found := subjects(connection, check))} == {}
