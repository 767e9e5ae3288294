"""What sellers and operators are told: a story whose figures were worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digistore import SYSTEM, Money, Role
from digistore.analytics import Period
from digistore.errors import Forbidden, Invalid, NotFound
from digistore.users import HostUser
from tests.analytics.story import (
    BOT,
    YEAR,
    answers,
    as_imported,
    buy_help,
    click,
    customer,
    download,
    fail_refund,
    january,
    link,
    noon,
    pay_elsewhere,
    refund,
    sold,
    usd,
)
from tests.conftest import Shop


@pytest.fixture
def rival(shop: Shop) -> Any:
    return shop.new_seller("rival@example.com")


def test_a_story_of_nine_days_worked_out_by_hand(shop: Shop, rival: Any) -> None:
    book = shop.product(price=usd("29.00"))
    video = shop.product("Async Python, the video", price=Money("40.00", "EUR"))
    other = shop.product("Rust", price=usd("10.00"), seller=rival)
    house = shop.product("The house's own", price=usd("5.00"), seller=shop.operator)
    ann, bob = customer(shop, "ann"), customer(shop, "bob")
    # The 1st: two books, a video and what the others sell.
    bought = shop.buy(book, ann)
    shop.buy(book, bob)
    shop.buy(video, ann)
    shop.buy(other, ann)
    shop.buy(house, ann)
    shop.clock.go(days=1)  # The 2nd: help with the book, and the seller's own copy.
    buy_help(shop, book, usd("50.00"), ann)
    shop.buy(book, shop.seller)
    shop.clock.go(days=3)  # The 5th: part of the first book goes back.
    refund(shop, bought.order, "9.00")
    shop.clock.go(days=4)  # The 9th: that refund comes back, and the rival returns all.
    fail_refund(shop, bought)
    assert sold(shop, shop.seller) == [
        {"day": 1, "currency": "EUR", "orders": 1, "gross": "40.00 EUR", "net": "40.00 EUR"},
        {"day": 1, "currency": "USD", "orders": 2, "gross": "58.00 USD", "net": "58.00 USD"},
        {
            "day": 2,
            "currency": "USD",
            "support_orders": 1,
            "support_gross": "50.00 USD",
            "net": "50.00 USD",
        },
        {"day": 5, "currency": "USD", "refunded": "9.00 USD", "net": "-9.00 USD"},
        {"day": 9, "currency": "USD", "refund_failed": "9.00 USD", "net": "9.00 USD"},
    ]
    whole = shop.store.analytics.overview(shop.operator, YEAR)
    assert [one.currency for one in whole.revenue] == ["EUR", "USD"]
    dollars = whole.revenue[1]
    assert (dollars.orders, dollars.gross) == (4, usd("73.00"))
    assert (dollars.support_orders, dollars.support_gross) == (1, usd("50.00"))
    assert (dollars.refunded, dollars.refund_failed) == (usd("9.00"), usd("9.00"))
    assert dollars.net == usd("123.00")


def test_a_seller_never_sees_the_figures_of_another(shop: Shop, rival: Any) -> None:
    book = shop.product(price=usd("29.00"))
    checkout = shop.buy(book)
    buy_help(shop, book, usd("50.00"))
    download(shop, shop.buyer, book)
    click(shop, link(shop, shop.seller))
    refund(shop, checkout.order, "9.00")
    fail_refund(shop, checkout)
    for _ in range(2):  # live, and from closed days
        nothing = shop.store.analytics.overview(rival, YEAR)
        assert (nothing.revenue, nothing.downloads, nothing.clicks) == ((), 0, 0)
        assert shop.store.analytics.sales(rival, YEAR) == ()
        own = shop.store.analytics.overview(shop.seller, YEAR)
        assert (own.revenue[0].net, own.downloads, own.clicks) == (usd("79.00"), 1, 1)
        shop.clock.go(days=9)
        assert shop.store.run_due().closed_days in {7, 9}


def test_operators_and_the_system_see_all_sellers_and_the_house_in_one_sum(
    shop: Shop, rival: Any
) -> None:
    house = shop.product("The house's own", price=usd("5.00"), seller=shop.operator)
    for product in (shop.product(), shop.product("Rust", seller=rival), house):
        shop.buy(product)
        download(shop, shop.buyer, product)
    for owner in (shop.seller, rival, shop.operator, SYSTEM):
        click(shop, link(shop, owner))
    for actor in (shop.operator, SYSTEM):
        whole, days = answers(shop, actor)
        assert [one.gross for one in whole.revenue] == [usd("63.00")]
        assert [one.orders for one in days] == [3]
        assert (whole.downloads, whole.clicks) == (3, 4)


def test_an_operator_who_sells_as_well_sees_the_whole_shop(shop: Shop, rival: Any) -> None:
    shop.buy(shop.product(price=usd("29.00")))
    shop.store.users.grant_role(SYSTEM, rival, Role.OPERATOR)
    assert shop.store.analytics.overview(rival, YEAR).revenue[0].gross == usd("29.00")


def test_figures_are_not_for_customers(shop: Shop) -> None:
    for call in (shop.store.analytics.overview, shop.store.analytics.sales):
        for customer_ in (shop.buyer, HostUser("host-7")):
            with pytest.raises(Forbidden) as caught:
                call(customer_, YEAR)
            assert caught.value.reason == "seller_needed"
        with pytest.raises(NotFound):
            call("usr_nobody", YEAR)


def test_who_sells_no_more_sees_figures_no_more(shop: Shop) -> None:
    shop.buy(shop.product())
    assert shop.store.analytics.sales(shop.seller, YEAR)
    shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    with pytest.raises(Forbidden) as caught:
        shop.store.analytics.sales(shop.seller, YEAR)
    assert caught.value.reason == "seller_needed"
    assert shop.store.analytics.sales(SYSTEM, YEAR)


def test_sales_are_told_by_day_and_by_nothing_else(shop: Shop) -> None:
    assert shop.store.analytics.sales(shop.seller, YEAR, by="day") == ()
    for other in ("week", "", "DAY"):
        with pytest.raises(Invalid) as caught:
            shop.store.analytics.sales(shop.seller, YEAR, by=other)
        assert caught.value.fields == {"by": "unknown"}


def test_what_is_no_period_is_refused(shop: Shop) -> None:
    wrong: Any = (january(1), january(2))
    for call in (shop.store.analytics.overview, shop.store.analytics.sales):
        with pytest.raises(Invalid) as caught:
            call(shop.seller, wrong)
        assert caught.value.fields == {"period": "not_a_period"}


def test_own_purchases_of_a_seller_are_left_out_with_their_refunds(shop: Shop) -> None:  # D3
    book = shop.product(price=usd("29.00"))
    checkout = shop.buy(book, shop.seller)
    assert checkout.order.self_purchase
    buy_help(shop, book, usd("50.00"), shop.seller)
    refund(shop, checkout.order, "9.00")
    fail_refund(shop, checkout)
    for actor in (shop.seller, shop.operator):
        assert shop.store.analytics.overview(actor, YEAR).revenue == ()
        assert sold(shop, actor) == []


def test_an_order_that_is_not_paid_is_no_sale(shop: Shop) -> None:
    book = shop.product()
    shop.checkout(book)
    canceled = shop.checkout(book, customer(shop, "ann"))
    shop.store.orders.cancel(SYSTEM, canceled.order)
    waiting = shop.checkout(book, customer(shop, "bob"))
    shop.deliver(shop.sandbox.pay(waiting, "delayed"))
    assert sold(shop, shop.seller) == []
    shop.clock.go(days=2)
    shop.deliver(shop.sandbox.clear(waiting))
    assert [one["day"] for one in sold(shop, shop.seller)] == [3]


def test_a_free_order_counts_as_an_order_of_no_money(shop: Shop) -> None:
    free = shop.product("A sample", price=Money.zero("EUR"))
    shop.buy(free)
    assert sold(shop, shop.seller) == [{"day": 1, "currency": "EUR", "orders": 1}]


def test_an_order_of_several_products_is_one_order(shop: Shop) -> None:
    first, second = shop.product(price=usd("29.00")), shop.product("Rust", price=usd("10.00"))
    checkout = shop.store.orders.checkout(
        shop.buyer, [first, second], return_url="https://shop.example/thanks"
    )
    shop.deliver(shop.sandbox.pay(checkout))
    assert sold(shop, shop.seller) == [
        {"day": 1, "currency": "USD", "orders": 1, "gross": "39.00 USD", "net": "39.00 USD"}
    ]


def test_a_transfer_counts_on_the_day_of_its_order_whenever_it_was_received(shop: Shop) -> None:
    checkout = shop.checkout(shop.product(price=usd("29.00")))
    shop.clock.go(days=2)
    pay_elsewhere(shop, checkout, noon(1) - timedelta(days=40))
    assert [(one["day"], one["gross"]) for one in sold(shop, shop.seller)] == [(3, "29.00 USD")]


def test_what_was_imported_is_left_out(shop: Shop) -> None:
    book = shop.product()
    imported, transferred = shop.checkout(book), shop.checkout(book, customer(shop, "ann"))
    for checkout in (imported, transferred):
        pay_elsewhere(shop, checkout, noon(1))
    as_imported(shop, imported)
    assert [one["orders"] for one in sold(shop, shop.operator)] == [1]
    shop.clock.go(days=9)
    shop.store.run_due()
    assert [one["orders"] for one in sold(shop, shop.operator)] == [1]


def test_one_download_within_its_window_counts_once_on_the_day_it_began(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.clock.go(hours=11, minutes=59)
    download(shop, shop.buyer, book)
    shop.clock.go(minutes=2)
    download(shop, shop.buyer, book)
    download(shop, shop.seller, book)  # a preview is no download
    only = shop.store.analytics.overview
    assert only(shop.seller, Period(january(1), january(1))).downloads == 1
    assert only(shop.seller, Period(january(2), january(2))).downloads == 0
    shop.clock.go(days=3)
    download(shop, shop.buyer, book)
    assert only(shop.seller, YEAR).downloads == 2


def test_only_clicks_of_humans_count_for_whose_link_it_is(shop: Shop, rival: Any) -> None:
    own, its, nobodys = (link(shop, owner) for owner in (shop.seller, rival, SYSTEM))
    click(shop, own, times=3)
    click(shop, own, BOT, times=5)
    click(shop, its)
    click(shop, nobodys, times=2)
    clicks = {
        actor: shop.store.analytics.overview(actor, YEAR).clicks
        for actor in (shop.seller.id, rival.id, shop.operator.id)
    }
    assert clicks == {shop.seller.id: 3, rival.id: 1, shop.operator.id: 6}


def test_only_the_days_of_the_period_are_told(shop: Shop) -> None:
    book = shop.product(price=usd("29.00"))
    for name in ("ann", "bob", "eve", "sue"):
        buyer = customer(shop, name)
        shop.buy(book, buyer)
        download(shop, buyer, book)
        shop.clock.go(days=1)
    inner = Period(january(2), january(3))
    for _ in range(2):  # live, and from closed days
        whole, days = answers(shop, shop.seller, inner)
        assert ([one.day.day for one in days], whole.downloads) == ([2, 3], 2)
        assert whole.revenue[0].orders == 2
        assert answers(shop, shop.seller, Period(january(5), january(9))) == (
            whole.model_copy(
                update={
                    "period": Period(january(5), january(9)),
                    "revenue": (),
                    "downloads": 0,
                }
            ),
            (),
        )
        shop.clock.go(days=9)
        shop.store.run_due()
