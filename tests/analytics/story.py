"""The words that stories about figures are made of, and what a careful bookkeeper makes of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text

from digistore import SYSTEM, Money
from digistore.analytics import DaySales, Overview, Period
from digistore.blocking import run
from digistore.catalog import Product
from digistore.database import Transaction
from digistore.gateways import CheckoutRef, PayState, RefundSnapshot, RefundState
from digistore.orders import Checkout
from digistore.short_urls import ShortURL, Visit
from digistore.support import SupportCheckout
from digistore.users import Actor, User
from tests.conftest import RETURN, Shop

YEAR = Period(date(2026, 1, 1), date(2026, 12, 31))
HUMAN = Visit("GET", {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Firefox/130.0"})
BOT = Visit("GET", {"User-Agent": "Googlebot/2.1 (+http://www.google.com/bot.html)"})


def usd(amount: str) -> Money:
    return Money(amount, "USD")


def january(day: int) -> date:
    return date(2026, 1, day)


def noon(day: int) -> datetime:
    return datetime(2026, 1, day, 12, tzinfo=UTC)


def customer(shop: Shop, name: str) -> User:
    return shop.store.users.register(f"{name}@example.com")


def buy_help(shop: Shop, product: Product, price: Money, buyer: Any = None) -> SupportCheckout:
    """Offer help with a product at a price, and have its buyer pay for it."""
    who = shop.buyer if buyer is None else buyer
    shop.store.support.offer(SYSTEM, product, kind="setup", price=price, scope="It runs.")
    asked = shop.store.support.request(
        who, product, kind="setup", subject="Setup", body="Please.", return_url=RETURN
    )
    shop.deliver(shop.sandbox.pay(asked))
    return asked


def refund(shop: Shop, order: Any, amount: str | None = None) -> None:
    """Give all or part of an order's money back."""
    money = None if amount is None else Money(amount, order.currency)
    shop.store.payments.refund(SYSTEM, order, amount=money, reason="not what it was")


def fail_refund(shop: Shop, checkout: Checkout) -> None:
    """Let the newest refund of a checkout come back."""
    shop.deliver(shop.sandbox.fail_refund(checkout))


def pay_elsewhere(shop: Shop, checkout: Checkout, received_at: datetime) -> None:
    """Record that an order was paid by bank transfer."""
    shop.store.payments.record(
        SYSTEM,
        checkout.order,
        amount=checkout.order.total,
        method="bank_transfer",
        reference=checkout.order.id,
        received_at=received_at,
    )


def inside(shop: Shop) -> Any:
    """What a store is made of, whatever its colour."""
    return getattr(shop.store, "_target", shop.store)._shop


def execute(shop: Shop, sql: str, **params: object) -> None:
    """Change the database as it is, past the library."""

    async def work(tx: Transaction) -> None:
        await tx.rows(text(sql), params)

    run(inside(shop).database.transact(work))


def as_imported(shop: Shop, checkout: Checkout) -> None:
    """Make of an order that was paid elsewhere one that an import will have brought."""
    execute(
        shop,
        "UPDATE digistore_payments SET account = 'import:gumroad'"
        " WHERE gateway = 'external' AND order_id = :order",
        order=checkout.order.id,
    )


def pay_a_canceled_order(shop: Shop, checkout: Checkout, back: Money) -> None:
    """Cancel an order whose buyer pays in the same moment; *back* goes back at the provider."""
    checkout_id = shop.sandbox.look_up(checkout).id
    seen = run(shop.sandbox.fetch(CheckoutRef(checkout_id)))
    shop.store.orders.cancel(SYSTEM, checkout.order)
    refunded = RefundSnapshot(f"back-{checkout_id}", back, RefundState.SUCCEEDED, None, None)
    paid = replace(
        seen,
        state=PayState.PAID,
        payment_id=f"paid-{checkout_id}",
        captured=checkout.order.total,
        refunds=(refunded,),
    )
    run(inside(shop).payments._settle.settle(paid, 9, "test"))


def accept_late(shop: Shop) -> None:
    """Accept what was paid for a canceled order after all."""
    (late,) = (a for a in shop.store.payments.needing_action(SYSTEM) if a.kind == "late")
    shop.store.payments.resolve(SYSTEM, late, choice="accept", reason="the buyer asked for it")


def link(shop: Shop, owner: Actor) -> ShortURL:
    return shop.store.short_urls.shorten(owner, "https://shop.example/async-python")


def click(shop: Shop, short_url: ShortURL, visit: Visit = HUMAN, times: int = 1) -> None:
    for _ in range(times):
        shop.store.short_urls.resolve(short_url.code, visit)


def download(shop: Shop, user: User, product: Product) -> None:
    with shop.store.downloads.open(user, product) as reader:
        assert reader.read()


def close_all(shop: Shop) -> int:
    """Close every day that can be closed."""
    closed = 0
    while round_ := shop.store.run_due().closed_days:
        closed += round_
    return closed


def told(one: DaySales) -> dict[str, object]:
    """What a day's sales say, less what is zero."""
    return {
        name: str(value) if isinstance(value, Money) else value
        for name, value in one
        if value and name != "day"
    } | {"day": one.day.day}


def answers(shop: Shop, actor: Actor, period: Period = YEAR) -> tuple[Any, ...]:
    """Everything that a seller or operator can be told of a period."""
    store = shop.store
    return store.analytics.overview(actor, period), store.analytics.sales(actor, period)


# What is stored of closed days.


def closed_days(shop: Shop) -> list[date]:
    rows = shop.rows("SELECT day FROM digistore_closed_days ORDER BY day")
    return [date.fromisoformat(row[0]) for row in rows]


def stored_figures(shop: Shop) -> Counter[tuple[date, str, str, str]]:
    """Every figure by day, seller, currency and name."""
    rows = shop.rows("SELECT day, seller, currency, figure, value FROM digistore_day_figures")
    return Counter({(date.fromisoformat(row[0]), *row[1:4]): row[4] for row in rows})


def forget_closed_days(shop: Shop) -> None:
    """Drop every rollup: what was closed is counted from the facts again."""
    for table in ("day_figures", "closed_days"):
        execute(shop, f"DELETE FROM digistore_{table}")


# The bookkeeper: reads the facts one by one and adds them up by hand.


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
    columns = [
        row[0] for row in shop.rows(f"SELECT name FROM pragma_table_info('digistore_{name}')")
    ]
    return [
        dict(zip(columns, row, strict=True)) for row in shop.rows(f"SELECT * FROM digistore_{name}")
    ]


def _day(micros: int) -> date:
    return datetime.fromtimestamp(micros // 1_000_000, tz=UTC).date()
