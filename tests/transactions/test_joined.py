"""Inside a host's transaction: it lives and dies with it, and a failure of ours is ours alone."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.pool import NullPool, StaticPool

from digistore import SYSTEM, AsyncStore, Money, Role, Store
from digistore.database import prepare_sqlite
from digistore.errors import Busy, ConfigError, Invalid, NotFound, TransactionFailed
from digistore.events import AccessGranted
from tests.conftest import RETURN, SECRET, Shop
from tests.past import lightning
from tests.transactions.conftest import EVERY, Host, Note

POSTGRESQL = pytest.mark.parametrize("kind_of_store", ["PostgreSQL-Store", "PostgreSQL-AsyncStore"])
SQLITE = pytest.mark.parametrize("kind_of_store", ["SQLite-Store", "SQLite-AsyncStore"])
EACH = pytest.mark.parametrize("lends", ["session", "connection", "scoped"])


@EVERY
@EACH
@pytest.mark.parametrize("first", ["host", "store"])
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_both_stay_or_neither(host: Host, first: str, end: str) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        if first == "host":
            host.note(lent, "theirs")
        inside.users.register("ada@example.com", name="ours")
        if first == "store":
            host.note(lent, "theirs")
        assert host.kept() == ([], []), "seen before the host has committed"
        getattr(host, end)(lent)
    assert host.kept() == ((["theirs"], ["ours"]) if end == "commit" else ([], []))


def test_what_the_host_does_not_commit_is_gone(host: Host) -> None:
    with host.open() as lent:
        host.inside(lent).users.register("ada@example.com", name="ours")
    assert host.kept() == ([], [])


def test_a_store_inside_serves_one_transaction_after_the_other(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        inside.users.register("ada@example.com", name="first")
        host.commit(lent)
        inside.users.register("bob@example.com", name="second")
        host.rollback(lent)
        inside.users.register("eve@example.com", name="third")
        host.commit(lent)
    assert host.kept() == ([], ["first", "third"])


def test_it_sees_what_is_not_committed(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        made = inside.users.register("ada@example.com", name="ours")
        assert inside.users.get(SYSTEM, made) == made
        with pytest.raises(NotFound):
            host.store.users.get(SYSTEM, made)


def test_a_savepoint_of_the_hosts_takes_it_back(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        inside.users.register("ada@example.com", name="kept")
        nested = host.wait(lent.begin_nested())
        inside.users.register("bob@example.com", name="taken back")
        host.wait(nested.rollback())
        host.note(lent, "theirs")
        host.commit(lent)
    assert host.kept() == (["theirs"], ["kept"])


@EVERY
def test_an_operation_that_is_refused_leaves_the_hosts_rows(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        host.note(lent, "before")
        with pytest.raises(Invalid):
            inside.users.register("no address")
        with pytest.raises(NotFound):
            inside.catalog.product(SYSTEM, "prd_unknown")
        host.note(lent, "after")
        host.commit(lent)
    assert host.kept() == (["after", "before"], [])


@EVERY
@EACH
def test_a_constraint_error_is_contained(host: Host) -> None:
    with lightning(host.store, "digistore_users"), host.open() as lent:
        inside = host.inside(lent)
        host.note(lent, "before")
        with pytest.raises(DBAPIError):
            inside.users.register("ada@example.com", name="never")
        host.note(lent, "after")
        host.commit(lent)
    assert host.kept() == (["after", "before"], [])


@POSTGRESQL
def test_a_rival_that_was_faster_is_busy_as_nothing_is_repeated(host: Host) -> None:
    with create_engine(host.url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION faster() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE unique_violation; END $$"
        )
        connection.exec_driver_sql(
            "CREATE TRIGGER faster BEFORE INSERT ON digistore_users"
            " FOR EACH ROW EXECUTE FUNCTION faster()"
        )
    with host.open() as lent:
        host.note(lent, "before")
        with pytest.raises(Busy, match="roll your transaction back"):
            host.inside(lent).users.register("ada@example.com", name="never")
        host.commit(lent)
    with create_engine(host.url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("DROP FUNCTION faster CASCADE")
    assert host.kept() == (["before"], [])


@pytest.mark.parametrize("kind_of_store", ["PostgreSQL-AsyncStore"])
@pytest.mark.parametrize("lends", ["session", "connection"])
def test_an_operation_that_is_canceled_leaves_nothing(host: Host, lends: str) -> None:
    async def canceled(lent: Any) -> None:
        target: AsyncStore = cast("Any", host.store)._target
        waiting = asyncio.ensure_future(_register(target.using(lent)))
        await asyncio.wait([waiting], timeout=0.2)  # it waits for the lock
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    rivals = create_engine(host.url, poolclass=NullPool)
    with host.open(lends=lends) as lent, rivals.connect() as rival:
        host.note(lent, "before")
        rival.execute(text("LOCK TABLE digistore_users"))
        host.wait(canceled(lent))
        rival.rollback()
        host.rollback(lent)
        host.inside(lent).users.register("ada@example.com", name="ours")
        host.commit(lent)
    assert host.kept() == ([], ["ours"])


async def _register(inside: AsyncStore) -> None:
    await inside.users.register("ada@example.com", name="never")


@POSTGRESQL
def test_a_connection_that_is_lost_is_busy(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        host.note(lent, "lost with it")
        process = host.run(lent, "SELECT pg_backend_pid()").scalar()
        with create_engine(host.url, poolclass=NullPool).begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_terminate_backend({process})")
        with pytest.raises(Busy):
            inside.users.register("ada@example.com", name="never")
        host.rollback(lent)
        inside.users.register("ada@example.com", name="ours")
        host.commit(lent)
    assert host.kept() == ([], ["ours"])


@POSTGRESQL
def test_a_read_that_fails_leaves_the_transaction_usable(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        host.note(lent, "before")
        host.run(lent, "SET LOCAL search_path = nowhere")
        with pytest.raises(ConfigError, match="lacks tables or columns"):
            inside.users.get(SYSTEM, "usr_1")
        host.run(lent, "SET LOCAL search_path = public")
        host.note(lent, "after")
        host.commit(lent)
    assert host.kept() == (["after", "before"], [])


@EVERY
def test_nothing_is_sent_but_savepoints(host: Host) -> None:
    sent: list[str] = []
    with host.open() as lent:
        host.note(lent, "theirs")
        event.listen(host.sync_engine, "before_cursor_execute", lambda *a: sent.append(a[2]))
        ended: list[str] = []
        for name in ("begin", "commit", "rollback"):
            event.listen(host.sync_engine, name, lambda *_, said=name: ended.append(said))
        host.inside(lent).users.register("ada@example.com")
        assert ended == []
        host.commit(lent)
    words = [one.split()[0] for one in sent]
    assert not {"COMMIT", "ROLLBACK", "BEGIN"} & set(words)
    assert words.count("SAVEPOINT") == words.count("RELEASE") == 2  # the operation, its work


@SQLITE
def test_a_transaction_is_begun_where_the_driver_has_not(host: Host) -> None:
    """SQLAlchemy's default sends no BEGIN before a first SAVEPOINT, which would then commit."""
    sent: list[str] = []
    event.listen(host.sync_engine, "before_cursor_execute", lambda *a: sent.append(a[2]))
    with host.open() as lent:
        inside = host.inside(lent)
        inside.users.register("ada@example.com", name="ours")
        inside.users.register("bob@example.com", name="ours, too")
    assert sent.count("BEGIN IMMEDIATE") == 1
    assert host.kept() == ([], [])


@EVERY
def test_what_is_locked_is_busy_at_once_and_the_host_goes_on(host: Host, database_url: str) -> None:
    ada = host.store.users.register("ada@example.com")
    with host.open() as lent, create_engine(database_url, poolclass=NullPool).connect() as rival:
        if host.url.get_backend_name() == "sqlite":
            host.run(lent, "PRAGMA busy_timeout = 0")
            rival.execute(text("BEGIN IMMEDIATE"))
        else:
            host.run(lent, "SET LOCAL lock_timeout = '10ms'")
            host.note(lent, "before")
            rival.execute(text("LOCK TABLE digistore_users"))
        tried: list[str] = []
        event.listen(host.sync_engine, "before_cursor_execute", lambda *a: tried.append(a[2]))
        with pytest.raises(Busy):
            host.inside(lent).users.grant_role(SYSTEM, ada, Role.SELLER)
        assert sum(one.startswith(("BEGIN", "SAVEPOINT digistore_op")) for one in tried) == 1
        rival.rollback()
        host.note(lent, "after")
        host.commit(lent)
    assert "after" in host.kept()[0]


@POSTGRESQL
@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_stricter_isolation_of_the_hosts_is_allowed(host: Host, level: str) -> None:
    ada = host.store.users.register("ada@example.com")
    with host.open(host.connect_to(host.url, isolation_level=level)) as lent:
        inside = host.inside(lent)
        inside.users.register("bob@example.com", name="ours")
        host.store.users.grant_role(SYSTEM, ada, Role.SELLER)
        with pytest.raises(Busy):  # what the host read has changed: it has to begin again
            inside.users.grant_role(SYSTEM, ada, Role.OPERATOR)
        host.rollback(lent)
        granted = inside.users.grant_role(SYSTEM, ada, Role.OPERATOR)
        host.commit(lent)
    assert granted.roles == {Role.CUSTOMER, Role.SELLER, Role.OPERATOR}


@POSTGRESQL
@EACH
def test_a_transaction_that_has_failed_is_told_of(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        with pytest.raises(DBAPIError):
            host.run(lent, "SELECT 1/0")
        with pytest.raises(TransactionFailed, match="roll it back"):
            inside.users.register("ada@example.com", name="never")
        host.rollback(lent)
        inside.users.register("ada@example.com", name="ours")
        host.commit(lent)
    assert host.kept() == ([], ["ours"])


def test_a_session_that_waits_for_its_rollback_is_told_of(host: Host) -> None:
    with host.open() as lent:
        host.note(lent, "taken")
        lent.add(Note(words="taken"))
        with pytest.raises(IntegrityError):
            host.wait(lent.flush())
        with pytest.raises(TransactionFailed, match="roll it back"):
            host.inside(lent).users.register("ada@example.com", name="never")
    assert host.kept() == ([], [])


@SQLITE
def test_a_transaction_that_sqlite_undoes_as_a_whole_is_told_of(host: Host) -> None:
    """As it does when the disk is full: the host must not commit what is left."""
    with create_engine(host.url, poolclass=NullPool).begin() as connection:
        connection.execute(
            text(
                "CREATE TRIGGER full BEFORE INSERT ON digistore_users"
                " BEGIN SELECT RAISE(ROLLBACK, 'full'); END"
            )
        )
    with host.open() as lent:
        host.note(lent, "theirs")
        with pytest.raises(TransactionFailed, match="as a whole"):
            host.inside(lent).users.register("ada@example.com", name="never")
    with create_engine(host.url, poolclass=NullPool).begin() as connection:
        connection.execute(text("DROP TRIGGER full"))
    assert host.kept() == ([], [])


@EVERY
@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_an_event_shares_the_hosts_fate(shop: Shop, host: Host, end: str) -> None:
    heard: list[str] = []
    shop.store.on(AccessGranted, lambda event: heard.append(event.subject), name="mail")
    gift = shop.product("Gift", Money("0.00", "USD"))
    shop.store.run_due()
    with host.open() as lent:
        host.inside(lent).orders.checkout(shop.buyer, [gift], return_url=RETURN)
        getattr(host, end)(lent)
    assert heard == []
    shop.store.run_due()
    assert len(heard) == (end == "commit")
    assert bool(shop.store.entitlements.check(shop.buyer, gift)) is (end == "commit")


@POSTGRESQL
def test_a_schema_is_looked_into_and_no_longer(
    host: Host, database_url: str, open_store: Any
) -> None:
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS corner CASCADE"))
    store = open_store(schema="corner")
    store.migrate()
    other = Host(store, database_url, "connection")
    with other.open() as lent:
        inside = other.inside(lent)
        other.note(lent, "theirs")
        inside.users.register("ada@example.com", name="in the corner")
        with pytest.raises(NotFound):
            inside.users.get(SYSTEM, "usr_unknown")
        assert other.run(lent, "SELECT current_schema()").scalar() == "public"
        other.commit(lent)
        found = other.run(lent, "SELECT name FROM corner.digistore_users").scalar()
    assert (found, host.kept()) == ("in the corner", (["theirs"], []))
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        connection.execute(text("DROP SCHEMA corner CASCADE"))


def test_the_memory_that_a_host_shares_can_be_joined() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    prepare_sqlite(engine)
    with Store(engine, files="memory://", gateways=[], secret=SECRET) as store:
        store.migrate()
        for end, left in (("rollback", []), ("commit", ["ours"])):
            with engine.connect() as lent:
                store.using(lent).users.register("ada@example.com", name="ours")
                getattr(lent, end)()
            with engine.connect() as lent:
                assert lent.scalars(text("SELECT name FROM digistore_users")).all() == left
    engine.dispose()


def test_to_close_it_closes_nothing_of_the_hosts(host: Host) -> None:
    with host.open() as lent:
        inside = host.inside(lent)
        inside.users.register("ada@example.com", name="ours")
        inside.close()
        host.note(lent, "theirs")
        host.commit(lent)
    assert host.kept() == (["theirs"], ["ours"])
    host.store.users.register("bob@example.com")
