"""Taking in what a gateway says: facts merge, so order, repeats and loss of messages do not matter.

What was captured only grows; a payment, an attempt and a refund only climb their rank; of a
dispute the newest ticket counts. What a snapshot does not mention stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from digistore.gateways import (
    DisputeSnapshot,
    DisputeState,
    PaymentSnapshot,
    PayState,
    RefundSnapshot,
)
from digistore.payments.book import AttemptFacts, Book, DisputeFacts, PaymentFacts, RefundFacts
from digistore.payments.models import ActionKind, PaymentState, RefundStatus

PAYMENT_RANK: Mapping[PaymentState, int] = {
    PaymentState.PENDING: 0,
    PaymentState.FAILED: 1,
    PaymentState.CANCELED: 1,
    PaymentState.SUCCEEDED: 2,
}
REFUND_RANK: Mapping[RefundStatus, int] = {
    RefundStatus.REQUESTED: 0,
    RefundStatus.UNKNOWN: 1,
    RefundStatus.PENDING: 2,
    RefundStatus.SUCCEEDED: 3,
    RefundStatus.FAILED: 4,
    RefundStatus.CANCELED: 4,
    RefundStatus.REJECTED: 4,
}
ATTEMPT_RANK: Mapping[str, int] = {
    "creating": 0,
    "unknown": 1,
    "open": 2,
    "pending": 3,
    "failed": 4,
    "expired": 4,
    "abandoned": 4,
    "paid": 5,
}
LIVE_ATTEMPT = 4  # the rank from which an attempt can no longer be paid by itself
PAYMENT_STATES: Mapping[PayState, PaymentState] = {
    PayState.PENDING: PaymentState.PENDING,
    PayState.FAILED: PaymentState.FAILED,
    PayState.PAID: PaymentState.SUCCEEDED,
    PayState.EXPIRED: PaymentState.CANCELED,
}
UNSETTLED_DISPUTE = frozenset({DisputeState.WARNING, DisputeState.OPEN})
PENDING_CHECK = timedelta(hours=1)
DISPUTE_CHECK = timedelta(days=1)


def merge(book: Book, snapshot: PaymentSnapshot, ticket: int) -> None:
    """Take *snapshot* into *book*; *ticket* says how recent its fetch is."""
    attempt = book.attempt_of(snapshot)
    if attempt is not None:
        _move_attempt(book, attempt, snapshot)
    payment = _merge_payment(book, snapshot)
    if payment is None:
        return
    for refund in snapshot.refunds:
        if _is_comparable(book, payment, refund):
            _merge_refund(book, payment, refund)
    for dispute in snapshot.disputes:
        if _is_comparable(book, payment, dispute):
            _merge_dispute(book, payment, dispute, ticket)


def _is_comparable(
    book: Book, payment: PaymentFacts, told: RefundSnapshot | DisputeSnapshot
) -> bool:
    """Say whether what is told is in the payment's currency; else put it before an operator.

    Nobody here knows a rate, so an amount of another currency counts nothing.
    """
    if told.money.currency == payment.currency:
        return True
    _ask_about_reversal(book, payment, told.id)
    return False


def _ask_about_reversal(book: Book, payment: PaymentFacts, ref: str | None) -> None:
    # Its own subject for each payment: one dispute may be about several.
    book.act(ActionKind.WRONG_CURRENCY_REVERSAL, f"{payment.id}:{ref}", payment)


def _move_attempt(book: Book, attempt: AttemptFacts, snapshot: PaymentSnapshot) -> None:
    if attempt.checkout_id is None:  # a message was faster than the answer to our call
        attempt.checkout_id = snapshot.checkout_id
    if attempt.url is None:
        attempt.url = snapshot.url
    if ATTEMPT_RANK[snapshot.state] > ATTEMPT_RANK[attempt.state]:
        attempt.state = str(snapshot.state)
        attempt.failure = snapshot.failure
        if ATTEMPT_RANK[attempt.state] >= LIVE_ATTEMPT:
            attempt.live_key, attempt.next_check_at = None, None
        elif attempt.state == "pending":
            attempt.next_check_at = book.now + PENDING_CHECK
        elif book.order is not None:
            attempt.next_check_at = book.order.expires_at


def _merge_payment(book: Book, snapshot: PaymentSnapshot) -> PaymentFacts | None:
    told = PAYMENT_STATES.get(snapshot.state)
    money = snapshot.captured or snapshot.total
    if snapshot.payment_id is None or money is None:
        return None
    known = next((one for one in book.payments if _is_it(one, snapshot)), None)
    if known is None:
        if told in {None, PaymentState.CANCELED} and not snapshot.refunds and not snapshot.disputes:
            return None  # a card was declined inside an open checkout: nothing happened
        known = PaymentFacts(
            id=book.new_id("pay"),
            order_id=book.order.id if book.order else None,
            gateway=snapshot.gateway,
            livemode=snapshot.livemode,
            account=snapshot.account,
            ref=snapshot.payment_id,
            checkout_id=snapshot.checkout_id,
            state=PaymentState.PENDING,
            currency=money.currency,
            asked=(snapshot.total or money).amount,
            captured=0,
            created_at=book.now,
        )
        book.payments.append(known)
    if told is not None:
        _climb(book, known, told, snapshot)
    return known


def _is_it(payment: PaymentFacts, snapshot: PaymentSnapshot) -> bool:
    return (payment.gateway, payment.livemode, payment.account, payment.ref) == (
        snapshot.gateway,
        snapshot.livemode,
        snapshot.account,
        snapshot.payment_id,
    )


def _climb(
    book: Book, payment: PaymentFacts, told: PaymentState, snapshot: PaymentSnapshot
) -> None:
    first = payment.state is not PaymentState.SUCCEEDED
    if PAYMENT_RANK[told] > PAYMENT_RANK[payment.state]:
        payment.state = told
    if told is not PaymentState.SUCCEEDED or snapshot.captured is None:
        return
    captured = snapshot.captured
    if first:
        _count_in(book, payment, captured.currency)
        payment.received_at = book.now
    elif captured.currency != payment.currency:
        book.act(ActionKind.AMOUNT_CHANGED, payment.id, payment)
        return
    elif captured.amount > payment.captured:
        book.ask_again(ActionKind.AMOUNT_CHANGED, payment.id, payment)
    elif captured.amount < payment.captured:
        book.act(ActionKind.AMOUNT_CHANGED, payment.id, payment)
    payment.captured = max(payment.captured, captured.amount)
    if snapshot.tax is not None:
        payment.tax = max(payment.tax, snapshot.tax.amount)
    if snapshot.fee is not None:
        payment.fee = snapshot.fee.amount
    payment.customer = snapshot.customer_ref or payment.customer


def _count_in(book: Book, payment: PaymentFacts, currency: str) -> None:
    """Count a payment in what was taken, not in what was asked for while it was on its way.

    What went back meanwhile was told in the other currency, and counts nothing in this one.
    """
    if currency == payment.currency:
        return
    payment.currency = currency
    for refund in book.refunds_of(payment):
        refund.currency, refund.state = currency, RefundStatus.REJECTED
        refund.next_check_at = None
        _ask_about_reversal(book, payment, refund.ref)
    for dispute in book.disputes_of(payment):
        dispute.currency, dispute.amount, dispute.state = currency, 0, DisputeState.CLOSED
        dispute.next_check_at = None
        _ask_about_reversal(book, payment, dispute.ref)


def _merge_refund(book: Book, payment: PaymentFacts, told: RefundSnapshot) -> None:
    known = _known_refund(book.refunds_of(payment), told)
    if known is None:
        known = RefundFacts(
            id=book.new_id("ref"),
            payment_id=payment.id,
            gateway=payment.gateway,
            livemode=payment.livemode,
            account=payment.account,
            ref=told.id,
            amount=told.money.amount,
            currency=payment.currency,
            state=RefundStatus.PENDING,
            origin="gateway",
            key=None,
            created_at=book.now,
            reason=told.reason,
        )
        book.refunds.append(known)
    state = RefundStatus(told.state)
    if known.ref is None:
        known.ref = told.id
    if REFUND_RANK[state] > REFUND_RANK[known.state]:
        known.state = state
    if known.state is RefundStatus.SUCCEEDED and known.succeeded_at is None:
        known.succeeded_at = book.now
    if known.state in {RefundStatus.FAILED, RefundStatus.CANCELED} and known.failed_at is None:
        known.failed_at = book.now
    final = known.state is not RefundStatus.PENDING
    if final:
        known.next_check_at = None
    elif known.next_check_at is None or known.tries:
        known.next_check_at, known.tries = book.now + PENDING_CHECK, 0


def _known_refund(stored: Sequence[RefundFacts], told: RefundSnapshot) -> RefundFacts | None:
    by_ref = (one for one in stored if one.ref == told.id)
    # What we gave up, or know by another id, is not this one: it is money that went back besides.
    by_reference = (
        one
        for one in stored
        if one.id == told.reference and one.ref is None and one.state is not RefundStatus.REJECTED
    )
    return next(by_ref, None) or next(by_reference, None)


def _merge_dispute(book: Book, payment: PaymentFacts, told: DisputeSnapshot, ticket: int) -> None:
    known = next((one for one in book.disputes_of(payment) if one.ref == told.id), None)
    if known is None:
        known = DisputeFacts(
            id=book.new_id("dis"),
            payment_id=payment.id,
            gateway=payment.gateway,
            livemode=payment.livemode,
            account=payment.account,
            ref=told.id,
            amount=told.money.amount,
            currency=payment.currency,
            state=told.state,
            ticket=ticket,
            opened_at=book.now,
            changed_at=book.now,
        )
        book.disputes.append(known)
    elif ticket < known.ticket:
        return
    known.ticket = ticket
    if told.state is not known.state:
        known.state, known.changed_at = told.state, book.now
        known.assigned = bool(known.lines)  # lost again, it takes the same lines again
    known.amount = max(known.amount, told.money.amount)
    known.reason = told.reason or known.reason
    known.evidence_due = told.evidence_due or known.evidence_due
    unsettled = known.state in UNSETTLED_DISPUTE
    if not unsettled:
        known.next_check_at = None
    elif known.next_check_at is None:
        known.next_check_at = book.now + DISPUTE_CHECK
