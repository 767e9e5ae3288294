"""Points 9 to 13: a bad network, and a provider that has moved on."""

from __future__ import annotations

from typing import get_args

import pytest

from digistore.blocking import run
from digistore.errors import (
    DigistoreError,
    GatewayConfigError,
    GatewayError,
    GatewayRateLimited,
    GatewayUnavailable,
)
from digistore.gateways import Cap, DisputeState, PayState, RefundState
from digistore.testing.gateways.shape import CALLS, FLAGS, asks
from digistore.testing.gateways.words import (
    a_refund,
    a_request,
    given_back,
    needs,
    now_of,
    opened,
    paid,
    polled,
)
from digistore.testing.gateways.world import About, Fault, Variant, World

UNKNOWN: tuple[Fault, ...] = ("timeout", "lost_reply", "malformed")
TRANSIENT: tuple[Fault, ...] = ("timeout", "lost_reply")
ERRORS: dict[Fault, type[DigistoreError]] = {
    fault: GatewayRateLimited if fault == "rate_limit" else GatewayUnavailable
    for fault in get_args(Fault)
}


class FaultContract:
    """What a bad network, and a provider that has moved on, do not break."""

    @pytest.mark.parametrize("fault", UNKNOWN)
    def test_09_an_unknown_outcome_repeated_is_one_checkout(
        self, world: World, fault: Fault
    ) -> None:
        needs(world, Cap.IDEMPOTENT)
        world.fault(fault)
        with pytest.raises(GatewayUnavailable):
            opened(world)
        checkout = opened(world)
        assert checkout.state is PayState.OPEN
        assert world.keys == ["co:att_1"] * 2
        if Cap.POLL in world.gateway.profile.capabilities:
            ours = {hint.checkout_id for hint in polled(world) if hint.reference == "att_1"}
            assert ours <= {checkout.checkout_id}

    @pytest.mark.parametrize("fault", UNKNOWN)
    def test_10_an_unknown_outcome_repeated_is_one_refund(self, world: World, fault: Fault) -> None:
        needs(world, Cap.REFUND, Cap.IDEMPOTENT)
        checkout = paid(world)
        world.fault(fault)
        with pytest.raises(GatewayUnavailable):
            given_back(world, checkout)
        refund = given_back(world, checkout)
        assert now_of(world, checkout).refunds == (refund,)
        assert refund.money == world.price

    @pytest.mark.parametrize("fault", TRANSIENT)
    def test_11_what_passes_is_tried_again_inside_with_the_same_key(
        self, world: World, fault: Fault
    ) -> None:
        patient, before = world.another(Variant(retries=True)), len(world.keys)
        world.fault(fault)
        checkout = run(patient.create_checkout(a_request(world)))
        assert world.keys[before:] == ["co:att_1"] * 2
        assert opened(world).checkout_id == checkout.checkout_id

    def test_11_a_refund_is_tried_again_inside_with_the_same_key(self, world: World) -> None:
        needs(world, Cap.REFUND)
        patient, checkout = world.another(Variant(retries=True)), paid(world)
        before = len(world.keys)
        world.fault("lost_reply")
        refund = run(patient.refund(a_refund(world, checkout)))
        assert world.keys[before:] == ["rf:ref_1"] * 2
        assert now_of(world, checkout).refunds == (refund,)

    @pytest.mark.parametrize("fault", get_args(Fault))
    @pytest.mark.parametrize("call", CALLS)
    def test_12_each_fault_is_the_right_error(self, world: World, call: str, fault: Fault) -> None:
        needs(world, *[FLAGS[call]] if call in FLAGS else [])
        ask = asks(world, call)
        world.fault(fault)
        with pytest.raises(ERRORS[fault]):
            run(ask(world.gateway))

    def test_12_what_was_refused_for_the_rate_was_not_done(self, world: World) -> None:
        world.fault("rate_limit")
        with pytest.raises(GatewayRateLimited):
            opened(world)
        assert opened(world).state is PayState.OPEN

    def test_12_a_wrong_key_is_told_from_an_outage(self, world: World) -> None:
        shut_out = world.another(Variant(wrong_key=True))
        with pytest.raises(GatewayConfigError) as caught:
            run(shut_out.create_checkout(a_request(world)))
        assert isinstance(caught.value, GatewayError)

    @pytest.mark.parametrize("about", get_args(About))
    def test_13_what_is_new_is_read_cautiously(self, world: World, about: About) -> None:
        checkout = paid(world)
        if about == "refund":
            needs(world, Cap.REFUND)
            given_back(world, checkout)
        if about == "dispute":
            needs(world, Cap.DISPUTES)
            world.dispute(checkout.checkout_id, DisputeState.WON)
        world.confuse(checkout.checkout_id, about)
        told = now_of(world, checkout)
        if about == "payment":
            assert (told.state, told.captured) == (PayState.PENDING, None)
        else:
            assert told.state is PayState.PAID
        assert [refund.state for refund in told.refunds] in ([], [RefundState.PENDING])
        assert [dispute.state for dispute in told.disputes] in ([], [DisputeState.OPEN])
