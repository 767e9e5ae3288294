"""Books made by hand: an order, its lines and what is known of its money, without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from digistore.gateways import (
    DisputeSnapshot,
    DisputeState,
    PaymentSnapshot,
    PayState,
    RefundSnapshot,
    RefundState,
    Whose,
)
from digistore.money import Money
from digistore.orders.kinds import Kind
from digistore.payments.book import (
    AttemptFacts,
    Book,
    DisputeFacts,
    LineFacts,
    OrderFacts,
    PaymentFacts,
    RefundFacts,
)
from digistore.payments.models import PaymentState, RefundStatus
from digistore.payments.rules.derive import derive
from digistore.payments.rules.judge import judge_all
from digistore.settings import AccessPolicy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(hours=12)


def usd(amount: int) -> Money:
    return Money.from_minor(amount, "USD")


def an_order(total: int = 2900, **more: Any) -> OrderFacts:
    given: dict[str, Any] = {
        "id": "ord_1",
        "buyer_id": "usr_1",
        "currency": "USD",
        "total": total,
        "livemode": False,
        "policy": AccessPolicy(),
        "state": "open",
        "expires_at": LATER,
        "expired_at": None,
        "canceled_at": None,
        "paid_at": None,
        "late": False,
    }
    return OrderFacts(**{**given, **more})


def a_line(name: str = "lin_1", total: int = 2900, **more: Any) -> LineFacts:
    given: dict[str, Any] = {
        "id": name,
        "kind": Kind.PRODUCT,
        "product_id": f"prd_{name}",
        "buyer_id": "usr_1",
        "beneficiary_id": "usr_1",
        "total": total,
        "allow_repeat": False,
        "open_key": 1,
        "outcome": None,
    }
    return LineFacts(**{**given, **more})


def an_attempt(amount: int = 2900, **more: Any) -> AttemptFacts:
    given: dict[str, Any] = {
        "id": "att_1",
        "gateway": "sandbox",
        "livemode": False,
        "account": "",
        "checkout_id": "co_1",
        "url": "https://pay.example/co_1",
        "state": "open",
        "amount": amount,
        "currency": "USD",
        "live_key": 1,
        "tries": 0,
        "next_check_at": LATER,
        "failure": None,
    }
    return AttemptFacts(**{**given, **more})


def a_payment(captured: int = 2900, ref: str = "py_1", **more: Any) -> PaymentFacts:
    given: dict[str, Any] = {
        "id": f"pay_{ref}",
        "order_id": "ord_1",
        "gateway": "sandbox",
        "livemode": False,
        "account": "",
        "ref": ref,
        "checkout_id": "co_1",
        "state": PaymentState.SUCCEEDED,
        "currency": "USD",
        "asked": 2900,
        "captured": captured,
        "created_at": NOON,
    }
    return PaymentFacts(**{**given, **more})


def a_refund(amount: int, name: str = "ref_1", **more: Any) -> RefundFacts:
    given: dict[str, Any] = {
        "id": name,
        "payment_id": "pay_py_1",
        "gateway": "sandbox",
        "livemode": False,
        "account": "",
        "ref": f"re_{name}",
        "amount": amount,
        "currency": "USD",
        "state": RefundStatus.SUCCEEDED,
        "origin": "gateway",
        "key": None,
        "created_at": NOON,
    }
    return RefundFacts(**{**given, **more})


def a_dispute(amount: int = 2900, state: str = "open", **more: Any) -> DisputeFacts:
    given: dict[str, Any] = {
        "id": "dis_1",
        "payment_id": "pay_py_1",
        "gateway": "sandbox",
        "livemode": False,
        "account": "",
        "ref": "dp_1",
        "amount": amount,
        "currency": "USD",
        "state": DisputeState(state),
        "ticket": 1,
        "opened_at": NOON,
        "changed_at": NOON,
    }
    return DisputeFacts(**{**given, **more})


def a_book(*entries: Any, order: OrderFacts | None = None, actor: str = "system") -> Book:
    """Make a book of an order with these entries: of an order with one line if none is given."""
    numbers = count(1)
    book = Book(now=NOON, new_id=lambda prefix: f"{prefix}_new{next(numbers)}", actor=actor)
    book.order = order or an_order()
    places: dict[type[Any], list[Any]] = {
        LineFacts: book.lines,
        AttemptFacts: book.attempts,
        PaymentFacts: book.payments,
        RefundFacts: book.refunds,
        DisputeFacts: book.disputes,
    }
    for entry in entries:
        places[type(entry)].append(entry)
    if not book.lines:
        book.lines.append(a_line(total=book.order.total))
    book.remember()
    return book


def a_paid_book(*entries: Any, order: OrderFacts | None = None) -> Book:
    """Make a book whose order is covered by the first payment of *entries*, or by its own."""
    if not any(isinstance(entry, PaymentFacts) for entry in entries):
        total = order.total if order else 2900
        entries = (*entries, a_payment(total, asked=total))
    total = order.total if order else 2900
    book = a_book(*entries, an_attempt(total), order=order)
    judge_all(book)
    derive(book)
    book.remember()
    return book


def told(state: str, **more: Any) -> PaymentSnapshot:
    """What a gateway says of the checkout; money is there as the state says."""
    given: dict[str, Any] = {
        "gateway": "sandbox",
        "livemode": False,
        "account": "",
        "whose": Whose.OURS,
        "reference": "att_1",
        "checkout_id": "co_1",
        "payment_id": None if state in {"open", "expired"} else "py_1",
        "state": PayState(state),
        "total": usd(2900),
        "captured": usd(2900) if state == "paid" else None,
    }
    return PaymentSnapshot(**{**given, **more})


def refund_told(state: str, amount: int = 1000, **more: Any) -> RefundSnapshot:
    return RefundSnapshot(
        **{"id": "re_1", "money": usd(amount), "state": RefundState(state), **more}
    )


def dispute_told(state: str, amount: int = 2900, **more: Any) -> DisputeSnapshot:
    given = {"id": "dp_1", "money": usd(amount), "state": DisputeState(state)}
    return DisputeSnapshot(**{**given, **more})
