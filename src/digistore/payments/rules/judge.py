"""Saying what a payment is for: it covers its order, or it waits for somebody to decide."""

from __future__ import annotations

from digistore.payments.book import AttemptFacts, Book, OrderFacts, PaymentFacts
from digistore.payments.models import ActionKind, Disposition, PaymentState

WITHOUT_ATTEMPT = frozenset({"free", "external"})
ASKS: dict[Disposition, ActionKind] = {
    Disposition.UNDERPAID: ActionKind.UNDERPAID,
    Disposition.WRONG_CURRENCY: ActionKind.WRONG_CURRENCY,
    Disposition.ORPHAN: ActionKind.ORPHAN,
    Disposition.LATE: ActionKind.LATE,
}


def judge_all(book: Book) -> None:
    """Judge every payment that has succeeded and was never judged, the oldest first."""
    for payment in book.payments:
        if payment.state is PaymentState.SUCCEEDED and payment.disposition is None:
            verdict = judge(
                book.order, _attempt(book, payment), payment, covered=book.covering is not None
            )
            give(book, payment, verdict)


def judge(
    order: OrderFacts | None,
    attempt: AttemptFacts | None,
    payment: PaymentFacts,
    *,
    covered: bool,
) -> Disposition:
    """Say what *payment* is to *order*; the first that matches wins.

    Nothing in a message is believed: gateway, account, mode, currency and amounts are compared
    with what we asked for (CVE-2026-9189, CVE-2026-2890).
    """
    if order is None or not _is_ours(order, attempt, payment):
        return Disposition.ORPHAN
    if payment.currency != order.currency:
        return Disposition.WRONG_CURRENCY
    expected = attempt.amount if attempt else order.total
    if payment.asked < expected or payment.captured < max(payment.asked, order.total):
        return Disposition.UNDERPAID
    if covered:
        return Disposition.DUPLICATE
    if order.canceled_at is not None:
        return Disposition.LATE
    return Disposition.COVERING


def give(book: Book, payment: PaymentFacts, verdict: Disposition) -> None:
    """Set a payment's disposition, with what it covers or who must decide."""
    payment.disposition = verdict
    if verdict in ASKS:
        book.act(ASKS[verdict], payment.id, payment)
    if verdict is not Disposition.COVERING or book.order is None:
        return
    payment.cover_key = 1
    payment.covered_total = book.order.total
    payment.covered_currency = book.order.currency
    payment.covered_livemode = book.order.livemode
    # The gateway's own tax may be contained in the price or added to it: both cover.
    price = book.order.total
    if payment.captured > price + payment.tax_on_top_of(price):
        book.act(ActionKind.OVERPAID, payment.id, payment)


def _is_ours(order: OrderFacts, attempt: AttemptFacts | None, payment: PaymentFacts) -> bool:
    if payment.gateway in WITHOUT_ATTEMPT:
        return payment.livemode == order.livemode
    return attempt is not None and (attempt.gateway, attempt.livemode, attempt.account) == (
        payment.gateway,
        payment.livemode,
        payment.account,
    )


def _attempt(book: Book, payment: PaymentFacts) -> AttemptFacts | None:
    if payment.gateway in WITHOUT_ATTEMPT:
        return None
    same = (one for one in book.attempts if one.checkout_id == payment.checkout_id)
    return next(same, None)
