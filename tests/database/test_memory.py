"""A database in memory: one connection for all threads, and a lock from BEGIN to COMMIT."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from sqlalchemy import func, insert, select

from digistore import AsyncStore, Store
from digistore.blocking import run
from digistore.database import Database, Transaction
from digistore.errors import Invalid
from digistore.outbox.tables import rounds
from digistore.testing import FrozenClock
from tests.conftest import SECRET
from tests.past import connection_to

NEVER = 0.1  # seconds to wait for what must not come
LONG = 60


@pytest.fixture
def database(clock: FrozenClock) -> Iterator[Database]:
    database = Database.open("sqlite://", clock)
    with connection_to(database) as connection:
        rounds.create(connection)
    yield database
    run(database.close())


def count(database: Database) -> int:
    row = run(database.first(select(func.count()).select_from(rounds)))
    assert row is not None
    return int(row[0])


async def note(tx: Transaction, name: str) -> None:
    await tx.rows(insert(rounds).values(name=name, at=tx.now, runs=1))


@pytest.mark.parametrize("kept", [True, False], ids=["commit", "rollback"])
def test_no_thread_reads_what_another_has_not_committed(database: Database, *, kept: bool) -> None:
    seen: list[int] = []
    asks, has_seen = threading.Event(), threading.Event()

    def look() -> None:
        asks.set()
        seen.append(count(database))
        has_seen.set()

    reader = threading.Thread(target=look)

    async def work(tx: Transaction) -> None:
        await note(tx, "half")
        reader.start()
        asks.wait(LONG)
        assert not has_seen.wait(NEVER)
        if not kept:
            raise Invalid("no")

    if kept:
        run(database.transact(work))
    else:
        with pytest.raises(Invalid):
            run(database.transact(work))
    reader.join(LONG)
    assert seen == [int(kept)]


def test_no_thread_writes_into_the_transaction_of_another(database: Database) -> None:
    wrote = threading.Event()

    def write() -> None:
        run(database.transact(lambda tx: note(tx, "other")))
        wrote.set()

    writer = threading.Thread(target=write)

    async def work(tx: Transaction) -> None:
        await note(tx, "mine")
        writer.start()
        assert not wrote.wait(NEVER)
        raise Invalid("no")

    with pytest.raises(Invalid):
        run(database.transact(work))
    writer.join(LONG)
    assert count(database) == 1


def test_eight_threads_write_one_after_another(database: Database) -> None:
    begin = threading.Barrier(8)

    def write(number: int) -> None:
        begin.wait(LONG)
        for step in range(5):
            run(database.transact(lambda tx, step=step: note(tx, f"{number}-{step}")))  # type: ignore[misc]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
    assert count(database) == 40


def test_two_stores_in_memory_are_two_shops() -> None:
    with (
        Store.open("sqlite://", files="memory://", gateways=[], secret=SECRET) as one,
        Store.open("sqlite://", files="memory://", gateways=[], secret=SECRET) as other,
    ):
        one.migrate()
        one.check_schema()
        assert run(_tables(other)) == 0


async def _tables(store: Store) -> int:
    with connection_to(store._shop.database) as connection:
        found = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar()
    return int(found or 0)


def test_an_async_store_in_memory_serves_every_thread_of_its_pool() -> None:
    async def whole() -> None:
        async with AsyncStore.open(
            "sqlite://", files="memory://", gateways=[], secret=SECRET
        ) as store:
            await store.migrate()
            made = await asyncio.gather(
                *(store.users.register(f"user{number}@example.com") for number in range(20))
            )
            assert len({user.id for user in made}) == 20
            assert (await store.doctor()).findings == ()

    asyncio.run(whole())
