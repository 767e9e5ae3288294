"""What waits for an operator, what can be chosen, and what a choice does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digistore.database import AnyRow
from digistore.errors import Invalid, InvalidTransition, NotRefundable
from digistore.money import Money
from digistore.payments.book import ActionFacts, Book, LineFacts, PaymentFacts, RefundFacts
from digistore.payments.models import Action, ActionKind, Choice, Disposition
from digistore.payments.rules.derive import left_on, spread_refund
from digistore.payments.rules.judge import give
from digistore.payments.service.refunds import RefundWish, refuse_dispute, reserve

CHOICES: Mapping[ActionKind, tuple[Choice, ...]] = {
    ActionKind.DUPLICATE: (Choice.REFUND, Choice.KEEP),
    ActionKind.UNDERPAID: (Choice.REFUND, Choice.ASSIGN, Choice.KEEP),
    ActionKind.WRONG_CURRENCY: (Choice.REFUND, Choice.KEEP),
    ActionKind.ORPHAN: (Choice.REFUND, Choice.ASSIGN, Choice.KEEP),
    ActionKind.LATE: (Choice.ACCEPT, Choice.REFUND),
    ActionKind.OVERPAID: (Choice.REFUND, Choice.KEEP),
    ActionKind.AMOUNT_CHANGED: (Choice.KEEP,),
    ActionKind.OVER_REFUND: (Choice.KEEP,),
    ActionKind.REFUND_FAILED: (Choice.RETRY, Choice.KEEP),
    ActionKind.REFUND_REQUESTED: (Choice.REFUND, Choice.KEEP),
    ActionKind.UNASSIGNED_REVERSAL: (Choice.ASSIGN,),
    ActionKind.WRONG_CURRENCY_REVERSAL: (Choice.KEEP,),
    ActionKind.SUPPORT_WITHOUT_ACCESS: (Choice.ACCEPT, Choice.REFUND),
    ActionKind.STANDBY_PAID: (Choice.REFUND, Choice.KEEP),
    ActionKind.GIFT_STANDBY: (Choice.REFUND, Choice.KEEP),
    ActionKind.EVENT_CONFLICT: (Choice.KEEP,),
}
# Entries about money that can be assigned to an order, and what was made of it so far.
ASSIGNABLE: Mapping[ActionKind, Disposition] = {
    ActionKind.ORPHAN: Disposition.ORPHAN,
    ActionKind.UNDERPAID: Disposition.UNDERPAID,
}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What an operator has decided about an entry."""

    action_id: str
    choice: Choice
    reason: str
    line_ids: tuple[str, ...] = ()


def action_of(row: AnyRow) -> Action:
    """Make an action of its row."""
    return Action(
        id=row.id,
        kind=row.kind,
        subject=row.subject,
        order_id=row.order_id,
        payment_id=row.payment_id,
        reason=row.reason,
        choices=CHOICES[ActionKind(row.kind)],
        created_at=row.created_at,
        resolved_at=row.resolved_at,
        choice=row.choice,
    )


def resolve(book: Book, resolution: Resolution) -> list[str]:
    """Carry out a decision in *book*; return the ids of refunds to be sent now.

    Decided already in the same way, it changes nothing.

    Raises:
        Invalid: a choice that this kind of entry does not have.
        InvalidTransition: it was decided otherwise.
        NotRefundable: there is nothing (more) to give back.
    """
    action = next(one for one in book.actions if one.id == resolution.action_id)
    if resolution.choice not in CHOICES[action.kind]:
        raise Invalid(
            f"choose one of {', '.join(CHOICES[action.kind])}", fields={"choice": "unknown"}
        )
    if not action.open_key:
        if action.choice != resolution.choice:
            raise InvalidTransition("action", str(action.choice), resolution.choice)
        return []
    sent = _carry_out(book, action, resolution)
    book.settle_action(action.kind, action.subject, resolution.choice, resolution.reason)
    return sent


def _carry_out(book: Book, action: ActionFacts, resolution: Resolution) -> list[str]:
    payment = next((one for one in book.payments if one.id == action.payment_id), None)
    if resolution.choice is Choice.KEEP:
        return []
    if resolution.choice is Choice.ASSIGN:
        _assign(book, action, resolution.line_ids)
        return []
    if payment is None:
        payment = book.covering
    if payment is None:
        raise NotRefundable("not_paid")
    if resolution.choice is Choice.ACCEPT:
        _accept(book, action, payment)
        return []
    return [_give_back(book, action, payment, resolution)]


def _accept(book: Book, action: ActionFacts, payment: PaymentFacts) -> None:
    if action.kind is not ActionKind.LATE:
        return  # support: its line hears again, with the access of now
    if book.covering is not None:
        raise InvalidTransition("order", "paid", "paid", hint="another payment covers it")
    give(book, payment, Disposition.COVERING)


def _give_back(
    book: Book, action: ActionFacts, payment: PaymentFacts, resolution: Resolution
) -> str:
    refuse_dispute(book, payment)
    if payment.gateway == "external":
        raise NotRefundable("paid_elsewhere: use record_refund")
    amount, lines = _what(book, action, payment)
    if amount <= 0:
        raise NotRefundable("nothing_left", Money.zero(payment.currency))
    wish = RefundWish(None, None, resolution.reason, None, key=f"rf:{action.id}")
    return reserve(book, payment, amount, wish, lines).id


def _what(book: Book, action: ActionFacts, payment: PaymentFacts) -> tuple[int, list[LineFacts]]:
    """Return how much an entry is about, and of which lines."""
    lines = [line for line in book.lines if line.id == action.subject]
    if lines:
        return min(payment.left, _left(book, lines)), lines
    if action.kind is ActionKind.OVERPAID and book.order is not None:
        return min(payment.left, payment.captured - book.order.total - payment.tax), []
    failed = next((one for one in book.refunds if one.id == action.subject), None)
    if failed is not None:
        again = [line for line in book.lines if line.id in failed.lines]
        most = min(payment.left, failed.amount)  # others may have given their money back since
        return min(most, _left(book, again)) if again else most, again
    covers = payment.cover_key is not None
    return payment.left, book.lines if covers else []


def _left(book: Book, lines: Sequence[LineFacts]) -> int:
    return sum(left_on(book, line) for line in lines)


def _assign(book: Book, action: ActionFacts, line_ids: Sequence[str]) -> None:
    lines = [line for line in book.lines if line.id in line_ids]
    if not lines or len(lines) != len(set(line_ids)):
        raise Invalid("name lines of this order", fields={"lines": "unknown"})
    refund = next((one for one in book.refunds if one.id == action.subject), None)
    if refund is not None:
        _assign_refund(book, refund, lines)
        return
    dispute = next(one for one in book.disputes if one.id == action.subject)
    dispute.lines |= {line.id for line in lines}
    dispute.assigned = True


def _assign_refund(book: Book, refund: RefundFacts, lines: list[LineFacts]) -> None:
    if refund.amount > sum(left_on(book, line) for line in lines):
        raise Invalid("less is left of these lines than went back", fields={"lines": "too_small"})
    spread_refund(book, refund, lines)
