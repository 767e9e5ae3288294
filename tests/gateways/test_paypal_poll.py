"""What may have changed at PayPal, without a single message."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from digistore.blocking import run
from digistore.errors import GatewayConfigError, Invalid
from digistore.gateways import Hint
from digistore.gateways.paypal import PayPalGateway
from digistore.money import Money
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.gateways.paypal_kit import a_world, opened, paid, refund

World = tuple[PayPalDouble, PayPalGateway, FrozenClock]


@pytest.fixture
def world() -> Iterator[World]:
    with a_world() as world:
        yield world


def polled(gateway: PayPalGateway, since: datetime) -> list[Hint]:
    hints: list[Hint] = []
    cursor: str | None = None
    while True:
        page = run(gateway.poll(since, cursor))
        hints += page.hints
        cursor = page.cursor
        if cursor is None:
            return hints


def test_everything_that_happened_is_found(world: World) -> None:
    double, gateway, clock = world
    began = clock()
    approved = opened(gateway, clock, "att_1")
    double.pay(approved)
    done = paid(world, "att_2")
    refund(gateway, done, Money("1.00", "EUR"))
    double.open_dispute(done)
    found = polled(gateway, began)
    assert {hint.checkout_id for hint in found} >= {approved.checkout_id, done.checkout_id}
    assert {hint.payment_id for hint in found} >= {done.payment_id}


def test_what_was_before_is_left_out(world: World) -> None:
    _, gateway, clock = world
    paid(world)
    clock.go(hours=3)
    assert polled(gateway, clock()) == []


def test_what_is_not_ours_is_left_out(world: World) -> None:
    double, gateway, clock = world
    double.foreign_event()
    assert polled(gateway, clock()) == []


def test_many_events_come_page_by_page(world: World) -> None:
    double, gateway, clock = world
    began = clock()
    references = {f"att_{number}" for number in range(120)}
    for reference in references:
        double.pay(opened(gateway, clock, reference))
    assert {hint.reference for hint in polled(gateway, began)} == references
    assert len([one for one in double.requests if one.path.endswith("webhooks-events")]) == 2


def test_beyond_the_reach_of_events_transactions_are_searched(world: World) -> None:
    double, gateway, clock = world
    began = clock()
    done = paid(world)
    refund(gateway, done, Money("1.00", "EUR"))
    clock.go(days=75)
    found = polled(gateway, began)
    assert {hint.payment_id for hint in found} == {done.payment_id}
    assert {hint.reference for hint in found} == {"att_1", None}
    searched = [one for one in double.requests if one.path.endswith("transactions")]
    assert len(searched) == 3  # of 31 days each


def test_within_the_reach_of_events_no_feature_is_needed(world: World) -> None:
    double, gateway, clock = world
    double.features.discard("transactions")
    polled(gateway, clock() - timedelta(days=29))
    with pytest.raises(GatewayConfigError):
        polled(gateway, clock() - timedelta(days=31))


def test_what_is_older_than_paypals_memory_is_not_asked_for(world: World) -> None:
    _, gateway, clock = world
    assert polled(gateway, clock() - timedelta(days=5000)) == []


def test_since_the_first_day_and_from_the_last_one_nothing_overflows(world: World) -> None:
    _, gateway, clock = world
    paid(world)
    clock.go(days=40)
    whole = polled(gateway, datetime.min.replace(tzinfo=UTC))
    assert len(whole) == 1
    assert polled(gateway, datetime.max.replace(tzinfo=UTC)) == []
    page = run(gateway.poll(clock(), "transactions:9999-12-31T00:00:00Z:1"))
    assert (page.hints, page.cursor) == ((), None)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "events:",
        "events:a b",
        "events:_w==",
        "events:abc",
        "events:../../v1/refunds",
        "transactions:",
        "transactions:2026-01-01T00:00:00Z",
        "transactions:2026-99-01T00:00:00Z:1",
        "events:" + "x" * 701,
    ],
)
def test_a_cursor_of_somebody_else_is_refused(world: World, cursor: str) -> None:
    _, gateway, clock = world
    with pytest.raises(Invalid):
        run(gateway.poll(clock(), cursor))
