from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble
from tests.testing.paypal.kit import Caller


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def double(clock: FrozenClock) -> Iterator[PayPalDouble]:
    with PayPalDouble(clock=clock) as double:
        yield double


@pytest.fixture
def caller(double: PayPalDouble, clock: FrozenClock) -> Caller:
    return Caller(double, clock)
