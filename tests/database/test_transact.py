"""A transaction is whole, repeated as a whole, and says when it cannot be had."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, bindparam, event, insert, select, text
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from digistore.blocking import run
from digistore.database import Database, Prepared, Transaction
from digistore.database.retry import ATTEMPTS
from digistore.database.sources import FileSource
from digistore.errors import Busy, Invalid
from digistore.outbox.tables import rounds
from digistore.testing import FrozenClock
from tests.database.conftest import Failing

BUSY, LOCKED = sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED
Work = Callable[[Transaction], Awaitable[Any]]


def note(name: str) -> Any:
    """Insert one row of a table that points at nothing."""
    return insert(rounds).values(name=name, at=FrozenClock()(), runs=1)


def names(database: Database) -> list[str]:
    return [row.name for row in run(database.rows(select(rounds.c.name).order_by("name")))]


def transact(database: Database, work: Work, **kwargs: Any) -> Any:
    return run(database.transact(work, **kwargs))


class Counted:
    """Notes a name, and counts how often it was asked to."""

    def __init__(self, name: str = "once") -> None:
        self.name = name
        self.times = 0

    async def __call__(self, tx: Transaction) -> int:
        self.times += 1
        await tx.rows(note(self.name))
        return self.times


# Repeating


@pytest.mark.parametrize(
    "code",
    [BUSY, LOCKED, sqlite3.SQLITE_BUSY_SNAPSHOT, sqlite3.SQLITE_LOCKED_SHAREDCACHE],
    ids=["busy", "locked", "snapshot", "shared cache"],
)
@pytest.mark.parametrize("statement", ["BEGIN IMMEDIATE", "INSERT", "COMMIT"])
def test_a_transaction_is_repeated_as_a_whole_when_the_database_is_busy(
    database: Database, failing: Failing, code: int, statement: str
) -> None:
    work = Counted()
    with failing(database.engine, code, statement, times=2) as failed:
        transact(database, work)
    assert len(failed) == 2
    assert work.times == (1 if statement == "BEGIN IMMEDIATE" else 3)
    assert names(database) == ["once"]


def test_a_transaction_that_stays_busy_is_given_up_with_nothing_done(
    database: Database, failing: Failing
) -> None:
    work = Counted()
    with (
        failing(database.engine, BUSY, "COMMIT", times=ATTEMPTS),
        pytest.raises(Busy, match="may be repeated"),
    ):
        transact(database, work)
    assert work.times == ATTEMPTS
    assert names(database) == []
    transact(database, work)  # safe to repeat as it was
    assert names(database) == ["once"]


def test_what_may_rather_be_lost_than_wait_is_tried_once(
    database: Database, failing: Failing
) -> None:
    work = Counted()
    with failing(database.engine, BUSY, "INSERT"), pytest.raises(Busy):
        transact(database, work, patience=0.0)
    assert work.times == 1
    with database.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 2000


def test_time_and_ids_are_the_same_in_each_repetition(
    database: Database, clock: FrozenClock, failing: Failing
) -> None:
    drawn: list[tuple[object, ...]] = []

    async def work(tx: Transaction) -> None:
        clock.go(hours=1)
        drawn.append((tx.now, tx.new_id("ord"), tx.new_id("lin"), tx.new_id("lin")))
        await tx.rows(note("once"))

    with failing(database.engine, BUSY, "COMMIT", times=2):
        transact(database, work)
    assert len(drawn) == 3
    assert len(set(drawn)) == 1
    assert len(set(drawn[0])) == 4


def test_a_repetition_that_takes_another_path_draws_ids_of_its_own(
    database: Database, failing: Failing
) -> None:
    drawn: list[list[str]] = []

    async def work(tx: Transaction) -> None:
        prefixes = ["ord", "lin"] if not drawn else ["pay", "lin", "lin"]
        drawn.append([tx.new_id(prefix) for prefix in prefixes])
        await tx.rows(note("once"))

    with failing(database.engine, BUSY, "COMMIT"):
        transact(database, work)
    first, second = drawn
    assert [made.partition("_")[0] for made in second] == ["pay", "lin", "lin"]
    assert second[1] == first[1]
    assert len({*first, *second}) == 4


def test_a_rival_who_was_faster_is_met_once(database: Database) -> None:
    work = Counted("taken")
    runs: list[int] = []

    async def once_more(tx: Transaction) -> None:
        runs.append(work.times)
        known = await tx.first(select(rounds).where(rounds.c.name == "taken"))
        if known is None or len(runs) == 1:  # the first time it had looked before the rival came
            await work(tx)

    transact(database, Counted("taken"))
    transact(database, once_more)
    assert len(runs) == 2
    assert names(database) == ["taken"]


@pytest.mark.parametrize("unique", ["primary key", "unique"])
def test_a_value_that_stays_taken_is_raised_after_one_repetition(
    database: Database, unique: str
) -> None:
    times: list[int] = []

    async def work(tx: Transaction) -> None:
        times.append(1)
        await tx.rows(note("new"))
        if unique == "primary key":
            await tx.rows(note("new"))
        for number in range(2):
            await tx.rows(
                text(
                    "INSERT INTO digistore_categories (id, slug, name, position)"
                    f" VALUES ('cat_{number}', 'same', 'Same', 0)"
                )
            )

    with pytest.raises(IntegrityError):
        transact(database, work)
    assert len(times) == 2
    assert names(database) == []


FINAL = {
    "a refused rule": (
        "INSERT INTO digistore_user_roles VALUES ('usr_x', 'king', 0)",
        IntegrityError,
    ),
    "a missing parent": (
        "INSERT INTO digistore_user_roles VALUES ('usr_x', 'seller', 0)",
        IntegrityError,
    ),
    "a missing value": (
        "INSERT INTO digistore_user_roles VALUES (NULL, 'seller', 0)",
        IntegrityError,
    ),
    "a wrong type": (
        "INSERT INTO digistore_rounds VALUES ('a', 'ten', 1)",
        IntegrityError,
    ),
    "our own bug": ("INSERT INTO no_such_table VALUES (1)", OperationalError),
}


@pytest.mark.parametrize(("statement", "error"), FINAL.values(), ids=FINAL)
def test_what_cannot_get_better_is_never_repeated(
    database: Database, statement: str, error: type[Exception]
) -> None:
    work = Counted()

    async def whole(tx: Transaction) -> None:
        await work(tx)
        await tx.rows(text(statement))

    with pytest.raises(error):
        transact(database, whole)
    assert work.times == 1
    assert names(database) == []


@pytest.mark.parametrize(
    "code",
    [
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_IOERR_FSYNC,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
    ],
)
@pytest.mark.parametrize("statement", ["INSERT", "COMMIT"])
def test_trouble_of_the_machine_is_busy_without_a_retry_storm(
    database: Database, failing: Failing, code: int, statement: str
) -> None:
    work = Counted()
    with failing(database.engine, code, statement), pytest.raises(Busy):
        transact(database, work)
    assert work.times == 1
    assert names(database) == []
    transact(database, work)
    assert names(database) == ["once"]


def test_a_damaged_file_is_no_reason_to_come_again(database: Database, failing: Failing) -> None:
    with (
        failing(database.engine, sqlite3.SQLITE_CORRUPT, "INSERT"),
        pytest.raises(OperationalError),
    ):
        transact(database, Counted())


# Being whole


@pytest.mark.parametrize("stop", [Invalid("no"), KeyboardInterrupt(), SystemExit(1)], ids=repr)
def test_whatever_stops_the_work_rolls_it_back(database: Database, stop: BaseException) -> None:
    async def work(tx: Transaction) -> None:
        await tx.rows(note("half"))
        raise stop

    with pytest.raises(type(stop)):
        transact(database, work)
    assert names(database) == []
    transact(database, Counted())
    assert names(database) == ["once"]


def test_a_full_disk_is_busy_rolls_back_and_reads_go_on(database: Database) -> None:
    transact(database, Counted("before"))

    async def much(tx: Transaction) -> None:
        for number in range(2000):
            await tx.rows(note(f"{number} {'x' * 2000}"))

    pages = pragma(database.engine, "page_count")
    pragma(database.engine, f"max_page_count = {pages + 10}")
    with pytest.raises(Busy):
        transact(database, much)
    assert names(database) == ["before"]
    pragma(database.engine, "max_page_count = 1000000")
    transact(database, Counted("after"))
    assert names(database) == ["after", "before"]


def pragma(engine: Engine, setting: str) -> int:
    """Set or ask something of the pool's only connection."""
    with engine.connect() as connection:
        return int(connection.exec_driver_sql(f"PRAGMA {setting}").scalar() or 0)


def test_reads_of_one_moment_see_one_moment(database: Database) -> None:
    async def look_twice(reader: Any) -> list[int]:
        count = text("SELECT count(*) FROM digistore_rounds")
        before = (await reader.first(count))[0]
        await database.transact(Counted("between"))
        return [before, (await reader.first(count))[0]]

    assert run(database.read(look_twice)) == [0, 0]
    assert names(database) == ["between"]


# Waiting for others


def test_a_lock_that_another_process_lets_go_is_waited_for(database: Database, path: Path) -> None:
    asked = threading.Event()
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as rival:
        rival.execute("BEGIN IMMEDIATE")

        def say(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement == "BEGIN IMMEDIATE":
                asked.set()

        def let_go() -> None:
            asked.wait(60)
            rival.execute("COMMIT")

        event.listen(database.engine, "before_cursor_execute", say)
        letting = threading.Thread(target=let_go)
        letting.start()
        transact(database, Counted())
        letting.join()
    assert names(database) == ["once"]


def test_a_lock_that_is_never_let_go_is_busy(database: Database, path: Path) -> None:
    pragma(database.engine, "busy_timeout = 0")
    with closing(sqlite3.connect(path, isolation_level=None)) as rival:
        rival.execute("BEGIN IMMEDIATE")
        with pytest.raises(Busy):
            transact(database, Counted())
        assert names(database) == []  # reading goes on beside a writer
        rival.execute("ROLLBACK")
    transact(database, Counted())
    assert names(database) == ["once"]


def test_no_update_of_eight_threads_is_lost(database: Database) -> None:
    transact(database, Counted("sum"))
    begin = threading.Barrier(8)

    async def add(tx: Transaction) -> None:
        row = await tx.first(select(rounds.c.runs).where(rounds.c.name == "sum"))
        assert row is not None
        await tx.rows(text(f"UPDATE digistore_rounds SET runs = {row.runs + 1}"))

    def work() -> None:
        begin.wait(60)
        for _ in range(5):
            transact(database, add)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = run(database.first(select(rounds.c.runs)))
    assert row is not None
    assert row.runs == 41


@pytest.mark.parametrize("code", [BUSY, sqlite3.SQLITE_IOERR])
def test_a_read_that_cannot_be_had_is_busy(database: Database, failing: Failing, code: int) -> None:
    source = database._source
    assert isinstance(source, FileSource)
    with failing(source._readers._engine, code, "SELECT"), pytest.raises(Busy):
        names(database)
    assert names(database) == []


# What a statement is given


def test_half_a_surrogate_pair_is_invalid_and_leaves_nothing(database: Database) -> None:
    hot = Prepared(select(rounds.c.name).where(rounds.c.name == bindparam("name")))
    for attempt in (
        lambda: run(database.rows(select(rounds).where(rounds.c.name == "\ud800"))),
        lambda: run(database.fetch(hot, {"name": "\ud800"})),
        lambda: transact(database, lambda tx: tx.rows(note("\ud800"))),
    ):
        with pytest.raises(Invalid) as caught:
            attempt()
        assert caught.value.__suppress_context__  # the cause would echo the text
    assert names(database) == []


def test_K2_an_error_of_the_database_does_not_show_what_was_stored(database: Database) -> None:
    transact(database, Counted("ada@example.com"))
    with pytest.raises(IntegrityError) as caught:
        transact(database, Counted("ada@example.com"))
    assert "INSERT INTO digistore_rounds" in str(caught.value)
    assert "ada@example.com" not in str(caught.value)


def test_a_hot_statement_takes_parameters_by_name_and_keeps_its_constants(
    database: Database,
) -> None:
    transact(database, Counted("a"))
    transact(database, Counted("b"))
    hot = Prepared(
        select(rounds.c.name, rounds.c.runs)
        .where(rounds.c.name != bindparam("name"), rounds.c.runs == 1)
        .limit(5)
    )
    for _ in range(2):
        assert run(database.fetch(hot, {"name": "a"})) == [("b", 1)]
    with pytest.raises(KeyError):
        run(database.fetch(hot, {}))


def test_statements_of_a_batch_run_in_order(database: Database) -> None:
    async def work(tx: Transaction) -> list[Any]:
        return await tx.batch([note("a"), select(rounds.c.name), note("b"), select(rounds.c.name)])

    assert [len(rows) for rows in transact(database, work)] == [0, 1, 0, 2]


def test_the_work_of_somebody_else_is_never_classified(database: Database) -> None:
    async def work(_tx: Transaction) -> None:
        raise ProgrammingError("x", {}, ValueError("not of the driver"))

    with pytest.raises(ProgrammingError):
        transact(database, work)
