from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from digistore.blocking import run
from digistore.errors import GatewayRateLimited, Invalid
from digistore.gateways import Hint, Whose
from digistore.gateways.stripe import StripeGateway
from tests.gateways.stripe_kit import World


def all_hints(gateway: StripeGateway, since: datetime) -> list[Hint]:
    hints, cursor, more = list[Hint](), None, True
    while more:
        page = run(gateway.poll(since, cursor))
        hints, cursor = [*hints, *page.hints], page.cursor
        more = cursor is not None
    return hints


def test_every_fact_that_no_webhook_told_is_found(world: World) -> None:
    since = world.clock()
    open_, paid, refunded, disputed = (
        world.opened("att_1"),
        world.paid("att_2"),
        world.paid("att_3"),
        world.paid("att_4"),
    )
    world.clock.go(hours=3)
    later = world.clock()
    world.double.dashboard_refund(refunded)
    world.double.open_dispute(disputed)

    first, second = all_hints(world.gateway, since), all_hints(world.gateway, later)

    assert {hint.reference for hint in first} >= {"att_1", "att_2", "att_3", "att_4"}
    assert open_.checkout_id in {hint.checkout_id for hint in first}
    assert {hint.payment_id for hint in second} == {refunded.payment_id, disputed.payment_id}
    assert paid.payment_id not in {hint.payment_id for hint in second}


def test_after_thirty_days_sessions_are_still_listed(world: World) -> None:
    since = world.clock()
    paid = world.paid()
    world.clock.go(days=31)

    [hint] = all_hints(world.gateway, since)

    assert hint == Hint(Whose.OURS, paid.checkout_id, paid.payment_id, "att_1")


def test_another_shop_is_not_listed(world: World) -> None:
    since = world.clock()
    world.double.foreign_event()

    assert all_hints(world.gateway, since) == []


def test_pages_go_on_until_all_is_told_and_no_page_repeats_itself(world: World) -> None:
    since = world.clock()
    for number in range(101):
        world.opened(f"att_{number}")

    first = run(world.gateway.poll(since, "sessions:"))
    second = run(world.gateway.poll(since, first.cursor))

    assert (len(first.hints), len(second.hints)) == (100, 1)
    assert second.cursor is None
    assert len({hint.checkout_id for hint in (*first.hints, *second.hints)}) == 101


def test_facts_that_are_told_twice_are_one_hint_of_a_page(world: World) -> None:
    paid = world.paid()
    for _ in range(3):
        world.double.dashboard_refund(paid, 100)

    hints = run(world.gateway.poll(world.clock())).hints

    assert len(hints) == len(set(hints))
    assert hints == (Hint(Whose.OURS, paid.checkout_id, paid.payment_id, "att_1"),)


def test_a_pass_whose_last_event_is_gone_begins_again(world: World) -> None:
    world.paid()
    since = world.clock()

    page = run(world.gateway.poll(since, "events:evt_gone"))

    assert page.hints == ()
    assert page.cursor == "events:"
    assert run(world.gateway.poll(since, page.cursor)).hints


def test_the_hour_before_is_asked_about_too(world: World) -> None:
    paid = world.paid()

    hints = all_hints(world.gateway, world.clock() + timedelta(minutes=59))

    assert paid.payment_id in {hint.payment_id for hint in hints}


@pytest.mark.parametrize("cursor", ["evt_1", "charges:", "events:evt 1", "events:../x", ":"])
def test_a_cursor_of_nobodys_is_refused(world: World, cursor: str) -> None:
    with pytest.raises(Invalid):
        run(world.gateway.poll(world.clock(), cursor))
    assert world.double.requests == ()


def test_a_poll_that_is_refused_says_so(world: World) -> None:
    world.double.fail_next("rate_limit")

    with pytest.raises(GatewayRateLimited):
        run(world.gateway.poll(world.clock()))
