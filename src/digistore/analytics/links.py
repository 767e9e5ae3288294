"""What short links brought: clicks from their days, orders and money from the orders themselves."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    Select,
    Text,
    case,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from digistore.analytics.facts import IS_COUNTED, PAID, during
from digistore.analytics.models import LinkFigures, LinkMoney
from digistore.database import AnyRow
from digistore.database.types import summed
from digistore.entitlements.tables import purchased_products
from digistore.money import Money
from digistore.orders.tables import order_lines, orders
from digistore.payments.tables import payments, refunds
from digistore.short_urls.service import days
from digistore.short_urls.service.clicks import DAY
from digistore.short_urls.tables import click_days, clicks, short_urls
from digistore.support.tables import support_requests

if TYPE_CHECKING:
    from digistore.database import Reader

PRODUCT: Final = "product"
DIRECT: Final = "support_direct"
DOWNSTREAM: Final = "support_downstream"
REVENUES: Final = {PRODUCT: "revenue", DIRECT: DIRECT, DOWNSTREAM: DOWNSTREAM}
TOGETHER: Final = 500  # ids in one statement

_bought = orders.alias("bought")
_returned = (
    select(summed(refunds.c.amount))
    .where(refunds.c.payment_id == payments.c.id, refunds.c.state == "succeeded")
    .scalar_subquery()
)
_is_support = (
    select(order_lines.c.id)
    .where(order_lines.c.order_id == orders.c.id, order_lines.c.kind == "support")
    .exists()
)


@dataclass(slots=True)
class _Link:
    """What is known of one link."""

    orders: Counter[str] = field(default_factory=Counter)
    money: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    clicks: Counter[bool] = field(default_factory=Counter)
    visitors: Counter[bool] = field(default_factory=Counter)


async def link_figures(
    reader: Reader, bounds: tuple[int, int], seller: str | None
) -> tuple[LinkFigures, ...]:
    """Return the figures of every link that brought anything to *seller*, or to anybody.

    Args:
        reader: one moment.
        bounds: when the period begins and ends, in microseconds.
        seller: whose links and sales; ``None`` is everybody's.
    """
    found: dict[str, _Link] = defaultdict(_Link)
    for row in await _sales(reader, bounds, seller):
        link = found[row.link]
        link.orders[row.kind] += row.many
        if seller is None or row.seller_id == seller:
            link.money[row.currency][row.kind] += int(row.net)
    for row in await _clicks(reader, bounds, seller):
        found[row.link].clicks[bool(row.is_bot)] += int(row.clicks)
        found[row.link].visitors[bool(row.is_bot)] += int(row.visitors)
    known = await _links(reader, found)
    figures = [
        _figures(known[link_id], link, seller)
        for link_id, link in found.items()
        if link_id in known
    ]
    return tuple(sorted(figures, key=lambda one: (-one.orders, -(one.clicks or 0), one.code)))


async def _sales(reader: Reader, bounds: tuple[int, int], seller: str | None) -> Sequence[AnyRow]:
    kind = case((_is_support, DIRECT), else_=PRODUCT)
    own = _summed(orders.c.short_url_id, kind, seller).where(orders.c.short_url_id.is_not(None))
    through = (
        _summed(_bought.c.short_url_id, literal(DOWNSTREAM, Text), seller)
        .join(support_requests, support_requests.c.order_id == orders.c.id)
        .join(
            purchased_products,
            purchased_products.c.id == support_requests.c.purchased_product_id,
        )
        .join(_bought, _bought.c.id == purchased_products.c.order_id)
        .where(orders.c.short_url_id.is_(None), _bought.c.short_url_id.is_not(None))
    )
    params = {"start": bounds[0], "stop": bounds[1]}
    return [*await reader.rows(own, params), *await reader.rows(through, params)]


def _summed(link: Any, kind: Any, seller: str | None) -> Select[Any]:  # noqa: ANN401  columns
    """Add up paid orders by link, kind, seller and currency."""
    keys = {"link": link, "kind": kind}
    labelled = [key.label(name) for name, key in keys.items()]
    statement = (
        select(
            *labelled,
            orders.c.seller_id,
            orders.c.currency,
            func.count().label("many"),
            summed(orders.c.total - _returned).label("net"),
        )
        .select_from(PAID)
        .where(during(type_coerce(orders.c.paid_at, BigInteger)), IS_COUNTED)
        .group_by(*labelled, orders.c.seller_id, orders.c.currency)
    )
    if seller is None:
        return statement
    own_links = select(short_urls.c.id).where(short_urls.c.owner_id == seller)
    return statement.where(or_(orders.c.seller_id == seller, link.in_(own_links)))


async def _clicks(reader: Reader, bounds: tuple[int, int], seller: str | None) -> list[AnyRow]:
    """Count clicks of own links: closed days by their sums, open ones by their rows."""
    first, last = bounds[0] // DAY, bounds[1] // DAY - 1
    open_from = await days.first_open(reader)
    link = click_days.c.short_url_id
    closed = (
        select(
            link.label("link"),
            click_days.c.is_bot,
            summed(click_days.c.clicks).label("clicks"),
            summed(click_days.c.visitors).label("visitors"),
        )
        .where(
            type_coerce(click_days.c.closed, Integer) == 1,
            click_days.c.day.between(first, last),
        )
        .group_by(link, click_days.c.is_bot)
    )
    rows = list(await reader.rows(_of(closed, link, seller)))
    for day in await days.days_with_clicks(reader, max(first, open_from), last):
        # Visitors are told apart within a day only, so each day is counted for itself.
        link = clicks.c.short_url_id
        single = days.counted(day, day, link.label("link"), clicks.c.is_bot)
        rows += await reader.rows(_of(single, link, seller))
    return rows


def _of(statement: Select[Any], link: Column[str], seller: str | None) -> Select[Any]:
    """Narrow *statement* to the links of *seller*."""
    if seller is None:
        return statement
    return statement.where(link.in_(select(short_urls.c.id).where(short_urls.c.owner_id == seller)))


async def _links(reader: Reader, ids: Iterable[str]) -> Mapping[str, AnyRow]:
    columns = (short_urls.c.id, short_urls.c.domain, short_urls.c.code)
    more = (short_urls.c.title, short_urls.c.owner_id)
    wanted, found = list(ids), dict[str, AnyRow]()
    for at in range(0, len(wanted), TOGETHER):
        some = short_urls.c.id.in_(wanted[at : at + TOGETHER])
        found |= {row.id: row for row in await reader.rows(select(*columns, *more).where(some))}
    return found


def _figures(row: AnyRow, link: _Link, seller: str | None) -> LinkFigures:
    is_own = seller is None or row.owner_id == seller
    clicked = link.clicks[False]
    counted = {
        "title": row.title,
        "clicks": clicked,
        "visitors": link.visitors[False],
        "bot_clicks": link.clicks[True],
        "conversion": link.orders[PRODUCT] / clicked if clicked else None,
    }
    return LinkFigures(
        short_url_id=row.id,
        domain=row.domain,
        code=row.code,
        orders=link.orders[PRODUCT],
        support_orders_direct=link.orders[DIRECT],
        support_orders_downstream=link.orders[DOWNSTREAM],
        money=tuple(_money(currency, link.money[currency]) for currency in sorted(link.money)),
        **(counted if is_own else {}),
    )


def _money(currency: str, sums: Mapping[str, int]) -> LinkMoney:
    amounts = {
        name: Money.from_minor(sums.get(kind, 0), currency) for kind, name in REVENUES.items()
    }
    return LinkMoney(currency=currency, **amounts)
