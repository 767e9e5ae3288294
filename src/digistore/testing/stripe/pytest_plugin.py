"""A fixture for pytest: ``pytest_plugins = ["digistore.testing.stripe.pytest_plugin"]``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.testing.stripe.double import StripeDouble


@pytest.fixture
def stripe_double() -> Iterator[StripeDouble]:
    """Give a fresh `StripeDouble` that listens until the test ends."""
    with StripeDouble() as double:
        yield double
