"""What is taken in, asked or begun is compared whole: no column is left to chance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from digistore.gateways import DisputeState
from digistore.payments.book import (
    ActionFacts,
    Book,
    DisputeFacts,
    PaymentFacts,
    RefundFacts,
)
from digistore.payments.models import ActionKind, PaymentState, RefundStatus
from digistore.payments.rules.merge import DISPUTE_CHECK, PENDING_CHECK, merge
from tests.payments.rules.books import (
    NOON,
    a_book,
    a_payment,
    an_attempt,
    dispute_told,
    refund_told,
    told,
    usd,
)

THERE: dict[str, Any] = {"gateway": "paypal", "livemode": True, "account": "acct_7"}


def test_a_payment_is_taken_in_whole() -> None:
    book = a_book(an_attempt(**THERE))
    snapshot = told("pending", total=usd(3000), captured=None, **THERE)
    merge(book, snapshot, 1)
    assert book.payments == [
        PaymentFacts(
            id="pay_new1",
            order_id="ord_1",
            ref="py_1",
            checkout_id="co_1",
            state=PaymentState.PENDING,
            currency="USD",
            asked=3000,
            captured=0,
            created_at=NOON,
            **THERE,
        )
    ]


@pytest.mark.parametrize(("total", "asked"), [(usd(3000), 3000), (None, 2900)])
def test_what_was_asked_is_the_total_or_else_what_was_captured(total: object, asked: int) -> None:
    book = a_book(an_attempt())
    merge(book, told("paid", total=total), 1)
    assert (book.payments[0].asked, book.payments[0].captured) == (asked, 2900)


def test_a_refund_is_taken_in_whole() -> None:
    book = a_book(a_payment(**THERE), an_attempt(**THERE))
    said = refund_told("pending", 700, reference=None, reason="asked for")
    merge(book, told("paid", refunds=(said,), **THERE), 1)
    assert book.refunds == [
        RefundFacts(
            id="ref_new1",
            payment_id="pay_py_1",
            ref="re_1",
            amount=700,
            currency="USD",
            state=RefundStatus.PENDING,
            origin="gateway",
            key=None,
            created_at=NOON,
            reason="asked for",
            next_check_at=NOON + PENDING_CHECK,
            **THERE,
        )
    ]


def test_a_dispute_is_taken_in_whole() -> None:
    due = NOON + timedelta(days=9)
    book = a_book(a_payment(**THERE), an_attempt(**THERE))
    said = dispute_told("open", 800, reason="fraud", evidence_due=due)
    merge(book, told("paid", disputes=(said,), **THERE), 5)
    assert book.disputes == [
        DisputeFacts(
            id="dis_new1",
            payment_id="pay_py_1",
            ref="dp_1",
            amount=800,
            currency="USD",
            state=DisputeState.OPEN,
            ticket=5,
            opened_at=NOON,
            changed_at=NOON,
            reason="fraud",
            evidence_due=due,
            next_check_at=NOON + DISPUTE_CHECK,
            **THERE,
        )
    ]


@pytest.mark.parametrize("captured", [2800, 3000])
def test_another_amount_is_asked_about_by_its_payment(captured: int) -> None:
    book = a_book(a_payment(), an_attempt())
    merge(book, told("paid", captured=usd(captured)), 1)
    assert book.actions == [asked(ActionKind.AMOUNT_CHANGED, "pay_py_1")]


def test_another_currency_is_asked_about_by_its_payment() -> None:
    book = a_book(a_payment(), an_attempt())
    euros = type(usd(0)).from_minor(2900, "EUR")
    merge(book, told("paid", captured=euros), 1)
    assert book.actions == [asked(ActionKind.AMOUNT_CHANGED, "pay_py_1")]


def test_who_paid_is_remembered_and_never_forgotten() -> None:
    book = a_book(an_attempt())
    for name, known in ((None, None), ("cus_1", "cus_1"), (None, "cus_1"), ("cus_2", "cus_2")):
        merge(book, told("paid", customer_ref=name), 1)
        assert book.payments[0].customer == known


def asked(kind: ActionKind, subject: str, payment: str = "pay_py_1") -> ActionFacts:
    """An open entry, the first of its book."""
    return ActionFacts(
        id="act_new1",
        kind=kind,
        subject=subject,
        order_id="ord_1",
        payment_id=payment,
        created_at=NOON,
    )


def open_entries(book: Book) -> list[tuple[str, str, str | None]]:
    """What waits for an operator: the kind, the subject, the payment."""
    found = [(str(one.kind), one.subject, one.payment_id) for one in book.actions if one.open_key]
    return sorted(found)
