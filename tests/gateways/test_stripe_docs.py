"""The page on Stripe is run as it stands."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from digistore import Store
from digistore.gateways import Cap
from digistore.gateways.stripe import StripeGateway
from digistore.settings import Settings
from tests.gateways.stripe_kit import KEY, SECRET

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "take-money-with-stripe.md"
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """What the page defines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STRIPE_API_KEY", KEY)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", SECRET)
    monkeypatch.setenv("SHOP_SECRET", "x" * 32)
    names: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL):
        exec(block, names)  # noqa: S102 - our own page
    return names


def test_what_the_page_makes_works(page: dict[str, Any]) -> None:
    make_store = cast("Callable[[], Store]", page["make_store"])

    with make_store() as store:
        store.migrate()
        assert page["stripe_webhook"](store, b"{}", {}) == 400
    assert page["with_tax"]().profile.capabilities >= {Cap.TAX}
    assert isinstance(page["patient"](), Settings)


def test_the_page_lists_the_events_to_register() -> None:
    [listed] = re.findall(r"^```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)

    assert tuple(listed.split()) == StripeGateway.EVENTS
