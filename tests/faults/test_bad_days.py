"""A server that is read-only, slow, or restarted under load: an error of ours, or none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, Store
from digistore.errors import Busy, ConfigError
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET
from tests.extent import extent
from tests.faults.failover import Trial
from tests.postgres import Cluster, Wiped, find_programs

COMMON: dict[str, Any] = {"files": "memory://", "gateways": [], "secret": SECRET}


@pytest.fixture
def url(wiped: Wiped) -> str:
    return wiped.wipe()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url, **COMMON) as store:
        yield store
        check_invariants(store)


def with_options(url: str, options: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}options=-c%20{options}"


def test_a_database_that_is_read_only_is_read_and_every_write_is_busy(
    store: Store, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digistore.database.database.PATIENCE", 0)
    ada = store.users.register("ada@example.com")
    with Store.open(with_options(url, "default_transaction_read_only=on"), **COMMON) as other:
        assert other.users.get(SYSTEM, ada).email == "ada@example.com"
        with pytest.raises(Busy):
            other.users.register("bob@example.com")
    store.users.register("bob@example.com")


def test_what_takes_longer_than_the_server_allows_is_busy_with_nothing_done(
    store: Store, url: str
) -> None:
    store.users.ensure("ada", name="A.")
    rival = create_engine(url, poolclass=NullPool)
    with Store.open(with_options(url, "statement_timeout=100"), **COMMON) as hasty:
        with rival.begin() as holding:
            holding.exec_driver_sql("UPDATE digistore_users SET version = version")
            with pytest.raises(Busy, match="statement_timeout"):
                hasty.users.ensure("ada", name="Ada")
        assert store.users.ensure("ada").name == "A."
        assert hasty.users.ensure("ada", name="Ada").name == "Ada"


def test_a_clock_that_jumps_back_disturbs_no_row(url: str) -> None:
    clock = FrozenClock()
    with Store.open(url, clock=clock, **COMMON) as store:
        store.users.ensure("ada", name="A.")
        clock.go(days=-400)
        assert store.users.ensure("ada", name="Ada").name == "Ada"
        store.users.register("bob@example.com")
        store.run_due()
        check_invariants(store)


@pytest.mark.skipif(
    find_programs() is None, reason="NO RESTART IS TRIED: it takes a PostgreSQL of the system"
)
@pytest.mark.long
def test_a_server_that_is_restarted_under_load_loses_and_doubles_nothing() -> None:
    programs = find_programs()
    assert programs is not None
    cluster = Cluster(programs, {})
    settles = extent(48, 1_000)

    def restart() -> None:
        cluster.stop()
        with pytest.raises(ConfigError, match="cannot be opened"):
            Store.open(cluster.url, **COMMON)
        cluster.start()

    try:
        cluster.create()
        cluster.start()
        trial = Trial(cluster.url, cluster.url, settles, restart)
        trial.run()
        figures = trial.report()
        cluster.stop()
    finally:
        cluster.remove()
    assert figures["acknowledged"] == settles, figures
    assert (figures["lost"], figures["doubled"], figures["errors"]) == (0, 0, 0), figures
