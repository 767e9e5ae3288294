"""Asking for help: who may, what it costs, and that each request is a charge of its own."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import Money
from digistore.errors import (
    AccessRequired,
    GatewayUnavailable,
    Invalid,
    NotFound,
    PaymentInFlight,
)
from tests.conftest import Shop
from tests.payments.asking import action, given_back, record, usd, waiting
from tests.support.desk import SETUP, ask, bought, checkout_of, now, offer, opened, support_events


def test_a_request_opens_with_its_own_payment(shop: Shop) -> None:
    book = bought(shop)
    made = ask(shop, book)
    assert (made.request.state, made.request.price) == ("unpaid", SETUP)
    assert made.checkout.order.lines[0].kind == "support"
    assert made.checkout.order.total == SETUP
    shop.deliver(shop.sandbox.pay(made))
    found = now(shop, made.request)
    assert (found.state, found.scope) == ("open", "One hour, on your machine.")
    assert support_events(shop) == ["SupportPaid"]


def test_a_customer_asks_as_often_as_they_pay(shop: Shop) -> None:
    """D10: each has its own line, payment, lifecycle and refund."""
    book = bought(shop)
    first, second = opened(shop, book, "One"), opened(shop, book, "Two")
    assert len({first.order_line_id, second.order_line_id}) == 2
    assert shop.count("payments") == 3
    shop.store.support.waive(shop.seller, first, reason="our fault")
    assert (now(shop, first).state, now(shop, second).state) == ("canceled", "open")


def test_a_double_click_is_one_request(shop: Shop) -> None:
    book = bought(shop)
    first = ask(shop, book)
    again = ask(shop, book)
    assert (again.request, again.checkout) == (first.request, first.checkout)
    other = ask(shop, book, body="Another question.")
    assert other.request.id != first.request.id
    assert other.checkout.url != first.checkout.url
    shop.deliver(shop.sandbox.pay(first))
    assert ask(shop, book).request.id != first.request.id  # paid, it is over: a new charge


def test_while_its_payment_is_on_its_way_it_is_not_asked_again(shop: Shop) -> None:
    book = bought(shop)
    made = ask(shop, book)
    shop.deliver(shop.sandbox.pay(made, "delayed"))
    assert now(shop, made.request).state == "unpaid"
    with pytest.raises(PaymentInFlight):
        ask(shop, book)
    shop.deliver(shop.sandbox.clear(made))
    assert now(shop, made.request).state == "open"


def test_the_same_request_goes_on_where_the_gateway_was_silent(shop: Shop) -> None:
    book = bought(shop)
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as caught:
        ask(shop, book)
    made = ask(shop, book)
    assert made.checkout.order.id == caught.value.order_id
    assert shop.count("support_requests") == 1


def test_help_needs_live_access_when_it_is_asked_for(shop: Shop) -> None:
    """D9, with the reason."""
    book = shop.product()
    offer(shop, book)
    with pytest.raises(AccessRequired) as caught:
        ask(shop, book)
    assert caught.value.reason == "not_purchased"
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    with pytest.raises(AccessRequired):
        ask(shop, book)
    shop.deliver(shop.sandbox.clear(checkout))
    shop.deliver(shop.sandbox.open_dispute(checkout))
    with pytest.raises(AccessRequired) as caught:
        ask(shop, book)
    assert caught.value.reason == "suspended"
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    with pytest.raises(AccessRequired) as caught:
        ask(shop, book)
    assert caught.value.reason == "revoked"
    assert shop.count("support_requests") == 0


def test_help_with_another_s_purchase_is_not_to_be_had(shop: Shop) -> None:
    book = bought(shop)
    other = shop.store.users.register("other@example.com")
    with pytest.raises(AccessRequired):
        ask(shop, book, user=other)
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=usd("1"))
    with pytest.raises(NotFound):
        ask(shop, draft)


def held(shop: Shop, how: str) -> tuple[Any, Any, Any]:
    """A request that was paid after access had ended."""
    book = shop.product()
    offer(shop, book)
    bought_by = shop.buy(book)
    made = ask(shop, book)
    if how == "refund":
        shop.store.payments.refund(shop.seller, bought_by.order, reason="x")
    else:
        shop.deliver(shop.sandbox.open_dispute(bought_by))
    shop.deliver(shop.sandbox.pay(made))
    return bought_by, made, now(shop, made.request)


def test_help_needs_live_access_when_it_is_paid_as_well(shop: Shop) -> None:
    bought_by, made, request = held(shop, "dispute")
    assert (request.state, waiting(shop)) == ("unpaid", ["support_without_access"])
    assert shop.store.orders.get(shop.buyer, made.checkout.order).lines[0].outcome == "held"
    found = action(shop, "support_without_access")
    shop.store.payments.resolve(shop.operator, found, choice="accept", reason="too early")
    assert (now(shop, request).state, waiting(shop)) == ("unpaid", ["support_without_access"])
    shop.deliver(shop.sandbox.close_dispute(bought_by, "won"))
    shop.store.payments.resolve(shop.operator, found, choice="accept", reason="fine again")
    assert (now(shop, request).state, waiting(shop)) == ("open", [])


def test_money_for_help_without_access_goes_back(shop: Shop) -> None:
    _, made, request = held(shop, "refund")
    found = action(shop, "support_without_access")
    shop.store.payments.resolve(shop.operator, found, choice="refund", reason="nothing to help")
    assert given_back(shop, made.checkout) == [(4900, "succeeded")]
    assert (now(shop, request).state, waiting(shop)) == ("canceled", [])


def test_an_unpaid_request_ends_with_its_order_and_opens_if_it_is_paid_late(shop: Shop) -> None:
    book = bought(shop)
    expired, canceled = ask(shop, book, "One"), ask(shop, book, "Two")
    shop.store.orders.cancel(shop.buyer, canceled.checkout.order)
    assert now(shop, canceled.request).state == "canceled"
    shop.clock.go(hours=13)
    shop.store.payments.reconcile()
    assert now(shop, expired.request).state == "canceled"
    record(shop, expired.checkout, SETUP)
    assert now(shop, expired.request).state == "open"
    record(shop, canceled.checkout, SETUP, "transfer 2")
    assert (now(shop, canceled.request).state, waiting(shop)) == ("canceled", ["late"])
    found = action(shop, "late")
    shop.store.payments.resolve(shop.operator, found, choice="accept", reason="fine")
    assert now(shop, canceled.request).state == "open"


def test_a_late_payment_without_access_waits_for_a_decision(shop: Shop) -> None:
    book = shop.product()
    offer(shop, book)
    bought_by = shop.buy(book)
    made = ask(shop, book)
    shop.clock.go(hours=13)
    shop.store.payments.reconcile()
    shop.store.payments.refund(shop.seller, bought_by.order, reason="x")
    record(shop, made.checkout, SETUP)
    assert (now(shop, made.request).state, waiting(shop)) == (
        "canceled",
        ["support_without_access"],
    )


def test_what_was_offered_is_what_was_bought(shop: Shop) -> None:
    """Price and scope are snapshots; a repeat after a change of price is another request."""
    book = bought(shop)
    old = ask(shop, book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=usd("59.00"), scope="Two hours."
    )
    shop.deliver(shop.sandbox.pay(old))
    found = now(shop, old.request)
    assert (found.state, found.price, found.scope) == ("open", SETUP, "One hour, on your machine.")
    new = ask(shop, book)
    assert (new.request.price, new.request.scope) == (usd("59.00"), "Two hours.")
    assert shop.sandbox.look_up(checkout_of(shop, new.request)).total == usd("59.00")


def test_years_later_help_costs_one_charge_and_no_subscription(shop: Shop) -> None:
    """D11."""
    book = bought(shop)
    shop.store.catalog.withdraw(shop.seller, book)
    shop.clock.go(days=3650)
    assert opened(shop, book).state == "open"


def test_help_comes_in_the_currency_of_its_offer(shop: Shop) -> None:
    book = shop.product()
    offer(shop, book, price=Money("4900", "JPY"))
    shop.buy(book)
    assert opened(shop, book).price == Money("4900", "JPY")


BAD: tuple[tuple[dict[str, Any], str], ...] = (
    ({"kind": "massage"}, "kind"),
    ({"kind": "SETUP"}, "kind"),
    ({"kind": ""}, "kind"),
    ({"subject": ""}, "subject"),
    ({"subject": "x" * 201}, "subject"),
    ({"subject": "two\nlines"}, "subject"),
    ({"body": " "}, "body"),
    ({"body": "bell \a"}, "body"),
    ({"body": "x" * 2001}, "body"),
    ({"body": 7}, "body"),
    ({"return_url": "/thanks"}, "return_url"),
    ({"return_url": "javascript:alert(1)"}, "return_url"),
    ({"gateway": "stripe"}, "gateway"),
    ({"idempotency_key": "\n"}, "idempotency_key"),
    ({"metadata": {"x": float("inf")}}, "metadata"),
)


def test_what_cannot_be_used_is_refused_field_by_field(shop: Shop) -> None:
    book = bought(shop)
    for given, field in BAD:
        with pytest.raises(Invalid) as caught:
            ask(shop, book, **given)
        assert set(caught.value.fields) == {field}, given
    assert (shop.count("support_requests"), shop.count("orders")) == (0, 1)
