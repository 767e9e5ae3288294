"""Whoever closes days, interrupted or at once: a report and a day are whole."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest
from sqlalchemy.exc import DBAPIError

from digistore.analytics import Analytics
from digistore.blocking import run
from tests.analytics.bookkeeper import booked, expected
from tests.analytics.story import (
    YEAR,
    answers,
    close_all,
    closed_days,
    execute,
    inside,
    january,
    stored_figures,
    three_days,
)
from tests.conftest import BLOCKING, SQLITE, Shop


@SQLITE
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


@BLOCKING
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


@BLOCKING
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
