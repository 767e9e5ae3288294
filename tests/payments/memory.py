"""A shop in memory that can be put back to where it was: thousands of lives a minute."""

from __future__ import annotations

from functools import cache
from sqlite3 import Connection, connect
from typing import Any, Self
from weakref import WeakSet, finalize

from sqlalchemy import Engine

from digistore import Store
from digistore.blocking import run
from digistore.database.sources import BlockingSource
from digistore.doctor.checks import Statement
from digistore.doctor.service import CHECKS
from digistore.gateways import CheckoutRef, PaymentSnapshot
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout
from digistore.settings import Settings
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.past import connection_to

# The shops of the test that runs: see books.
OPENED: WeakSet[Store] = WeakSet()


class Saved:
    """A copy of a database, until nobody needs it any more."""

    def __init__(self, store: Store) -> None:
        self.copy = connect(":memory:", check_same_thread=False)
        connection_of(store).backup(self.copy)
        finalize(self, self.copy.close)


class MemoryShop(Shop):
    """A :class:`Shop` whose database is saved and loaded as a whole."""

    @classmethod
    def open(cls, clock: FrozenClock | None = None, **settings: Any) -> Self:
        """Open a shop with its people."""
        clock = clock or FrozenClock()
        sandbox = SandboxGateway(clock=clock)
        store = open_store(sandbox, clock, Settings(**settings))
        load(store, migrated())
        return cls(store, sandbox, clock)

    @classmethod
    def on(cls, saved: Saved, *, engine: Engine | None = None, **settings: Any) -> Self:
        """Open a shop on what another one has saved, with a sandbox and a clock of its own.

        With an *engine* that the shop before it had, no statement is compiled again.
        """
        shop = cls.__new__(cls)
        shop.clock = FrozenClock()
        shop.sandbox = SandboxGateway(clock=shop.clock)
        shop.store = open_store(shop.sandbox, shop.clock, Settings(**settings), engine)
        load(shop.store, saved)
        return shop

    def save(self) -> Saved:
        return Saved(self.store)

    def load(self, data: Saved) -> None:
        load(self.store, data)

    @property
    def changes(self) -> int:
        """Count the rows that were ever written."""
        return connection_of(self.store).total_changes

    # The settle core, past the doors: what a slow or late fetch hands to it.

    def ticket(self, checkout: Checkout | str) -> int:
        """Draw the next ticket of a checkout's attempt, as a door does before it fetches."""
        url = checkout if isinstance(checkout, str) else checkout.url
        row = f"url = '{url}'"
        with connection_to(self.store._shop.database) as connection:
            connection.exec_driver_sql(
                f"UPDATE digistore_payment_attempts SET ticket = ticket + 1 WHERE {row}"
            )
        found = self.rows(f"SELECT ticket FROM digistore_payment_attempts WHERE {row}")
        return int(found[0][0])

    def fetch(self, checkout: Checkout | str) -> PaymentSnapshot:
        """See what a door would be told now."""
        return run(self.sandbox.fetch(CheckoutRef(self.sandbox.look_up(checkout).id)))

    def settle(self, snapshot: PaymentSnapshot, ticket: int) -> None:
        """Hand a snapshot to the settle core, fresh or stale."""
        run(self.store._shop.payments._settle.settle(snapshot, ticket, "test"))


def open_store(
    sandbox: SandboxGateway, clock: FrozenClock, settings: Settings, engine: Engine | None = None
) -> Store:
    """Open an empty store in memory; it needs `load`."""
    common: dict[str, Any] = {
        "files": "memory://",
        "gateways": [sandbox],
        "secret": SECRET,
        "clock": clock,
        "settings": settings,
    }
    store = Store.open("sqlite://", **common) if engine is None else Store(engine, **common)
    OPENED.add(store)
    return store


@cache
def migrated() -> Saved:
    """Return a database without anything in it; migrating costs more than most tests."""
    clock = FrozenClock()
    with open_store(SandboxGateway(clock=clock), clock, Settings()) as store:
        store.migrate()
        return Saved(store)


def load(store: Store, saved: Saved) -> None:
    """Put the database back to what it was when *saved* was made.

    Not by ``deserialize``: a second one on one connection ends the process (SQLite 3.40).
    """
    saved.copy.backup(connection_of(store))


def broken_promises(store: Store) -> list[tuple[str, str]]:
    """Return what the doctor's statements find, all of them in one: for after each step."""
    return connection_of(store).execute(_all_checks()).fetchall()


@cache
def _all_checks() -> str:
    return " UNION ALL ".join(
        f"SELECT '{check.invariant} {check.name}', subject FROM ({check.sql})"
        for check in CHECKS
        if isinstance(check, Statement)
    )


def is_open(store: Store) -> bool:
    source = store._shop.database._source
    assert isinstance(source, BlockingSource)
    return source._let_go is not None and source._let_go.alive


def connection_of(store: Store) -> Connection:
    # One connection that all share, which is not handed back: see StaticPool.
    driver: Any = store._shop.database.engine.raw_connection().driver_connection
    return driver  # type: ignore[no-any-return]
