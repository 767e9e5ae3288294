"""Closing days: final, once, in order, and the same whoever does it and how often."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from threading import Barrier, Event

import pytest
from sqlalchemy.exc import DBAPIError

from digistore import SYSTEM
from digistore.analytics import Analytics, Period
from digistore.blocking import run
from tests.analytics.story import (
    YEAR,
    answers,
    booked,
    buy_help,
    click,
    close_all,
    closed_days,
    customer,
    download,
    execute,
    expected,
    fail_refund,
    forget_closed_days,
    inside,
    january,
    link,
    refund,
    stored_figures,
    usd,
)
from tests.conftest import Shop


def three_days(shop: Shop) -> None:
    """Sell, help, fetch, follow and give back on the first three days of January."""
    book = shop.product(price=usd("29.00"))
    bought = shop.buy(book)
    click(shop, link(shop, shop.seller), times=2)
    shop.clock.go(days=1)
    buy_help(shop, book, usd("50.00"))
    download(shop, shop.buyer, book)
    refund(shop, bought.order, "9.00")
    shop.clock.go(days=1)
    fail_refund(shop, bought)


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


def test_a_day_is_closed_whole_or_not_at_all(shop: Shop) -> None:
    three_days(shop)
    shop.clock.go(days=9)
    execute(
        shop,
        "CREATE TRIGGER digistore_no_second_day BEFORE INSERT ON digistore_closed_days"
        " WHEN new.day = '2026-01-02' BEGIN SELECT RAISE(ABORT, 'the power went'); END",
    )
    with pytest.raises(DBAPIError, match="the power went"):
        shop.store.run_due()
    assert closed_days(shop) == [january(1)]
    assert {day for day, *_ in stored_figures(shop)} == {january(1)}
    assert answers(shop, shop.seller) == expected(shop, shop.seller)
    execute(shop, "DROP TRIGGER digistore_no_second_day")
    close_all(shop)
    assert stored_figures(shop) == booked(shop)


def test_processes_that_close_at_once_leave_the_same_rows(shop: Shop) -> None:
    three_days(shop)
    shop.clock.go(days=12)
    together = Barrier(4)

    def close(limit: int) -> int:
        together.wait()
        closed: int = run(inside(shop).analytics.close_days(limit))
        return closed

    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(close, (100, 100, 3, 7)))
    assert max(counts) > 0
    close_all(shop)
    assert closed_days(shop) == [january(day) for day in range(1, 13)]
    assert stored_figures(shop) == booked(shop)


def test_a_report_sees_one_moment_while_days_are_closed_and_opened(shop: Shop) -> None:
    three_days(shop)
    shop.clock.go(days=9)
    whole = expected(shop, shop.seller)
    reports = Analytics(inside(shop).analytics)
    done = Event()

    def churn() -> int:
        rounds = 0
        while not done.is_set() or rounds == 0:
            run(inside(shop).analytics.close_days(100))
            execute(
                shop,
                "DELETE FROM digistore_closed_days"
                " WHERE day > (SELECT min(day) FROM digistore_closed_days)",
            )
            rounds += 1
        return rounds

    with ThreadPoolExecutor(1) as pool:
        churning = pool.submit(churn)
        try:
            for _ in range(60):
                assert reports.overview(shop.seller, YEAR) == whole[0]
                assert reports.sales(shop.seller, YEAR) == whole[1]
        finally:
            done.set()
        assert churning.result() > 0
    close_all(shop)


@pytest.fixture(params=["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def elsewhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose own time zone is 14 hours ahead of UTC, or 11 behind."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("elsewhere")
def test_days_are_those_of_utc_wherever_the_machine_is(shop: Shop) -> None:
    book = shop.product()
    for name, moment in (
        ("ann", datetime(2026, 1, 1, 23, 59, 59, 999_999, tzinfo=UTC)),
        ("bob", datetime(2026, 1, 2, tzinfo=UTC)),
        ("eve", datetime(2026, 1, 2, 23, 59, 59, 999_999, tzinfo=UTC)),
    ):
        shop.clock.now = moment
        buyer = customer(shop, name)
        shop.buy(book, buyer)
        download(shop, buyer, book)
    for _ in range(2):  # live, and from closed days
        days = shop.store.analytics.sales(shop.seller, YEAR)
        assert [(one.day, one.orders) for one in days] == [(january(1), 1), (january(2), 2)]
        second = Period(january(2), january(2))
        assert shop.store.analytics.overview(shop.seller, second).downloads == 2
        shop.clock.go(days=9)
        close_all(shop)


def test_days_are_those_of_utc_whatever_zone_the_clock_tells(shop: Shop) -> None:
    zone = timezone(timedelta(hours=14))
    shop.clock.now = datetime(2026, 1, 2, 10, tzinfo=zone)  # it is still the 1st in UTC
    shop.buy(shop.product())
    assert [one.day for one in shop.store.analytics.sales(shop.seller, YEAR)] == [january(1)]
    shop.clock.now = datetime(2026, 1, 4, 13, 59, tzinfo=zone)  # 23:59 of the 3rd
    assert shop.store.run_due().closed_days == 0
    shop.clock.go(minutes=1)
    assert shop.store.run_due().closed_days == 1
