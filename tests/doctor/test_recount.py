"""A repair counts what is taken while it counts: it waits for whoever has not committed yet."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from tests.conftest import Shop
from tests.past import connection_to

# A rival's COMMIT waits here for as long as a test wants.
_HELD = (
    """CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql SET lock_timeout = 0 AS
    $$ BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NULL; END $$""",
    """CREATE CONSTRAINT TRIGGER held AFTER INSERT ON digistore_redemptions
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold()""",
    "SELECT pg_advisory_lock(1)",
)
_WAITS = """SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
    AND wait_event_type = 'Lock' AND wait_event = '{}'"""


@contextmanager
def holding_redemptions(host: Connection) -> Iterator[None]:
    """Let nobody commit a redemption within a ``with`` block."""
    for statement in _HELD:
        host.exec_driver_sql(statement)
    try:
        yield
    finally:
        host.exec_driver_sql("SELECT pg_advisory_unlock(1)")


def wait_until_one_waits(host: Connection, lock: str) -> None:
    while host.exec_driver_sql(_WAITS.format(lock)).first() is None:
        host.exec_driver_sql("SELECT pg_sleep(0.005)")


@pytest.mark.parametrize("kind_of_store", ["PostgreSQL-Store"])
def test_a_use_that_is_yet_to_be_committed_is_waited_for_and_counted(shop: Shop) -> None:
    """PostgreSQL takes a statement's snapshot before the statement waits for a row."""
    book = shop.product()
    discount = shop.store.orders.add_discount(shop.seller, "SPRING", percent=100)
    rival = shop.store.users.register("rival@example.com")
    shop.buy(book, discount="SPRING")
    with connection_to(shop.store) as host, ThreadPoolExecutor(2) as pool:
        host.exec_driver_sql("UPDATE digistore_discounts SET used = used + 7")
        with holding_redemptions(host):
            bought = pool.submit(shop.buy, book, rival, discount="SPRING")
            wait_until_one_waits(host, "advisory")
            repaired = pool.submit(shop.store.doctor, repair=True)
            wait_until_one_waits(host, "transactionid")
        assert bought.result().order.state == "paid"
        assert [one.subject for one in repaired.result().repaired] == [discount.id]
        host.exec_driver_sql("DROP FUNCTION hold CASCADE")
    assert shop.store.doctor().findings == ()
    assert shop.store.orders.retire_discount(shop.seller, discount).used == 2
