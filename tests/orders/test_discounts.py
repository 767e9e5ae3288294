"""Discounts: what they take off, how often, and what becomes of a use that was reserved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest

from digistore import SYSTEM, Money, PayWhatYouWant, Product
from digistore.errors import (
    AlreadyExists,
    Forbidden,
    IdempotencyConflict,
    Invalid,
    NotFound,
    TooManyAttempts,
)
from digistore.orders import Checkout, Discount, OrderState
from tests.conftest import RETURN, Shop

USD = "USD"


def offer(shop: Shop, code: str = "SPRING", **kwargs: object) -> Discount:
    terms = kwargs if "amount" in kwargs else {"percent": 10, **kwargs}
    return shop.store.orders.add_discount(shop.seller, code, **terms)  # type: ignore[arg-type]


def uses(shop: Shop) -> list[tuple[int, int]]:
    return shop.rows("SELECT used, over_limit FROM digistore_discounts")


def states(shop: Shop) -> list[tuple[str, int]]:
    return shop.rows(
        "SELECT state, over_limit FROM digistore_redemptions ORDER BY state, over_limit"
    )


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(Invalid) as caught:
        call()
    assert caught.value.fields == {"discount": "not_usable"}
    return str(caught.value)


def test_a_percentage_comes_off_the_price_and_the_order_adds_up(shop: Shop) -> None:
    offer(shop)
    book = shop.product()
    quote = shop.store.orders.quote(shop.buyer, [book], discount="spring ")
    order = shop.buy(book, discount="Spring").order
    assert quote.discount == order.discount == Money("2.90", USD)
    assert order.total == order.subtotal - order.discount == Money("26.10", USD)
    assert [line.total for line in order.lines] == [order.total]
    assert shop.store.orders.get(shop.buyer, order).state is OrderState.PAID
    assert states(shop) == [("used", 0)]


def test_an_amount_is_spread_over_the_lines_by_largest_remainder(shop: Shop) -> None:
    offer(shop, amount=Money("10.00", USD))
    prices = ("1.00", "1.00", "28.01")
    books = [shop.product(f"b{n}", Money(price, USD)) for n, price in enumerate(prices)]
    quote = shop.store.orders.quote(shop.buyer, books, discount="SPRING")
    assert [line.discount.amount for line in quote.lines] == [33, 33, 934]
    assert sum(line.total.amount for line in quote.lines) == quote.total.amount == 2001


def test_no_line_falls_below_zero_and_a_full_discount_needs_no_gateway(shop: Shop) -> None:
    offer(shop, amount=Money("500.00", USD))
    books = [shop.product("a", Money("0.01", USD)), shop.product("b")]
    checkout = shop.store.orders.checkout(shop.buyer, books, return_url=RETURN, discount="SPRING")
    assert checkout.url is None
    assert checkout.order.total == Money("0", USD)
    assert [line.total.amount for line in checkout.order.lines] == [0, 0]
    assert all(shop.store.entitlements.check(shop.buyer, book) for book in books)
    assert states(shop) == [("used", 0)]


def test_only_lines_in_the_scope_are_reduced(shop: Shop) -> None:
    dear, cheap = shop.product("dear"), shop.product("cheap", Money("3.00", USD))
    offer(shop, percent=Decimal(50), products=[cheap])
    quote = shop.store.orders.quote(shop.buyer, [dear, cheap], discount="SPRING")
    assert [line.discount.amount for line in quote.lines] == [0, 150]
    refused(lambda: shop.store.orders.quote(shop.buyer, [dear], discount="SPRING"))


def test_what_the_buyer_names_is_reduced_too(shop: Shop) -> None:
    book = shop.product(price=PayWhatYouWant(minimum=Money("5.00", USD)))
    offer(shop)
    order = shop.buy(book, discount="SPRING", pay=Money("20.00", USD)).order
    assert order.total == Money("18.00", USD)


def test_every_reason_not_to_be_usable_gives_one_and_the_same_answer(shop: Shop) -> None:
    book, other = shop.product(), shop.new_seller("other@example.com")
    now = shop.clock()
    theirs = shop.product("theirs", seller=other)
    shop.store.orders.add_discount(other, "FOREIGN", percent=10)
    offer(shop, "LATER", starts_at=now + timedelta(days=1))
    offer(shop, "OVER", ends_at=now + timedelta(hours=1))
    offer(shop, "EUROS", amount=Money("1.00", "EUR"))
    offer(shop, "SUPPORT", kind="support")
    offer(shop, "SCOPE", products=[shop.product("another")])
    offer(shop, "ONCE", max_uses=1)
    shop.store.orders.retire_discount(shop.seller, offer(shop, "RETIRED"))
    shop.buy(shop.product("first"), discount="ONCE")
    shop.clock.go(hours=2)
    codes = ("FOREIGN", "LATER", "OVER", "EUROS", "SUPPORT", "SCOPE", "ONCE", "RETIRED", "NONE")
    answers = {
        refused(lambda code=code, call=call: call(book, code))  # type: ignore[misc]
        for code in codes
        for call in (
            lambda product, code: shop.checkout(product, discount=code),
            lambda product, code: shop.store.orders.quote(shop.buyer, [product], discount=code),
        )
    }
    assert len(answers) == 1
    assert shop.store.orders.quote(shop.buyer, [theirs], discount="FOREIGN").discount
    assert shop.count("orders") == 1


def test_a_use_is_reserved_with_the_order_and_used_by_its_payment(shop: Shop) -> None:
    offer(shop, max_uses=1)
    book = shop.product()
    checkout = shop.checkout(book, discount="SPRING")
    assert states(shop) == [("reserved", 0)]
    refused(lambda: shop.checkout(book, shop.operator, discount="SPRING"))
    shop.deliver(shop.sandbox.pay(checkout))
    assert states(shop) == [("used", 0)]
    assert uses(shop) == [(1, 0)]


@pytest.mark.parametrize("ends", ["canceled", "expired"])
def test_a_use_is_released_once_the_gateway_has_confirmed_the_end(shop: Shop, ends: str) -> None:
    offer(shop, max_uses=1)
    book = shop.product()
    order = shop.checkout(book, discount="SPRING").order
    if ends == "canceled":
        shop.store.orders.cancel(shop.buyer, order)
    else:
        shop.clock.go(hours=13)
        shop.store.run_due()
    assert shop.store.orders.get(shop.buyer, order).state == ends
    assert (states(shop), uses(shop)) == ([("released", 0)], [(0, 0)])
    assert shop.buy(book, shop.operator, discount="SPRING").order.discount.amount == 290


def test_an_expired_order_paid_late_is_honoured_and_marked_over_limit(shop: Shop) -> None:
    offer(shop, max_uses=1, max_uses_per_customer=1)
    book = shop.product()
    order = shop.checkout(book, discount="SPRING").order
    shop.clock.go(hours=13)
    shop.store.run_due()
    shop.buy(book, shop.operator, discount="SPRING")
    shop.store.payments.record(
        shop.operator,
        order,
        amount=order.total,
        method="bank_transfer",
        reference="b1",
        received_at=shop.clock(),
    )
    assert shop.store.orders.get(shop.buyer, order).state is OrderState.PAID
    assert states(shop) == [("used", 0), ("used", 1)]
    assert uses(shop) == [(2, 1)]
    assert shop.store.entitlements.check(shop.buyer, book)


def test_a_released_use_that_is_paid_late_within_the_limit_is_not_marked(shop: Shop) -> None:
    offer(shop, max_uses=1)
    order = shop.checkout(shop.product(), discount="SPRING").order
    shop.clock.go(hours=13)
    shop.store.run_due()
    shop.store.payments.record(
        shop.operator,
        order,
        amount=order.total,
        method="cash",
        reference="c1",
        received_at=shop.clock(),
    )
    assert (states(shop), uses(shop)) == ([("used", 0)], [(1, 0)])


def test_a_customer_uses_it_as_often_as_allowed(shop: Shop) -> None:
    offer(shop, max_uses_per_customer=1)
    shop.buy(shop.product("one"), discount="SPRING")
    refused(lambda: shop.checkout(shop.product("two"), discount="SPRING"))
    assert shop.buy(shop.product("three"), shop.operator, discount="SPRING").order.discount


def test_a_refund_gives_no_use_back(shop: Shop) -> None:
    offer(shop, max_uses=1)
    order = shop.buy(shop.product(), discount="SPRING").order
    shop.store.payments.refund(shop.seller, order, reason="asked for")
    assert (states(shop), uses(shop)) == ([("used", 0)], [(1, 0)])


def test_a_double_click_takes_one_use_and_a_repeat_finds_its_order_after_the_end(
    shop: Shop,
) -> None:
    offer(shop, max_uses=1, ends_at=shop.clock() + timedelta(hours=1))
    book = shop.product()
    first, second = (shop.checkout(book, discount="SPRING") for _ in range(2))
    shop.clock.go(hours=2)
    third = shop.checkout(book, discount="spring")
    assert (first.order.id, first.url) == (second.order.id, second.url)
    assert third.order.id == first.order.id
    assert uses(shop) == [(1, 0)]


def test_a_key_with_another_discount_is_a_conflict(shop: Shop) -> None:
    offer(shop)
    book = shop.product()
    shop.checkout(book, discount="SPRING", idempotency_key="k")
    with pytest.raises(IdempotencyConflict):
        shop.checkout(book, idempotency_key="k")


def test_a_new_checkout_ends_the_older_one_and_takes_its_use_over(shop: Shop) -> None:
    offer(shop, max_uses=1)
    book = shop.product()
    old = shop.checkout(book, discount="SPRING")
    new = shop.checkout(book, discount="SPRING", metadata={"tab": 2})
    assert shop.store.orders.get(shop.buyer, old.order).state is OrderState.CANCELED
    assert states(shop) == [("released", 0), ("reserved", 0)]
    shop.deliver(shop.sandbox.pay(new))
    assert uses(shop) == [(1, 0)]


def test_what_is_refused_writes_no_order_and_keeps_the_limit(shop: Shop) -> None:
    offer(shop, max_uses=1)
    shop.checkout(shop.product("one"), discount="SPRING")
    refused(lambda: shop.checkout(shop.product("two"), discount="SPRING"))
    assert shop.count("orders") == 1
    assert uses(shop) == [(1, 0)]


def test_guessing_codes_is_bounded(shop: Shop) -> None:
    book = shop.product()
    offer(shop)
    for number in range(20):
        refused(lambda n=number: shop.checkout(book, discount=f"GUESS{n}"))  # type: ignore[misc]
    with pytest.raises(TooManyAttempts) as caught:
        shop.store.orders.quote(shop.buyer, [book], discount="SPRING")
    assert caught.value.retry_at == shop.clock() + timedelta(hours=1)
    assert shop.checkout(book, shop.operator, discount="SPRING").url
    shop.clock.go(hours=1)
    assert shop.checkout(book, discount="SPRING").url


def help_with(shop: Shop, book: Product, code: str) -> Checkout:
    return shop.store.support.request(
        shop.buyer,
        book,
        kind="setup",
        subject="Help",
        body="Please.",
        return_url=RETURN,
        discount=code,
    ).checkout


def test_D9_a_discount_on_support_never_makes_it_free(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", USD), scope="One hour."
    )
    offer(shop, "ALL", percent=100, kind="support")
    offer(shop, "HALF", percent=50, kind="support")
    offer(shop, "BOOKS", percent=50)
    refused(lambda: help_with(shop, book, "ALL"))
    refused(lambda: help_with(shop, book, "BOOKS"))
    checkout = help_with(shop, book, "HALF")
    assert checkout.order.total == Money("24.50", USD)
    shop.deliver(shop.sandbox.pay(checkout))
    assert [str(one.state) for one in shop.store.support.my_supports(shop.buyer)] == ["open"]


def test_a_code_is_its_sellers_own_and_free_again_once_retired(shop: Shop) -> None:
    first = offer(shop)
    shop.store.orders.add_discount(shop.operator, "SPRING", percent=5)
    with pytest.raises(AlreadyExists):
        offer(shop, "spring")
    retired = shop.store.orders.retire_discount(shop.seller, first)
    assert retired.retired_at == shop.clock()
    assert shop.store.orders.retire_discount(shop.seller, first) == retired
    assert offer(shop).id != first.id


def test_who_may_add_and_retire(shop: Shop) -> None:
    stranger = shop.new_seller("other@example.com")
    foreign = shop.product(seller=stranger)
    with pytest.raises(Forbidden):
        shop.store.orders.add_discount(shop.buyer, "MINE", percent=5)
    with pytest.raises(Forbidden):
        shop.store.orders.add_discount(shop.seller, "MINE", percent=5, seller=stranger)
    with pytest.raises(NotFound):
        offer(shop, products=[foreign])
    with pytest.raises(NotFound):
        shop.store.orders.retire_discount(stranger, offer(shop))
    given = shop.store.orders.add_discount(SYSTEM, "GIVEN", percent=5, seller=stranger)
    assert given.seller_id == stranger.id
    assert shop.store.orders.add_discount(SYSTEM, "HOUSE", percent=5).seller_id is None


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("code", {"code": "A"}),
        ("code", {"code": "WITH SPACE"}),
        ("percent", {"percent": 0}),
        ("percent", {"percent": 101}),
        ("percent", {"percent": Decimal("0.001")}),
        ("percent", {"percent": Decimal("NaN")}),
        ("percent", {"percent": 10.5}),
        ("percent", {"percent": True}),
        ("percent", {"percent": None}),
        ("percent", {"amount": Money("1", USD)}),
        ("amount", {"percent": None, "amount": Money("0", USD)}),
        ("amount", {"percent": None, "amount": 5}),
        ("kind", {"kind": "subscription"}),
        ("max_uses", {"max_uses": 0}),
        ("max_uses_per_customer", {"max_uses_per_customer": True}),
        ("products", {"products": "prd_1"}),
    ],
)
def test_bad_input_is_named(shop: Shop, field: str, given: dict[str, object]) -> None:
    terms = {"code": "SPRING", "percent": 10, **given}
    with pytest.raises(Invalid) as caught:
        shop.store.orders.add_discount(shop.seller, **terms)  # type: ignore[arg-type]
    assert set(caught.value.fields) == {field}
    assert shop.count("discounts") == 0


def test_a_repeated_checkout_finds_its_order_after_its_code_was_retired(shop: Shop) -> None:
    book, discount = shop.product(), offer(shop)
    terms = {"discount": "spring", "return_url": RETURN, "idempotency_key": "once"}
    first = shop.store.orders.checkout(shop.buyer, [book], **terms)  # type: ignore[arg-type]
    shop.store.orders.retire_discount(shop.seller, discount)
    again = shop.store.orders.checkout(shop.buyer, [book], **terms)  # type: ignore[arg-type]
    assert again.order.id == first.order.id
    other = shop.store.users.register("other@example.com")
    refused(lambda: shop.store.orders.checkout(other, [book], discount="spring", return_url=RETURN))
    refused(lambda: shop.store.orders.quote(shop.buyer, [book], discount="spring"))
