"""What a book lacks that its facts ask for, and whether its facts can be built on at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from digistore.orders.kinds import Kind, Outcome
from digistore.payments.book import Book, DisputeFacts, PaymentFacts, RefundFacts
from digistore.payments.models import ActionKind, Disposition, PaymentState, RefundStatus
from digistore.payments.rules.derive import ask_about_standby, left_on
from digistore.payments.rules.judge import ASKS

_ODD: Final = {**ASKS, Disposition.DUPLICATE: ActionKind.DUPLICATE}
_UNDER_WAY: Final = frozenset({RefundStatus.REQUESTED, RefundStatus.UNKNOWN, RefundStatus.PENDING})
_STANDBY: Final = frozenset({ActionKind.STANDBY_PAID, ActionKind.GIFT_STANDBY})
_FOUGHT: Final = frozenset({"warning", "open"})
_NOT_FINAL: Final = frozenset({"creating", "unknown", "open", "pending"})


class Contradiction(Exception):
    """Facts do not say what is stored, or contradict each other: a person has to look."""


def check_sound(book: Book) -> None:
    """Refuse facts that contradict each other: whatever was built on them would be a guess.

    Raises:
        Contradiction: they do.
    """
    order = book.order
    covering = [one for one in book.payments if one.cover_key is not None]
    sound = len(covering) < 2 and all(_is_sound(book, one) for one in book.payments)  # noqa: PLR2004
    if order is not None:
        sound &= (order.paid_at is not None) == bool(covering)
        sound &= sum(line.total for line in book.lines) == order.total
    if not sound:
        raise Contradiction


def _is_sound(book: Book, payment: PaymentFacts) -> bool:
    judged = payment.disposition is not None
    covers = payment.disposition is Disposition.COVERING
    same = (payment.gateway, payment.account, payment.livemode, payment.currency)
    reversals: list[RefundFacts | DisputeFacts] = [
        *book.refunds_of(payment),
        *book.disputes_of(payment),
    ]
    return (
        (payment.state is PaymentState.SUCCEEDED) == judged
        and covers == (payment.cover_key is not None)
        and (not covers or _covers(book, payment))
        and all((r.gateway, r.account, r.livemode, r.currency) == same for r in reversals)
    )


def _covers(book: Book, payment: PaymentFacts) -> bool:
    order = book.order
    return (
        order is not None
        and payment.captured >= order.total
        and (payment.covered_total, payment.covered_currency) == (order.total, order.currency)
        and payment.covered_livemode == payment.livemode == order.livemode
        and payment.currency == order.currency
    )


def mend(book: Book, asked: Iterable[tuple[str, str]]) -> None:
    """Add what a sound and derived *book* lacks: questions to an operator, and times to look.

    Args:
        book: its sums and outcomes follow from its facts.
        asked: kinds and subjects of what line kinds want to be asked.
    """
    for payment in book.payments:
        _ask_about_odd_money(book, payment)
    for line in book.lines:
        if line.outcome is Outcome.STANDBY and not _is_asked_about_standby(book, line.id):
            ask_about_standby(book, line.id)
    for kind, line_id in asked:
        if any(line.id == line_id and left_on(book, line) for line in book.lines):
            book.act(ActionKind(kind), line_id, book.covering)
    _look_again(book)
    _keep_places(book)


def _ask_about_odd_money(book: Book, payment: PaymentFacts) -> None:
    if payment.disposition not in _ODD or not payment.left:
        return
    under_way = any(one.state in _UNDER_WAY for one in book.refunds_of(payment))
    known = any(
        action.payment_id == payment.id and (action.open_key or action.choice == "keep")
        for action in book.actions
    )
    if not (under_way or known):
        book.act(_ODD[payment.disposition], payment.id, payment)


def _is_asked_about_standby(book: Book, line_id: str) -> bool:
    return any(
        (action.kind in _STANDBY and action.subject == line_id)
        or action.kind is ActionKind.REFUND_FAILED
        for action in book.actions
    )


def _look_again(book: Book) -> None:
    """Let what is not final be asked about; a refund that was never sent moves money: not here."""
    open_actions = [action for action in book.actions if action.open_key]
    pending = {one.checkout_id for one in book.payments if one.state is PaymentState.PENDING}
    if not open_actions:
        for attempt in book.attempts:
            if attempt.state in _NOT_FINAL or attempt.checkout_id in pending:
                attempt.next_check_at = attempt.next_check_at or book.now
    waiting = [r for r in book.refunds if r.state in {RefundStatus.UNKNOWN, RefundStatus.PENDING}]
    fought = [d for d in book.disputes if d.state in _FOUGHT]
    reversals: list[RefundFacts | DisputeFacts] = [*waiting, *fought]
    for one in reversals:
        if not any(one.payment_id == a.payment_id or one.id == a.subject for a in open_actions):
            one.next_check_at = one.next_check_at or book.now


def _keep_places(book: Book) -> None:
    """Let the product lines of an open order that never expired keep their place, and no others."""
    order = book.order
    if order is None or order.state not in {"open", "processing"} or order.expired_at is not None:
        return
    for line in book.lines:
        line.open_key = 1 if line.kind is Kind.PRODUCT else None
