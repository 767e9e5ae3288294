"""A synchronous standby that does not answer, and an operator who cancels the wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from digistore.blocking import run
from digistore.database import Database, Transaction
from digistore.errors import Busy
from digistore.testing import FrozenClock
from tests.faults.servers import wait_for
from tests.postgres import Cluster, find_programs

PROGRAMS = find_programs()
CANCEL = "SELECT pg_cancel_backend(pid)::int FROM pg_stat_activity WHERE wait_event = 'SyncRep'"

pytestmark = pytest.mark.skipif(
    PROGRAMS is None, reason="NO STANDBY IS TRIED: it takes a PostgreSQL of the system"
)


@pytest.fixture(scope="module")
def alone() -> Iterator[Cluster]:
    assert PROGRAMS is not None
    cluster = Cluster(PROGRAMS, {"synchronous_standby_names": "nobody"})
    try:
        cluster.create()
        cluster.start()
        yield cluster
        cluster.stop()
    finally:
        cluster.remove()


async def waiting(tx: Transaction) -> None:
    await tx.say("CREATE TABLE held ()")


async def local(tx: Transaction) -> int:
    await tx.say("SET LOCAL synchronous_commit = local")
    return len(await tx.say("DROP TABLE held"))


@pytest.mark.parametrize("awaited", [False, True])
def test_a_commit_that_the_standby_may_not_have_is_not_acknowledged(
    alone: Cluster, *, awaited: bool
) -> None:
    """The server says COMMIT and warns: committed locally, but might not have been replicated."""
    loop = asyncio.new_event_loop()
    do: Any = loop.run_until_complete if awaited else run
    database = Database.open(alone.url, FrozenClock(), awaited=awaited)
    with ThreadPoolExecutor(1) as pool:
        acknowledged = pool.submit(do, database.transact(waiting))
        assert wait_for(alone, CANCEL)
        with pytest.raises(Busy, match="standby") as told:
            acknowledged.result()
    assert told.value.outcome_unknown
    do(database.transact(local))  # it was there, and the next one on that connection is believed
    do(database.close())
    loop.close()
