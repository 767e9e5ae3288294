"""A careful bookkeeper: reads the facts one by one and adds them up by hand."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any

from digistore import Money
from digistore.analytics import DaySales, Overview, Period
from digistore.users import User
from tests.analytics.story import YEAR
from tests.conftest import Shop
from tests.payments.end_state import columns_of


def booked(shop: Shop) -> Counter[tuple[date, str, str, str]]:
    """Every figure by day, seller, currency and name."""
    book: Counter[tuple[date, str, str, str]] = Counter()
    lines, refunds = _table(shop, "order_lines"), _table(shop, "refunds")
    covering = {p["order_id"]: p for p in _table(shop, "payments") if p["cover_key"]}
    for order in _table(shop, "orders"):
        if order["paid_at"] is None or order["self_purchase"]:
            continue
        payment = covering[order["id"]]
        if payment["gateway"] == "external" and payment["account"].startswith("import:"):
            continue
        owner, currency = order["seller_id"] or "", order["currency"]
        mine = [line for line in lines if line["order_id"] == order["id"]]
        for kind, orders, gross in (
            ("product", "orders", "gross"),
            ("support", "support_orders", "support_gross"),
        ):
            sold = [line["total"] for line in mine if line["kind"] == kind]
            book[_day(order["paid_at"]), owner, currency, orders] += bool(sold)
            book[_day(order["paid_at"]), owner, currency, gross] += sum(sold)
        for back in refunds:
            if back["payment_id"] == payment["id"] and back["succeeded_at"] is not None:
                elsewhere = back["gateway"] == "external"
                recorded = back["created_at"] if elsewhere else back["succeeded_at"]
                day = _day(max(recorded, order["paid_at"]))
                book[day, owner, currency, "refunded"] += back["amount"]
                if back["failed_at"] is not None:
                    day = _day(max(back["failed_at"], order["paid_at"]))
                    book[day, owner, currency, "refund_failed"] += back["amount"]
    return +(book + _uses(shop))


def _uses(shop: Shop) -> Counter[tuple[date, str, str, str]]:
    book: Counter[tuple[date, str, str, str]] = Counter()
    sellers = {product["id"]: product["seller_id"] for product in _table(shop, "products")}
    bought = {one["id"]: one["product_id"] for one in _table(shop, "purchased_products")}
    for session in _table(shop, "download_sessions"):
        seller = sellers[bought[session["purchase_id"]]] or ""
        book[_day(session["first_at"]), seller, "", "downloads"] += 1
    owners = {one["id"]: one["owner_id"] for one in _table(shop, "short_urls")}
    for one in _table(shop, "clicks"):
        if not one["is_bot"]:
            book[_day(one["at"]), owners[one["short_url_id"]] or "", "", "clicks"] += 1
    return book


def expected(shop: Shop, seller: User | None, period: Period = YEAR) -> tuple[Any, ...]:
    """What the bookkeeper would answer to *seller*, or to an operator for ``None``."""
    sums: dict[tuple[date, str], Counter[str]] = {}
    uses: Counter[str] = Counter()
    for (day, owner, currency, name), value in booked(shop).items():
        if not period.first <= day <= period.last or (seller and owner != seller.id):
            continue
        if currency:
            sums.setdefault((day, currency), Counter())[name] += value
        else:
            uses[name] += value
    whole: dict[str, Counter[str]] = {}
    for (_, currency), names in sums.items():
        whole.setdefault(currency, Counter()).update(names)
    revenue = [_money(currency, whole[currency]) for currency in sorted(whole)]
    overview = Overview.model_validate(
        {"period": period, "revenue": revenue}
        | {name: uses[name] for name in ("downloads", "clicks")}
    )
    days = [{"day": day, **_money(code, sums[day, code])} for day, code in sorted(sums)]
    return overview, tuple(DaySales.model_validate(one) for one in days)


def _money(currency: str, names: Counter[str]) -> dict[str, Any]:
    gross, support = names["gross"], names["support_gross"]
    net = gross + support - names["refunded"] + names["refund_failed"]
    amounts = {
        "gross": gross,
        "support_gross": support,
        "refunded": names["refunded"],
        "refund_failed": names["refund_failed"],
        "net": net,
    }
    return {
        "currency": currency,
        "orders": names["orders"],
        "support_orders": names["support_orders"],
    } | {name: Money.from_minor(amount, currency) for name, amount in amounts.items()}


def _table(shop: Shop, name: str) -> list[dict[str, Any]]:
    columns = columns_of(f"digistore_{name}")
    found = shop.rows(f"SELECT {', '.join(columns)} FROM digistore_{name}")
    return [dict(zip(columns, row, strict=True)) for row in found]


def _day(micros: int) -> date:
    return datetime.fromtimestamp(micros // 1_000_000, tz=UTC).date()
