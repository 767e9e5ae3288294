"""Whatever order, repetition and staleness messages come in, the end is the same (I17, I18).

A life is played at the sandbox. After each of its steps a snapshot is fetched under a ticket, as
a door does that then stalls; the snapshots are handed to the settle core later, in every order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import permutations
from random import Random
from typing import Any, TypeAlias

import pytest

from digistore import Money
from digistore.errors import GatewayUnavailable
from digistore.gateways import PaymentSnapshot
from digistore.orders import Checkout
from digistore.settings import AccessPolicy, Effect
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import RETURN
from tests.extent import extent
from tests.payments.end_state import access, end_state, every_row, what_settling_reads
from tests.payments.memory import MemoryShop, Saved, broken_promises

pytestmark = pytest.mark.long

SEED = 20260101
LIVE, SUSPENDED, REVOKED = "live", "suspended", "revoked"
PART, REST = Money("10.00", "USD"), Money("19.00", "USD")

Steps: TypeAlias = Iterator[Checkout | None]
"""Yields once when the shop stands ready, then the checkout to which something has happened."""


@dataclass(frozen=True)
class Life:
    """What happens, and the state of each purchase in the end, by title."""

    steps: Callable[[MemoryShop], Steps]
    ends: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What a door was told, under which ticket."""

    snapshot: PaymentSnapshot
    ticket: int


LIVES: dict[str, Life] = {}


def a_life(
    *ends: str, **settings: Any
) -> Callable[[Callable[[MemoryShop], Steps]], Callable[[MemoryShop], Steps]]:
    """Keep a life with the states of its purchases by title."""

    def keep(steps: Callable[[MemoryShop], Steps]) -> Callable[[MemoryShop], Steps]:
        LIVES[steps.__name__] = Life(steps, ends, settings)
        return steps

    return keep


def one_book(shop: MemoryShop) -> Checkout:
    return shop.checkout(shop.product())


def two_books(shop: MemoryShop) -> Checkout:
    books = [shop.product("Async Python"), shop.product("Sync Python", Money("15.00", "USD"))]
    return shop.store.orders.checkout(shop.buyer, books, return_url=RETURN)


# Six facts.


@a_life(LIVE)
def money_that_comes_late_and_goes_back_in_vain(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    yield None
    shop.sandbox.pay(checkout, "delayed")
    yield checkout
    shop.sandbox.clear(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, PART)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, REST)
    yield checkout
    shop.sandbox.fail_refund(checkout)
    yield checkout
    shop.sandbox.open_dispute(checkout, warning=True)
    yield checkout


@a_life(LIVE)
def an_appeal_that_is_won(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    for state in ("open", "lost", "open", "closed", "won"):
        dispute(shop, checkout, state)
        yield checkout


@a_life(REVOKED)
def a_refund_fails_and_the_bank_takes_it(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    shop.sandbox.refunds_pend = True
    shop.sandbox.dashboard_refund(checkout)
    yield checkout
    shop.sandbox.clear_refund(checkout)
    yield checkout
    shop.sandbox.fail_refund(checkout)
    yield checkout
    for state in ("open", "prevented"):
        dispute(shop, checkout, state)
        yield checkout


@a_life(LIVE, LIVE)
def two_disputes_over_two_books(shop: MemoryShop) -> Steps:
    checkout = two_books(shop)
    yield None
    shop.sandbox.pay(checkout, "delayed")
    yield checkout
    shop.sandbox.clear(checkout)
    yield checkout
    shop.sandbox.open_dispute(checkout, Money("15.00", "USD"))
    yield checkout
    shop.sandbox.close_dispute(checkout, "closed")
    yield checkout
    line = shop.store.orders.get(shop.buyer, checkout.order).lines[0]
    assert line.title == "Async Python"
    shop.sandbox.open_dispute(checkout, Money("29.00", "USD"), warning=True)
    yield checkout


# Five facts.


@a_life(REVOKED, REVOKED)
def two_books_go_back_in_parts(shop: MemoryShop) -> Steps:
    checkout = two_books(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    for part in ("10.00", "15.00", "19.00"):
        shop.sandbox.dashboard_refund(checkout, Money(part, "USD"))
        yield checkout
    dispute(shop, checkout, "warning")
    yield checkout


@a_life(SUSPENDED, SUSPENDED)
def a_part_of_two_books_is_lost(shop: MemoryShop) -> Steps:
    checkout = two_books(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, PART)
    yield checkout
    shop.sandbox.open_dispute(checkout, Money("15.00", "USD"))
    yield checkout
    shop.sandbox.close_dispute(checkout, "lost")
    yield checkout


@a_life(LIVE)
def the_second_try_pays(shop: MemoryShop) -> Steps:
    first = one_book(shop)
    shop.deliver(shop.sandbox.pay(first, "delayed"))
    shop.deliver(shop.sandbox.clear(first, ok=False))
    second = shop.checkout(shop.store.catalog.product(shop.buyer, "async-python"))
    assert second.order.id == first.order.id
    assert second.url != first.url
    yield None
    yield first
    shop.sandbox.pay(second, "declined")
    yield second
    shop.sandbox.pay(second, "delayed")
    yield second
    shop.sandbox.clear(second)
    yield second
    shop.sandbox.dashboard_refund(second, PART)
    yield second


@a_life(LIVE)
def our_own_refund_fails_after_it_succeeded(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.sandbox.refunds_pend = True
    shop.sandbox.fail_next("lost_reply", method="refund")
    unknown = shop.store.payments.refund(shop.operator, checkout.order, reason="as asked")
    assert unknown.state == "unknown"
    yield None
    yield checkout
    shop.sandbox.clear_refund(checkout)
    yield checkout
    shop.sandbox.fail_refund(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, PART)
    yield checkout
    shop.sandbox.clear_refund(checkout)
    yield checkout


# Few facts, and money that does not fit.


@a_life()
def money_that_never_comes(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    yield None
    yield checkout
    shop.sandbox.pay(checkout, "declined")
    yield checkout
    shop.sandbox.pay(checkout, "delayed")
    yield checkout
    shop.sandbox.clear(checkout, ok=False)
    yield checkout


@a_life()
def a_buyer_who_walks_away(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    yield None
    yield checkout
    shop.sandbox.abandon(checkout)
    yield checkout


@a_life()
def one_cent_too_little(shop: MemoryShop) -> Steps:
    yield from money_of_its_own(shop, Money("28.99", "USD"))


@a_life(LIVE)
def one_cent_too_much(shop: MemoryShop) -> Steps:
    yield from money_of_its_own(shop, Money("29.01", "USD"))


@a_life()
def money_of_another_currency(shop: MemoryShop) -> Steps:
    yield from money_of_its_own(shop, Money("29.00", "EUR"))


def money_of_its_own(shop: MemoryShop, amount: Money) -> Steps:
    checkout = one_book(shop)
    yield None
    shop.sandbox.pay(checkout, "delayed", amount=amount)
    yield checkout
    shop.sandbox.clear(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, Money.from_minor(100, amount.currency))
    yield checkout
    dispute(shop, checkout, "open")
    yield checkout
    dispute(shop, checkout, "won")
    yield checkout


STRICT = AccessPolicy(
    partial_refund=Effect.REVOKE,
    dispute_warning=Effect.SUSPEND,
    dispute_opened=Effect.KEEP,
    dispute_lost=Effect.KEEP,
)


@a_life(REVOKED, access=STRICT)
def a_strict_seller(shop: MemoryShop) -> Steps:
    checkout = one_book(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, PART)
    yield checkout
    for state in ("warning", "lost"):
        dispute(shop, checkout, state)
        yield checkout


# Help, paid on its own.


@a_life(LIVE)
def help_that_is_paid_back_in_vain(shop: MemoryShop) -> Steps:
    checkout = help_with_a_book(shop)
    yield None
    shop.sandbox.pay(checkout, "delayed")
    yield checkout
    shop.sandbox.clear(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout)
    yield checkout
    shop.sandbox.fail_refund(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, PART)
    yield checkout


@a_life(LIVE)
def help_whose_dispute_is_won(shop: MemoryShop) -> Steps:
    checkout = help_with_a_book(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    for state in ("open", "lost", "won"):
        dispute(shop, checkout, state)
        yield checkout


def help_with_a_book(shop: MemoryShop) -> Checkout:
    book = shop.product()
    shop.buy(book)
    shop.clock.go(minutes=10)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="one hour"
    )
    asked = shop.store.support.request(
        shop.buyer, book, kind="setup", subject="How?", body="How?", return_url=RETURN
    )
    return asked.checkout


# Two orders of one product: which of two good ones is live may depend on the way (I18, D8).

TWO_ORDERS: dict[str, Life] = {}
OUTCOMES = {LIVE: "opened", "standby": "standby", SUSPENDED: "held", REVOKED: "closed"}


def two_orders(*ends: str) -> Callable[[Callable[[MemoryShop], Steps]], Any]:
    def keep(steps: Callable[[MemoryShop], Steps]) -> Callable[[MemoryShop], Steps]:
        TWO_ORDERS[steps.__name__] = Life(steps, ends, {})
        return steps

    return keep


@two_orders(LIVE, "standby")
def a_dispute_is_won_while_a_second_copy_is_paid(shop: MemoryShop) -> Steps:
    book = shop.product()
    first = shop.buy(book)
    shop.deliver(shop.sandbox.open_dispute(first))
    shop.clock.go(minutes=10)
    second = shop.checkout(book)
    yield None
    shop.sandbox.pay(second, "delayed")
    yield second
    shop.sandbox.close_dispute(first, "won")
    yield first
    shop.sandbox.clear(second)
    yield second
    shop.sandbox.dashboard_refund(first, PART)
    yield first


@two_orders(LIVE, REVOKED)
def the_first_of_two_copies_goes_back(shop: MemoryShop) -> Steps:
    book = shop.product()
    first = shop.buy(book)
    shop.clock.go(minutes=10)
    second = shop.checkout(book, allow_repeat=True)
    yield None
    shop.sandbox.pay(second)
    yield second
    shop.sandbox.dashboard_refund(first, PART)
    yield first
    shop.sandbox.dashboard_refund(first, REST)
    yield first
    dispute(shop, second, "open")
    yield second
    dispute(shop, second, "won")
    yield second


@a_life(LIVE)
def help_that_is_disputed(shop: MemoryShop) -> Steps:
    checkout = help_with_a_book(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    dispute(shop, checkout, "open")
    yield checkout


@a_life(LIVE)
def help_that_is_lost_to_the_bank(shop: MemoryShop) -> Steps:
    checkout = help_with_a_book(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    for state in ("warning", "open", "lost"):
        dispute(shop, checkout, state)
        yield checkout


@a_life(LIVE, LIVE)
def two_books_go_back_in_parts_and_the_rest_fails(shop: MemoryShop) -> Steps:
    checkout = two_books(shop)
    yield None
    shop.sandbox.pay(checkout)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, PART)
    yield checkout
    shop.sandbox.dashboard_refund(checkout, Money("34.00", "USD"))
    yield checkout
    shop.sandbox.fail_refund(checkout)
    yield checkout


# Of which book a part is nobody has said, so no policy takes one away for it.
@a_life(LIVE, LIVE, access=AccessPolicy(partial_refund=Effect.REVOKE))
def the_same_at_a_strict_seller(shop: MemoryShop) -> Steps:
    yield from two_books_go_back_in_parts_and_the_rest_fails(shop)


def dispute(shop: MemoryShop, checkout: Checkout, state: Any) -> None:
    if state in {"open", "warning"}:
        shop.sandbox.open_dispute(checkout, warning=state == "warning")
        return
    shop.sandbox.close_dispute(checkout, state)


# Playing them.


def play(life: Life) -> tuple[MemoryShop, Saved, list[Told]]:
    """Play a life at the sandbox: the shop stands ready, and hears of it only by *told*."""
    shop = MemoryShop.open(**life.settings)
    steps = life.steps(shop)
    next(steps)
    ready = shop.save()
    told = []
    for checkout in steps:
        assert checkout is not None
        told.append(Told(shop.fetch(checkout), shop.ticket(checkout)))
        shop.clock.go(minutes=10)
    shop.load(ready)
    return shop, ready, told


def settle_all(shop: MemoryShop, told: Sequence[Told]) -> None:
    for one in told:
        shop.settle(one.snapshot, one.ticket)


def in_order(shop: MemoryShop, ready: Saved, told: Sequence[Told]) -> list[str]:
    shop.load(ready)
    settle_all(shop, told)
    return end_state(shop.rows)


class EveryOrder:
    """Orders of what was told; ways that meet at the same rows go on together."""

    def __init__(self, shop: MemoryShop, told: Sequence[Told]) -> None:
        self.shop = shop
        self._told = told
        self._seen: set[tuple[int, frozenset[int]]] = set()
        self._random = Random(SEED)

    def _some(self, left: frozenset[int]) -> Sequence[int]:
        """What may be told next: before a release all of it, else two of what is left."""
        most = extent(1, len(left))
        return self._random.sample(sorted(left), min(len(left), most))

    def ends(
        self, ready: Saved, way: tuple[int, ...] = (), left: frozenset[int] | None = None
    ) -> Iterator[Sequence[int]]:
        """Bring the shop to every end in turn; yield the tickets on the way there."""
        left = frozenset(range(len(self._told))) if left is None else left
        if not left:
            yield [self._told[number].ticket for number in way]
        for number in self._some(left):
            self.shop.load(ready)
            self.shop.settle(self._told[number].snapshot, self._told[number].ticket)
            rest = left - {number}
            place = what_settling_reads(self.shop.rows), rest
            if place not in self._seen:
                self._seen.add(place)
                yield from self.ends(self.shop.save(), (*way, number), rest)


@pytest.mark.parametrize("name", LIVES)
def test_every_order_of_snapshots_comes_to_the_same_end(name: str) -> None:
    every_order_comes_to_the_same_end(LIVES[name])


def every_order_comes_to_the_same_end(life: Life) -> None:
    shop, ready, told = play(life)
    expected = in_order(shop, ready, told)
    assert [state for _, _, state, _ in access(shop.rows)] == list(life.ends)
    check_invariants(shop.store)
    for way in EveryOrder(shop, told).ends(ready):
        assert end_state(shop.rows) == expected, way
        assert broken_promises(shop.store) == [], way


@pytest.mark.parametrize("name", TWO_ORDERS)
def test_every_order_of_two_orders_snapshots_leaves_one_live_purchase(name: str) -> None:
    life = TWO_ORDERS[name]
    shop, ready, told = play(life)
    for way in EveryOrder(shop, told).ends(ready):
        found = sorted((state, outcome) for _, _, state, outcome in access(shop.rows))
        assert found == [(state, OUTCOMES[state]) for state in life.ends], way
        assert broken_promises(shop.store) == [], way


@pytest.mark.parametrize("name", LIVES)
def test_what_was_told_once_changes_nothing_when_told_again(name: str) -> None:
    """In any later state, in any order: no version, no audit row, no event (I17)."""
    shop, ready, told = play(LIVES[name])
    random = Random(SEED)
    orders = list(permutations(told))
    for order in [orders[0], orders[-1], *random.sample(orders, min(len(orders), 3))]:
        shop.load(ready)
        settle_all(shop, order)
        before = every_row(shop.rows)
        settle_all(shop, random.sample(told, len(told)))
        settle_all(shop, order[::-1])
        assert every_row(shop.rows) == before


@pytest.mark.parametrize("name", LIVES)
def test_the_newest_snapshot_alone_says_it_all(name: str) -> None:
    """Whatever else was lost: any of the others before and after it, or none."""
    shop, ready, told = play(LIVES[name])
    expected = in_order(shop, ready, told)
    newest, others = told[-1], told[:-1]
    random = Random(SEED)
    chances = range(2 ** len(others))
    for chosen in {0, *random.sample(chances, min(len(chances), extent(2, 12)))}:
        some = [one for bit, one in enumerate(others) if chosen >> bit & 1]
        random.shuffle(some)
        after = random.randint(0, len(some))
        shop.load(ready)
        settle_all(shop, [*some[:after], newest, *some[after:]])
        assert end_state(shop.rows) == expected, [one.ticket for one in some]


@pytest.mark.parametrize("seed", range(extent(1, 3)))
@pytest.mark.parametrize("name", LIVES)
def test_events_come_to_the_same_end_whenever_they_are_delivered(name: str, seed: int) -> None:
    """Each fact is told by two events; some come at once, some late, all of them twice."""
    life = LIVES[name]
    shop, ready, told = play(life)
    expected = in_order(shop, ready, told)
    random = Random(seed)
    shop = MemoryShop.open(**life.settings)
    steps = life.steps(shop)
    next(steps)
    for _ in steps:
        events = [body for body, _ in shop.sandbox.deliver()]
        for body in random.sample(events, random.randint(0, len(events))):
            shop.deliver((body, shop.sandbox.sign(body)))
        shop.clock.go(minutes=10)
    for event in shop.sandbox.deliver(shuffle=seed, duplicate=2):
        shop.deliver(event)
    assert end_state(shop.rows) == expected, f"seed {seed}"
    check_invariants(shop.store)


# What these tests have found, by name.


def two_disputed_books() -> tuple[MemoryShop, Checkout]:
    """Two books, and a dispute over the price of one of them that is lost."""
    shop = MemoryShop.open()
    checkout = two_books(shop)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.deliver(shop.sandbox.open_dispute(checkout, Money("15.00", "USD")))
    shop.deliver(shop.sandbox.close_dispute(checkout, "lost"))
    return shop, checkout


def states(shop: MemoryShop) -> dict[str, str]:
    return {title: state for _, title, state, _ in access(shop.rows)}


def test_a_dispute_that_is_lost_again_takes_the_same_lines_again() -> None:
    """It suspended all lines for ever, and nobody was asked which ones it takes."""
    shop, checkout = two_disputed_books()
    assert states(shop) == {"Async Python": SUSPENDED, "Sync Python": SUSPENDED}
    [action] = shop.store.payments.needing_action(shop.operator)
    line = next(one for one in checkout.order.lines if one.title == "Sync Python")
    shop.store.payments.resolve(
        shop.operator, action, choice="assign", reason="it was this one", lines=[line]
    )
    for state in ("won", "lost"):
        shop.clock.go(minutes=10)
        shop.deliver(shop.sandbox.close_dispute(checkout, state))
    assert states(shop) == {"Async Python": LIVE, "Sync Python": REVOKED}
    assert shop.store.payments.needing_action(shop.operator).items == ()
    check_invariants(shop.store)


class Interrupted(FrozenClock):
    """A clock that lets a rival run whole when it is read, as settling does before it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.rivals: dict[int, Callable[[], None]] = {}

    def __call__(self) -> datetime:
        self.reads += 1
        self.rivals.pop(self.reads, lambda: None)()
        return super().__call__()


def test_a_ticket_is_drawn_from_the_attempt_that_a_message_is_about() -> None:
    """It came from any attempt without a checkout, so the newest word looked like an old one."""
    shop = MemoryShop.open()
    checkout = one_book(shop)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.deliver(shop.sandbox.open_dispute(checkout))
    other = shop.product("Sync Python")
    shop.sandbox.fail_next("timeout", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(other)  # an attempt that nobody has answered: it has no checkout
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))  # names its payment only
    assert states(shop) == {"Async Python": LIVE}
    check_invariants(shop.store)


@pytest.mark.parametrize("moment", [1, 2, 3])
def test_an_older_word_cannot_hide_behind_a_newer_ticket(moment: int) -> None:
    """To one door only the ticket is new, while another one settles what it heard before."""
    clock = Interrupted()
    shop = MemoryShop.open(clock=clock)
    checkout = one_book(shop)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.deliver(shop.sandbox.open_dispute(checkout))
    shop.sandbox.close_dispute(checkout, "won")
    older = Told(shop.fetch(checkout), shop.ticket(checkout))
    shop.sandbox.open_dispute(checkout)
    newer = Told(shop.fetch(checkout), shop.ticket(checkout))
    clock.rivals[clock.reads + moment] = lambda: settle_all(shop, [older])
    settle_all(shop, [newer])
    for rival in list(clock.rivals.values()):
        rival()
    assert states(shop) == {"Async Python": SUSPENDED}
    check_invariants(shop.store)
