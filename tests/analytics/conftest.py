"""A shop whose sellers may link to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import Shop


@pytest.fixture
def shop(shop_with: Callable[..., Shop]) -> Shop:
    """A shop in either colour, at noon of 2026-01-01."""
    return shop_with(link_hosts=frozenset({"shop.example"}))
