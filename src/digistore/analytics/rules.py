"""Days and sums: which days are final, and what the figures add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeAlias

from digistore.analytics.models import CurrencyFigures, DaySales, Overview, Period
from digistore.clock import EPOCH, to_micros
from digistore.money import Money

DAY: Final = 86_400_000_000  # microseconds
CLOSES_AFTER: Final = timedelta(hours=48)
"""How long after its end a day stays open; transactions that began within it are over by then."""


class Figure(StrEnum):
    """What is counted or added up for a day."""

    ORDERS = "orders"
    GROSS = "gross"
    SUPPORT_ORDERS = "support_orders"
    SUPPORT_GROSS = "support_gross"
    REFUNDED = "refunded"
    REFUND_FAILED = "refund_failed"
    DOWNLOADS = "downloads"
    CLICKS = "clicks"


COUNTED: Final[Mapping[str, Figure]] = {
    "product": Figure.ORDERS,
    "support": Figure.SUPPORT_ORDERS,
    "downloads": Figure.DOWNLOADS,
    "clicks": Figure.CLICKS,
}
"""What the number of facts of a kind is called."""

ADDED_UP: Final[Mapping[str, Figure]] = {
    "product": Figure.GROSS,
    "support": Figure.SUPPORT_GROSS,
    "refunded": Figure.REFUNDED,
    "refund_failed": Figure.REFUND_FAILED,
}
"""What the sum of their amounts is called."""


class Fact(NamedTuple):
    """All facts of one kind on one day: how many, and their amounts in minor units.

    *seller* is ``""`` for the house, *currency* ``""`` for what is no money.
    """

    day: int
    seller: str
    currency: str
    kind: str
    many: int
    amount: int


class Entry(NamedTuple):
    """One figure of one day."""

    day: date
    seller: str
    currency: str
    figure: Figure
    value: int


Sums: TypeAlias = Counter[Figure]


def number_of(day: date) -> int:
    """Count the days from 1970-01-01 to *day*."""
    return (day - EPOCH.date()).days


def day_of(number: int) -> date:
    """Return the day with that number."""
    return EPOCH.date() + timedelta(days=number)


def bounds(first: date, last: date) -> tuple[int, int]:
    """Return in microseconds when *first* begins and when *last* is over."""
    return number_of(first) * DAY, (number_of(last) + 1) * DAY


def closable(
    first_fact: datetime | None, last_closed: date | None, now: datetime, limit: int
) -> tuple[date, ...]:
    """Say which days are to be closed now, the oldest first and at most *limit*.

    They follow the last closed one, so that closed days have no gap; without one, the first day
    with a fact is the first. A shop without facts closes nothing.
    """
    if last_closed is not None:
        first = number_of(last_closed) + 1
    elif first_fact is not None:
        first = to_micros(first_fact) // DAY
    else:
        return ()
    open_from = to_micros(now - CLOSES_AFTER) // DAY
    return tuple(day_of(number) for number in range(first, min(open_from, first + limit)))


def open_part(period: Period, last_closed: date | None) -> Period | None:
    """Return the days of *period* after the last closed one, ``None`` if there are none."""
    if last_closed is None or last_closed < period.first:
        return period
    if last_closed >= period.last:
        return None
    return Period(last_closed + timedelta(days=1), period.last)


def entries(facts: Iterable[Fact]) -> list[Entry]:
    """Name the figures of *facts*; one that is zero is none."""
    return [
        Entry(day_of(fact.day), fact.seller, fact.currency, names[fact.kind], value)
        for fact in facts
        for names, value in ((COUNTED, fact.many), (ADDED_UP, fact.amount))
        if fact.kind in names and value
    ]


def overview(period: Period, figures: Iterable[Entry]) -> Overview:
    """Add *figures* up over all days and sellers."""
    sums: dict[str, Sums] = {}
    for one in figures:
        sums.setdefault(one.currency, Counter())[one.figure] += one.value
    other = sums.pop("", Counter())
    return Overview(
        period=period,
        revenue=tuple(
            CurrencyFigures(**_moved(currency, sums[currency])) for currency in sorted(sums)
        ),
        downloads=other[Figure.DOWNLOADS],
        clicks=other[Figure.CLICKS],
    )


def by_day(figures: Iterable[Entry]) -> tuple[DaySales, ...]:
    """Add up by day and currency what is money in *figures*, over all sellers."""
    sums: dict[tuple[date, str], Sums] = {}
    for one in figures:
        if one.currency:
            sums.setdefault((one.day, one.currency), Counter())[one.figure] += one.value
    return tuple(
        DaySales(day=day, **_moved(currency, sums[day, currency])) for day, currency in sorted(sums)
    )


def _moved(currency: str, sums: Sums) -> dict[str, Any]:
    money = {
        figure.value: Money.from_minor(sums[figure], currency) for figure in (*ADDED_UP.values(),)
    }
    kept = money[Figure.GROSS] + money[Figure.SUPPORT_GROSS]
    return {
        "currency": currency,
        "orders": sums[Figure.ORDERS],
        "support_orders": sums[Figure.SUPPORT_ORDERS],
        "net": kept - money[Figure.REFUNDED] + money[Figure.REFUND_FAILED],
        **money,
    }
