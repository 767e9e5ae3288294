"""Points 14 to 16: whatever order, repetition, staleness or number at once, the end is the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any, TypeAlias, cast

import pytest

from digistore import AsyncStore
from digistore.blocking import run
from digistore.gateways import Cap, CheckoutRef, DisputeState, PaymentSnapshot
from digistore.payments import WebhookOutcome
from digistore.testing.gateways.shop import ContractShop
from digistore.testing.gateways.words import parts
from digistore.testing.gateways.world import SignedEvent, World

RANDOM_ORDERS = 10
MANY = 8
ROUNDS = 3

Hear: TypeAlias = Callable[[], object]


class OrderContract:
    """Whatever order, repetition, staleness or number at once, the end is the same."""

    @pytest.fixture
    def told(self, world: World) -> Iterator[Told]:
        """A shop that has heard nothing yet of a whole life of its checkout."""
        told = Told(world)
        yield told
        told.shop.close()

    def test_14_events_in_every_order_come_to_the_same_end(self, told: Told) -> None:
        told.shop.gateway.truth = told.snapshots[-1][0]
        told.in_every_order([told.hears(events[0]) for events in told.events])

    def test_14_all_events_shuffled_and_repeated_come_to_the_same_end(self, told: Told) -> None:
        told.shop.gateway.truth = told.snapshots[-1][0]
        every = [told.hears(event) for events in told.events for event in events]
        told.in_random_orders(every * 2)

    def test_14_events_in_their_own_order_are_heard_as_they_happen(self, told: Told) -> None:
        """The truth that is asked for is then that of its time."""
        for (snapshot, _), events in zip(told.snapshots, told.events, strict=True):
            told.shop.gateway.truth = snapshot
            for event in events:
                assert told.shop.hears(event).status == OK
        assert told.end() == told.expected

    def test_15_snapshots_in_every_order_come_to_the_same_end(self, told: Told) -> None:
        told.in_every_order([told.settles(*one) for one in told.snapshots])

    def test_15_snapshots_shuffled_and_repeated_come_to_the_same_end(self, told: Told) -> None:
        told.in_random_orders([told.settles(*one) for one in told.snapshots] * 2)

    def test_16_threads_at_once_open_once(self, world: World, tmp_path: Path) -> None:
        shop = ContractShop(world, tmp_path / "shop.db")
        with ThreadPoolExecutor(MANY) as pool:
            for round_ in range(ROUNDS):
                together, events = Barrier(MANY), self._paid(shop, round_)

                def hears(number: int) -> WebhookOutcome:
                    together.wait()  # noqa: B023  all of a round end within it
                    return shop.hears(events[number % len(events)])  # noqa: B023  as above

                outcomes = list(pool.map(hears, range(MANY)))
                assert {outcome.status for outcome in outcomes} == {OK}
                self._opened_once(shop, round_)
        shop.close()

    def test_16_tasks_at_once_open_once(self, world: World, tmp_path: Path) -> None:
        shop = ContractShop(world, tmp_path / "shop.db", awaited=True)
        store, name = cast("AsyncStore", shop.store), world.gateway.profile.name

        for round_ in range(ROUNDS):
            events = self._paid(shop, round_)
            outcomes = shop.loop.wait_for_all(
                [
                    store.payments.handle_webhook(name, *events[number % len(events)])
                    for number in range(MANY)
                ]
            )
            assert {outcome.status for outcome in outcomes} == {OK}
            self._opened_once(shop, round_)
        shop.close()

    @staticmethod
    def _paid(shop: ContractShop, round_: int) -> Sequence[SignedEvent]:
        shop.buyer = shop.ask(lambda store: store.users.register(f"buyer{round_}@example.com"))
        checkout_id = shop.opened()
        shop.world.pay(checkout_id)
        return shop.world.events(checkout_id)

    @staticmethod
    def _opened_once(shop: ContractShop, round_: int) -> None:
        assert shop.has_access()
        assert shop.count("purchased_products") == shop.count("payments") == round_ + 1


class Told:
    """A life of one checkout: what was said of it after each step, to a shop that was away."""

    def __init__(self, world: World) -> None:
        self.shop = ContractShop(world)
        self.events: list[Sequence[SignedEvent]] = []
        self.snapshots: list[tuple[PaymentSnapshot, int]] = []
        checkout_id, known = self.shop.opened(), 0
        for step in _life(world, checkout_id):
            step()
            world.clock.go(minutes=1)
            ticket = self.shop.ticket(checkout_id)
            snapshot = run(world.gateway.fetch(CheckoutRef(checkout_id)))
            self.snapshots.append((snapshot, ticket))
            events = world.events(checkout_id)
            self.events.append(events[known:])
            known = len(events)
        assert all(self.events), "each step is told"
        with closing(self.shop.save()) as saved:
            for one in self.snapshots:
                self.shop.settles(*one)
            self.expected = self.end()
            assert self.shop.has_access()
            assert self.shop.count("purchased_products") == 1
            self.shop.load(saved)

    def hears(self, event: SignedEvent) -> Hear:
        """Return the hearing of a message."""
        return lambda: self.shop.hears(event)

    def settles(self, snapshot: PaymentSnapshot, ticket: int) -> Hear:
        """Return the settling of a snapshot, fresh or stale."""
        return lambda: self.shop.settles(snapshot, ticket)

    def end(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return what it has come to."""
        return self.shop.settled()

    def in_every_order(self, hearing: Sequence[Hear]) -> None:
        """Hear of all in every order; orders that have come to the same rows go on as one."""
        seen: set[tuple[frozenset[int], str]] = set()

        def go_on(left: frozenset[int]) -> None:
            if not left:
                assert self.end() == self.expected
                for again in (*hearing, *reversed(hearing)):
                    again()
                assert self.end() == self.expected
                return
            with closing(self.shop.save()) as saved:
                for number in left:
                    self.shop.load(saved)
                    hearing[number]()
                    rest = left - {number}
                    state = (rest, repr(self.end()))
                    if state not in seen:
                        seen.add(state)
                        go_on(rest)

        go_on(frozenset(range(len(hearing))))

    def in_random_orders(self, hearing: Sequence[Hear]) -> None:
        """Hear of all in some orders, always the same ones."""
        with closing(self.shop.save()) as saved:
            for number in range(RANDOM_ORDERS):
                self.shop.load(saved)
                for place in _shuffled(len(hearing), number):
                    hearing[place]()
                assert self.end() == self.expected, number


OK = 200


def _shuffled(count: int, seed: int) -> list[int]:
    """Return numbers below *count* in an order that is the same in every run."""
    return sorted(range(count), key=lambda one: hashlib.sha256(b"%d:%d" % (seed, one)).digest())


def _life(world: World, checkout_id: str) -> list[Callable[[], None]]:
    """Return six things that happen, fewer where the gateway has not got them; access is left."""
    caps = world.gateway.profile.capabilities
    part = parts(world.price)[0]
    steps: list[Callable[[], None]] = []
    if Cap.DELAYED in caps:
        steps += [lambda: world.delay(checkout_id), lambda: world.clear(checkout_id)]
    else:
        steps += [lambda: world.pay(checkout_id)]
    if {Cap.REFUND, Cap.PARTIAL_REFUND} <= caps:
        steps += [lambda: world.refund(checkout_id, part)]
    if Cap.DISPUTES in caps:
        steps += [
            lambda: world.dispute(checkout_id, DisputeState.WARNING),
            lambda: world.dispute(checkout_id, DisputeState.OPEN),
            lambda: world.dispute(checkout_id, DisputeState.WON),
        ]
    return steps
