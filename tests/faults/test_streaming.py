"""A real standby as a read replica: it lags, it is asked on purpose, and it is never changed."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.errors import ConfigError, ReadOnlyReplica, StaleRead
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.conftest import SECRET, Shop
from tests.faults.servers import pair
from tests.postgres import find_programs

PROGRAMS = find_programs()

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        PROGRAMS is None or not (PROGRAMS / "pg_basebackup").exists(),
        reason="NO STANDBY IS ASKED: it takes a PostgreSQL of the system, with pg_basebackup",
    ),
]


def test_a_standby_answers_late_and_decides_nothing_unasked() -> None:
    assert PROGRAMS is not None
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with (
        pair(PROGRAMS) as servers,
        Store.open(
            servers.primary.url,
            replica=servers.standby.url,
            files="memory://",
            gateways=[sandbox],
            secret=SECRET,
            clock=clock,
        ) as store,
    ):
        view, stale = store.replica(), store.replica(stale_access=True)
        with pytest.raises(ConfigError, match="is at revision none"):
            view.check_schema()  # and nothing is migrated there
        store.migrate()
        servers.catch_up()
        view.check_schema()
        shop = Shop(store, sandbox, clock)
        book = shop.product()
        servers.catch_up()

        servers.hold_back()
        bought = shop.buy(book)
        assert store.entitlements.check(shop.buyer, book)
        assert not stale.entitlements.check(shop.buyer, book)
        assert view.orders.my_orders(shop.buyer).items == ()
        with pytest.raises(StaleRead):
            view.entitlements.check(shop.buyer, book)

        servers.catch_up()
        assert stale.entitlements.check(shop.buyer, book)
        assert view.orders.get(shop.buyer, bought.order) == store.orders.get(
            shop.buyer, bought.order
        )
        assert view.doctor() == store.doctor()
        with pytest.raises(ReadOnlyReplica):
            view.payments.refund(shop.seller, bought.order, reason="no")
        engine = create_engine(servers.standby.url, poolclass=NullPool)
        with engine.connect() as connection, pytest.raises(DBAPIError, match="read-only"):
            connection.exec_driver_sql("DELETE FROM digistore_rounds")
