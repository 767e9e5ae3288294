"""Days of clicks: which are closed, what they add up to, and what is kept of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Integer,
    Select,
    bindparam,
    delete,
    func,
    literal_column,
    select,
    type_coerce,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import port
from digistore.short_urls.service.clicks import DAY
from digistore.short_urls.tables import click_days, clicks, visitor_keys

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.settings import BotClassifier

CLOSES_AFTER: Final = 48 * 3_600_000_000  # microseconds after its end
KEPT_DAYS: Final = 90
MOST_DELETED: Final = 5000  # rows in one transaction
MOST_AGENTS: Final = 500  # that are classified in one go
RECOMPUTED: Final = timedelta(minutes=10)

_at = type_coerce(clicks.c.at, BigInteger)
_DAY = literal_column(str(DAY), BigInteger)
_CLOSED = type_coerce(click_days.c.closed, Integer) == 1
_FIRST_OPEN = select(func.coalesce(func.max(click_days.c.day) + 1, 0)).where(_CLOSED)

OPEN_FROM: Final = _FIRST_OPEN.scalar_subquery() * _DAY
"""The time, in microseconds, from which on clicks are counted one by one."""


def counted(first: int, last: int, *keys: Any) -> Select[Any]:  # noqa: ANN401  any column
    """Count clicks and visitors of whole days, by *keys*."""
    return (
        select(
            *keys,
            func.count().label("clicks"),
            func.count(clicks.c.visitor.distinct()).label("visitors"),
        )
        .where(_at >= first * DAY, _at < (last + 1) * DAY)
        .group_by(*keys)
    )


async def first_open(reader: Reader | Database) -> int:
    """Return the first day that is not closed; before the first click that is day 0."""
    row = await reader.first(_FIRST_OPEN)
    return int(row[0]) if row else 0


async def days_with_clicks(reader: Reader | Database, first: int, last: int) -> list[int]:
    """Return the days from *first* to *last* that have clicks, found one by one by an index."""
    found: list[int] = []
    while first <= last:
        row = await reader.first(select(func.min(_at)).where(_at >= first * DAY))
        if row is None or row[0] is None or row[0] >= (last + 1) * DAY:
            break
        found.append(int(row[0]) // DAY)
        first = found[-1] + 1
    return found


async def roll(database: Database, day: int, *, closing: bool) -> None:
    """Write what a day adds up to, computed anew; a closed day is left as it is.

    The sums of an open day are read before the lock is taken: the next time mends what came in
    between. Those of a day that closes are final, and read within.
    """
    statement = counted(day, day, clicks.c.short_url_id, clicks.c.is_bot)
    before = None if closing else await database.rows(statement)

    async def write(tx: Transaction) -> None:
        rows = await tx.rows(statement) if before is None else before
        open_rows = type_coerce(click_days.c.closed, Integer) == 0
        await tx.rows(delete(click_days).where(click_days.c.day == day, open_rows))
        values = [{**row._mapping, "day": day, "closed": closing} for row in rows]
        if values:
            await tx.rows(insert(click_days).on_conflict_do_nothing(), values)

    await database.transact(write)


async def classify(database: Database, classifier: BotClassifier) -> None:
    """Let *classifier* look at the agents that it has not seen, and forget them."""
    while agents := await _unread(database):
        verdicts = {agent: await port(classifier.is_bot(agent)) for agent in agents}
        await database.transact(lambda tx, found=verdicts: _judge(tx, found))  # type: ignore[misc]


async def _unread(database: Database) -> Sequence[str]:
    rows = await database.rows(
        select(clicks.c.agent)
        .distinct()
        .where(clicks.c.agent.is_not(None), _at >= OPEN_FROM)
        .limit(MOST_AGENTS)
    )
    return [row[0] for row in rows]


async def _judge(tx: Transaction, verdicts: Mapping[str, bool]) -> None:
    for agent, is_bot in verdicts.items():
        told = {"is_bot": True} if is_bot else {}
        await tx.rows(
            update(clicks)
            .where(clicks.c.agent == agent, _at >= OPEN_FROM)
            .values(agent=None, **told)
        )


async def forget(database: Database, now: int) -> None:
    """Delete single clicks after 90 days, and the keys of visitors after two."""
    today = now // DAY
    oldest = min(today - KEPT_DAYS, await first_open(database)) * DAY

    async def work(tx: Transaction) -> int:
        await tx.rows(delete(visitor_keys).where(visitor_keys.c.day < today - 1))
        old = select(clicks.c.id).where(_at < bindparam("oldest")).order_by(_at).limit(MOST_DELETED)
        gone = delete(clicks).where(clicks.c.id.in_(old)).returning(clicks.c.id)
        return len(await tx.rows(gone, {"oldest": oldest}))

    while await database.transact(work) == MOST_DELETED:
        pass
