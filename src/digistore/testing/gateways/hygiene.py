"""Points 33 to 35: what nobody may see, and what nobody may make up."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import get_args

import pytest

from digistore.blocking import run
from digistore.errors import DigistoreError
from digistore.gateways import Cap, CheckoutLine, DisputeState
from digistore.money import Money
from digistore.testing.gateways.words import (
    a_request,
    given_back,
    needs,
    now_of,
    opened,
    paid,
    parts,
)
from digistore.testing.gateways.world import Fault, Variant, World


class HygieneContract:
    """What nobody may see, and what nobody may make up."""

    def test_33_no_secret_is_shown(self, world: World) -> None:
        for shown in (repr(world.gateway), str(world.gateway), f"{world.gateway}"):
            assert not _seen(world, shown)
        for value in vars(world.gateway).values():
            if not isinstance(value, str | tuple | list | dict):
                assert not _seen(world, repr(value))

    @pytest.mark.parametrize("fault", get_args(Fault))
    def test_33_no_secret_is_in_an_error_or_a_log(
        self, world: World, fault: Fault, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        world.fault(fault)
        self._fails(world, lambda: opened(world))
        assert not _seen(world, caplog.text)

    def test_33_no_secret_is_in_a_refusal_or_a_log(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        body, headers = world.events(paid(world).checkout_id)[0]
        self._fails(world, lambda: run(world.gateway.parse_event(body + b" ", headers)))
        junk = b"{}"
        self._fails(world, lambda: run(world.gateway.parse_event(junk, world.sign(junk))))
        assert not _seen(world, caplog.text)

    def test_33_no_secret_is_in_the_refusal_of_a_wrong_key(
        self, world: World, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        shut_out = world.another(Variant(wrong_key=True))
        self._fails(world, lambda: run(shut_out.create_checkout(a_request(world))))
        assert not _seen(world, repr(shut_out) + caplog.text)

    def test_33_no_secret_is_in_the_refusal_of_a_setting(self, world: World) -> None:
        self._fails(
            world, lambda: world.another(Variant(webhook_secrets=(world.webhook_secret, "")))
        )

    def test_34_what_is_sent_is_valid(self, world: World) -> None:
        """A strict double refuses what the provider would; so the longest life goes through."""
        part, rest = parts(world.price)
        request = replace(
            a_request(world),
            lines=(
                CheckoutLine("L" * 500, part),
                CheckoutLine("Nothing", Money.zero(world.price.currency)),
                CheckoutLine("Ünï¢ødé 本", rest),
            ),
            metadata={"order": "ord_" + "1" * 40},
        )
        checkout = run(world.gateway.create_checkout(request))
        world.pay(checkout.checkout_id)
        told, caps = now_of(world, checkout), world.gateway.profile.capabilities
        if Cap.REFUND in caps:
            given_back(world, told, part if Cap.PARTIAL_REFUND in caps else None)
        if Cap.EXPIRE in caps:
            run(world.gateway.expire(opened(world, "att_2").checkout_id))
        assert now_of(world, checkout).captured == world.price

    def test_34_each_order_to_do_something_bears_its_key(self, world: World) -> None:
        needs(world, Cap.IDEMPOTENT)
        opened(world)
        assert world.keys == ["co:att_1"]
        if Cap.REFUND in world.gateway.profile.capabilities:
            checkout = paid(world, "att_2")
            before = len(world.keys)
            given_back(world, checkout)
            assert world.keys[before:] == ["rf:ref_1"]

    def test_35_the_double_invents_nothing(self, world: World) -> None:
        checkout = paid(world)
        if Cap.DISPUTES in world.gateway.profile.capabilities:
            world.dispute(paid(world, "att_2").checkout_id, DisputeState.OPEN)
        if Cap.REFUND in world.gateway.profile.capabilities:
            given_back(world, checkout)
        now_of(world, checkout)
        assert not world.invented()

    def _fails(self, world: World, work: Callable[[], object]) -> None:
        with pytest.raises(DigistoreError) as caught:
            work()
        error = caught.value
        told = [str(error), repr(error), *map(repr, error.args), repr(vars(error))]
        told += traceback.format_exception(error)
        assert not _seen(world, "\n".join(told))


def _seen(world: World, text: str) -> list[str]:
    return [secret for secret in (*world.secrets, world.spare_secret) if secret and secret in text]
