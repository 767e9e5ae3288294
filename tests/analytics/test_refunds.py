"""Money that goes back, and money that comes back: on which day, and whose."""

from __future__ import annotations

from digistore import SYSTEM
from tests.analytics.bookkeeper import expected
from tests.analytics.story import (
    accept_late,
    answers,
    buy_help,
    customer,
    fail_refund,
    noon,
    pay_a_canceled_order,
    pay_all_the_same,
    pay_elsewhere,
    refund,
    sold,
    usd,
)
from tests.conftest import BLOCKING, Shop


def test_a_refund_made_elsewhere_counts_when_it_was_recorded(shop: Shop) -> None:
    checkout = shop.checkout(shop.product(price=usd("29.00")))
    pay_elsewhere(shop, checkout, noon(1))
    shop.clock.go(days=9)
    assert shop.store.run_due().closed_days == 7
    for reference, returned_at in (("early", noon(2)), ("ahead", noon(31))):
        shop.store.payments.record_refund(
            SYSTEM,
            checkout.order,
            amount=usd("1.00"),
            reference=reference,
            returned_at=returned_at,
            reason="a gesture",
        )
    assert sold(shop, shop.seller)[1:] == [
        {"day": 10, "currency": "USD", "refunded": "2.00 USD", "net": "-2.00 USD"}
    ]
    assert answers(shop, shop.seller) == expected(shop, shop.seller)


@BLOCKING
def test_what_went_back_before_a_late_payment_was_accepted_counts_with_its_sale(
    shop: Shop,
) -> None:
    shop.buy(shop.product("Rust", price=usd("10.00")))
    late = shop.checkout(shop.product(price=usd("29.00")))
    pay_a_canceled_order(shop, late, back=usd("4.00"))
    assert [one["orders"] for one in sold(shop, shop.seller)] == [1]
    shop.clock.go(days=9)
    assert shop.store.run_due().closed_days == 7
    accept_late(shop)
    for _ in range(2):  # live, and from closed days
        assert sold(shop, shop.seller) == [
            {"day": 1, "currency": "USD", "orders": 1, "gross": "10.00 USD", "net": "10.00 USD"},
            {
                "day": 10,
                "currency": "USD",
                "orders": 1,
                "gross": "29.00 USD",
                "refunded": "4.00 USD",
                "net": "25.00 USD",
            },
        ]
        assert answers(shop, shop.operator) == expected(shop, None)
        shop.clock.go(days=9)
        shop.store.run_due()


def test_refunds_count_once_they_have_succeeded_and_come_back_only_then(shop: Shop) -> None:
    book = shop.product(price=usd("29.00"))
    never, back = shop.buy(book), shop.buy(book, customer(shop, "ann"))
    shop.sandbox.refunds_pend = True
    refund(shop, never.order)
    refund(shop, back.order, "4.00")
    assert [one.get("refunded") for one in sold(shop, shop.seller)] == [None]
    shop.clock.go(days=1)
    fail_refund(shop, never)  # it was never gone, so it does not come back
    shop.deliver(shop.sandbox.clear_refund(back))
    shop.clock.go(days=1)
    fail_refund(shop, back)
    assert sold(shop, shop.seller)[1:] == [
        {"day": 2, "currency": "USD", "refunded": "4.00 USD", "net": "-4.00 USD"},
        {"day": 3, "currency": "USD", "refund_failed": "4.00 USD", "net": "4.00 USD"},
    ]


def test_a_refund_of_help_is_subtracted_like_any_other(shop: Shop) -> None:
    book = shop.product(price=usd("29.00"))
    shop.buy(book)
    asked = buy_help(shop, book, usd("50.00"))
    refund(shop, asked.checkout.order)
    (day,) = sold(shop, shop.seller)
    assert (day["support_gross"], day["refunded"], day["net"]) == (
        "50.00 USD",
        "50.00 USD",
        "29.00 USD",
    )


@BLOCKING
def test_money_that_came_twice_is_no_second_sale_and_its_return_no_refund(shop: Shop) -> None:
    checkout = shop.checkout(shop.product(price=usd("29.00")))
    pay_elsewhere(shop, checkout, noon(1))
    pay_all_the_same(shop, checkout, back=usd("4.00"))
    assert shop.count("payments", "disposition = 'duplicate'") == 1
    assert shop.count("refunds", "succeeded_at IS NOT NULL") == 1
    assert sold(shop, shop.seller) == [
        {"day": 1, "currency": "USD", "orders": 1, "gross": "29.00 USD", "net": "29.00 USD"}
    ]
