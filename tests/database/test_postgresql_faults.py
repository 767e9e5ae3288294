"""What is repeated on PostgreSQL, what is not, and what a connection that is lost leaves behind."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import create_engine, event, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool

from digistore.audit import Change, record
from digistore.blocking import run
from digistore.database import Database, Prepared, Transaction
from digistore.database.retry import ATTEMPTS
from digistore.errors import AlreadyExists, Busy, Invalid
from digistore.outbox.tables import rounds
from digistore.testing import FrozenClock
from digistore.users.tables import users
from tests.postgres import Wiped

Work = Callable[[Transaction], Awaitable[Any]]


@pytest.fixture(params=["blocking", "awaited"])
def colour(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Colour:
    """A database of either colour, asked from outside any loop."""

    def __init__(self, url: str, clock: FrozenClock, colour: str) -> None:
        self.url = url
        self.database = Database.open(url, clock, awaited=colour == "awaited")
        self._loop = asyncio.new_event_loop() if colour == "awaited" else None

    def do(self, coro: Any) -> Any:
        return run(coro) if self._loop is None else self._loop.run_until_complete(coro)

    def transact(self, work: Work, **kwargs: Any) -> Any:
        return self.do(self.database.transact(work, **kwargs))

    def names(self) -> list[str]:
        rows = self.do(self.database.rows(select(rounds.c.name).order_by("name")))
        return [row.name for row in rows]

    def close(self) -> None:
        self.do(self.database.close())
        if self._loop is not None:
            self._loop.close()


@pytest.fixture
def shelf(wiped: Wiped, clock: FrozenClock, colour: str) -> Iterator[Colour]:
    made = Colour(wiped.wipe(), clock, colour)
    yield made
    assert made.database.engine.pool.checkedout() == 0, "a connection was not given back"  # type: ignore[attr-defined]
    made.close()


def note(name: str) -> Any:
    """Insert one row of a table that points at nothing."""
    return insert(rounds).values(name=name, at=FrozenClock()(), runs=1)


def noting(name: str) -> Work:
    return lambda tx: tx.rows(note(name))


class Counted:
    """Notes a name, and fails the first times as the server would: with an SQLSTATE."""

    def __init__(self, state: str = "", failures: int = 0) -> None:
        self.times = 0
        self._state = state
        self._failures = failures

    async def __call__(self, tx: Transaction) -> int:
        self.times += 1
        await tx.rows(note("once"))
        if self.times <= self._failures:
            await tx.say(
                f"DO $$ BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = '{self._state}'; END $$"
            )
        return self.times


# By what the server says


@pytest.mark.parametrize("state", ["40001", "40P01", "55P03", "53300"])
def test_a_conflict_is_repeated_as_a_whole(shelf: Colour, state: str) -> None:
    work = Counted(state, 2)
    assert shelf.transact(work) == 3
    assert shelf.names() == ["once"]


@pytest.mark.parametrize("state", ["08006", "57P01", "57P03", "57P05", "25P03", "25006"])
def test_a_server_that_goes_is_asked_again_on_a_new_connection(shelf: Colour, state: str) -> None:
    work = Counted(state, 1)
    assert shelf.transact(work) == 2
    assert shelf.names() == ["once"]


@pytest.mark.parametrize("state", ["40001", "57P01"])
def test_what_does_not_end_is_given_up_with_nothing_done(shelf: Colour, state: str) -> None:
    work = Counted(state, 99)
    with pytest.raises(Busy, match="may be repeated"):
        shelf.transact(work)
    assert work.times == ATTEMPTS
    assert shelf.names() == []


@pytest.mark.parametrize("state", ["53100", "53200", "57014", "58030"])
def test_a_machine_in_trouble_is_left_alone(shelf: Colour, state: str) -> None:
    work = Counted(state, 99)
    with pytest.raises(Busy, match="mend that"):
        shelf.transact(work)
    assert work.times == 1
    assert shelf.names() == []


@pytest.mark.parametrize("state", ["23503", "23514", "23502", "22003", "42601"])
def test_a_refused_rule_is_never_repeated(shelf: Colour, state: str) -> None:
    work = Counted(state, 99)
    with pytest.raises(DBAPIError, match="injected"):
        shelf.transact(work)
    assert work.times == 1
    assert shelf.names() == []


def test_a_key_that_a_rival_has_taken_is_tried_once_more(shelf: Colour) -> None:
    shelf.transact(Counted())
    work = Counted()
    with pytest.raises(IntegrityError):
        shelf.transact(work)
    assert work.times == 2


def test_texts_that_no_database_keeps_are_refused(shelf: Colour) -> None:
    for bad in ("nul \0", "half \ud800"):
        with pytest.raises(Invalid, match="cannot be encoded"):
            shelf.transact(noting(bad))
        with pytest.raises(Invalid, match="cannot be encoded"):
            shelf.do(shelf.database.rows(select(rounds).where(rounds.c.name == bad)))
    assert shelf.names() == []


# Locks


def test_a_lock_that_is_held_too_long_is_busy(
    shelf: Colour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digistore.database.database.PATIENCE", 0)
    shelf.transact(Counted())
    rival = create_engine(shelf.url, poolclass=NullPool)
    with rival.begin() as holding:
        holding.execute(update(rounds).values(runs=2))
        with pytest.raises(Busy):
            shelf.transact(lambda tx: tx.rows(update(rounds).values(runs=3)))
        with pytest.raises(Busy):  # a click waits a moment only
            shelf.transact(lambda tx: tx.rows(update(rounds).values(runs=4)), patience=0.001)
    assert shelf.do(shelf.database.first(select(rounds.c.runs))).runs == 2


def test_a_time_out_of_one_transaction_is_not_the_next_ones(shelf: Colour) -> None:
    async def ask(tx: Transaction) -> str:
        return str((await tx.say("SHOW lock_timeout"))[0][0])

    assert shelf.transact(ask, patience=0.25) == "250ms"
    assert shelf.transact(ask) == "2s"


def test_opposite_orders_end_with_both_done(wiped: Wiped, clock: FrozenClock) -> None:
    database = Database.open(wiped.wipe(), clock)
    for name in ("a", "b"):
        run(database.transact(noting(name)))
    both = threading.Barrier(2)

    def add(first: str, second: str) -> None:
        waits = [both.wait]

        async def work(tx: Transaction) -> None:
            for name in (first, second):
                await tx.rows(
                    update(rounds).where(rounds.c.name == name).values(runs=rounds.c.runs + 1)
                )
                if waits:
                    waits.pop()(10)

        run(database.transact(work))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add, "ab", "ba"))
    assert [row.runs for row in run(database.rows(select(rounds.c.runs)))] == [3, 3]
    run(database.close())


# Connections that are lost


def kill(url: str) -> None:
    """Cut every other connection to the database, as an administrator would."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_a_connection_that_is_cut_in_the_middle_is_begun_again(shelf: Colour) -> None:
    times = []

    async def work(tx: Transaction) -> None:
        times.append(tx.new_id("usr"))
        await tx.rows(note("once"))
        if len(times) == 1:
            kill(shelf.url)
        await tx.rows(note("twice"))

    shelf.transact(work)
    assert len(times) == 2
    assert len(set(times)) == 1
    assert shelf.names() == ["once", "twice"]


def test_a_pool_of_dead_connections_costs_no_read_and_no_write(shelf: Colour) -> None:
    shelf.transact(Counted())
    for _ in range(2):
        kill(shelf.url)
        assert shelf.names() == ["once"]
        kill(shelf.url)
        shelf.transact(lambda tx: tx.rows(update(rounds).values(runs=rounds.c.runs + 1)))
    assert shelf.do(shelf.database.first(select(rounds.c.runs))).runs == 3


_WHO = Prepared(select(func.pg_backend_pid().label("pid")))


@pytest.mark.parametrize("writing", [False, True])
def test_a_connection_whose_pipeline_has_failed_is_thrown_away(
    shelf: Colour, *, writing: bool
) -> None:
    """psycopg counts as prepared there what the server has skipped, and would ask for it."""

    def ask(*more: Any) -> int:
        said = [*more, _WHO.given(), _WHO.given()]
        if not writing:
            return int(shelf.do(shelf.database.batch(said))[-1][0].pid)
        return int(shelf.transact(lambda tx: tx.batch(said))[-1][0].pid)

    before = ask()
    assert ask() == before
    with pytest.raises(psycopg.errors.DivisionByZero):
        ask("SELECT 1 / 0")
    assert ask() != before


class Cut:
    """Loses the connection in COMMIT: before the server hears of it, or after it has done it."""

    def __init__(self, shelf: Colour, moment: str) -> None:
        self.engine = shelf.database.engine
        self.moment = moment
        self.left = 1

    def __enter__(self) -> Self:
        event.listen(self.engine, "checkout", self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(self.engine, "checkout", self._watch)

    def cut(self, moment: str, statement: object) -> None:
        if statement == "COMMIT" and moment == self.moment and self.left:
            self.left -= 1
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    def _watch(self, connection: Any, *_: object) -> None:
        driver = getattr(connection, "driver_connection", connection)
        kind: Any = driver.cursor_factory
        cut = self.cut

        class Watched(kind):  # type: ignore[misc]
            statement: object = None

            def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
                cut("before", query)
                self.statement = query
                return super().execute(query, *args, **kwargs)

            @property
            def description(self) -> Any:  # the first that is asked of an answer
                cut("after", self.statement)
                return super().description

        driver.cursor_factory = Watched


def person(user_id: str, tx: Transaction) -> Any:
    return insert(users).values(id=user_id, status="active", version=1, created_at=tx.now)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_without_an_answer_is_done_once_and_told_once(shelf: Colour, moment: str) -> None:
    """Reliability, section 8: repeat with the same keys; never report failure."""
    done = []

    async def work(tx: Transaction) -> str:
        user_id = tx.new_id("usr")
        await tx.rows(text("SELECT 1"))
        await tx.rows(person(user_id, tx))
        done.append(user_id)
        return f"{user_id} {len(done)}"

    with Cut(shelf, moment):
        told = shelf.transact(work)
    (row,) = shelf.do(shelf.database.rows(select(users.c.id)))
    assert set(done) == {row.id}
    assert told == f"{row.id} {1 if moment == 'after' else 2}"


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_commit_without_an_answer_that_drew_no_id_is_known_by_its_audit_row(
    shelf: Colour, moment: str
) -> None:
    shelf.transact(lambda tx: tx.rows(note("counter")))
    done = []

    async def work(tx: Transaction) -> int:
        row = await tx.first(update(rounds).values(runs=rounds.c.runs + 1).returning(rounds.c.runs))
        assert row is not None
        await record(tx, "system", "counting", [Change("rounds", "counter", row.runs - 1)])
        done.append(row.runs)
        return int(row.runs)

    with Cut(shelf, moment):
        assert shelf.transact(work) == 2
    assert done == ([2] if moment == "after" else [2, 2])
    assert shelf.do(shelf.database.first(select(rounds.c.runs))).runs == 2


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("then", ["57P01", "53100"])
def test_a_commit_without_an_answer_that_nobody_can_be_asked_of_is_unknown(
    shelf: Colour, moment: str, then: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a caller would repeat, with other ids, what may be done."""
    monkeypatch.setattr("digistore.database.database.PATIENCE", 0.3)

    def gone(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not cut.left and statement != "ROLLBACK":
            raise _error(then)

    with Cut(shelf, moment) as cut:
        event.listen(shelf.database.engine, "before_cursor_execute", gone)
        with pytest.raises(Busy) as told:
            shelf.transact(lambda tx: tx.rows(person(tx.new_id("usr"), tx)))
        event.remove(shelf.database.engine, "before_cursor_execute", gone)
    assert told.value.outcome_unknown
    assert len(shelf.do(shelf.database.rows(select(users.c.id)))) == (moment == "after")


def _error(state: str) -> psycopg.Error:
    return psycopg.errors.lookup(state)("injected")


@pytest.mark.parametrize("state", ["40001", "57P01", "53100"])
def test_what_never_came_to_a_commit_is_known_not_to_be_done(
    shelf: Colour, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digistore.database.database.PATIENCE", 0.3)
    with pytest.raises(Busy) as told:
        shelf.transact(Counted(state, 99))
    assert not told.value.outcome_unknown


def test_a_repetition_that_meets_what_the_first_time_has_done_late_is_not_refused(
    shelf: Colour,
) -> None:
    """The server may still be busy with a COMMIT whose client has gone and comes again."""
    late = create_engine(shelf.url, poolclass=NullPool)
    times = []

    async def work(tx: Transaction) -> str:
        user_id = tx.new_id("usr")
        times.append(user_id)
        if len(times) == 1:
            await tx.rows(person(user_id, tx))
            return "made"
        with late.begin() as connection:
            connection.execute(person(user_id, tx))
        raise AlreadyExists("user", "the same")

    with Cut(shelf, "before"):
        assert shelf.transact(work) == "made"
    assert len(shelf.do(shelf.database.rows(select(users.c.id)))) == 1


def test_what_refuses_a_repetition_by_right_is_told(shelf: Colour) -> None:
    times = []

    async def work(tx: Transaction) -> None:
        times.append(tx.new_id("usr"))
        if len(times) > 1:
            raise AlreadyExists("user", "somebody else")
        await tx.rows(person(times[0], tx))

    with Cut(shelf, "before"), pytest.raises(AlreadyExists):
        shelf.transact(work)
    assert shelf.do(shelf.database.rows(select(users.c.id))) == []


def test_what_is_found_after_a_lost_commit_is_waited_for_at_the_standby(shelf: Colour) -> None:
    """It may have been cut while it waited; the log up to there is confirmed by a later one."""
    said: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    async def work(tx: Transaction) -> None:
        await tx.rows(person(tx.new_id("usr"), tx))

    event.listen(shelf.database.engine, "before_cursor_execute", listen)
    with Cut(shelf, "after"):
        shelf.transact(work)
    assert said[-3].startswith("BEGIN")
    assert said[-2:] == [shelf.database._backend.later, "COMMIT"]


WARN = "BEGIN RAISE WARNING 'of the host' USING ERRCODE = '01000'; RETURN NULL; END"


def test_a_warning_of_the_hosts_own_does_not_cast_doubt_on_a_commit(shelf: Colour) -> None:
    """In the transaction, or in COMMIT itself, where deferred triggers run."""
    deferred = (
        f"CREATE FUNCTION warn() RETURNS trigger LANGUAGE plpgsql AS $$ {WARN} $$",
        """CREATE CONSTRAINT TRIGGER late AFTER INSERT ON digistore_rounds
           DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION warn()""",
    )
    host = create_engine(shelf.url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with host.connect() as connection:
        for line in deferred:
            connection.exec_driver_sql(line)

    async def work(tx: Transaction) -> None:
        await tx.say(f"DO $$ {WARN.replace(' RETURN NULL;', '')} $$")
        await tx.rows(note("once"))

    try:
        shelf.transact(work)
    finally:
        with host.connect() as connection:
            connection.exec_driver_sql("DROP FUNCTION warn CASCADE")
    assert shelf.names() == ["once"]


def test_a_pool_that_is_empty_is_busy(wiped: Wiped, clock: FrozenClock) -> None:
    engine = create_engine(wiped.wipe(), pool_size=1, max_overflow=0, pool_timeout=0.01)
    database = Database.over(engine, clock)
    with engine.connect():
        for call in (database.rows(select(rounds)), database.transact(Counted(), patience=1)):
            with pytest.raises(Busy):
                run(call)
    run(database.transact(Counted()))
    engine.dispose()


def test_what_is_given_back_to_a_pool_that_was_thrown_away_is_closed(
    wiped: Wiped, clock: FrozenClock
) -> None:
    """Else the collector would find it open, and the server would keep it until then."""
    database = Database.open(wiped.wipe(), clock)

    async def work(tx: Transaction) -> Any:
        held = await tx.whole(lambda connection: connection.connection.driver_connection)
        run(database._source.forget())
        return held

    assert run(database.transact(work)).closed
    run(database.transact(Counted()))
    run(database.close())
