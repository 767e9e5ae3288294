"""``store.analytics``: figures for sellers and operators, and closing the days behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from digistore.analytics.facts import first_fact, happened, moved
from digistore.analytics.links import link_figures
from digistore.analytics.models import DaySales, LinkFigures, Overview, Period
from digistore.analytics.rollups import closed, stored, write
from digistore.analytics.rules import Entry, bounds, by_day, closable, open_parts, overview
from digistore.blocking import Blocking, blocking
from digistore.errors import Forbidden, Invalid
from digistore.users import Acting, Actor, Role

if TYPE_CHECKING:
    from digistore.database import Database, Reader
    from digistore.users import AsyncUsers

    Count: TypeAlias = Callable[[Reader, Period, str | None], Awaitable[list[Entry]]]


class AsyncAnalytics:
    """Figures: ``store.analytics``."""

    def __init__(self, database: Database, users: AsyncUsers) -> None:
        """Read facts and keep rollups in *database*."""
        self._database = database
        self._users = users

    async def overview(self, actor: Actor, period: Period) -> Overview:
        """Return the figures of a period: money by currency, downloads, clicks.

        Args:
            actor: a seller, for own figures; an operator or ``SYSTEM``, for the whole shop.
            period: days in UTC; the open ones are counted as of now.

        Raises:
            Forbidden: a customer.
            Invalid: no period.
        """
        return overview(period, await self._figures(actor, period, happened))

    async def sales(self, actor: Actor, period: Period, *, by: str = "day") -> tuple[DaySales, ...]:
        """Return what moved on each day of a period, by currency; days of nothing are left out.

        Args:
            actor: as for ``overview``.
            period: as for ``overview``.
            by: ``day``; there is nothing else yet.

        Raises:
            Forbidden: a customer.
            Invalid: no period, or another *by*.
        """
        if by != "day":
            raise Invalid("sales are told by day", fields={"by": "unknown"})
        return by_day(await self._figures(actor, period, moved))

    async def link_report(self, actor: Actor, period: Period) -> tuple[LinkFigures, ...]:
        """Return what each short link brought in a period, most orders first.

        A link's owner sees what is counted; money is seen by whoever sold, whoever owns the link.
        Orders that sellers placed with themselves and imported ones are left out. Links that
        brought nothing are not named.

        Args:
            actor: a seller, for own links and own sales; an operator or ``SYSTEM``, for all.
            period: days in UTC: of clicks, and on which orders were paid.

        Raises:
            Forbidden: a customer.
            Invalid: no period.
        """
        seller = _seller(await self._users.acting(actor))
        _check(period)
        return await self._database.read(
            lambda reader: link_figures(reader, bounds(period), seller)
        )

    # What run_due asks.

    async def close_days(self, limit: int) -> int:
        """Write the figures of days that are over since 48 hours; return how many days it were.

        The oldest come first, at most *limit* of them, each in a transaction of its own. Done
        again, or beside another process, it writes the same. Host-only.
        """
        now = self._database.clock()
        days = await self._database.read(lambda reader: _due(reader, now, limit))
        for day in days:
            # Nothing new happens on such a day: its facts are read before the lock is taken.
            figures = await self._database.read(partial(happened, period=Period(day, day)))
            await self._database.transact(partial(write, day=day, figures=figures))
        return len(days)

    # Within.

    async def _figures(self, actor: Actor, period: Period, count: Count) -> list[Entry]:
        seller = _seller(await self._users.acting(actor))
        _check(period)
        return await self._database.read(lambda reader: _read(reader, period, seller, count))


def _check(period: object) -> None:
    if not isinstance(period, Period):
        raise Invalid("name a Period of days", fields={"period": "not_a_period"})


async def _due(reader: Reader, now: datetime, limit: int) -> tuple[date, ...]:
    return closable(await first_fact(reader), await closed(reader), now, limit)


async def _read(reader: Reader, period: Period, seller: str | None, count: Count) -> list[Entry]:
    """Read closed days from their rows and *count* the facts of open ones, all at one moment."""
    days = await closed(reader, period)
    figures = await stored(reader, period, seller) if days else []
    for part in open_parts(period, days):
        figures += await count(reader, part, seller)
    return figures


def _seller(acting: Acting) -> str | None:
    """Return whose figures they may see; ``None`` is everybody's.

    Raises:
        Forbidden: nobody's.
    """
    if acting.is_operator:
        return None
    if Role.SELLER not in acting.roles:
        raise Forbidden("figures are for sellers and operators", reason="seller_needed")
    return acting.user_id()


class Analytics(Blocking[AsyncAnalytics]):
    """The same without an event loop."""

    overview = blocking(AsyncAnalytics.overview)
    sales = blocking(AsyncAnalytics.sales)
    link_report = blocking(AsyncAnalytics.link_report)
