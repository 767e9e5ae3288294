"""Each gateway keeps what the contract promises."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.testing.gateways import GatewayContract, World
from digistore.testing.gateways.paypal import PayPalWorld
from digistore.testing.gateways.sandbox import SandboxWorld
from digistore.testing.gateways.stripe import StripeWorld


class TestSandbox(GatewayContract):
    @pytest.fixture
    def world(self) -> World:
        return SandboxWorld()


class TestStripe(GatewayContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with StripeWorld() as world:
            yield world


class TestPayPal(GatewayContract):
    @pytest.fixture
    def world(self) -> Iterator[World]:
        with PayPalWorld() as world:
            yield world
