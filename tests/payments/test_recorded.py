"""Money that moved elsewhere: bank transfers, complimentary copies, imports, and their way back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from digistore import SYSTEM, Money
from digistore.errors import (
    Forbidden,
    GatewayUnavailable,
    IdempotencyConflict,
    Invalid,
    NotFound,
    NotRefundable,
)
from digistore.orders import Checkout
from tests.conftest import RETURN, Shop
from tests.payments.asking import (
    RECEIVED,
    access,
    action,
    calls,
    on_lines,
    order_of,
    record,
    state,
    usd,
    waiting,
)


def send_back(shop: Shop, what: Any, amount: Money | None = None, reference: str = "back 1") -> Any:
    return shop.store.payments.record_refund(
        shop.operator,
        what,
        amount=amount,
        reference=reference,
        returned_at=RECEIVED,
        reason="by transfer",
    )


def test_a_transfer_opens_what_it_covers(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    payment = record(shop, checkout, usd("29.00"))
    assert (payment.gateway, payment.ref, payment.disposition) == (
        "external",
        "transfer 1",
        "covering",
    )
    assert (state(shop, checkout), access(shop, book)) == ("paid", "live")
    assert shop.store.orders.receipt(shop.buyer, checkout.order).method == "external"
    assert shop.rows("SELECT account, received_at FROM digistore_payments") == [
        ("bank_transfer", int(RECEIVED.timestamp() * 1_000_000))
    ]


def test_a_live_checkout_is_ended_first(shop: Shop) -> None:
    """Else both could be paid (getlago/lago-api#5708)."""
    checkout = shop.checkout(shop.product())
    record(shop, checkout, usd("29.00"))
    assert shop.sandbox.look_up(checkout).state == "expired"


def test_a_checkout_that_was_paid_meanwhile_wins(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)  # its message is on its way
    payment = record(shop, checkout, usd("29.00"))
    assert payment.disposition == "duplicate"
    assert (access(shop, book), waiting(shop)) == ("live", ["duplicate"])
    assert shop.count("payments", "gateway = 'sandbox' AND cover_key = 1") == 1


def test_while_the_checkout_cannot_be_ended_nothing_is_recorded(shop: Shop) -> None:
    """It might be paid as well."""
    checkout = shop.checkout(shop.product())
    shop.sandbox.fail_next("timeout", method="expire")
    with pytest.raises(GatewayUnavailable):
        record(shop, checkout, usd("29.00"))
    assert shop.count("payments") == 0
    assert record(shop, checkout, usd("29.00")).disposition == "covering"


def test_told_twice_it_is_one_payment(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    first = record(shop, checkout, usd("29.00"))
    shop.clock.go(days=1)
    assert record(shop, checkout, usd("29.00")) == first
    assert shop.count("payments") == 1
    with pytest.raises(IdempotencyConflict):
        record(shop, checkout, usd("28.00"))


def test_one_reference_pays_one_order(shop: Shop) -> None:
    one, other = shop.checkout(shop.product("A")), shop.checkout(shop.product("B"))
    record(shop, one, usd("29.00"))
    with pytest.raises(IdempotencyConflict) as caught:
        record(shop, other, usd("29.00"))
    assert caught.value.key == "transfer 1"
    assert state(shop, other) == "open"
    assert shop.sandbox.look_up(other).state == "open"  # nothing was ended for it


def test_a_complimentary_copy_and_an_import_are_recorded_payments(shop: Shop) -> None:
    methods = ("complimentary", "import:gumroad", "cash")
    for number, method in enumerate(methods):
        book = shop.product(method)
        checkout = shop.checkout(book)
        payment = shop.store.payments.record(
            SYSTEM,
            checkout.order,
            amount=usd("29.00"),
            method=method,
            reference=str(number),
            received_at=RECEIVED,
        )
        assert (payment.disposition, access(shop, book)) == ("covering", "live"), method


def test_a_short_transfer_opens_nothing(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    record(shop, checkout, usd("28.99"))
    assert (state(shop, checkout), access(shop, book)) == ("open", "not_purchased")
    assert waiting(shop) == ["underpaid"]


def test_a_generous_transfer_opens_and_is_asked_about(shop: Shop) -> None:
    book = shop.product()
    record(shop, shop.checkout(book), usd("30.00"))
    assert (access(shop, book), waiting(shop)) == ("live", ["overpaid"])


def test_an_expired_order_is_paid_after_all(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.clock.go(hours=13)
    shop.store.payments.reconcile()
    record(shop, checkout, usd("29.00"))
    order = order_of(shop, checkout)
    assert (order.state, order.late, access(shop, book)) == ("paid", True, "live")


def test_money_recorded_while_the_gateway_s_is_on_its_way_covers(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    record(shop, checkout, usd("29.00"))
    assert (state(shop, checkout), access(shop, book)) == ("paid", "live")
    shop.deliver(shop.sandbox.clear(checkout, ok=False))  # the other one never came
    assert (state(shop, checkout), waiting(shop)) == ("paid", [])


def two_lines(shop: Shop) -> Checkout:
    items = [shop.product("A", price=usd("10.00")), shop.product("B", price=usd("20.00"))]
    checkout = shop.store.orders.checkout(shop.buyer, items, return_url=RETURN)
    record(shop, checkout, usd("30.00"))
    return checkout


def test_what_came_by_transfer_goes_back_by_a_record(shop: Shop) -> None:
    checkout = two_lines(shop)
    first, second = checkout.order.lines
    back = send_back(shop, first)
    assert (back.amount, back.state) == (usd("10.00"), "succeeded")
    assert (access(shop, first.product_id), access(shop, second.product_id)) == ("revoked", "live")
    send_back(shop, checkout.order, usd("5.00"), "back 2")
    assert on_lines(shop) == [("A", 1000), ("B", 500)]
    send_back(shop, checkout.order, reference="back 3")
    assert access(shop, second.product_id) == "revoked"
    with pytest.raises(NotRefundable, match="nothing_left"):
        send_back(shop, checkout.order, reference="back 4")
    assert calls(shop, "refund") == []


def test_a_transfer_back_that_is_told_twice_is_one(shop: Shop) -> None:
    checkout = two_lines(shop)
    first = send_back(shop, checkout.order, usd("5.00"))
    assert send_back(shop, checkout.order, usd("5.00")) == first
    assert shop.count("refunds") == 1
    with pytest.raises(IdempotencyConflict):
        send_back(shop, checkout.order, usd("6.00"))
    with pytest.raises(NotRefundable, match="above_what_is_left"):
        send_back(shop, checkout.order, usd("25.01"), "back 2")


def test_each_kind_of_money_has_its_own_way_back(shop: Shop) -> None:
    transfer, card = two_lines(shop), shop.buy(shop.product("C"))
    with pytest.raises(NotRefundable, match="record_refund"):
        shop.store.payments.refund(shop.seller, transfer.order, reason="x")
    with pytest.raises(NotRefundable, match="use refund"):
        send_back(shop, card.order)
    with pytest.raises(NotRefundable, match="not_paid"):
        send_back(shop, shop.checkout(shop.product("D")).order)
    assert shop.count("refunds") == 0


def test_a_second_transfer_goes_back_and_touches_nothing_else(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    record(shop, checkout, usd("29.00"))
    record(shop, checkout, usd("29.00"), "transfer 2")
    assert waiting(shop) == ["duplicate"]
    assert send_back(shop, checkout.order).amount == usd("29.00")
    assert (waiting(shop), access(shop, book), on_lines(shop)) == ([], "live", [])
    send_back(shop, checkout.order, reference="back 2")
    assert access(shop, book) == "revoked"


def test_each_transfer_goes_back_for_itself_however_often_it_is_told(shop: Shop) -> None:
    """A short transfer first, the whole sum after it."""
    book = shop.product()
    checkout = shop.checkout(book)
    record(shop, checkout, usd("3.00"))
    shop.clock.go(minutes=1)
    record(shop, checkout, usd("29.00"), "transfer 2")
    first = send_back(shop, checkout.order)
    assert first.amount == usd("3.00")
    assert send_back(shop, checkout.order) == first
    assert access(shop, book) == "live"
    second = send_back(shop, checkout.order, reference="back 2")
    assert (second.amount, access(shop, book)) == (usd("29.00"), "revoked")
    assert [
        send_back(shop, checkout.order),
        send_back(shop, checkout.order, reference="back 2"),
    ] == [
        first,
        second,
    ]
    assert shop.count("refunds") == 2


def test_one_reference_sends_the_money_of_one_order_back(shop: Shop) -> None:
    one, other = shop.checkout(shop.product("A")), shop.checkout(shop.product("B"))
    record(shop, one, usd("29.00"))
    record(shop, other, usd("29.00"), "transfer 2")
    send_back(shop, one.order)
    with pytest.raises(IdempotencyConflict):
        send_back(shop, other.order)
    assert shop.count("refunds") == 1


def test_a_short_transfer_goes_back_in_parts(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    record(shop, checkout, usd("3.00"))
    send_back(shop, checkout.order, usd("1.00"))
    assert waiting(shop) == ["underpaid"]
    send_back(shop, checkout.order, reference="back 2")
    assert waiting(shop) == []


def test_a_transfer_of_another_currency_is_kept_apart(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    record(shop, checkout, Money("29.00", "EUR"))
    assert (access(shop, book), waiting(shop)) == ("not_purchased", ["wrong_currency"])
    assert action(shop, "wrong_currency").order_id == checkout.order.id


def test_only_operators_and_the_host_record(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    told = {"amount": usd("29"), "method": "cash", "reference": "r", "received_at": RECEIVED}
    back = {"reference": "r", "returned_at": RECEIVED, "reason": "x"}
    for actor in (shop.seller, shop.buyer, shop.store.users.register("s@example.com")):
        with pytest.raises(Forbidden):
            shop.store.payments.record(actor, checkout.order, **told)  # type: ignore[arg-type]
        with pytest.raises(Forbidden):
            shop.store.payments.record_refund(actor, checkout.order, **back)  # type: ignore[arg-type]
    with pytest.raises(NotFound):
        shop.store.payments.record(SYSTEM, "ord_unknown", **told)  # type: ignore[arg-type]
    assert shop.count("payments") == 0
    assert shop.sandbox.look_up(checkout).state == "open"


WRONG: tuple[tuple[str, Any], ...] = (
    ("amount", None),
    ("amount", usd("0")),
    ("amount", usd("-1")),
    ("amount", 29),
    ("amount", 29.0),
    ("amount", True),
    ("method", ""),
    ("method", "Bank Transfer"),
    ("method", "x" * 41),
    ("method", "import:"),
    ("method", "import:a:b"),
    ("method", None),
    ("reference", ""),
    ("reference", " "),
    ("reference", "x" * 201),
    ("reference", "a\nb"),
    ("reference", 7),
    ("received_at", datetime(2026, 1, 1)),  # noqa: DTZ001  naive on purpose
    ("received_at", "2026-01-01T00:00:00Z"),
)


def test_what_cannot_be_used_is_refused_before_the_checkout_is_ended(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    good: dict[str, Any] = {
        "amount": usd("29.00"),
        "method": "bank_transfer",
        "reference": "r",
        "received_at": RECEIVED,
    }
    for field, value in WRONG:
        with pytest.raises(Invalid) as caught:
            shop.store.payments.record(SYSTEM, checkout.order, **{**good, field: value})
        assert set(caught.value.fields) == {field}, value
    assert shop.count("payments") == 0
    assert shop.sandbox.look_up(checkout).state == "open"
