"""The words that stories about figures are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import text

from digistore import SYSTEM, Money
from digistore.analytics import DaySales, Period
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

    run(inside(shop).database.beside.transact(work))


def as_imported(shop: Shop, checkout: Checkout) -> None:
    """Make of an order that was paid elsewhere one that an import will have brought."""
    execute(
        shop,
        "UPDATE digistore_payments SET account = 'import:gumroad'"
        " WHERE gateway = 'external' AND order_id = :order",
        order=checkout.order.id,
    )


def pay_all_the_same(shop: Shop, checkout: Checkout, back: Money) -> None:
    """Tell of money that a retired checkout took in the last moment; *back* went back at once."""
    checkout_id = shop.sandbox.look_up(checkout).id
    seen = run(shop.sandbox.fetch(CheckoutRef(checkout_id)))
    refunded = RefundSnapshot(f"back-{checkout_id}", back, RefundState.SUCCEEDED, None, None)
    paid = replace(
        seen,
        state=PayState.PAID,
        payment_id=f"paid-{checkout_id}",
        captured=checkout.order.total,
        refunds=(refunded,),
    )
    run(inside(shop).payments._settle.settle(paid, 9, "test"))


def pay_a_canceled_order(shop: Shop, checkout: Checkout, back: Money) -> None:
    """Cancel an order whose buyer pays in the same moment."""
    shop.store.orders.cancel(SYSTEM, checkout.order)
    pay_all_the_same(shop, checkout, back)


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


def three_days(shop: Shop) -> None:
    """Sell, help, fetch, follow and give back on the first three days of January."""
    book = shop.product(price=usd("29.00"))
    bought = shop.buy(book)
    click(shop, link(shop, shop.seller), times=2)
    shop.clock.go(days=1)
    buy_help(shop, book, usd("50.00"))
    download(shop, shop.buyer, book)
    refund(shop, bought.order, "9.00")
    shop.clock.go(days=1)
    fail_refund(shop, bought)


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


def sold(shop: Shop, actor: Actor, period: Period = YEAR) -> list[dict[str, object]]:
    """The sales of a period as an actor is told of them."""
    return [told(one) for one in shop.store.analytics.sales(actor, period)]


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
