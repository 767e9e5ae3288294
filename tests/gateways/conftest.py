from __future__ import annotations

import pytest

from digistore.gateways.sandbox import SandboxGateway
from tests.gateways.sandbox_kit import FrozenClock


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def sandbox(clock: FrozenClock) -> SandboxGateway:
    return SandboxGateway(clock=clock)
