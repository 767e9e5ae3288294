"""Days and sums, decided without clock or database."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.analytics import Period
from digistore.analytics.rules import (
    CLOSES_AFTER,
    Entry,
    Fact,
    Figure,
    bounds,
    by_day,
    closable,
    day_of,
    entries,
    number_of,
    open_parts,
    overview,
)
from digistore.clock import from_micros
from digistore.money import Money

NEW_YEAR = date(2026, 1, 1)
JANUARY = Period(NEW_YEAR, date(2026, 1, 31))
DAY = timedelta(days=1)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def days(first: int, last: int) -> tuple[date, ...]:
    return tuple(date(2026, 1, day) for day in range(first, last + 1))


@given(st.dates())
def test_a_day_and_its_number_stand_for_each_other(day: date) -> None:
    assert day_of(number_of(day)) == day


def test_a_day_begins_and_ends_at_midnight_in_utc() -> None:
    start, stop = bounds(Period(NEW_YEAR, date(2026, 1, 2)))
    assert from_micros(start) == at(1)
    assert from_micros(stop) == at(3)


def test_the_last_day_of_all_has_an_end() -> None:
    start, stop = bounds(Period(date.max, date.max))
    assert stop - start == 86_400_000_000


def test_a_day_is_closed_48_hours_after_its_end_and_not_a_moment_before() -> None:
    assert closable(at(1, 23), (), at(4), 9) == days(1, 1)
    assert closable(at(1, 23), (), at(4) - timedelta(microseconds=1), 9) == ()


def test_closing_begins_with_the_day_of_the_first_fact() -> None:
    assert closable(at(3, 12), (), at(10), 9) == days(3, 7)


def test_what_is_closed_is_not_closed_again() -> None:
    assert closable(at(1), days(1, 4), at(10), 9) == days(5, 7)
    assert closable(at(1), days(1, 7), at(10), 9) == ()
    assert closable(at(1), days(1, 20), at(10), 9) == ()


def test_a_day_that_was_opened_again_comes_first() -> None:
    assert closable(at(1), {*days(2, 3), *days(5, 6)}, at(10), 9) == (
        *days(1, 1),
        *days(4, 4),
        *days(7, 7),
    )


def test_at_most_so_many_days_are_closed_at_once_the_oldest_first() -> None:
    assert closable(at(1), (), at(10), 2) == days(1, 2)
    assert closable(at(1), days(1, 2), at(10), 2) == days(3, 4)
    assert closable(at(1), (), at(10), 0) == ()


def test_a_shop_without_facts_closes_nothing() -> None:
    assert closable(None, (), at(10), 9) == ()


def test_when_a_day_closes_does_not_hang_on_the_zone_of_the_clock() -> None:
    for hours in (-12, 0, 14):
        zone = timezone(timedelta(hours=hours))
        assert closable(at(1, 5), (), at(4).astimezone(zone), 9) == days(1, 1)
        almost = (at(4) - timedelta(seconds=1)).astimezone(zone)
        assert closable(at(1, 5).astimezone(zone), (), almost, 9) == ()


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.integers(0, 60),
    st.integers(1, 20),
)
def test_closing_round_by_round_closes_each_day_once_and_leaves_the_open_ones(
    first: datetime, later: int, limit: int
) -> None:
    now = first + later * DAY
    closed: list[date] = []
    while due := closable(first, closed, now, limit):
        assert len(due) <= limit
        closed += due
    number = number_of(first.date())
    assert closed == [day_of(number + step) for step in range(len(closed))]
    first_open = day_of(number + len(closed))
    ends = datetime(first_open.year, first_open.month, first_open.day, tzinfo=UTC) + DAY
    assert now < ends + CLOSES_AFTER


def test_all_of_a_period_is_open_while_nothing_in_it_is_closed() -> None:
    assert open_parts(JANUARY, ()) == [JANUARY]


def test_the_open_part_of_a_period_follows_what_is_closed() -> None:
    assert open_parts(JANUARY, days(1, 1)) == [Period(date(2026, 1, 2), date(2026, 1, 31))]
    assert open_parts(JANUARY, days(1, 30)) == [Period(date(2026, 1, 31), date(2026, 1, 31))]


def test_nothing_of_a_period_is_open_once_all_of_it_is_closed() -> None:
    assert open_parts(JANUARY, days(1, 31)) == []


SOME_DAYS = st.sets(st.dates(JANUARY.first, JANUARY.last))


@given(SOME_DAYS)
def test_each_day_of_a_period_is_closed_or_in_one_open_part(closed: set[date]) -> None:
    parts = open_parts(JANUARY, closed)
    fresh = [day for part in parts for day in days(part.first.day, part.last.day)]
    assert sorted([*closed, *fresh]) == list(days(1, 31))
    for before, after in pairwise(parts):
        assert before.last + DAY < after.first


def test_each_kind_of_fact_is_counted_or_added_up_under_its_names() -> None:
    number = number_of(NEW_YEAR)
    facts = [
        Fact(number, "usr_1", "USD", "product", 3, 300),
        Fact(number, "usr_1", "USD", "support", 2, 200),
        Fact(number, "usr_1", "USD", "refunded", 4, 40),
        Fact(number, "usr_1", "USD", "refund_failed", 1, 10),
        Fact(number, "usr_1", "", "downloads", 7, 0),
        Fact(number, "", "", "clicks", 8, 0),
    ]
    assert entries(facts) == [
        Entry(NEW_YEAR, "usr_1", "USD", Figure.ORDERS, 3),
        Entry(NEW_YEAR, "usr_1", "USD", Figure.GROSS, 300),
        Entry(NEW_YEAR, "usr_1", "USD", Figure.SUPPORT_ORDERS, 2),
        Entry(NEW_YEAR, "usr_1", "USD", Figure.SUPPORT_GROSS, 200),
        Entry(NEW_YEAR, "usr_1", "USD", Figure.REFUNDED, 40),
        Entry(NEW_YEAR, "usr_1", "USD", Figure.REFUND_FAILED, 10),
        Entry(NEW_YEAR, "usr_1", "", Figure.DOWNLOADS, 7),
        Entry(NEW_YEAR, "", "", Figure.CLICKS, 8),
    ]


def test_a_figure_of_zero_is_none_so_a_free_order_has_a_count_and_no_money() -> None:
    facts = [Fact(number_of(NEW_YEAR), "", "EUR", "product", 1, 0)]
    assert entries(facts) == [Entry(NEW_YEAR, "", "EUR", Figure.ORDERS, 1)]


def test_net_is_what_came_less_what_went_plus_what_came_back() -> None:
    figures = [
        Entry(NEW_YEAR, "", "USD", Figure.ORDERS, 1),
        Entry(NEW_YEAR, "", "USD", Figure.GROSS, 1000),
        Entry(NEW_YEAR, "", "USD", Figure.SUPPORT_ORDERS, 1),
        Entry(NEW_YEAR, "", "USD", Figure.SUPPORT_GROSS, 500),
        Entry(NEW_YEAR, "", "USD", Figure.REFUNDED, 700),
        Entry(NEW_YEAR, "", "USD", Figure.REFUND_FAILED, 30),
    ]
    (day,) = by_day(figures)
    assert day.net == Money("8.30", "USD")
    assert overview(JANUARY, figures).revenue[0].net == Money("8.30", "USD")


def test_net_falls_below_zero_where_more_went_back_than_came() -> None:
    (day,) = by_day([Entry(NEW_YEAR, "", "USD", Figure.REFUNDED, 700)])
    assert (day.orders, day.gross, day.net) == (0, Money.zero("USD"), Money("-7.00", "USD"))


def test_sellers_and_days_are_added_up_currencies_never() -> None:
    figures = [
        Entry(NEW_YEAR, "usr_1", "USD", Figure.GROSS, 100),
        Entry(NEW_YEAR, "usr_2", "USD", Figure.GROSS, 20),
        Entry(NEW_YEAR + DAY, "", "USD", Figure.GROSS, 3),
        Entry(NEW_YEAR, "usr_1", "EUR", Figure.GROSS, 4000),
        Entry(NEW_YEAR, "usr_1", "", Figure.CLICKS, 5),
        Entry(NEW_YEAR + DAY, "", "", Figure.CLICKS, 6),
        Entry(NEW_YEAR + DAY, "", "", Figure.DOWNLOADS, 2),
    ]
    whole = overview(JANUARY, figures)
    assert [one.gross for one in whole.revenue] == [Money("40.00", "EUR"), Money("1.23", "USD")]
    assert (whole.downloads, whole.clicks, whole.period) == (2, 11, JANUARY)
    assert [(one.day.day, str(one.gross)) for one in by_day(figures)] == [
        (1, "40.00 EUR"),
        (1, "1.20 USD"),
        (2, "0.03 USD"),
    ]


def test_a_period_of_nothing_has_figures_of_nothing() -> None:
    nothing = overview(JANUARY, [])
    assert (nothing.revenue, nothing.downloads, nothing.clicks) == ((), 0, 0)
    assert by_day([]) == ()


SOME_ENTRIES = st.lists(
    st.builds(
        Entry,
        st.dates(NEW_YEAR, date(2026, 1, 9)),
        st.sampled_from(["", "usr_1"]),
        st.sampled_from(["USD", "EUR", "JPY"]),
        st.sampled_from(Figure),
        st.integers(1, 10_000),
    )
)


@given(SOME_ENTRIES)
def test_the_days_of_a_period_add_up_to_its_overview(figures: list[Entry]) -> None:
    by_currency = overview(JANUARY, figures).revenue
    each = by_day(figures)
    for whole in by_currency:
        mine = [one for one in each if one.currency == whole.currency]
        for name in ("gross", "support_gross", "refunded", "refund_failed", "net"):
            parts = [getattr(one, name) for one in mine]
            assert Money.total(parts, whole.currency) == getattr(whole, name)
        assert sum(one.orders for one in mine) == whole.orders
        assert sum(one.support_orders for one in mine) == whole.support_orders
    assert {one.currency for one in each} == {one.currency for one in by_currency}
    assert list(each) == sorted(each, key=lambda one: (one.day, one.currency))


@pytest.mark.parametrize("figure", list(Figure))
def test_every_figure_is_counted_or_added_up_somewhere(figure: Figure) -> None:
    money = by_day([Entry(NEW_YEAR, "", "USD", figure, 5)])
    other = overview(JANUARY, [Entry(NEW_YEAR, "", "", figure, 5)])
    shown = money[0].model_dump() | other.model_dump()
    assert figure.value in shown
