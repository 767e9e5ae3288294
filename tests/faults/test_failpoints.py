"""The n-th statement fails, its connection is cut before it, or after it: the end is the same.

On a real PostgreSQL, for every n (a part of them in a short run): a statement that fails is told
as ``Busy`` and the same call succeeds; a connection that is lost is no caller's business.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore import Store
from digistore.blocking import run
from digistore.errors import Busy
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET, Shop
from tests.extent import extent
from tests.payments.asking import events
from tests.payments.end_state import end_state
from tests.postgres import Wiped
from tests.support.desk import ask, bought

pytestmark = pytest.mark.long

Act = Callable[[], object]
MODES = ("fails", "cut before", "cut after")


class Point:
    """Counts statements, whoever sends them, and has something happen at one of them."""

    def __init__(self, url: str, mode: str, at: int) -> None:
        self.mode = mode
        self.at = at
        self.seen = 0
        self.armed = False
        self.name = ""
        self._admin = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")

    def reached(self, statement: object) -> bool:
        if not self.armed:
            return False
        self.seen += 1
        if self.seen == self.at:
            self.name = f"{self.mode} {self.at}: {statement}"[:200]
        return self.seen == self.at

    def before(self, connection: Any) -> None:
        """Fail as a disk does, or let the server end the session."""
        if self.mode == "fails":
            raise psycopg.errors.IoError("injected")
        if self.mode == "cut before":
            with self._admin.connect() as admin:
                admin.exec_driver_sql(f"SELECT pg_terminate_backend({connection.info.backend_pid})")

    def after(self, connection: Any) -> None:
        """Lose the answer: what was asked for is done, and nobody hears of it."""
        if self.mode == "cut after":
            connection.pgconn.finish()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    @property
    def cursor(self) -> type[psycopg.Cursor[Any]]:
        """The cursors of connections on which it may happen."""
        point = self

        class Watched(psycopg.Cursor[Any]):
            def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
                return self._watched(
                    query, lambda: super(Watched, self).execute(query, *args, **kwargs)
                )

            def executemany(self, query: Any, *args: Any, **kwargs: Any) -> None:
                self._watched(
                    query, lambda: super(Watched, self).executemany(query, *args, **kwargs)
                )

            def _watched(self, query: object, send: Callable[[], Any]) -> Any:
                if not point.reached(query):
                    return send()
                point.before(self.connection)
                answer = send()
                point.after(self.connection)
                return answer

        return Watched


def a_checkout(shop: Shop) -> Act:
    book = shop.product()
    return lambda: shop.checkout(book, idempotency_key="once")


def a_settle(shop: Shop) -> Act:
    signed = shop.sandbox.pay(shop.checkout(shop.product()))
    return lambda: shop.deliver(signed)


def a_refund(shop: Shop) -> Act:
    order = shop.buy(shop.product()).order
    return lambda: shop.store.payments.refund(
        shop.operator, order, reason="asked", idempotency_key="once"
    )


def a_request(shop: Shop) -> Act:
    book = bought(shop)
    return lambda: ask(shop, book, idempotency_key="once")


OPERATIONS: dict[str, Callable[[Shop], Act]] = {
    "checkout": a_checkout,
    "settle": a_settle,
    "refund": a_refund,
    "support request": a_request,
}


@contextmanager
def shop_at(url: str, point: Point) -> Iterator[Shop]:
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    engine = create_engine(url, connect_args={"cursor_factory": point.cursor})
    with Store(engine, files="memory://", gateways=[sandbox], secret=SECRET, clock=clock) as store:
        yield Shop(store, sandbox, clock)
    engine.dispose()


def live(url: str, operation: str, point: Point) -> dict[str, Any]:
    """Do an operation with something happening at a point, go on, and tell the end."""
    with shop_at(url, point) as shop:
        act = OPERATIONS[operation](shop)
        shop.clock.go(minutes=1)
        point.armed = True
        try:
            act()
        except Busy:
            assert point.mode == "fails", point.name
            point.armed = False
            act()
        point.armed = False
        paid = [one for one in open_checkouts(shop) if operation in {"checkout", "support request"}]
        for checkout in paid:
            shop.deliver(shop.sandbox.pay(checkout))
        for _ in range(2):
            shop.store.run_due()
            shop.clock.go(minutes=31)
        check_invariants(shop.store)
        return the_end(shop)


def open_checkouts(shop: Shop) -> list[str]:
    return [
        str(url)
        for (url,) in shop.rows("SELECT url FROM digistore_payment_attempts WHERE state = 'open'")
    ]


def the_end(shop: Shop) -> dict[str, Any]:
    hints = run(shop.sandbox.poll(FrozenClock()())).hints
    outside = [shop.sandbox.look_up(one) for one in sorted(str(h.checkout_id) for h in hints)]
    return {
        "shop": end_state(shop.rows),
        "told": Counter(events(shop)),
        "audit": shop.count("audit"),
        "checkouts": len(outside),
        "refunds": sorted([one.told.money.amount for one in each.refunds] for each in outside),
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("operation", OPERATIONS)
def test_whatever_happens_at_a_statement_it_comes_to_the_same_end(
    wiped: Wiped, operation: str, mode: str, request: pytest.FixtureRequest
) -> None:
    undisturbed = Point(wiped.wipe(), mode, 0)
    expected = live(
        undisturbed._admin.url.render_as_string(hide_password=False), operation, undisturbed
    )
    tried = 0
    for at in count(extent(5, 1), extent(43, 1)):
        if at > undisturbed.seen:
            break
        point = Point(wiped.url, mode, at)
        assert live(wiped.wipe(), operation, point) == expected, point.name
        assert point.name
        tried += 1
    assert undisturbed.seen > 10
    request.node.user_properties.append(("points", (tried, undisturbed.seen)))
