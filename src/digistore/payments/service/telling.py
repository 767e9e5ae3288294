"""Which events follow from what has changed in a book."""

from __future__ import annotations

from collections.abc import Iterable

from digistore.database import Call
from digistore.events import (
    ActionNeeded,
    DisputeClosed,
    DisputeOpened,
    DuplicateReturned,
    Event,
    OrderExpired,
    OrderPaid,
    RefundFailed,
    RefundSucceeded,
)
from digistore.gateways import DisputeState
from digistore.ids import ActionId, DisputeId, EventId, OrderId, PaymentId, RefundId, UserId
from digistore.orders.receipts.issuing import HANDLER as RECEIPTS
from digistore.outbox import announce, owe, owe_again
from digistore.payments.book import Book, DisputeFacts, RefundFacts
from digistore.payments.models import RefundStatus

CLOSED = frozenset(
    {DisputeState.WON, DisputeState.LOST, DisputeState.PREVENTED, DisputeState.CLOSED}
)
RECEIPTS_FOLLOW = frozenset({OrderPaid, RefundSucceeded, RefundFailed})


def events_of(book: Book) -> list[Call]:
    """Return the statements that announce what has changed, each transition once."""
    told = [*_order(book), *_actions(book)]
    for refund in book.refunds:
        told += _refund(book, refund)
    for dispute in book.disputes:
        told += _dispute(book, dispute)
    return [*_announced(told), *_assigned(book)]


def _announced(told: Iterable[tuple[Event, str]]) -> Iterable[Call]:
    for event, transition in told:
        yield announce(event, transition)
        if type(event) in RECEIPTS_FOLLOW:
            yield owe(event, RECEIPTS)


def _assigned(book: Book) -> Iterable[Call]:
    """Have refunds whose lines have become known after they succeeded looked at once more."""
    for refund in book.refunds:
        stored = book.was(refund)
        if stored is None or stored.state is not RefundStatus.SUCCEEDED:
            continue
        if refund.lines != stored.lines and refund.state is stored.state:
            event = _make(RefundSucceeded, book, **_refund_ids(book, refund))
            yield owe_again(event, "succeeded", RECEIPTS)


def _base(book: Book) -> dict[str, object]:
    return {"id": EventId(book.new_id("evt")), "at": book.now, "actor": book.actor}


def _make(kind: type[Event], book: Book, /, **ids: object) -> Event:
    return kind.model_validate({**_base(book), **ids})


def _order_id(book: Book) -> OrderId | None:
    return OrderId(book.order.id) if book.order else None


def _order(book: Book) -> Iterable[tuple[Event, str]]:
    order = book.order
    if order is None:
        return
    stored = book.was(order)
    ids = {"order_id": OrderId(order.id), "buyer_id": UserId(order.buyer_id)}
    if order.paid_at is not None and (stored is None or stored.paid_at is None):
        covering = book.covering
        payment_id = PaymentId(covering.id) if covering else None
        yield _make(OrderPaid, book, payment_id=payment_id, **ids), "paid"
    if order.state == "expired" and (stored is None or stored.expired_at is None):
        yield _make(OrderExpired, book, **ids), "expired"


def _actions(book: Book) -> Iterable[tuple[Event, str]]:
    for action in book.actions:
        stored = book.was(action)
        if action.open_key and (stored is None or stored.open_key is None):
            again = stored and stored.resolved_at
            transition = f"needed:{again.isoformat()}" if again else "needed"
            ids = {"action_id": ActionId(action.id), "kind": str(action.kind)}
            yield _make(ActionNeeded, book, order_id=_order_id(book), **ids), transition


def _refund(book: Book, refund: RefundFacts) -> Iterable[tuple[Event, str]]:
    stored = book.was(refund)
    if stored is not None and stored.state is refund.state:
        return
    ids = _refund_ids(book, refund)
    if refund.state is RefundStatus.SUCCEEDED:
        yield _make(RefundSucceeded, book, **ids), "succeeded"
        if refund.key is not None and refund.key.startswith("rf:dup:"):
            yield _make(DuplicateReturned, book, **ids), "returned"
    if refund.state in {RefundStatus.FAILED, RefundStatus.CANCELED, RefundStatus.REJECTED}:
        yield _make(RefundFailed, book, **ids), "failed"


def _refund_ids(book: Book, refund: RefundFacts) -> dict[str, object]:
    return {
        "refund_id": RefundId(refund.id),
        "payment_id": PaymentId(refund.payment_id),
        "order_id": _order_id(book),
    }


def _dispute(book: Book, dispute: DisputeFacts) -> Iterable[tuple[Event, str]]:
    stored = book.was(dispute)
    if stored is not None and stored.state is dispute.state:
        return
    ids = {
        "dispute_id": DisputeId(dispute.id),
        "payment_id": PaymentId(dispute.payment_id),
        "order_id": _order_id(book),
        "state": str(dispute.state),
    }
    kind = DisputeClosed if dispute.state in CLOSED else DisputeOpened
    yield _make(kind, book, **ids), f"{dispute.state}:{dispute.ticket}"
