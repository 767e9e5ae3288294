"""Figures of links: by day, by where visitors came from, and how the days are closed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, ColumnElement, func, literal_column, select, type_coerce

from digistore.clock import EPOCH
from digistore.errors import Invalid
from digistore.short_urls.models import DayClicks, Days, LinkStats, Share, ShortURLRef
from digistore.short_urls.service import days, links
from digistore.short_urls.service.clicks import DAY, now_of
from digistore.short_urls.service.following import Following
from digistore.short_urls.tables import click_days, clicks
from digistore.users import Actor

if TYPE_CHECKING:
    from digistore.database import AnyRow, Reader

MOST_SHARES = 50


class Counting(Following):
    """What clicks add up to."""

    _rolled_at: datetime | None = None

    async def stats(self, actor: Actor, short_url: ShortURLRef, period: Days) -> LinkStats:
        """Return what a period brought to a link of one's own, or to anybody's for operators.

        Args:
            actor: whose link it is, or an operator.
            short_url: the link.
            period: whole days in UTC, such as ``analytics.Period``; open days are as of now.

        Raises:
            NotFound: no such link, or not theirs.
            Invalid: no period.
        """
        acting = await self._users.acting(actor)
        first, last = _bounds(period)
        row = await links.visible(self._database, acting, short_url)
        return await self._database.read(partial(_stats, row=row, first=first, last=last))

    async def roll_up(self) -> int:
        """Recompute the days that are not closed, close those that are over since 48 hours.

        Written is what is computed, never an increment: done again, or beside another process, it
        changes nothing. Bots that only a ``BotClassifier`` finds are flagged first. Single clicks
        go after 90 days, the keys of visitors within 48 hours. Host-only; ``run_due`` calls it.

        Returns:
            How many days were computed.
        """
        now = now_of(self._database)
        await self._clicks.flush(now, everything=True)
        classifier = self._settings.bot_classifier
        if classifier is not None:
            await days.classify(self._database, classifier)
        first = await days.first_open(self._database)
        found = await days.days_with_clicks(self._database, first, now // DAY)
        for day in found:
            closing = (day + 1) * DAY + days.CLOSES_AFTER <= now
            await days.roll(self._database, day, closing=closing)
        await days.forget(self._database, now)
        return len(found)

    async def roll_up_due(self) -> int:
        """Write waiting clicks; roll up if that was not done in the last ten minutes.  Host-only.

        Each process does so for itself: two of them write the same.
        """
        now, last = self._database.clock(), self._rolled_at
        # A new day closes an older one, and ends the life of a key: that does not wait.
        if last is not None and now - last < days.RECOMPUTED and now.date() == last.date():
            await self.flush_clicks()
            return 0
        self._rolled_at = now
        return await self.roll_up()


def _bounds(period: Days) -> tuple[int, int]:
    first, last = getattr(period, "first", None), getattr(period, "last", None)
    if type(first) is not date or type(last) is not date or first > last:
        raise Invalid("name a period of days", fields={"period": "not_a_period"})
    return (first - EPOCH.date()).days, (last - EPOCH.date()).days


async def _stats(reader: Reader, row: AnyRow, first: int, last: int) -> LinkStats:
    by_day = await _by_day(reader, row.id, first, last)
    shares = [
        await _shares(reader, row.id, column, first, last)
        for column in (clicks.c.referrer_host, clicks.c.device, clicks.c.country, clicks.c.rule)
    ]
    referrers, devices, countries, rules = shares
    return LinkStats(
        short_url_id=row.id,
        clicks=sum(day.clicks for day in by_day),
        visitors=sum(day.visitors for day in by_day),
        bot_clicks=sum(day.bot_clicks for day in by_day),
        imported_clicks=row.imported_clicks,
        by_day=by_day,
        referrers=referrers,
        devices=devices,
        countries=countries,
        rules=rules,
    )


async def _by_day(reader: Reader, link_id: str, first: int, last: int) -> tuple[DayClicks, ...]:
    """Read closed days from their sums, and count the clicks of the others."""
    open_from = await days.first_open(reader)
    rows = list(
        await reader.rows(
            select(
                click_days.c.day, click_days.c.is_bot, click_days.c.clicks, click_days.c.visitors
            ).where(
                click_days.c.short_url_id == link_id,
                click_days.c.day.between(first, min(last, open_from - 1)),
            )
        )
    )
    day = type_coerce(clicks.c.at, BigInteger) // literal_column(str(DAY), BigInteger)
    begin = max(first, open_from)
    if begin <= last:
        counted = days.counted(begin, last, day.label("day"), clicks.c.is_bot)
        rows += await reader.rows(counted.where(clicks.c.short_url_id == link_id))
    sums: dict[int, dict[bool, AnyRow]] = defaultdict(dict)
    for row in rows:
        sums[int(row.day)][bool(row.is_bot)] = row
    return tuple(_day(number, sums[number]) for number in sorted(sums))


def _day(number: int, found: dict[bool, AnyRow]) -> DayClicks:
    humans, bots = found.get(False), found.get(True)
    return DayClicks(
        day=EPOCH.date() + timedelta(days=number),
        clicks=humans.clicks if humans else 0,
        visitors=humans.visitors if humans else 0,
        bot_clicks=bots.clicks if bots else 0,
        bot_visitors=bots.visitors if bots else 0,
    )


async def _shares(
    reader: Reader, link_id: str, column: ColumnElement[Any], first: int, last: int
) -> tuple[Share, ...]:
    name = func.coalesce(column, "")
    rows = await reader.rows(
        days.counted(first, last, name.label("name"), clicks.c.is_bot).where(
            clicks.c.short_url_id == link_id
        )
    )
    return _ranked(rows)


def _ranked(rows: Iterable[AnyRow]) -> tuple[Share, ...]:
    """Return the most frequent names, those of humans first; the rest would fill pages."""
    sums: dict[str, dict[bool, int]] = defaultdict(dict)
    for row in rows:
        sums[row.name][bool(row.is_bot)] = row.clicks
    shares = [
        Share(name=name, clicks=found.get(False, 0), bot_clicks=found.get(True, 0))
        for name, found in sums.items()
    ]
    return tuple(sorted(shares, key=lambda one: (-one.clicks, -one.bot_clicks, one.name)))[
        :MOST_SHARES
    ]
