"""Webhooks in order, shuffled and doubled, or all lost: the shop comes to the same end.

Lives are drawn by seed, which is the name of the test: the runs of one life differ only in how the
shop hears of it. In one each event is delivered once, as it happens; in another all come late,
twice and in any order; in the last none does, and ``reconcile`` asks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from functools import cache
from random import Random
from typing import TypeAlias

import pytest

from digistore import Money
from digistore.blocking import run as wait_for
from digistore.catalog import Product
from digistore.errors import GatewayError, InvalidTransition, NotRefundable
from digistore.gateways import RefundSnapshot
from digistore.gateways.port import RefundRequest
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout
from digistore.settings import Settings
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import RETURN
from tests.extent import extent
from tests.payments.end_state import access, end_state
from tests.payments.memory import MemoryShop, Saved, broken_promises, load, migrated, open_store

pytestmark = pytest.mark.long

LIVES = extent(8, 500)
PARTS = ("1.00", "5.00", "14.00")
OK = 200


class Way(Enum):
    """How the shop hears of what happens."""

    IN_ORDER = "each event once, as it happens"
    SHUFFLED = "every event late, twice and in any order"
    LOST = "no event at all"


class Play:
    """One run of a life: what happens, and how the shop hears of it."""

    def __init__(self, way: Way, seed: int) -> None:
        world = the_world()
        self.shop = MemoryShop.on(world.saved, engine=world.engine)
        self.shop.buyer, self.shop.operator = world.buyer, world.operator
        self.way = way
        self.told = 0
        self.random = Random(seed)
        self.answers: list[str] = []
        self.checkout: Checkout

    # How the shop hears.

    def hear_some(self) -> None:
        """Hear of some of what happened, or of nothing yet."""
        if self.way is Way.IN_ORDER:
            self.hear_news()
        elif self.way is Way.SHUFFLED:
            events = self.shop.sandbox.deliver()
            for event in self.random.sample(events, self.random.randint(0, len(events))):
                self.shop.deliver(event)
        elif self.random.random() < 0.3:
            self.shop.store.payments.reconcile()

    def hear_news(self) -> int:
        """Hear of what nobody has told yet, in order; the provider repeats what is not taken."""
        events = self.shop.sandbox.deliver()[self.told :]
        for event in events:
            if self.shop.deliver(event).status != OK:
                return len(events)
            self.told += 1
        return 0

    def hear_all(self) -> None:
        """Hear of everything, before somebody relies on it."""
        for turn in range(3):  # the network may fail once or twice
            if self.way is Way.IN_ORDER:
                if not self.hear_news():
                    break
            elif self.way is Way.SHUFFLED:
                events = self.shop.sandbox.deliver(shuffle=turn, duplicate=2)
                answers = [self.shop.deliver(event).status for event in events]
                if set(answers) <= {OK}:
                    break
            elif self.shop.store.payments.reconcile().failed == 0:
                break

    def come_to_rest(self) -> None:
        for _ in range(4):
            self.hear_all()
            self.shop.clock.go(hours=13)
            self.shop.store.run_due()

    # What happens.

    def try_(self, work: Callable[[], object]) -> None:
        """Do what may be refused; both runs are refused alike."""
        try:
            work()
        except (NotRefundable, InvalidTransition) as error:
            self.answers.append(error.code)
        else:
            self.answers.append("done")


Step: TypeAlias = Callable[[Play], None]


class World:
    def __init__(self) -> None:
        shop = MemoryShop.open()
        self.books = [
            shop.product("Async Python", Money("29.00", "USD")),
            shop.product("Sync Python", Money("15.00", "USD")),
        ]
        self.buyer, self.operator = shop.buyer, shop.operator
        self.saved: Saved = shop.save()
        self.engine = shop.store._shop.database.engine  # for one life after the other
        self.shop = shop


@cache
def the_world() -> World:
    return World()


# Steps.


def buys(books: Sequence[Product], fault: str | None) -> Step:
    def step(play: Play) -> None:
        def ask() -> Checkout:
            return play.shop.store.orders.checkout(play.shop.buyer, books, return_url=RETURN)

        if fault is not None:
            play.shop.sandbox.fail_next(fault, method="create_checkout")  # type: ignore[arg-type]
            with pytest.raises(GatewayError):
                ask()
        play.checkout = ask()

    return step


def tries_in_vain(books: Sequence[Product]) -> Step:
    """A delayed payment fails, and the same order is tried again at a new checkout."""

    def step(play: Play) -> None:
        first = play.checkout
        play.shop.sandbox.pay(first, "delayed")
        play.hear_some()
        play.shop.clock.go(minutes=10)
        play.shop.sandbox.clear(first, ok=False)
        play.hear_all()
        buys(books, None)(play)
        assert play.checkout.order.id == first.order.id
        assert play.checkout.url != first.url

    return step


def pays(*, delayed: bool, amount: Money | None) -> Step:
    def step(play: Play) -> None:
        play.shop.sandbox.pay(play.checkout, "declined")
        outcome = "delayed" if delayed else "paid"
        play.shop.sandbox.pay(play.checkout, outcome, amount=amount)  # type: ignore[arg-type]
        if delayed:
            play.hear_some()
            play.shop.clock.go(hours=20)
            play.shop.sandbox.clear(play.checkout)

    return step


def refunds(amount: str, fault: str | None, *, pends: bool) -> Step:
    """The shop gives back; the reply may get lost, or the request."""

    def step(play: Play) -> None:
        play.hear_all()
        play.shop.sandbox.refunds_pend = pends
        if fault is not None:
            play.shop.sandbox.fail_next(fault, method="refund")  # type: ignore[arg-type]
        play.try_(
            lambda: play.shop.store.payments.refund(
                play.shop.operator, play.checkout.order, amount=Money(amount, "USD"), reason="asked"
            )
        )
        # Whoever is not answered does not know whether the bank has moved the money.
        play.shop.clock.go(minutes=2)
        play.shop.store.payments.reconcile()

    return step


def bank_refunds(amount: str) -> Step:
    return lambda play: play.try_(
        lambda: play.shop.sandbox.dashboard_refund(play.checkout, Money(amount, "USD"))
    )


def refund_ends(*, ok: bool) -> Step:
    def step(play: Play) -> None:
        end = play.shop.sandbox.clear_refund if ok else play.shop.sandbox.fail_refund
        if play.shop.sandbox.look_up(play.checkout).refunds:
            play.try_(lambda: end(play.checkout))

    return step


def bank_asks(amount: str | None, *, warning: bool) -> Step:
    money = None if amount is None else Money(amount, "USD")
    return lambda play: play.try_(
        lambda: play.shop.sandbox.open_dispute(play.checkout, money, warning=warning)
    )


def bank_decides(ending: str) -> Step:
    def step(play: Play) -> None:
        if play.shop.sandbox.look_up(play.checkout).disputes:
            play.try_(lambda: play.shop.sandbox.close_dispute(play.checkout, ending))  # type: ignore[arg-type]

    return step


def network_fails(fault: str, method: str) -> Step:
    return lambda play: play.shop.sandbox.fail_next(fault, method=method)  # type: ignore[arg-type]


def time_goes_by(hours: float) -> Step:
    return lambda play: play.shop.clock.go(hours=hours)


def a_life(seed: int) -> list[Step]:
    """Draw a life: an order, sometimes a vain try, a payment, and then anything."""
    random = Random(seed)
    books = the_world().books[: random.choice([1, 1, 2])]
    life = [buys(books, random.choice([None, None, "lost_reply", "timeout", "server_error"]))]
    if random.random() < 0.3:
        life.append(tries_in_vain(books))
    amount = random.choice([None] * 6 + [Money("28.99", "USD"), Money("50.00", "USD")])
    life.append(pays(delayed=random.random() < 0.5, amount=amount))
    for _ in range(random.randint(2, 8)):
        life += [then(random), time_goes_by(random.choice([0.1, 0.1, 3, 30]))]
    return life


def then(random: Random) -> Step:
    part = random.choice(PARTS)
    faults = [None, "lost_reply", "lost_reply", "timeout", "rate_limit"]
    steps = [
        refunds(part, random.choice(faults), pends=random.random() < 0.3),
        bank_refunds(part),
        bank_asks(random.choice([None, "14.00"]), warning=random.random() < 0.3),
        bank_asks(None, warning=False),
        bank_decides(random.choice(["won", "lost", "prevented", "closed"])),
        bank_decides("won"),
        network_fails(
            random.choice(["timeout", "lost_reply", "server_error", "rate_limit"]),
            random.choice(["fetch", "poll"]),
        ),
        refund_ends(ok=True),
        refund_ends(ok=False),
    ]
    return random.choice(steps)


def run(seed: int, way: Way) -> Play:
    play = Play(way, seed)
    for step in a_life(seed):
        step(play)
        play.hear_some()
    play.come_to_rest()
    return play


def ending(seed: int, way: Way) -> tuple[list[str], list[str]]:
    """Live a life to its end; return what was answered, and what the shop came to."""
    play = run(seed, way)
    assert broken_promises(play.shop.store) == [], f"seed {seed}, {way}"
    if seed % 25 == 0:  # the slow half of the doctor's work
        check_invariants(play.shop.store)
    return play.answers, end_state(play.shop.rows)


@pytest.mark.parametrize("seed", range(LIVES))
def test_however_the_shop_hears_of_it_a_life_comes_to_the_same_end(seed: int) -> None:
    expected = ending(seed, Way.IN_ORDER)
    assert ending(seed, Way.SHUFFLED) == expected, f"seed {seed}, shuffled and doubled"
    assert ending(seed, Way.LOST) == expected, f"seed {seed}, all webhooks lost"


def test_the_lives_are_worth_living() -> None:
    """What is drawn comes to every end, or the test above would prove little."""
    ends = set()
    for seed in range(45):
        shop = run(seed, Way.LOST).shop
        ends |= {state for _, _, state, _ in access(shop.rows)}
        ends |= {f"refund {state}" for (state,) in shop.rows("SELECT state FROM digistore_refunds")}
        ends |= {f"dispute {one}" for (one,) in shop.rows("SELECT state FROM digistore_disputes")}
        ends |= {
            f"attempt {one}" for (one,) in shop.rows("SELECT state FROM digistore_payment_attempts")
        }
    assert {"live", "suspended", "revoked", "attempt failed", "attempt paid"} <= ends
    assert {"refund succeeded", "refund failed", "refund pending"} <= ends
    assert {"dispute open", "dispute won", "dispute lost"} <= ends


# What these tests have found, by name.


class Dying(SandboxGateway):
    """A bank that moves the money, while the process that asked for it dies."""

    dies = False

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        told = await super().refund(request)
        if self.dies:
            raise KeyboardInterrupt
        return told


def test_a_refund_that_may_be_out_is_never_called_off() -> None:
    """The money of a waiting purchase went back, and then the purchase stepped in, for ever."""
    clock = FrozenClock()
    sandbox = Dying(clock=clock)
    store = open_store(sandbox, clock, Settings())
    load(store, migrated())
    shop = MemoryShop(store, sandbox, clock)
    book = shop.product()
    first = shop.buy(book)
    shop.deliver(sandbox.open_dispute(first))
    second = shop.checkout(book)  # suspended: it may be bought again
    shop.deliver(sandbox.close_dispute(first, "won"))
    shop.deliver(sandbox.pay(second))
    assert [state for _, _, state, _ in access(shop.rows)] == ["live", "standby"]
    sandbox.dies = True
    with pytest.raises(KeyboardInterrupt):
        store.run_due()
    sandbox.dies = False
    shop.deliver(sandbox.dashboard_refund(first))  # now the second one would step in
    for _ in range(3):
        clock.go(hours=1)
        store.run_due()
    assert [state for _, _, state, _ in access(shop.rows)] == ["revoked", "revoked"]
    assert len(sandbox.look_up(second).refunds) == 1
    assert not store.entitlements.check(shop.buyer, book)
    check_invariants(store)


def test_a_checkout_whose_reply_was_lost_has_no_url_to_go_to_while_it_is_paid() -> None:
    """It had the url "None"."""
    shop = MemoryShop.open()
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayError):
        shop.checkout(book, idempotency_key="once")
    (known,) = wait_for(shop.sandbox.poll(shop.clock())).hints
    assert known.checkout_id is not None
    shop.deliver(shop.sandbox.pay(known.checkout_id, "delayed"))
    assert shop.checkout(book, idempotency_key="once").url is None
