"""What the settle core takes in, and what it leaves: told again, late, by a rival, or of others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from digistore.blocking import run
from digistore.gateways import DisputeSnapshot, DisputeState, PaymentSnapshot, Whose
from digistore.orders import Checkout
from digistore.payments.service.settle import Moved, Settle
from digistore.testing import FrozenClock
from tests.payments.asking import usd
from tests.payments.memory import MemoryShop, connection_of

TICKETS = "SELECT id, ticket, state FROM digistore_disputes ORDER BY id"
LAST_WORD = (
    "SELECT version, actor, cause, changes FROM digistore_audit"
    " WHERE entity = 'order' AND entity_id = '{}' ORDER BY sequence DESC LIMIT 1"
)


def a_dispute(ref: str) -> DisputeSnapshot:
    return DisputeSnapshot(ref, usd("29.00"), DisputeState.OPEN)


@pytest.fixture
def shop() -> Iterator[MemoryShop]:
    shop = MemoryShop.open(RivalsClock())
    with shop.store:
        yield shop


def version(shop: MemoryShop, checkout: Checkout) -> int:
    found = shop.rows(f"SELECT version FROM digistore_orders WHERE id = '{checkout.order.id}'")
    return int(found[0][0])


def last_word(shop: MemoryShop, checkout: Checkout) -> tuple[Any, ...]:
    (found,) = shop.rows(LAST_WORD.format(checkout.order.id))
    return found


def settle_of(shop: MemoryShop) -> Settle:
    return shop.store._shop.payments._settle


# Whose money it is.


@pytest.mark.parametrize("whose", list(Whose))
def test_money_is_taken_in_unless_it_is_known_to_be_of_others(
    shop: MemoryShop, whose: Whose
) -> None:
    checkout = shop.checkout(shop.product())
    shop.sandbox.pay(checkout)
    shop.settle(replace(shop.fetch(checkout), whose=whose), 1)
    assert shop.count("payments") == (0 if whose is Whose.FOREIGN else 1)


def unheard_of(shop: MemoryShop, whose: Whose) -> PaymentSnapshot:
    checkout = shop.checkout(shop.product())
    shop.sandbox.pay(checkout)
    other: dict[str, Any] = {
        "reference": "att_other",
        "checkout_id": "co_other",
        "payment_id": "py_other",
    }
    return replace(shop.fetch(checkout), whose=whose, **other)


def test_what_nobody_here_has_heard_of_is_not_taken_in(shop: MemoryShop) -> None:
    snapshot = unheard_of(shop, Whose.UNKNOWN)
    before = shop.changes
    shop.settle(snapshot, 0)
    assert shop.changes == before


def test_money_without_an_order_is_known_once_it_is_there(shop: MemoryShop) -> None:
    snapshot = unheard_of(shop, Whose.OURS)
    shop.settle(snapshot, 0)
    disputed = replace(snapshot, whose=Whose.UNKNOWN, disputes=(a_dispute("dp_1"),))
    shop.settle(disputed, 1)
    assert shop.rows("SELECT order_id, disputed FROM digistore_payments") == [(None, 2900)]


# Told again.


def test_told_again_nothing_is_written(shop: MemoryShop) -> None:
    checkout = shop.buy(shop.product())
    snapshot, before = shop.fetch(checkout), shop.changes
    shop.settle(snapshot, 9)
    assert shop.changes == before


def disputed(shop: MemoryShop) -> tuple[Checkout, PaymentSnapshot]:
    """Buy two books that are disputed, the second of them twice."""
    for name in ("Left alone", "Told again"):
        checkout = shop.buy(shop.product(name))
        told = tuple(a_dispute(f"dp_{name}_{number}") for number in range(2))
        shop.settle(replace(shop.fetch(checkout), disputes=told), 1)
    return checkout, replace(shop.fetch(checkout), disputes=told)


def test_what_is_told_later_again_is_noted_as_such_and_no_more(shop: MemoryShop) -> None:
    checkout, snapshot = disputed(shop)
    before = version(shop, checkout)
    shop.settle(snapshot, 7)
    tickets = "SELECT ticket FROM digistore_disputes ORDER BY ref"
    assert shop.rows(tickets) == [(1,), (1,), (7,), (7,)]
    assert version(shop, checkout) == before


RIVAL = "UPDATE digistore_disputes SET state = '{}', ticket = {} WHERE ref = 'dp_Told again_0'"


class RivalsClock(FrozenClock):
    """A clock at which settle looks once before it reads, and once before it writes."""

    looks = 0
    between: Callable[[], object] | None = None

    def __call__(self) -> datetime:
        self.looks += 1
        if self.between and self.looks == 2:
            self.between()
        return super().__call__()


def told_beside(shop: MemoryShop, rival: str, snapshot: PaymentSnapshot, ticket: int) -> None:
    """Settle, and let a rival write between the look and the lock."""
    clock = shop.clock
    assert isinstance(clock, RivalsClock)
    clock.looks, clock.between = 0, lambda: connection_of(shop.store).execute(rival)
    shop.settle(snapshot, ticket)
    clock.between = None


@pytest.mark.parametrize(
    ("rival", "word"), [(5, ("open", 7)), (9, ("closed", 9))], ids=["older", "newer"]
)
def test_between_look_and_write_the_newer_word_stays(
    shop: MemoryShop, rival: int, word: tuple[str, int]
) -> None:
    checkout, snapshot = disputed(shop)
    before = version(shop, checkout)
    told_beside(shop, RIVAL.format("closed", rival), snapshot, 7)
    told = "SELECT state, ticket FROM digistore_disputes WHERE ref LIKE 'dp_Told%' ORDER BY ref"
    assert shop.rows(told) == [word, ("open", 7)]
    assert last_word(shop, checkout) == (before + 1, "system", "test", '{"state":"paid"}')


def test_a_rival_who_said_all_of_it_leaves_nothing_to_write(shop: MemoryShop) -> None:
    checkout, snapshot = disputed(shop)
    before = version(shop, checkout)
    first = replace(snapshot, disputes=snapshot.disputes[:1])
    told_beside(shop, RIVAL.format("open", 9), first, 7)
    assert version(shop, checkout) == before


# Whose word it is.


@pytest.mark.parametrize(("cause", "state"), [("replaced", "open"), ("canceled", "canceled")])
def test_what_is_replaced_after_its_time_is_not_canceled(
    shop: MemoryShop, cause: str, state: str
) -> None:
    checkout = shop.checkout(shop.product())
    shop.clock.go(days=2)
    before = version(shop, checkout)
    run(settle_of(shop).close(checkout.order.id, "usr_9", cause, cancel=True))
    assert last_word(shop, checkout) == (before + 1, "usr_9", cause, f'{{"state":"{state}"}}')


def test_what_costs_nothing_is_paid_by_who_takes_it(shop: MemoryShop) -> None:
    checkout = shop.checkout(shop.product(price=usd("0")))
    told = (2, shop.buyer.id, "free", '{"state":"paid"}')
    assert last_word(shop, checkout) == told


def test_a_gateway_has_called_a_buyer_as_it_said_last(shop: MemoryShop) -> None:
    connection = connection_of(shop.store)
    connection.executescript("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
    for number, told in enumerate(
        (
            "customer = 'cus_first'",
            "customer = 'cus_last'",
            "customer = NULL",
            "customer = 'cus_elsewhere', gateway = 'other'",
            "customer = 'cus_elsewhere', livemode = 1",
            "customer = 'cus_elsewhere', account = 'acct_1'",
        )
    ):
        shop.clock.go(seconds=1)
        order = shop.buy(shop.product(f"Book {number}")).order
        connection.execute(f"UPDATE digistore_payments SET {told} WHERE order_id = '{order.id}'")
    other = shop.store.users.register("other@example.com")
    shop.clock.go(seconds=1)
    order = shop.buy(shop.product("Of another"), other).order
    connection.execute(
        f"UPDATE digistore_payments SET customer = 'cus_other' WHERE order_id = '{order.id}'"
    )
    profile = shop.sandbox.profile
    assert run(settle_of(shop).customer_at(profile, other.id)) == "cus_other"
    assert run(settle_of(shop).customer_at(profile, shop.buyer.id)) == "cus_last"
    assert run(settle_of(shop).customer_at(profile, shop.seller.id)) is None


def test_an_order_that_is_placed_first_and_paid_last_says_the_last_word(shop: MemoryShop) -> None:
    connection = connection_of(shop.store)
    connection.executescript("PRAGMA ignore_check_constraints = ON; PRAGMA foreign_keys = OFF")
    placed = [shop.checkout(shop.product(f"Book {number}")) for number in range(2)]
    for checkout in reversed(placed):
        shop.clock.go(seconds=1)
        shop.deliver(shop.sandbox.pay(checkout))
    connection.execute("UPDATE digistore_payments SET customer = order_id")
    known = run(settle_of(shop).customer_at(shop.sandbox.profile, shop.buyer.id))
    assert known == placed[0].order.id


def test_a_payment_that_moves_all_the_time_is_looked_at_again_by_the_caller() -> None:
    error = Moved()
    told = "payment is assigned to another order; it cannot become settled: look again"
    assert (str(error), error.noun, error.new) == (told, "payment", "settled")
