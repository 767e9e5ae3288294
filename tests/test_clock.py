"""Time is UTC, injected, and stored as whole microseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.clock import EPOCH, from_micros, to_micros, utc_now
from digistore.testing import FrozenClock

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=zones,
)


@given(moment=moments)
def test_a_time_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    read = from_micros(to_micros(moment))
    assert read == moment
    assert read.tzinfo is UTC


@given(one=moments, other=moments)
def test_stored_times_sort_as_the_moments_do(one: datetime, other: datetime) -> None:
    assert (to_micros(one) < to_micros(other)) == (one < other)


@given(micros=st.integers(-(2**53), 2**53))
def test_no_microsecond_is_lost_either_side_of_the_epoch(micros: int) -> None:
    assert to_micros(from_micros(micros)) == micros


def test_the_epoch_is_zero() -> None:
    assert to_micros(EPOCH) == 0
    assert to_micros(EPOCH - timedelta(microseconds=1)) == -1


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(TypeError):
        to_micros(datetime(2026, 1, 1))  # noqa: DTZ001 - what the test is about


def test_the_clock_of_the_machine_says_utc() -> None:
    assert utc_now().tzinfo is UTC


def test_a_frozen_clock_moves_only_when_it_is_told_to() -> None:
    clock = FrozenClock()
    begun = clock()
    assert clock() == begun
    clock.go(days=1, hours=2, minutes=3, seconds=4)
    assert clock() - begun == timedelta(days=1, hours=2, minutes=3, seconds=4)
    clock.go(days=-2)
    assert clock() < begun
