"""Days and sums: which days are final, and what the figures add up to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import islice
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


def bounds(period: Period) -> tuple[int, int]:
    """Return in microseconds when the first day of *period* begins and when its last is over."""
    return number_of(period.first) * DAY, (number_of(period.last) + 1) * DAY


def closable(
    first_fact: datetime | None, closed: Collection[date], now: datetime, limit: int
) -> tuple[date, ...]:
    """Say which days are to be closed now, the oldest first and at most *limit*.

    That is every day that is not, from the one with the first fact on: also one whose rows were
    deleted, for it to be counted again.
    """
    if first_fact is None:
        return ()
    first, open_from = to_micros(first_fact) // DAY, to_micros(now - CLOSES_AFTER) // DAY
    due = (day for day in map(day_of, range(first, open_from)) if day not in closed)
    return tuple(islice(due, limit))


def open_parts(period: Period, closed: Iterable[date]) -> list[Period]:
    """Return the days of *period* that are not among the *closed* ones of it, in unbroken parts."""
    parts = []
    first = number_of(period.first)
    for number in (*sorted(map(number_of, closed)), number_of(period.last) + 1):
        if first < number:
            parts.append(Period(day_of(first), day_of(number - 1)))
        first = number + 1
    return parts


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
    money = {figure.value: Money.from_minor(sums[figure], currency) for figure in ADDED_UP.values()}
    kept = money[Figure.GROSS] + money[Figure.SUPPORT_GROSS]
    return {
        "currency": currency,
        "orders": sums[Figure.ORDERS],
        "support_orders": sums[Figure.SUPPORT_ORDERS],
        "net": kept - money[Figure.REFUNDED] + money[Figure.REFUND_FAILED],
        **money,
    }
