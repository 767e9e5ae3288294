"""Points 22 to 25: money that goes back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digistore.blocking import run
from digistore.errors import CheckoutNotFound, GatewayKeyConflict, NotRefundable
from digistore.gateways import Cap, DisputeState, RefundRequest, RefundState, Split
from digistore.money import Money
from digistore.testing.gateways.words import (
    a_refund,
    a_request,
    given_back,
    needs,
    now_of,
    opened,
    paid,
    parts,
)
from digistore.testing.gateways.world import World

RETURNED = {RefundState.PENDING, RefundState.SUCCEEDED}


class RefundContract:
    """Money that goes back."""

    def test_22_a_refund_is_told_with_our_reference(self, world: World) -> None:
        needs(world, Cap.REFUND)
        checkout = paid(world)
        refund = given_back(world, checkout)
        assert (refund.reference, refund.money) == ("ref_1", world.price)
        assert refund.state in RETURNED
        told = now_of(world, checkout)
        assert told.refunds == (refund,)
        assert told.captured == world.price

    def test_22_parts_add_up_and_more_is_refused(self, world: World) -> None:
        needs(world, Cap.REFUND, Cap.PARTIAL_REFUND)
        checkout, (part, rest) = paid(world), parts(world.price)
        given_back(world, checkout, part)
        with pytest.raises(NotRefundable):
            given_back(world, checkout, world.price, "ref_too_much")
        given_back(world, checkout, rest, "ref_2")
        with pytest.raises(NotRefundable):
            given_back(world, checkout, part, "ref_3")
        found = {one.reference: one.money for one in now_of(world, checkout).refunds}
        assert found == {"ref_1": part, "ref_2": rest}

    def test_22_more_than_was_paid_is_refused(self, world: World) -> None:
        needs(world, Cap.REFUND)
        checkout = paid(world)
        with pytest.raises(NotRefundable):
            given_back(world, checkout, world.price + world.price)
        assert not now_of(world, checkout).refunds

    def test_22_asked_again_it_is_the_same_refund(self, world: World) -> None:
        needs(world, Cap.REFUND, Cap.IDEMPOTENT)
        checkout, amount = paid(world), _some(world)
        first = given_back(world, checkout, amount)
        assert given_back(world, checkout, amount) == first
        assert now_of(world, checkout).refunds == (first,)

    def test_22_the_same_key_with_another_amount_is_a_conflict(self, world: World) -> None:
        needs(world, Cap.REFUND, Cap.PARTIAL_REFUND, Cap.IDEMPOTENT)
        checkout, (part, rest) = paid(world), parts(world.price)
        first = given_back(world, checkout, part)
        with pytest.raises(GatewayKeyConflict):
            run(world.gateway.refund(replace(a_refund(world, checkout), money=rest)))
        assert now_of(world, checkout).refunds == (first,)

    def test_22_what_nobody_paid_is_not_found(self, world: World) -> None:
        needs(world, Cap.REFUND)
        request = RefundRequest("pi_of_nobody", world.price, "ref_1", "rf:ref_1")
        with pytest.raises(CheckoutNotFound):
            run(world.gateway.refund(request))

    def test_22_a_refund_that_fails_later_is_told(self, world: World) -> None:
        needs(world, Cap.REFUND)
        checkout = paid(world)
        refund = given_back(world, checkout)
        world.fail_refund(checkout.checkout_id)
        (told,) = now_of(world, checkout).refunds
        assert (told.id, told.state) == (refund.id, RefundState.FAILED)
        assert (told.money, told.reference) == (world.price, "ref_1")
        again = given_back(world, checkout, name="ref_2")
        assert again.state in RETURNED
        assert {one.id for one in now_of(world, checkout).refunds} == {refund.id, again.id}

    @pytest.mark.parametrize("state", [DisputeState.OPEN, DisputeState.LOST])
    def test_23_disputed_money_is_not_refundable(self, world: World, state: DisputeState) -> None:
        needs(world, Cap.REFUND, Cap.DISPUTES)
        checkout = paid(world)
        world.dispute(checkout.checkout_id, state)
        with pytest.raises(NotRefundable):
            given_back(world, checkout)
        assert not now_of(world, checkout).refunds

    def test_24_a_refund_takes_its_share_from_the_seller(self, world: World) -> None:
        needs(world, Cap.SPLIT, Cap.REFUND)
        fee, sellers = parts(world.price)
        request = replace(a_request(world), split=Split(world.connect(), fee))
        checkout = run(world.gateway.create_checkout(request))
        world.pay(checkout.checkout_id)
        assert world.sellers_share(checkout.checkout_id) == sellers
        given_back(world, now_of(world, checkout))
        assert world.sellers_share(checkout.checkout_id) == Money.zero(world.price.currency)

    def test_25_a_refund_at_the_provider_is_seen(self, world: World) -> None:
        needs(world, Cap.REFUND)
        checkout, amount = paid(world), _some(world)
        world.refund(checkout.checkout_id, amount)
        (told,) = now_of(world, checkout).refunds
        assert (told.reference, told.money) == (None, amount)
        assert told.state in RETURNED

    def test_25_many_refunds_are_all_seen(self, world: World) -> None:
        needs(world, Cap.REFUND, Cap.PARTIAL_REFUND)
        checkout, step = paid(world), _one(world)
        ours = given_back(world, checkout, step)
        for _ in range(MANY):
            world.refund(checkout.checkout_id, step)
        told = now_of(world, checkout).refunds
        assert len({one.id for one in told}) == len(told) == MANY + 1
        assert [one for one in told if one.reference] == [ours]

    def test_25_what_is_another_payments_is_not_told(self, world: World) -> None:
        needs(world, Cap.REFUND)
        checkout, other = paid(world), paid(world, "att_2")
        given_back(world, other)
        assert not now_of(world, checkout).refunds
        assert opened(world, "att_3").refunds == ()


MANY = 101  # more than providers list at once


def _some(world: World) -> Money:
    partial = Cap.PARTIAL_REFUND in world.gateway.profile.capabilities
    return parts(world.price)[0] if partial else world.price


def _one(world: World) -> Money:
    step = world.gateway.profile.money.steps.get(world.price.currency, 1)
    return Money.from_minor(step, world.price.currency)
