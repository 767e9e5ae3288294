"""From the click to the order to the help: who brought whom, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from digistore import SYSTEM
from digistore.analytics import LinkFigures, Period
from digistore.errors import Forbidden, Invalid
from digistore.settings import Settings
from digistore.short_urls import ShortURL
from digistore.support import SupportCheckout
from tests.analytics.story import (
    BOT,
    HUMAN,
    YEAR,
    as_imported,
    click,
    customer,
    execute,
    noon,
    pay_elsewhere,
    refund,
    usd,
)
from tests.conftest import RETURN, Shop

TARGET = "https://shop.example/async-python"
FORGED = "c1.00000000.url_1.1.nonce.mac"


def tracked(shop: Shop, owner: Any = None) -> ShortURL:
    return shop.store.short_urls.shorten(owner or shop.seller, TARGET, track=True)


def follow(shop: Shop, link: ShortURL) -> str:
    """Follow a link and return the click that its target is told of."""
    answer = shop.store.short_urls.resolve(link.code, HUMAN)
    return dict(parse_qsl(urlsplit(answer.url or "").query))["cid"]


def ask(shop: Shop, product: Any, buyer: Any = None, **given: Any) -> SupportCheckout:
    """Ask for help with a product and pay for it."""
    price = usd("10.00")
    shop.store.support.offer(SYSTEM, product, kind="setup", price=price, scope="It runs.")
    asked = shop.store.support.request(
        buyer or shop.buyer,
        product,
        kind="setup",
        subject="Setup",
        body="Please.",
        return_url=RETURN,
        **given,
    )
    shop.deliver(shop.sandbox.pay(asked))
    return asked


def report(shop: Shop, actor: Any = None, period: Period = YEAR) -> dict[str, LinkFigures]:
    found = shop.store.analytics.link_report(actor or shop.operator, period)
    return {one.short_url_id: one for one in found}


def money(figures: LinkFigures) -> list[tuple[str, ...]]:
    return [
        tuple(str(one) for one in (m.revenue, m.support_direct, m.support_downstream))
        for m in figures.money
    ]


def test_click_order_help_and_refund_add_up_in_the_report(shop: Shop) -> None:
    book, link = shop.product(), tracked(shop)
    ann, ben = customer(shop, "ann"), customer(shop, "ben")
    bought = [shop.buy(book, buyer, click=follow(shop, link)) for buyer in (shop.buyer, ann)]
    shop.buy(book, ben)
    click(shop, link, BOT)
    ask(shop, book, ann)  # through the purchase that the link has brought
    ask(shop, book, ben, click=follow(shop, link))  # by a click of its own
    ask(shop, book, shop.buyer, click=FORGED)  # as if there were none
    refund(shop, bought[0].order, "9.00")
    [figures] = report(shop).values()
    assert (figures.short_url_id, figures.code, figures.title) == (link.id, link.code, None)
    assert (figures.clicks, figures.bot_clicks, figures.orders) == (3, 1, 2)
    assert figures.conversion == pytest.approx(2 / 3)
    assert (figures.support_orders_direct, figures.support_orders_downstream) == (1, 2)
    assert money(figures) == [("49.00 USD", "10.00 USD", "20.00 USD")]
    assert report(shop, shop.seller) == report(shop)


def test_an_order_keeps_which_link_brought_it_and_when(shop: Shop) -> None:
    link = tracked(shop)
    token, clicked_at = follow(shop, link), shop.clock.now
    shop.clock.go(hours=2)
    order = shop.checkout(shop.product(), click=token).order
    assert (order.short_url_id, order.clicked_at) == (link.id, clicked_at)
    assert shop.store.orders.get(shop.buyer, order) == order


def test_the_last_click_before_payment_has_the_order_and_none_after_it(shop: Shop) -> None:
    book, first, second, third = shop.product(), *(tracked(shop) for _ in range(3))
    tokens = []
    for link in (first, second, third):
        tokens.append(follow(shop, link))
        shop.clock.go(minutes=1)
    checkout = shop.checkout(book, click=tokens[0])
    again = shop.checkout(book, click=tokens[1])
    assert again.order.id == checkout.order.id
    assert again.order.short_url_id == second.id
    older = shop.checkout(book, click=tokens[0])  # a tab that was left open
    assert older.order.short_url_id == second.id
    assert shop.checkout(book).order.short_url_id == second.id
    shop.deliver(shop.sandbox.pay(checkout))
    key: dict[str, Any] = {"idempotency_key": "one"}
    paid = shop.buy(shop.product("Another"), click=tokens[0], **key)
    late = shop.store.orders.checkout(
        shop.buyer, [paid.order.lines[0].product_id], return_url=RETURN, click=tokens[2], **key
    )
    assert late.order.id == paid.order.id
    assert late.order.short_url_id == first.id
    assert report(shop).keys() == {first.id, second.id, third.id}
    assert {one: found.orders for one, found in report(shop).items()} == {
        first.id: 1,
        second.id: 1,
        third.id: 0,
    }


@pytest.mark.parametrize(
    "what", ["forged", "foreign", "cut", "number", "old", "download", "huge", "none"]
)
def test_what_is_no_genuine_fresh_click_changes_nothing_and_stops_nobody(
    shop: Shop, open_store: Callable[..., Any], what: str
) -> None:
    link = tracked(shop)
    token = follow(shop, link)
    if what == "foreign":
        settings = Settings(link_hosts=frozenset({"shop.example"}))
        other = open_store(secret="another secret of thirty-two characters", settings=settings)
        answer = other.short_urls.resolve(link.code, HUMAN)
        token = dict(parse_qsl(urlsplit(answer.url).query))["cid"]
    elif what == "old":
        shop.clock.go(days=7)
    given: dict[str, object] = {
        "forged": FORGED,
        "cut": token[:-1],
        "number": 7,
        "download": "v1.abc.def.ghi",
        "huge": token * 10_000,
        "none": None,
    }
    order = shop.buy(shop.product(), click=given.get(what, token)).order
    assert (order.short_url_id, order.clicked_at) == (None, None)
    assert [found.orders for found in report(shop).values()] == [0]


def test_a_click_is_believed_as_long_as_the_setting_says(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(link_hosts={"shop.example"}, click_window=timedelta(days=30))
    link = tracked(shop)
    token = follow(shop, link)
    shop.clock.go(days=29)
    assert shop.buy(shop.product(), click=token).order.short_url_id == link.id


def test_money_is_seen_by_who_sold_and_counts_by_whose_link_it_is(shop: Shop) -> None:
    rival = shop.new_seller("rival@example.com")
    link = tracked(shop, rival)  # leads to the other's product
    book = shop.product()
    shop.buy(book, click=follow(shop, link))
    owner, seller = report(shop, rival)[link.id], report(shop, shop.seller)[link.id]
    assert (owner.clicks, owner.orders, owner.conversion, owner.money) == (1, 1, 1.0, ())
    assert (seller.clicks, seller.visitors, seller.conversion) == (None, None, None)
    assert (seller.orders, money(seller)) == (1, [("29.00 USD", "0.00 USD", "0.00 USD")])
    assert report(shop, shop.new_seller("third@example.com")) == {}


def test_own_purchases_and_imported_orders_are_left_out(shop: Shop) -> None:
    book, link = shop.product(), tracked(shop)
    shop.buy(book, shop.seller, click=follow(shop, link))
    elsewhere = shop.checkout(book, click=follow(shop, link))
    pay_elsewhere(shop, elsewhere, noon(1))
    assert report(shop)[link.id].orders == 1
    as_imported(shop, elsewhere)
    assert (report(shop)[link.id].orders, report(shop)[link.id].money) == (0, ())


def test_closed_days_and_open_ones_tell_the_same(shop: Shop) -> None:
    link = tracked(shop)
    for _ in range(6):
        shop.buy(shop.product(f"Book {shop.clock.now}"), click=follow(shop, link))
        click(shop, link)
        shop.clock.go(days=1)
    before = report(shop)
    shop.store.short_urls.roll_up()
    assert report(shop) == before
    shop.clock.go(days=100)
    shop.store.run_due()
    assert shop.count("clicks") == 0
    assert report(shop) == before
    assert before[link.id].clicks == 12
    overview = shop.store.analytics.overview(shop.seller, YEAR)
    assert overview.clicks == 12


def test_a_period_is_of_clicks_and_of_payments(shop: Shop) -> None:
    link = tracked(shop)
    token = follow(shop, link)
    shop.clock.go(days=2)
    shop.buy(shop.product(), click=token)
    days = [Period(date(2026, 1, day), date(2026, 1, day)) for day in (1, 2, 3)]
    found = [report(shop, period=day) for day in days]
    assert [(one[link.id].clicks, one[link.id].orders) if one else None for one in found] == [
        (1, 0),
        None,
        (0, 1),
    ]


def test_the_report_is_for_sellers_and_operators_and_needs_a_period(shop: Shop) -> None:
    with pytest.raises(Forbidden):
        shop.store.analytics.link_report(shop.buyer, YEAR)
    with pytest.raises(Invalid) as caught:
        shop.store.analytics.link_report(shop.seller, "2026")  # type: ignore[arg-type]
    assert caught.value.fields == {"period": "not_a_period"}


def test_a_link_that_was_deleted_past_the_library_is_not_named(shop: Shop) -> None:
    link = tracked(shop)
    shop.buy(shop.product(), click=follow(shop, link))
    execute(shop, "DELETE FROM digistore_clicks")
    execute(shop, "UPDATE digistore_orders SET short_url_id = 'url_gone'")
    assert report(shop) == {}
    execute(shop, "UPDATE digistore_orders SET short_url_id = NULL, clicked_at = NULL")
