"""A fixture for pytest: ``pytest_plugins = ["digistore.testing.paypal.pytest_plugin"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.testing.paypal.double import PayPalDouble


@pytest.fixture
def paypal_double() -> Iterator[PayPalDouble]:
    """Give a fresh `PayPalDouble` that listens until the test ends."""
    with PayPalDouble() as double:
        yield double
