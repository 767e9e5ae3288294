"""Counting tries, so that guessing ends before it finds anything (in the database, per subject)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import case, delete, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from digistore.database.types import Moment
from digistore.errors import TooManyAttempts
from digistore.users.tables import tries

if TYPE_CHECKING:
    from digistore.database import Database, Transaction


@dataclass(frozen=True, slots=True)
class Limit:
    """How many tries for one *purpose* a subject has within a *window*, from the first on."""

    purpose: str
    most: int
    window: timedelta


async def refuse_too_many(database: Database, limit: Limit, subject: str) -> None:
    """Refuse somebody who has used up all tries.

    Raises:
        TooManyAttempts: with the time of the next one.
    """
    row = await database.first(
        select(tries.c.tries, tries.c.since).where(
            tries.c.purpose == limit.purpose, tries.c.subject == subject
        )
    )
    now = database.clock()
    if row is None or _is_ahead(row.since, now, limit):
        return
    if row.tries >= limit.most and now < row.since + limit.window:
        raise TooManyAttempts(row.since + limit.window)


async def spend_try(database: Database, limit: Limit, subject: str) -> None:
    """Count a try in a transaction of its own; the first after the window begins anew.

    Raises:
        TooManyAttempts: there were too many before it; with the time of the next one.
    """

    async def count(tx: Transaction) -> datetime | None:
        now = literal(tx.now, Moment)
        over = or_(
            tries.c.since <= tx.now - limit.window,
            tries.c.since > tx.now + limit.window,  # by a clock that has been put back
        )
        row = await tx.first(
            insert(tries)
            .values(purpose=limit.purpose, subject=subject, tries=1, since=tx.now)
            .on_conflict_do_update(
                index_elements=["purpose", "subject"],
                set_={
                    "tries": case((over, 1), else_=tries.c.tries + 1),
                    "since": case((over, now), else_=tries.c.since),
                },
            )
            .returning(tries.c.tries, tries.c.since)
        )
        spent = row is not None and row.tries > limit.most
        return row.since + limit.window if row is not None and spent else None

    retry_at = await database.transact(count)
    if retry_at is not None:
        raise TooManyAttempts(retry_at)


def _is_ahead(since: datetime, now: datetime, limit: Limit) -> bool:
    """Say whether a clock that has been put back since began the window."""
    return since > now + limit.window


async def forget_tries(tx: Transaction, limit: Limit, subject: str) -> None:
    """Begin anew after a success."""
    await tx.rows(delete(tries).where(tries.c.purpose == limit.purpose, tries.c.subject == subject))
