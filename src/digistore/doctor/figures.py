"""Figures of closed days: the same sums over the facts, worked out once more."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import text

from digistore.clock import EPOCH
from digistore.doctor.checks import Place, Statement, Step, Walk

if TYPE_CHECKING:
    from digistore.database import Reader

DAYS = 31  # at a time
DAY = 86_400_000_000  # microseconds

Figures: TypeAlias = dict[str, set[tuple[str, str, str, int]]]

# A sale counts on the day of its payment; own purchases and what was imported do not count.
_SOLD = """
    FROM digistore_orders o
    JOIN digistore_payments m ON m.order_id = o.id AND m.cover_key = 1
    {joined}
    WHERE o.self_purchase = 0
      AND NOT (m.gateway = 'external' AND substr(m.account, 1, 7) = 'import:')
      AND {moment} >= :start AND {moment} < :stop
"""
_LINES = _SOLD.format(
    joined="JOIN digistore_order_lines l ON l.order_id = o.id", moment="o.paid_at"
)
_REFUNDS = "JOIN digistore_refunds r ON r.payment_id = m.id AND r.succeeded_at IS NOT NULL"
# Of a refund made elsewhere somebody says when; the day is that on which it was recorded.
_TOLD = "CASE r.gateway WHEN 'external' THEN r.created_at ELSE r.succeeded_at END"
_LATER = "CASE WHEN {0} < o.paid_at THEN o.paid_at ELSE {0} END"  # never before its sale
_KEYS = (
    f"SELECT {{moment}} / {DAY} AS day, COALESCE({{seller}}, '') AS seller,"
    " {currency} AS currency, {figure} AS figure, {value} AS value "
)
_GROUPED = " GROUP BY 1, 2, 3, 4"


def _of_lines(product: str, support: str, value: str) -> str:
    figure = f"CASE l.kind WHEN 'product' THEN '{product}' ELSE '{support}' END"
    keys = _KEYS.format(
        moment="o.paid_at", seller="o.seller_id", currency="o.currency", figure=figure, value=value
    )
    return keys + _LINES + _GROUPED


def _of_refunds(figure: str, told: str) -> str:
    moment = _LATER.format(told)
    keys = _KEYS.format(
        moment=f"({moment})",
        seller="o.seller_id",
        currency="o.currency",
        figure=f"'{figure}'",
        value="SUM(r.amount)",
    )
    return keys + _SOLD.format(joined=_REFUNDS, moment=f"({moment})") + _GROUPED


def _count(figure: str, moment: str, seller: str, source: str, many: str = "COUNT(*)") -> str:
    keys = _KEYS.format(
        moment=moment, seller=seller, currency="''", figure=f"'{figure}'", value=many
    )
    return f"{keys} {source} AND {moment} >= :start AND {moment} < :stop {_GROUPED}"


_DOWNLOADS = """
    FROM digistore_download_sessions s
    JOIN digistore_purchased_products p ON p.id = s.purchase_id
    JOIN digistore_products d ON d.id = p.product_id
    WHERE 1 = 1
"""
_CLICKS = """
    FROM digistore_clicks c
    JOIN digistore_short_urls u ON u.id = c.short_url_id
    WHERE c.is_bot = 0 AND c.at >= (
        SELECT COALESCE(MAX(d.day) + 1, 0) * 86400000000
        FROM digistore_click_days d WHERE d.closed = 1
    )
"""
_CLICK_DAYS = """
    FROM digistore_click_days d
    JOIN digistore_short_urls u ON u.id = d.short_url_id
    WHERE d.is_bot = 0 AND d.closed = 1
"""
_COUNTED = text(
    "\nUNION ALL\n".join(
        (
            _of_lines("orders", "support_orders", "COUNT(DISTINCT o.id)"),
            _of_lines("gross", "support_gross", "SUM(l.total)"),
            _of_refunds("refunded", _TOLD),
            _of_refunds("refund_failed", "r.failed_at"),
            _count("downloads", "s.first_at", "d.seller_id", _DOWNLOADS),
            _count("clicks", "c.at", "u.owner_id", _CLICKS),
            _count("clicks", "(d.day * 86400000000)", "u.owner_id", _CLICK_DAYS, "SUM(d.clicks)"),
        )
    )
)
_CLOSED = text("SELECT day FROM digistore_closed_days WHERE day > :after ORDER BY day LIMIT :many")
_STORED = text(
    "SELECT day, seller, currency, figure, value FROM digistore_day_figures"
    " WHERE day >= :first AND day <= :last"
)


# The oldest day that has single clicks may have lost some: they go after 90 days, bit by bit.
_CLICK_DAYS_THAT_DIFFER = f"""
    SELECT d.short_url_id AS subject
    FROM digistore_click_days d
    LEFT JOIN (
        SELECT short_url_id, at / {DAY} AS day, is_bot,
               COUNT(*) AS clicks, COUNT(DISTINCT visitor) AS visitors
        FROM digistore_clicks GROUP BY 1, 2, 3
    ) c ON c.short_url_id = d.short_url_id AND c.day = d.day AND c.is_bot = d.is_bot
    WHERE d.closed = 1 AND (
        c.clicks > d.clicks OR c.visitors > d.visitors
        OR (d.day > (SELECT MIN(at) / {DAY} FROM digistore_clicks)
            AND (COALESCE(c.clicks, 0) < d.clicks OR COALESCE(c.visitors, 0) < d.visitors)))
    UNION ALL
    SELECT c.short_url_id
    FROM digistore_clicks c
    WHERE c.at < (
        SELECT (MAX(day) + 1) * {DAY} FROM digistore_click_days WHERE closed = 1
    ) AND NOT EXISTS (
        SELECT 1 FROM digistore_click_days d
        WHERE d.short_url_id = c.short_url_id AND d.day = c.at / {DAY} AND d.is_bot = c.is_bot
    )
"""  # noqa: S608  our own text


async def changed_figures(reader: Reader, at: Place | None) -> Step:
    """Find closed days whose figures are not what the facts add up to (I35)."""
    page = await reader.rows(_CLOSED, {"after": at[0] if at else "", "many": DAYS})
    if not page:
        return Step([], None)
    days = [row.day for row in page]
    last = days[-1]
    stored = await reader.rows(_STORED, {"first": days[0], "last": last})
    during = {"start": _number(days[0]) * DAY, "stop": (_number(last) + 1) * DAY}
    counted = await reader.rows(_COUNTED, during)
    told = _by_day((row.day, *tuple(row)[1:]) for row in stored)
    facts = _by_day((_name(row.day), *tuple(row)[1:]) for row in counted if row.value)
    return Step([day for day in days if told.get(day, set()) != facts.get(day, set())], (last,))


def _by_day(rows: Iterable[tuple[str, str, str, str, int]]) -> Figures:
    figures: Figures = {}
    for day, seller, currency, figure, value in rows:
        figures.setdefault(day, set()).add((seller, currency, figure, int(value)))
    return figures


def _number(day: str) -> int:
    return (date.fromisoformat(day) - EPOCH.date()).days


def _name(number: int) -> str:
    return (EPOCH.date() + timedelta(days=int(number))).isoformat()


CHECKS = (
    Walk(
        "I35",
        "closed_days_add_up",
        "The figures kept of this day, which is closed, are not what its sales, refunds,"
        " downloads and clicks add up to; a clock that was set back by days does that too. The"
        " facts are right: write the rows of the day again.",
        changed_figures,
    ),
    Statement(
        "I35",
        "click_days_add_up",
        "The clicks kept of a closed day of this short link are not its single clicks, which are"
        " still there. Delete the rows of digistore_click_days from that day on; roll_up writes"
        " them again.",
        _CLICK_DAYS_THAT_DIFFER,
    ),
    Statement(
        "I35",
        "figures_are_of_closed_days",
        "Figures are kept of this day although it was never closed.",
        """
        SELECT f.day AS subject FROM digistore_day_figures f
        WHERE NOT EXISTS (SELECT 1 FROM digistore_closed_days c WHERE c.day = f.day)
        """,
    ),
)
