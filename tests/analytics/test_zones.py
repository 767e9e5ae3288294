"""A day is a day in UTC, wherever the machine is and whatever its clock tells."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from digistore.analytics import Period
from tests.analytics.story import YEAR, close_all, customer, download, january
from tests.conftest import Shop


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
