"""Periods: whole days in UTC, bounded, and refused with a word that programs can read."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.analytics import Overview, Period
from digistore.errors import Invalid

NEW_YEAR = date(2026, 1, 1)


def refused(first: Any, last: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        Period(first, last)
    return dict(caught.value.fields)


def refused_days(last: Any, many: Any) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        Period.of_days(last, many)
    return dict(caught.value.fields)


def test_a_period_may_be_a_single_day() -> None:
    assert Period(NEW_YEAR, NEW_YEAR) == Period.of_days(NEW_YEAR, 1)


def test_both_days_belong_to_a_period() -> None:
    assert Period.of_days(date(2026, 1, 31), 31) == Period(NEW_YEAR, date(2026, 1, 31))


def test_a_period_never_runs_backwards() -> None:
    assert refused(date(2026, 1, 2), NEW_YEAR) == {"period": "backwards"}


def test_a_period_has_at_most_3660_days() -> None:
    last = NEW_YEAR + timedelta(days=3659)
    assert Period.of_days(last, 3660) == Period(NEW_YEAR, last)
    assert refused(NEW_YEAR, last + timedelta(days=1)) == {"period": "too_long"}
    assert refused_days(last, 3661) == {"period": "too_long"}


@pytest.mark.parametrize("wrong", [None, "2026-01-01", 20260101, datetime(2026, 1, 1, tzinfo=UTC)])
def test_a_period_is_made_of_dates_and_a_time_is_none(wrong: object) -> None:
    assert refused(wrong, NEW_YEAR) == {"period": "not_dates"}
    assert refused(NEW_YEAR, wrong) == {"period": "not_dates"}
    assert refused_days(wrong, 1) == {"period": "not_dates"}


@pytest.mark.parametrize("wrong", [0, -1, True, 1.0, "7", None])
def test_a_number_of_days_is_whole_and_above_zero(wrong: object) -> None:
    assert refused_days(NEW_YEAR, wrong) == {"period": "not_a_number"}


def test_a_period_does_not_begin_before_the_first_date_there_is() -> None:
    assert Period.of_days(date(1, 1, 10), 10).first == date.min
    assert refused_days(date(1, 1, 10), 11) == {"period": "too_long"}
    assert refused_days(date(1, 1, 10), 10**30) == {"period": "too_long"}


@given(st.dates(), st.integers(1, 3660))
def test_a_number_of_days_is_what_the_period_has(last: date, many: int) -> None:
    if many > (last - date.min).days + 1:
        assert refused_days(last, many) == {"period": "too_long"}
    else:
        period = Period.of_days(last, many)
        assert period.last == last
        assert (period.last - period.first).days + 1 == many


def test_a_period_never_changes() -> None:
    with pytest.raises(FrozenInstanceError):
        Period(NEW_YEAR, NEW_YEAR).first = date(2025, 1, 1)  # type: ignore[misc]


def test_figures_come_back_from_json_as_they_went() -> None:
    whole = Overview(period=Period(NEW_YEAR, NEW_YEAR), revenue=(), downloads=0, clicks=0)
    assert Overview.model_validate_json(whole.model_dump_json()) == whole
