"""What a report costs, in statements and in how they find their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from digistore.analytics import Analytics, Period
from digistore.blocking import run
from digistore.users import User
from tests.analytics.story import close_all, inside, january
from tests.conftest import SQLITE, Shop

CLOSED = Period(january(1), january(2))
OPEN = Period(january(3), january(31))


pytestmark = SQLITE


@pytest.fixture
def shop_of_two_days(shop: Shop) -> Shop:
    """A shop whose first two days are closed."""
    shop.buy(shop.product())
    shop.clock.go(days=4)
    close_all(shop)
    return shop


def sent(shop: Shop, call: Callable[[], Any]) -> list[str]:
    """Every statement that *call* sends on this thread's connection."""
    heard: list[str] = []
    driver = run(inside(shop).database.whole(lambda reader: reader.connection.driver_connection))
    driver.set_trace_callback(heard.append)
    try:
        call()
    finally:
        driver.set_trace_callback(None)
    return [one for one in heard if one.startswith("SELECT")]


def scanned(shop: Shop, statements: list[str]) -> set[str]:
    """Tables that the statements go through from end to end."""
    plans = [row[3] for one in statements for row in shop.rows(f"EXPLAIN QUERY PLAN {one}")]
    return {plan.split()[1] for plan in plans if plan.startswith("SCAN digistore_")}


def by_whom(shop: Shop, name: str) -> User:
    return shop.seller if name == "seller" else shop.operator


@pytest.mark.parametrize("who", ["seller", "operator"])
def test_closed_days_cost_one_statement_that_reads_their_rows_by_key(
    shop_of_two_days: Shop, who: str
) -> None:
    shop = shop_of_two_days
    actor, reports = by_whom(shop, who), Analytics(inside(shop).analytics)
    for call in (reports.overview, reports.sales):
        acting, days, figures = sent(shop, lambda call=call: call(actor, CLOSED))  # type: ignore[misc]
        assert "digistore_users" in acting
        assert "digistore_closed_days" in days
        assert "digistore_day_figures" in figures
        assert scanned(shop, [acting, days, figures]) == set()


def test_money_of_open_days_costs_one_statement_by_ranges_of_indexes(
    shop_of_two_days: Shop,
) -> None:
    shop = shop_of_two_days
    reports = Analytics(inside(shop).analytics)
    statements = sent(shop, lambda: reports.sales(shop.seller, OPEN))
    assert len(statements) == 3
    assert "digistore_clicks" not in "".join(statements)
    assert scanned(shop, statements) == set()


def test_use_of_open_days_costs_one_statement_more(shop_of_two_days: Shop) -> None:
    shop = shop_of_two_days
    reports = Analytics(inside(shop).analytics)
    statements = sent(shop, lambda: reports.overview(shop.seller, OPEN))
    assert len(statements) == 4
    assert scanned(shop, statements[3:]) == set()
