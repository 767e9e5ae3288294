"""Points 17 to 21: where a checkout stands, as the gateway tells it."""

from __future__ import annotations

import pytest

from digistore.blocking import run
from digistore.errors import CheckoutNotFound
from digistore.gateways import Cap, DisputeState, PayState
from digistore.money import Money
from digistore.testing.gateways.words import needs, now_of, opened, paid
from digistore.testing.gateways.world import World


class StateContract:
    """Where a checkout stands."""

    def test_17_paid_is_paid(self, world: World) -> None:
        checkout = paid(world)
        assert (checkout.state, checkout.captured) == (PayState.PAID, world.price)
        assert (checkout.total, checkout.reference) == (world.price, "att_1")
        assert checkout.payment_id

    def test_17_what_arrived_is_told_apart_from_what_was_asked(self, world: World) -> None:
        checkout = opened(world)
        less = world.price - _one(world)
        world.pay(checkout.checkout_id, less)
        told = now_of(world, checkout)
        assert (told.captured, told.total) == (less, world.price)

    def test_17_completed_but_unpaid_is_pending(self, world: World) -> None:
        needs(world, Cap.DELAYED)
        checkout = opened(world)
        world.delay(checkout.checkout_id)
        told = now_of(world, checkout)
        assert (told.state, told.captured) == (PayState.PENDING, None)
        world.clear(checkout.checkout_id)
        told = now_of(world, checkout)
        assert (told.state, told.captured) == (PayState.PAID, world.price)

    def test_18_delayed_money_that_never_comes_has_failed(self, world: World) -> None:
        needs(world, Cap.DELAYED)
        checkout = opened(world)
        world.delay(checkout.checkout_id)
        world.clear(checkout.checkout_id, ok=False)
        told = now_of(world, checkout)
        assert (told.state, told.captured) == (PayState.FAILED, None)

    def test_18_a_declined_card_leaves_the_checkout_open(self, world: World) -> None:
        checkout = opened(world)
        world.decline(checkout.checkout_id)
        assert now_of(world, checkout).state is PayState.OPEN
        world.pay(checkout.checkout_id)
        assert now_of(world, checkout).state is PayState.PAID

    @pytest.mark.parametrize("state", DisputeState)
    def test_19_every_state_of_a_dispute_is_told(self, world: World, state: DisputeState) -> None:
        needs(world, Cap.DISPUTES)
        checkout = paid(world)
        world.dispute(checkout.checkout_id, state)
        told = now_of(world, checkout)
        assert [(one.state, one.money) for one in told.disputes] == [(state, world.price)]
        assert (told.state, told.captured) == (PayState.PAID, world.price)

    def test_20_a_checkout_is_ended_once_and_stays_so(self, world: World) -> None:
        needs(world, Cap.EXPIRE)
        checkout = opened(world)
        for _ in range(2):
            ended = run(world.gateway.expire(checkout.checkout_id))
            assert (ended.state, ended.captured) == (PayState.EXPIRED, None)
            assert ended.reference == "att_1"
        assert now_of(world, checkout).state is PayState.EXPIRED

    def test_20_what_was_paid_meanwhile_comes_back(self, world: World) -> None:
        needs(world, Cap.EXPIRE)
        checkout = paid(world)
        told = run(world.gateway.expire(checkout.checkout_id))
        assert (told.state, told.captured) == (PayState.PAID, world.price)

    def test_20_money_on_its_way_is_not_ended(self, world: World) -> None:
        needs(world, Cap.EXPIRE, Cap.DELAYED)
        checkout = opened(world)
        world.delay(checkout.checkout_id)
        assert run(world.gateway.expire(checkout.checkout_id)).state is PayState.PENDING
        world.clear(checkout.checkout_id)
        assert now_of(world, checkout).state is PayState.PAID

    def test_20_a_checkout_of_nobody_cannot_be_ended(self, world: World) -> None:
        needs(world, Cap.EXPIRE)
        with pytest.raises(CheckoutNotFound):
            run(world.gateway.expire("cs_of_nobody"))

    def test_20_time_ends_a_checkout_that_nobody_paid(self, world: World) -> None:
        checkout = opened(world)
        world.clock.go(hours=13)
        try:
            state = now_of(world, checkout).state
        except CheckoutNotFound:  # some forget what nobody paid
            return
        assert state is PayState.EXPIRED

    def test_21_a_buyer_who_is_not_back_changes_nothing(self, world: World) -> None:
        checkout = opened(world)
        for params in ({}, {"session_id": "cs_of_nobody", "payment_status": "paid"}):
            assert run(world.gateway.resume(checkout.checkout_id, params)).state is PayState.OPEN
        assert now_of(world, checkout).state is PayState.OPEN

    def test_21_a_buyer_who_is_back_is_told_the_truth(self, world: World) -> None:
        checkout = paid(world)
        for _ in range(2):
            assert run(world.gateway.resume(checkout.checkout_id, {})) == checkout

    def test_21_money_is_captured_once(self, world: World) -> None:
        needs(world, Cap.CAPTURE_ON_RETURN)
        checkout = opened(world)
        params = world.approve(checkout.checkout_id)
        assert now_of(world, checkout).captured is None
        for _ in range(2):
            told = run(world.gateway.resume(checkout.checkout_id, params))
            assert (told.state, told.captured) == (PayState.PAID, world.price)
        assert now_of(world, checkout) == told


def _one(world: World) -> Money:
    step = world.gateway.profile.money.steps.get(world.price.currency, 1)
    return Money.from_minor(step, world.price.currency)
