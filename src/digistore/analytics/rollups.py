"""Rows of closed days: written once from the facts, read instead of them ever after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import Select, Text, bindparam, delete, func, insert, select
from sqlalchemy.dialects.postgresql import insert as insert_or_leave

from digistore.analytics.rules import Entry, Figure
from digistore.analytics.tables import closed_days, day_figures
from digistore.database import Prepared, Reader, Transaction

_LAST: Final = Prepared(select(func.max(closed_days.c.day)))


def _stored() -> Select[Any]:
    closed = select(closed_days.c.day).where(
        closed_days.c.day >= bindparam("first"), closed_days.c.day <= bindparam("last")
    )
    # Day by day, not by a range: the key of figures begins with the day and its seller.
    return (
        select(
            day_figures.c.day,
            day_figures.c.currency,
            day_figures.c.figure,
            func.sum(day_figures.c.value),
        )
        .where(day_figures.c.day.in_(closed))
        .group_by(day_figures.c.day, day_figures.c.currency, day_figures.c.figure)
    )


_OF_ALL: Final = Prepared(_stored())
_OF_ONE: Final = Prepared(
    _stored().where(day_figures.c.seller == bindparam("seller", type_=Text()))
)


async def last_closed(reader: Reader) -> date | None:
    """Return the newest closed day."""
    ((day,),) = await reader.fetch(_LAST, {})
    return None if day is None else date.fromisoformat(day)


async def stored(reader: Reader, first: date, last: date, seller: str | None) -> list[Entry]:
    """Read the figures of the closed days from *first* to *last*.

    They are those of *seller*, or the sums over all sellers and the house.
    """
    statement = _OF_ALL if seller is None else _OF_ONE
    rows = await reader.fetch(
        statement, {"first": first.isoformat(), "last": last.isoformat(), "seller": seller}
    )
    return [
        Entry(date.fromisoformat(day), seller or "", currency, Figure(figure), value)
        for day, currency, figure, value in rows
    ]


async def write(tx: Transaction, day: date, figures: Sequence[Entry]) -> None:
    """Close a day with all of its *figures*; again, it changes nothing."""
    text = day.isoformat()
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
    await tx.rows(insert_or_leave(closed_days).values(day=text).on_conflict_do_nothing())
