"""What happened on some days, counted from the tables of those whose facts they are.

A fact belongs to the day of our own clock on which it was recorded, so that nothing new can
happen on a day that is long over: what a closed day says is final.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    not_,
    select,
    true,
    type_coerce,
    union,
    union_all,
)

from digistore.analytics.models import Period
from digistore.analytics.rules import DAY, Entry, Fact, bounds, entries
from digistore.catalog.tables import products
from digistore.clock import from_micros
from digistore.database import Prepared, Reader
from digistore.database.types import Amount, summed
from digistore.downloads.tables import download_sessions
from digistore.entitlements.tables import purchased_products
from digistore.orders.tables import order_lines, orders
from digistore.payments.tables import payments, refunds
from digistore.short_urls.service.days import OPEN_FROM
from digistore.short_urls.tables import click_days, clicks, short_urls

When: TypeAlias = ColumnElement[Any]
Owner: TypeAlias = Callable[[ColumnElement[str]], ColumnElement[bool]]

_START: Final = bindparam("start", type_=BigInteger())
_STOP: Final = bindparam("stop", type_=BigInteger())
_COUNT: Final = func.count()
_NOTHING: Final = literal_column("0", BigInteger)
_NO_MONEY: Final = literal_column("''", Text)
_HOUSE: Final = literal_column("''", Text)

# A paid order has one covering payment; what is imported was sold elsewhere, long ago.
PAID: Final = orders.join(
    payments, and_(payments.c.order_id == orders.c.id, payments.c.cover_key == 1)
)
IS_COUNTED: Final = and_(
    type_coerce(orders.c.self_purchase, Integer) == 0,  # D3
    not_(
        and_(
            payments.c.gateway == "external",
            func.substr(payments.c.account, 1, 7) == "import:",
        )
    ),
)


def _everybody(_: ColumnElement[str]) -> ColumnElement[bool]:
    return true()


def _one_seller(seller: ColumnElement[str]) -> ColumnElement[bool]:
    return seller == bindparam("seller", type_=Text())


def during(moment: When) -> ColumnElement[bool]:
    """Say whether *moment* lies between the parameters ``start`` and ``stop``."""
    return and_(moment >= _START, moment < _STOP)


def _later(one: When, other: When) -> When:
    return case((one < other, other), else_=one)


def _summed(
    kind: ColumnElement[str] | str,
    moment: When,
    seller: ColumnElement[Any],
    currency: ColumnElement[str] = _NO_MONEY,
    *,
    many: ColumnElement[int] = _COUNT,
    amount: ColumnElement[Any] = _NOTHING,
) -> Select[Any]:
    """Add up by day, seller, currency and kind; the columns are those of ``Fact``."""
    day = type_coerce(moment, BigInteger) // literal_column(str(DAY), BigInteger)
    word = literal_column(f"'{kind}'", Text) if isinstance(kind, str) else kind
    keys = {  # names that no column has: GROUP BY would mean the column
        "of_day": day,
        "of_seller": func.coalesce(seller, _HOUSE),
        "in_currency": currency,
        "of_kind": word,
    }
    labelled = (key.label(name) for name, key in keys.items())
    return select(*labelled, many, amount).group_by(*keys)


def _sales(whose: Owner) -> Select[Any]:
    return (
        _summed(
            order_lines.c.kind,
            orders.c.paid_at,
            orders.c.seller_id,
            orders.c.currency,
            many=func.count(orders.c.id.distinct()),
            amount=summed(order_lines.c.total),
        )
        .select_from(PAID.join(order_lines, order_lines.c.order_id == orders.c.id))
        .where(during(orders.c.paid_at), whose(orders.c.seller_id), IS_COUNTED)
    )


def _returns(kind: str, told: When, candidates: Select[Any], whose: Owner) -> Select[Any]:
    """Add up refunds on the day they were told, or on which their order was paid if it is later.

    Money for a canceled order can go back before somebody accepts the rest: the sale begins then,
    and a day that is closed by then must not change.
    """
    moment = _later(told, orders.c.paid_at)
    fresh = (
        select(payments.c.id)
        .select_from(PAID)
        .where(during(orders.c.paid_at), whose(orders.c.seller_id))
    )
    # Not joined: SQLite would go through all refunds rather than the orders of a day or two.
    of_fresh_orders = select(refunds.c.id).where(refunds.c.payment_id.in_(fresh))
    return (
        _summed(
            kind,
            moment,
            orders.c.seller_id,
            orders.c.currency,
            amount=summed(refunds.c.amount),
        )
        .select_from(PAID.join(refunds, refunds.c.payment_id == payments.c.id))
        .where(
            refunds.c.id.in_(union(candidates, of_fresh_orders)),  # found by an index each
            refunds.c.succeeded_at.is_not(None),
            during(moment),
            whose(func.coalesce(orders.c.seller_id, _HOUSE)),  # not by all that they ever sold
            IS_COUNTED,
        )
    )


def _refunded(whose: Owner) -> Select[Any]:
    # Of a refund that was made elsewhere succeeded_at is what somebody says; it was recorded
    # when it was created.
    elsewhere = refunds.c.gateway == "external"
    recorded = case((elsewhere, refunds.c.created_at), else_=refunds.c.succeeded_at)
    candidates = union_all(
        select(refunds.c.id).where(during(refunds.c.succeeded_at)),
        select(refunds.c.id).where(during(refunds.c.created_at)),
    ).subquery()
    return _returns("refunded", recorded, select(candidates.c.id), whose)


def _refund_failed(whose: Owner) -> Select[Any]:
    failed = select(refunds.c.id).where(during(refunds.c.failed_at))
    return _returns("refund_failed", refunds.c.failed_at, failed, whose)


def _downloads(whose: Owner) -> Select[Any]:
    sessions = download_sessions.join(
        purchased_products, purchased_products.c.id == download_sessions.c.purchase_id
    ).join(products, products.c.id == purchased_products.c.product_id)
    return (
        _summed("downloads", download_sessions.c.first_at, products.c.seller_id)
        .select_from(sessions)
        .where(during(download_sessions.c.first_at), whose(products.c.seller_id))
    )


def _clicks(whose: Owner) -> Select[Any]:
    return (
        _summed("clicks", clicks.c.at, short_urls.c.owner_id)
        .select_from(clicks.join(short_urls, short_urls.c.id == clicks.c.short_url_id))
        .where(
            during(clicks.c.at),
            clicks.c.at >= OPEN_FROM,
            whose(short_urls.c.owner_id),
            type_coerce(clicks.c.is_bot, Integer) == 0,
        )
    )


def _closed_clicks(whose: Owner) -> Select[Any]:
    """Count the clicks of days that short links have closed: their rows go after 90 days."""
    day = literal_column(str(DAY), BigInteger)
    moment = click_days.c.day * day
    return (
        _summed("clicks", moment, short_urls.c.owner_id, many=summed(click_days.c.clicks))
        .select_from(click_days.join(short_urls, short_urls.c.id == click_days.c.short_url_id))
        .where(
            type_coerce(click_days.c.closed, Integer) == 1,
            click_days.c.day >= _START // day,
            click_days.c.day < _STOP // day,
            whose(short_urls.c.owner_id),
            type_coerce(click_days.c.is_bot, Integer) == 0,
        )
    )


_FIRST: Final = Prepared(
    select(
        select(func.min(orders.c.paid_at)).scalar_subquery(),
        select(func.min(download_sessions.c.first_at)).scalar_subquery(),
        select(func.min(clicks.c.at)).scalar_subquery(),
        *(
            select(cast(func.min(click_days.c.day), Amount) * DAY)
            .where(type_coerce(click_days.c.closed, Integer) == closed)  # an index begins with it
            .scalar_subquery()
            for closed in (0, 1)
        ),
    )
)


class _Counts:
    """One statement for several kinds of facts, once for everybody and once for one seller."""

    def __init__(self, *kinds: Callable[[Owner], Select[Any]]) -> None:
        self._of_all = Prepared(union_all(*(kind(_everybody) for kind in kinds)))
        self._of_one = Prepared(union_all(*(kind(_one_seller) for kind in kinds)))

    async def during(self, reader: Reader, period: Period, seller: str | None) -> list[Entry]:
        start, stop = bounds(period)
        statement = self._of_all if seller is None else self._of_one
        rows = await reader.fetch(statement, {"start": start, "stop": stop, "seller": seller})
        return entries(Fact(*row) for row in rows)


_MONEY: Final = _Counts(_sales, _refunded, _refund_failed)
_USE: Final = _Counts(_downloads, _clicks, _closed_clicks)


async def moved(reader: Reader, period: Period, seller: str | None = None) -> list[Entry]:
    """Add up the money of a period: of *seller*, or of all sellers and the house."""
    return await _MONEY.during(reader, period, seller)


async def happened(reader: Reader, period: Period, seller: str | None = None) -> list[Entry]:
    """Add up its money, and count its downloads and clicks."""
    money = await moved(reader, period, seller)
    return money + await _USE.during(reader, period, seller)


async def first_fact(reader: Reader) -> datetime | None:
    """Return when the first fact was recorded; no refund is counted before its order."""
    row = (await reader.fetch(_FIRST, {}))[0]
    return min((from_micros(moment) for moment in row if moment is not None), default=None)
