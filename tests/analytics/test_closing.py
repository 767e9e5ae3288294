"""Closing days: final, once, in order, and the same however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from digistore import SYSTEM
from digistore.analytics import Period
from tests.analytics.bookkeeper import booked, expected
from tests.analytics.story import (
    YEAR,
    answers,
    click,
    close_all,
    closed_days,
    customer,
    execute,
    fail_refund,
    forget_closed_days,
    january,
    link,
    refund,
    stored_figures,
    three_days,
    usd,
)
from tests.conftest import Shop


def test_a_shop_in_which_nothing_happened_closes_nothing(shop: Shop) -> None:
    shop.clock.go(days=30)
    assert shop.store.run_due().closed_days == 0
    assert closed_days(shop) == []


def test_a_day_is_closed_48_hours_after_its_end_and_not_a_moment_before(shop: Shop) -> None:
    shop.buy(shop.product())
    shop.clock.now = datetime(2026, 1, 4, tzinfo=UTC) - timedelta(microseconds=1)
    assert shop.store.run_due().closed_days == 0
    shop.clock.now += timedelta(microseconds=1)
    assert shop.store.run_due().closed_days == 1
    assert closed_days(shop) == [january(1)]
    assert stored_figures(shop) == {
        (january(1), shop.seller.id, "USD", "orders"): 1,
        (january(1), shop.seller.id, "USD", "gross"): 2900,
    }


@pytest.mark.parametrize("what", ["order", "click"])
def test_closing_begins_with_the_day_of_the_first_fact_whatever_it_is(
    shop: Shop, what: str
) -> None:
    shop.clock.go(days=4)
    if what == "order":
        shop.buy(shop.product())
    else:
        click(shop, link(shop, SYSTEM))
    shop.clock.go(days=5)
    close_all(shop)
    assert closed_days(shop) == [january(5), january(6), january(7)]


def test_a_day_without_facts_is_closed_without_rows(shop: Shop) -> None:
    shop.buy(shop.product())
    shop.clock.go(days=9)
    assert shop.store.run_due().closed_days == 7
    assert closed_days(shop) == [january(day) for day in range(1, 8)]
    assert {day for day, *_ in stored_figures(shop)} == {january(1)}


def test_at_most_so_many_days_are_closed_in_one_round_the_oldest_first(shop: Shop) -> None:
    shop.buy(shop.product())
    shop.clock.go(days=8)
    shop.store.run_due(limit=3)
    assert closed_days(shop) == [january(day) for day in (1, 2, 3)]
    first = shop.store.run_due(limit=3)
    assert (first.closed_days, first.more) == (3, True)
    last = shop.store.run_due(limit=3)
    assert (last.closed_days, len(closed_days(shop))) == (0, 6)


def test_closing_changes_no_answer(shop: Shop) -> None:  # I35
    three_days(shop)
    for _ in range(9):
        before = [answers(shop, actor) for actor in (shop.seller, shop.operator)]
        shop.store.run_due(limit=1)
        assert before == [answers(shop, actor) for actor in (shop.seller, shop.operator)]
        assert before == [expected(shop, shop.seller), expected(shop, None)]
        shop.clock.go(hours=17)
    assert len(closed_days(shop)) == 6


def test_rollups_are_the_sums_of_the_facts_of_their_days(shop: Shop) -> None:  # I35
    three_days(shop)
    shop.clock.go(days=9)
    close_all(shop)
    assert stored_figures(shop) == booked(shop)
    assert len(booked(shop)) == 8


def test_closing_again_changes_nothing(shop: Shop) -> None:
    three_days(shop)
    shop.clock.go(days=9)
    close_all(shop)
    figures, days = stored_figures(shop), closed_days(shop)
    assert shop.store.run_due().closed_days == 0
    execute(shop, "DELETE FROM digistore_closed_days")  # as if it had been interrupted
    assert close_all(shop) == len(days)
    assert (stored_figures(shop), closed_days(shop)) == (figures, days)


@pytest.mark.parametrize("day", ["2026-01-01", "2026-01-02", "2026-01-07"])
def test_a_day_whose_rows_are_deleted_is_counted_again_and_closed_again(
    shop: Shop, day: str
) -> None:
    three_days(shop)
    shop.clock.go(days=7)
    close_all(shop)
    figures, days = stored_figures(shop), closed_days(shop)
    for table in ("day_figures", "closed_days"):
        execute(shop, f"DELETE FROM digistore_{table} WHERE day = :day", day=day)
    for actor, seller in ((shop.seller, shop.seller), (shop.operator, None)):
        assert answers(shop, actor) == expected(shop, seller)
    assert shop.store.run_due().closed_days == 1
    assert (stored_figures(shop), closed_days(shop)) == (figures, days)


def test_closing_writes_what_it_has_counted_and_never_adds_to_what_is_there(shop: Shop) -> None:
    three_days(shop)
    shop.clock.go(days=9)
    close_all(shop)
    figures = stored_figures(shop)
    execute(shop, "UPDATE digistore_day_figures SET value = value + 1")
    execute(
        shop,
        "INSERT INTO digistore_day_figures VALUES ('2026-01-02', 'usr_gone', 'USD', 'gross', 1)",
    )
    execute(shop, "DELETE FROM digistore_closed_days")
    close_all(shop)
    assert stored_figures(shop) == figures


def test_what_happens_later_is_counted_when_it_happens_and_no_closed_day_changes(
    shop: Shop,
) -> None:
    bought = shop.buy(shop.product(price=usd("29.00")))
    shop.clock.go(days=9)
    close_all(shop)
    figures = stored_figures(shop)
    refund(shop, bought.order)
    fail_refund(shop, bought)
    close_all(shop)
    assert stored_figures(shop) == figures
    days = shop.store.analytics.sales(shop.seller, YEAR)
    assert [(one.day, one.net) for one in days] == [
        (january(1), usd("29.00")),
        (january(10), usd("0.00")),
    ]


def test_closed_days_are_read_from_their_rows_and_open_ones_from_the_facts(shop: Shop) -> None:
    book = shop.product(price=usd("29.00"))
    shop.buy(book)
    shop.clock.go(days=9)
    shop.buy(book, customer(shop, "ann"))
    close_all(shop)
    execute(shop, "UPDATE digistore_day_figures SET value = 1 WHERE figure = 'gross'")
    execute(
        shop,
        "INSERT INTO digistore_day_figures VALUES ('2026-01-10', '', 'USD', 'gross', 7)",
    )
    days = shop.store.analytics.sales(shop.operator, YEAR)
    assert [(one.day, one.gross) for one in days] == [
        (january(1), usd("0.01")),
        (january(10), usd("29.00")),
    ]
    execute(shop, "DELETE FROM digistore_day_figures")
    forget_closed_days(shop)


def test_a_period_of_closed_days_reads_no_facts(shop: Shop) -> None:
    three_days(shop)
    shop.clock.go(days=9)
    close_all(shop)
    closed = Period(january(1), january(3))
    before = answers(shop, shop.operator, closed)
    execute(shop, "ALTER TABLE digistore_clicks RENAME TO digistore_hidden_clicks")
    assert answers(shop, shop.operator, closed) == before
    assert before[0].clicks == 2
    execute(shop, "ALTER TABLE digistore_hidden_clicks RENAME TO digistore_clicks")
