"""Rows of closed days: written once from the facts, read instead of them ever after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Final

from sqlalchemy import Text, bindparam, delete, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_lock

from digistore.analytics.models import Period
from digistore.analytics.rules import CLOSES_AFTER, Entry, Figure
from digistore.analytics.tables import closed_days, day_figures
from digistore.database import Prepared, Reader, Transaction
from digistore.database.types import summed

_ALL_CLOSED: Final = select(closed_days.c.day)
_CLOSED: Final = _ALL_CLOSED.where(
    closed_days.c.day >= bindparam("first"), closed_days.c.day <= bindparam("last")
)
# Day by day, not by a range: the key of figures begins with the day and its seller.
_STORED: Final = (
    select(
        day_figures.c.day,
        day_figures.c.currency,
        day_figures.c.figure,
        summed(day_figures.c.value),
    )
    .where(day_figures.c.day.in_(_CLOSED))
    .group_by(day_figures.c.day, day_figures.c.currency, day_figures.c.figure)
)
_EVER_CLOSED: Final = Prepared(_ALL_CLOSED)
_CLOSED_DURING: Final = Prepared(_CLOSED)
_OF_ALL: Final = Prepared(_STORED)
_OF_ONE: Final = Prepared(_STORED.where(day_figures.c.seller == bindparam("seller", type_=Text())))


async def closed(reader: Reader, period: Period | None = None) -> frozenset[date]:
    """Return the closed days of *period*, or all there are."""
    if period is None:
        rows = await reader.fetch(_EVER_CLOSED, {})
    else:
        rows = await reader.fetch(_CLOSED_DURING, _ends(period))
    return frozenset(date.fromisoformat(day) for (day,) in rows)


async def stored(reader: Reader, period: Period, seller: str | None) -> list[Entry]:
    """Read the figures of the closed days of *period*.

    They are those of *seller*, or the sums over all sellers and the house.
    """
    statement = _OF_ALL if seller is None else _OF_ONE
    rows = await reader.fetch(statement, {**_ends(period), "seller": seller})
    return [
        Entry(date.fromisoformat(day), seller or "", currency, Figure(figure), value)
        for day, currency, figure, value in rows
    ]


# An update that changes nothing locks the row: who closes the same day waits here.
_CLOSE = insert_or_lock(closed_days)
_CLOSE = _CLOSE.on_conflict_do_update(index_elements=["day"], set_={"day": _CLOSE.excluded.day})


async def write(tx: Transaction, day: date, figures: Sequence[Entry]) -> None:
    """Close a day with all of its *figures*; again, it changes nothing."""
    text = day.isoformat()
    await tx.rows(_CLOSE.values(day=text))
    await tx.rows(delete(day_figures).where(day_figures.c.day == text))
    rows = [
        {
            "day": text,
            "seller": one.seller,
            "currency": one.currency,
            "figure": one.figure,
            "value": one.value,
        }
        for one in figures
    ]
    if rows:
        await tx.rows(insert(day_figures), rows)


async def reopen(tx: Transaction) -> None:
    """Open days again that are not to be closed yet: the clock has been put back since."""
    first = (tx.now - CLOSES_AFTER).date().isoformat()
    for table in (closed_days, day_figures):
        await tx.rows(delete(table).where(table.c.day >= first))


def _ends(period: Period) -> dict[str, str]:
    return {"first": period.first.isoformat(), "last": period.last.isoformat()}
