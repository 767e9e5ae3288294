"""Points 1 to 4: what a gateway is."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timedelta
from typing import Any, get_args

import pytest

from digistore.blocking import run
from digistore.errors import DigistoreError, GatewayUnavailable, Unsupported
from digistore.gateways import (
    Cap,
    CheckoutRef,
    GatewayProfile,
    MoneyRules,
    PaymentGateway,
    PaymentSnapshot,
    Split,
)
from digistore.money import Money
from digistore.testing.gateways.words import a_refund, a_request, needs, now_of, opened, paid, parts
from digistore.testing.gateways.world import Fault, Variant, World

CALLS = ("create_checkout", "fetch", "resume", "expire", "refund", "poll")
FLAGS = {"expire": Cap.EXPIRE, "refund": Cap.REFUND, "poll": Cap.POLL}
PATIENCE = 20  # seconds: an hour would do as well, as nobody waits for them where a deadline is


class ShapeContract:
    """What a gateway is, whatever its provider."""

    def test_01_it_has_the_methods_of_the_port(self, world: World) -> None:
        for name in (*CALLS, "parse_event", "close"):
            wanted = inspect.signature(getattr(PaymentGateway, name)).parameters
            method = getattr(world.gateway, name)
            given = inspect.signature(method).parameters
            assert inspect.iscoroutinefunction(method), f"{name} is awaited"
            assert list(given) == list(wanted)[1:], f"{name} takes what the port says"

    def test_01_it_says_who_it_is(self, world: World) -> None:
        profile = world.gateway.profile
        assert type(profile) is GatewayProfile
        assert isinstance(profile.money, MoneyRules)
        assert profile.capabilities <= set(Cap)
        assert profile.key_ttl > timedelta(0)
        assert profile == world.gateway.profile

    @pytest.mark.parametrize("call", FLAGS)
    def test_01_a_method_without_its_flag_is_unsupported(self, world: World, call: str) -> None:
        if FLAGS[call] in world.gateway.profile.capabilities:
            pytest.skip(f"the gateway has {FLAGS[call]}")
        with pytest.raises(Unsupported):
            run(asks(world, call)(world.gateway))

    def test_01_a_split_without_its_flag_is_unsupported(self, world: World) -> None:
        if Cap.SPLIT in world.gateway.profile.capabilities:
            pytest.skip("the gateway has split")
        fee, _ = parts(world.price)
        request = replace(a_request(world), split=Split("acct_of_a_seller", fee))
        with pytest.raises(Unsupported):
            run(world.gateway.create_checkout(request))
        assert not world.sent

    def test_02_what_it_answers_is_the_librarys_own(self, world: World) -> None:
        checkout = paid(world)
        answers: list[object] = [checkout, opened(world, "att_2")]
        if Cap.REFUND in world.gateway.profile.capabilities:
            answers += [
                run(world.gateway.refund(a_refund(world, checkout))),
                now_of(world, checkout),
            ]
        for signed in world.events(checkout.checkout_id):
            answers.append(run(world.gateway.parse_event(*signed)))
        if Cap.POLL in world.gateway.profile.capabilities:
            answers.append(run(world.gateway.poll(world.clock())))
        strange = {type(part) for one in answers for part in _parts(one)} - _OWN
        assert not {kind for kind in strange if not kind.__module__.startswith("digistore.")}

    @pytest.mark.parametrize("fault", get_args(Fault))
    def test_02_what_it_raises_drags_nothing_of_the_provider_along(
        self, world: World, fault: Fault
    ) -> None:
        world.fault(fault)
        with pytest.raises(DigistoreError) as caught:
            run(world.gateway.create_checkout(a_request(world)))
        error: BaseException | None = caught.value
        while error is not None:
            assert not type(error).__module__.startswith(world.packages or ("\0",))
            error = error.__cause__ or error.__context__

    def test_03_importing_digistore_imports_no_provider(self, world: World) -> None:
        home = type(world.gateway).__module__
        code = (
            f"import sys, digistore, {home}\n"
            f"found = [name for name in {world.packages!r} if name in sys.modules]\n"
            "sys.exit(' '.join(found) or 0)"
        )
        done = subprocess.run(  # noqa: S603  python itself
            [sys.executable, "-c", code], check=False, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr

    @pytest.mark.parametrize("call", CALLS)
    def test_04_every_call_has_a_deadline(self, world: World, call: str) -> None:
        needs(world, *[FLAGS[call]] if call in FLAGS else [])
        ask = asks(world, call)
        hurried = world.another(Variant(timeout=0.2))
        world.hold()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(lambda: run(ask(hurried)))
            try:
                error = asked.exception(timeout=PATIENCE)
            finally:
                world.release()
        assert isinstance(error, GatewayUnavailable)


Ask = Callable[[PaymentGateway], Coroutine[Any, Any, object]]


def asks(world: World, call: str) -> Ask:
    """Return a call of that method, with all made that it needs."""
    if call == "create_checkout":
        return lambda gateway: gateway.create_checkout(a_request(world, "att_asked"))
    if call == "poll":
        return lambda gateway: gateway.poll(world.clock())
    if call == "refund":
        known = paid(world, "att_asked")
        request = a_refund(world, known, name="ref_asked")
        return lambda gateway: gateway.refund(request)
    checkout: PaymentSnapshot = opened(world, "att_asked")
    ref = checkout.checkout_id
    if call == "fetch":
        return lambda gateway: gateway.fetch(CheckoutRef(ref))
    if call == "resume":
        return lambda gateway: gateway.resume(ref, {})
    return lambda gateway: gateway.expire(ref)


_OWN: set[type] = {str, int, bool, tuple, type(None), datetime, timedelta, Money}


def _fields(found: Any) -> dict[str, Any]:  # noqa: ANN401  any value object of the port
    return {field.name: getattr(found, field.name) for field in fields(found)}


def _parts(found: object) -> Iterator[object]:
    yield found
    if isinstance(found, tuple):
        for one in found:
            yield from _parts(one)
    elif is_dataclass(found) and not isinstance(found, Money):
        for one in _fields(found).values():
            yield from _parts(one)
