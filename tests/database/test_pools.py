"""Many lose their server at once: each throws the pool away, and nobody's connection is lost."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from digistore.blocking import run
from digistore.database.opening import open_url
from digistore.database.sources import AwaitedSource, BlockingSource, Source
from digistore.database.sqlite import SQLite
from tests.postgres import Wiped

CLIENTS, TURNS = 8, 100


@pytest.fixture
def at_every_step() -> Iterator[None]:
    """Let threads change places as often as Python can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def opened_by(engine: Engine) -> list[Any]:
    """Every connection that is opened from now on, as the driver has it."""
    drivers: list[Any] = []
    event.listen(engine, "connect", lambda driver, _: drivers.append(driver))
    return drivers


async def use_and_lose(source: Source, turns: int = TURNS) -> None:
    """Read now and again; in every third turn the server seems to be gone."""
    for turn in range(turns):
        async with source.reading() as lane:
            await lane.say("SELECT 1")
            if turn % 3 == 0:
                await source.forget()


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


@pytest.mark.usefixtures("at_every_step")
def test_threads_that_lose_a_server_together_get_no_error_and_leave_nothing_open(
    tmp_path: Path,
) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db", poolclass=QueuePool, pool_size=CLIENTS)
    drivers = opened_by(engine)
    source = BlockingSource(engine, SQLite(), owned=True, alone=False)
    with ThreadPoolExecutor(CLIENTS) as pool:
        for client in [pool.submit(run, use_and_lose(source)) for _ in range(CLIENTS)]:
            client.result()
    assert len(drivers) > TURNS
    run(source.close())
    assert not [driver for driver in drivers if is_open(driver)]


def test_tasks_that_lose_a_server_together_get_no_error_and_leave_nothing_open(
    wiped: Wiped,
) -> None:
    async def together() -> list[Any]:
        source = open_url(wiped.wipe(), None, awaited=True)
        assert isinstance(source, AwaitedSource)
        drivers = opened_by(source.engine)
        await asyncio.gather(*(use_and_lose(source, 12) for _ in range(CLIENTS)))
        await source.close()
        return drivers

    drivers = asyncio.run(together())
    assert len(drivers) > CLIENTS
    assert not [one for one in drivers if not one.driver_connection.closed]


def test_the_pool_that_takes_its_place_keeps_its_connections(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/shop.db", poolclass=QueuePool)
    drivers = opened_by(engine)
    source = BlockingSource(engine, SQLite(), owned=True, alone=False)
    run(use_and_lose(source, 3))
    assert [is_open(driver) for driver in drivers] == [False, True]
    run(source.close())


def test_who_waits_for_a_pool_that_is_thrown_away_goes_on(tmp_path: Path) -> None:
    """Its only connection comes back closed, and leaves its place to whoever waits."""
    engine = create_engine(
        f"sqlite:///{tmp_path}/shop.db",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=60,
        connect_args={"check_same_thread": False},
    )
    source = BlockingSource(engine, SQLite(), owned=True, alone=False)

    async def lose(pool: ThreadPoolExecutor) -> Future[None]:
        async with source.reading() as lane:
            await lane.say("SELECT 1")
            queue: Any = engine.pool._pool  # type: ignore[attr-defined]
            waiting = pool.submit(run, use_and_lose(source, 1))
            while not queue.not_empty._waiters:
                assert not waiting.done()
            await source.forget()
        return waiting

    with ThreadPoolExecutor(1) as pool:
        run(lose(pool)).result(30)
    run(source.close())
