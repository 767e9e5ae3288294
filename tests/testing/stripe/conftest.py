from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.testing import FrozenClock
from digistore.testing.stripe import StripeDouble
from tests.testing.stripe.kit import NOON, Shop


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock(NOON)


@pytest.fixture
def double(clock: FrozenClock) -> Iterator[StripeDouble]:
    with StripeDouble(clock=clock) as double:
        yield double


@pytest.fixture
def shop(double: StripeDouble, clock: FrozenClock) -> Shop:
    return Shop(double, clock)
