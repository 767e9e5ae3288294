"""What becomes of an order without a word of a gateway: it is free, or it ends unpaid."""

from __future__ import annotations

from digistore.payments.book import Book, PaymentFacts
from digistore.payments.models import PaymentState


def pay_nothing(book: Book) -> None:
    """Pay an order of zero."""
    order = book.order
    if order is None:
        raise AssertionError
    book.payments.append(
        PaymentFacts(
            id=book.new_id("pay"),
            order_id=order.id,
            gateway="free",
            livemode=order.livemode,
            account="",
            ref=order.id,
            checkout_id=None,
            state=PaymentState.SUCCEEDED,
            currency=order.currency,
            asked=0,
            captured=0,
            created_at=book.now,
            received_at=book.now,
        )
    )


def end(book: Book, *, cancel: bool, replaced: bool) -> None:
    """End an open order that nobody pays any more: canceled, or expired.

    One that another order has *replaced* is expired where its time is over anyway.
    """
    order = book.order
    if order is None or order.state not in {"open", "expired"}:
        return
    live = [attempt for attempt in book.attempts if attempt.live_key]
    over = book.now >= order.expires_at
    if cancel and not (replaced and over):
        order.canceled_at = order.canceled_at or book.now
    elif over and not live:
        order.expired_at = order.expired_at or book.now
    for attempt in live:  # the gateway could not end it: ask again soon
        attempt.next_check_at = book.now
