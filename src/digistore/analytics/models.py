"""Periods of days, and the figures of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from digistore.errors import Invalid
from digistore.fields import Model
from digistore.money import Money

MOST_DAYS: Final = 3660


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days in UTC, from *first* to *last*, both included; at most 3,660 of them.

    Raises:
        Invalid: ``fields`` maps ``period`` to ``not_dates``, ``backwards`` or ``too_long``.
    """

    first: date
    last: date

    def __post_init__(self) -> None:
        """Refuse what is no period."""
        # A datetime is a date as well, but its day hangs on a time zone.
        if type(self.first) is not date or type(self.last) is not date:
            raise _refused("not_dates", "a period is made of two dates")
        if self.first > self.last:
            raise _refused("backwards", "the first day of a period is not after its last")
        if (self.last - self.first).days >= MOST_DAYS:
            raise _refused("too_long", f"a period has at most {MOST_DAYS} days; ask in pieces")

    @classmethod
    def of_days(cls, last: date, many: int) -> Period:
        """Make the period of *many* days that ends with *last*.

        Raises:
            Invalid: as the period itself, or *many* is not a whole number from 1.
        """
        if type(last) is not date:
            raise _refused("not_dates", "a period ends with a date")
        if type(many) is not int or many < 1:
            raise _refused("not_a_number", "a period has a whole number of days, 1 or more")
        if many > MOST_DAYS or many > (last - date.min).days + 1:
            raise _refused("too_long", f"a period has at most {MOST_DAYS} days; ask in pieces")
        return cls(last - timedelta(days=many - 1), last)


class CurrencyFigures(Model):
    """What moved in one currency; orders that a seller placed with itself are left out.

    ``orders`` and ``gross`` are of products, ``support_orders`` and ``support_gross`` of paid
    help, on the day when they were paid. ``refunded`` is what went back on that day, whenever it
    was paid, and ``refund_failed`` what came back of it. ``net`` is gross and support_gross, less
    refunded, plus refund_failed: it may be below zero. Taxes are contained, fees are not taken off.
    """

    currency: str
    orders: int
    gross: Money
    support_orders: int
    support_gross: Money
    refunded: Money
    refund_failed: Money
    net: Money


class DaySales(CurrencyFigures):
    """What moved on one day in one currency."""

    day: date


class Overview(Model):
    """A period at a glance: money by currency, downloads, and clicks of humans."""

    period: Period
    revenue: tuple[CurrencyFigures, ...]
    downloads: int
    clicks: int


class LinkMoney(Model):
    """What a link brought in one currency, less what of it has gone back since.

    *support_direct* is of help that was asked for after a click of its own, *support_downstream*
    of help, without one, with a purchase that the link had brought.
    """

    currency: str
    revenue: Money
    support_direct: Money
    support_downstream: Money


class LinkFigures(Model):
    """What one short link brought in a period; orders are those paid in it.

    ``clicks`` and ``visitors`` are those of humans, and ``conversion`` orders by clicks; they are
    ``None`` where the link is somebody else's. ``money`` is of the asker's own sales alone.
    """

    short_url_id: str
    domain: str
    code: str
    title: str | None = None
    clicks: int | None = None
    visitors: int | None = None
    bot_clicks: int | None = None
    orders: int = 0
    support_orders_direct: int = 0
    support_orders_downstream: int = 0
    conversion: float | None = None
    money: tuple[LinkMoney, ...] = ()


def _refused(word: str, message: str) -> Invalid:
    return Invalid(message, fields={"period": word})
