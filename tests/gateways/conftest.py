from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.blocking import run
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock as StripeClock
from digistore.testing.stripe import StripeDouble
from tests.gateways.sandbox_kit import FrozenClock
from tests.gateways.stripe_kit import World, over


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def sandbox(clock: FrozenClock) -> SandboxGateway:
    return SandboxGateway(clock=clock)


@pytest.fixture
def world() -> Iterator[World]:
    """A Stripe gateway over a double that listens until the test ends."""
    clock = StripeClock()
    with StripeDouble(clock=clock) as double:
        gateway = over(double, clock)
        yield World(double, gateway, clock)
        run(gateway.close())
