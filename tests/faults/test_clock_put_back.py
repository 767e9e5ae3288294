"""A clock that was a year ahead is put back: nothing is lost, and nothing waits for that year.

Machines begin with a wrong clock, and what they wrote meanwhile says when to look again: a year
from now. Rows come in the order of the database, never of a clock.
"""

from __future__ import annotations

from contextlib import suppress

import pytest

from digistore import SYSTEM
from digistore.errors import Invalid
from digistore.events import OrderPaid
from tests.conftest import OpenStore, Shop
from tests.payments.asking import access, given_back, state, usd

YEAR = 365


def ahead(shop: Shop) -> None:
    shop.clock.go(days=YEAR)


def put_back(shop: Shop) -> None:
    shop.clock.go(days=-YEAR, seconds=5)


def test_a_handler_that_had_failed_is_called_again(shop: Shop) -> None:
    heard: list[str] = []
    failures = [OSError(), OSError()]

    def handler(event: OrderPaid) -> None:
        if failures:
            raise failures.pop()
        heard.append(event.subject)

    shop.store.on(OrderPaid, handler, name="mail")
    ahead(shop)
    shop.store.run_due()
    order = shop.buy(shop.product()).order
    assert shop.store.run_due().failed == 1
    put_back(shop)
    assert shop.store.run_due().failed == 1
    shop.clock.go(minutes=2)
    shop.store.run_due()
    assert heard == [order.id]


def test_a_delivery_whose_worker_had_died_is_taken_over(shop: Shop, open_store: OpenStore) -> None:
    heard: list[str] = []
    dying = open_store()

    def die(_: OrderPaid) -> None:
        raise KeyboardInterrupt

    dying.on(OrderPaid, die, name="mail")
    ahead(shop)
    dying.run_due()
    order = shop.buy(shop.product()).order
    shop.store.on(OrderPaid, lambda event: heard.append(event.subject), name="mail")
    with pytest.raises(KeyboardInterrupt):
        dying.run_due()
    put_back(shop)
    shop.store.run_due()
    assert heard == [order.id]


def test_what_the_gateway_knows_is_asked_for(shop: Shop) -> None:
    """All messages are lost: of a payment that is pending, of one that began, of a refund."""
    books = [shop.product(title) for title in ("Pending", "Begun", "Given back")]
    ahead(shop)
    pending, begun = shop.checkout(books[0]), shop.checkout(books[1])
    shop.deliver(shop.sandbox.pay(pending, "delayed"))
    returned = shop.buy(books[2])
    shop.store.payments.refund(SYSTEM, returned.order, reason="asked", amount=usd("29.00"))
    shop.store.run_due()
    put_back(shop)
    shop.sandbox.clear(pending)
    shop.sandbox.pay(begun)
    shop.store.run_due()
    assert [state(shop, one) for one in (pending, begun)] == ["paid", "paid"]
    assert [access(shop, one) for one in books] == ["live", "live", "revoked"]
    assert given_back(shop, returned) == [(2900, "succeeded")]


def test_what_only_a_list_of_the_gateway_tells_is_found(shop: Shop) -> None:
    """A regression: the mark of the last look lay ahead, so it began where nothing had been."""
    checkout = shop.buy(shop.product())
    ahead(shop)
    shop.store.run_due()
    put_back(shop)
    shop.sandbox.dashboard_refund(checkout)  # its message is lost
    shop.store.run_due()
    assert access(shop, checkout.order.lines[0].product_id or "") == "revoked"


def test_who_had_tried_too_often_is_let_try_again(shop: Shop) -> None:
    users = shop.store.users
    ahead(shop)
    users.start_claim("guest@example.com")
    for _ in range(30):
        with suppress(Exception):
            users.claim(shop.buyer, "guest@example.com", "0000-0000-0000")
    put_back(shop)
    shop.clock.go(days=1)
    with pytest.raises(Invalid):
        users.claim(shop.buyer, "guest@example.com", "0000-0000-0000")


def test_a_buyer_who_comes_back_is_looked_after_at_once(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.clock.go(minutes=20)
    shop.store.payments.confirm(SYSTEM, checkout.order)
    shop.clock.go(minutes=-20)
    shop.sandbox.pay(checkout)
    assert shop.store.payments.confirm(SYSTEM, checkout.order).state == "paid"


def test_rounds_on_machines_whose_clocks_differ_a_little_repeat_nothing(shop: Shop) -> None:
    calls: list[str] = []

    def fail(event: OrderPaid) -> None:
        calls.append(event.subject)
        raise OSError

    shop.store.on(OrderPaid, fail, name="mail")
    shop.store.run_due()
    shop.buy(shop.product())
    shop.clock.go(minutes=1)
    shop.store.run_due()
    shop.clock.go(minutes=-1)
    shop.store.run_due()
    assert len(calls) == 1
