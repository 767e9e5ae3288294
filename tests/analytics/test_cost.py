"""What a report costs, in statements and in how they find their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from digistore.analytics import Period
from digistore.users import User
from tests.analytics.story import close_all, january
from tests.conftest import SQLITE, Shop
from tests.performance.hearing import hearing
from tests.performance.plans import scanned

CLOSED = Period(january(1), january(2))
OPEN = Period(january(3), january(31))

pytestmark = SQLITE  # PostgreSQL plans by how full a shop is: see tests/performance


@pytest.fixture
def shop_of_two_days(shop: Shop) -> Shop:
    """A shop whose first two days are closed."""
    shop.buy(shop.product())
    shop.clock.go(days=4)
    close_all(shop)
    return shop


def selects(shop: Shop, call: Callable[[], Any]) -> list[str]:
    """Every read that *call* sends."""
    with hearing(shop.store) as said:
        call()
    return [one for one in said if one.startswith("SELECT")]


def by_whom(shop: Shop, name: str) -> User:
    return shop.seller if name == "seller" else shop.operator


@pytest.mark.parametrize("who", ["seller", "operator"])
def test_closed_days_cost_one_statement_that_reads_their_rows_by_key(
    shop_of_two_days: Shop, who: str
) -> None:
    shop = shop_of_two_days
    actor, reports = by_whom(shop, who), shop.store.analytics
    for call in (reports.overview, reports.sales):
        acting, days, figures = selects(shop, lambda call=call: call(actor, CLOSED))  # type: ignore[misc]
        assert "digistore_users" in acting
        assert "digistore_closed_days" in days
        assert "digistore_day_figures" in figures
        assert scanned(shop.store, [acting, days, figures]) == set()


def test_money_of_open_days_costs_one_statement_by_ranges_of_indexes(
    shop_of_two_days: Shop,
) -> None:
    shop = shop_of_two_days
    reports = shop.store.analytics
    statements = selects(shop, lambda: reports.sales(shop.seller, OPEN))
    assert len(statements) == 3
    assert "digistore_clicks" not in "".join(statements)
    assert scanned(shop.store, statements) == set()


def test_use_of_open_days_costs_one_statement_more(shop_of_two_days: Shop) -> None:
    shop = shop_of_two_days
    reports = shop.store.analytics
    statements = selects(shop, lambda: reports.overview(shop.seller, OPEN))
    assert len(statements) == 4
    assert scanned(shop.store, statements[3:]) == set()
