"""What follows from the merged facts of one order: sums, its state, and what must be decided."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from digistore.gateways import DisputeState
from digistore.money import Money
from digistore.orders.kinds import Cause, Outcome, SoldLine
from digistore.payments.book import (
    Book,
    DisputeFacts,
    LineFacts,
    OrderFacts,
    PaymentFacts,
    RefundFacts,
)
from digistore.payments.models import ActionKind, Disposition, PaymentState, RefundStatus

HOLDS = frozenset(
    {
        RefundStatus.REQUESTED,
        RefundStatus.UNKNOWN,
        RefundStatus.PENDING,
        RefundStatus.SUCCEEDED,
    }
)
MONEY_IS_BACK = frozenset({RefundStatus.PENDING, RefundStatus.SUCCEEDED})
TOLD = MONEY_IS_BACK | {RefundStatus.FAILED, RefundStatus.CANCELED}
MONEY_IS_GONE = frozenset({DisputeState.OPEN, DisputeState.LOST, DisputeState.PREVENTED})
LOSES = frozenset({DisputeState.LOST, DisputeState.PREVENTED})


def derive(book: Book) -> None:
    """Bring everything that follows from facts up to date; a second time changes nothing."""
    for payment in book.payments:
        _sum(book, payment)
        _notice(book, payment)
    covering = book.covering
    if covering is not None:
        assign_refunds(book, covering)
        assign_disputes(book, covering)
    if book.order is not None:
        _order(book, book.order)
        _answer_requests(book, book.order)


def _sum(book: Book, payment: PaymentFacts) -> None:
    refunds = book.refunds_of(payment)
    payment.own_refunds = sum(r.amount for r in refunds if r.origin == "store" and r.state in HOLDS)
    payment.gateway_refunds = sum(
        r.amount for r in refunds if r.origin == "gateway" and r.state in MONEY_IS_BACK
    )
    payment.disputed = sum(d.amount for d in book.disputes_of(payment) if d.state in MONEY_IS_GONE)


def _notice(book: Book, payment: PaymentFacts) -> None:
    if payment.own_refunds + payment.gateway_refunds > payment.captured and payment.captured:
        book.act(ActionKind.OVER_REFUND, payment.id, payment)
    for refund in book.refunds_of(payment):
        failed = refund.state in {RefundStatus.FAILED, RefundStatus.CANCELED}
        if failed and refund.origin == "store":
            book.act(ActionKind.REFUND_FAILED, refund.id, payment)


def _order(book: Book, order: OrderFacts) -> None:
    covering = book.covering
    pending = any(one.state is PaymentState.PENDING for one in book.payments)
    if covering is not None:
        if order.paid_at is None:
            order.paid_at = book.now
            order.late = order.expired_at is not None or order.canceled_at is not None
        order.state = "paid"
    elif order.canceled_at is not None:
        order.state = "canceled"
    elif pending:
        order.state = "processing"
    else:
        order.state = "expired" if order.expired_at is not None else "open"
    if order.state not in {"open", "processing"}:
        for line in book.lines:
            line.open_key = None


def _answer_requests(book: Book, order: OrderFacts) -> None:
    """Close what a buyer asked for once its money has gone back, or is on its way."""
    asked: dict[str, Sequence[LineFacts]] = {line.id: [line] for line in book.lines}
    asked[order.id] = book.lines
    for subject, lines in asked.items():
        if book.covering is not None and all(left_on(book, line) == 0 for line in lines):
            book.settle_action(ActionKind.REFUND_REQUESTED, subject, "refund", "given back")


def assign_refunds(book: Book, covering: PaymentFacts) -> None:
    """Say which lines a refund is of, where the gateway does not: one line, or all of the money."""
    refunds = [one for one in book.refunds_of(covering) if one.state in MONEY_IS_BACK]
    total = sum(line.total for line in book.lines)
    # A refund may have found every line reserved by another one that was refused later, or its
    # payment may cover the order only since: it is assigned when there is something to assign.
    surplus = covering.captured > total + covering.tax_on_top_of(total)
    late = any(left_on(book, line) for line in book.lines) and not surplus
    unassigned = [one for one in refunds if not one.assigned or (late and not one.lines)]
    all_back = sum(one.amount for one in refunds) >= total
    for refund in unassigned:
        if len(book.lines) == 1 or all_back:
            spread_refund(book, refund, book.lines)
            book.settle_action(ActionKind.UNASSIGNED_REVERSAL, refund.id, "assign", "by itself")
        else:
            refund.assigned = False
            book.ask_again(ActionKind.UNASSIGNED_REVERSAL, refund.id, covering)
    for refund in book.refunds_of(covering):
        if refund not in refunds:
            book.settle_action(ActionKind.UNASSIGNED_REVERSAL, refund.id, "keep", "it failed")


def assign_disputes(book: Book, covering: PaymentFacts) -> None:
    """Say which lines a dispute takes while it is lost: one line, or all of the money; else ask."""
    total = sum(line.total for line in book.lines)
    for dispute in book.disputes_of(covering):
        if dispute.state not in LOSES:
            book.settle_action(ActionKind.UNASSIGNED_REVERSAL, dispute.id, "keep", "not lost")
        elif len(book.lines) == 1 or dispute.amount >= total:
            dispute.lines |= {line.id for line in book.lines}
            dispute.assigned = True
            book.settle_action(ActionKind.UNASSIGNED_REVERSAL, dispute.id, "assign", "by itself")
        elif not dispute.assigned:
            book.ask_again(ActionKind.UNASSIGNED_REVERSAL, dispute.id, covering)


def left_on(book: Book, line: LineFacts) -> int:
    """Return what of a line's money is neither back nor on its way back."""
    given = sum(one.lines.get(line.id, 0) for one in book.refunds if one.state in HOLDS)
    return max(0, line.total - given)


def tax_left_on(book: Book, line: LineFacts) -> int:
    """Return what of the gateway's tax on top of the price goes back with the rest of a line.

    The gateway tells one sum for the whole order: it belongs to lines by what they cost.  With the
    last line goes all that is left of it, so that nothing stays behind.
    """
    order, covering, left = book.order, book.covering, left_on(book, line)
    if order is None or covering is None or not left:
        return 0
    on_top = covering.tax_on_top_of(order.total)
    if not on_top:
        return 0
    others = [one for one in book.lines if one.id != line.id]
    if not any(left_on(book, one) for one in others):
        return min(on_top, max(0, covering.left - left))
    return on_top * left // order.total


def spread_refund(book: Book, refund: RefundFacts, lines: Sequence[LineFacts]) -> None:
    """Split a refund over *lines* by what is left on each, without losing a unit."""
    left = [left_on(book, line) for line in lines]
    amount = min(refund.amount, sum(left))
    parts = Money.from_minor(amount, refund.currency).allocate(left) if amount else ()
    for line, part in zip(lines, parts, strict=False):
        if part.amount:
            refund.lines[line.id] = part.amount
    refund.assigned = True


def sold_lines(book: Book) -> list[SoldLine]:
    """Return the order's lines as their kinds see them."""
    order, covering = book.order, book.covering
    if order is None:
        return []
    return [
        SoldLine(
            id=line.id,
            order_id=order.id,
            kind=line.kind,
            product_id=line.product_id,
            buyer_id=line.buyer_id,
            beneficiary_id=line.beneficiary_id,
            total=line.total,
            order_total=order.total,
            allow_repeat=line.allow_repeat,
            policy=order.policy,
            payment_id=covering.id if covering else None,
        )
        for line in book.lines
    ]


def causes(book: Book) -> list[Cause]:
    """Return all that became of the covering money, line by line.

    Kinds keep what they have not heard; so a message that was lost once is heard at the next.
    """
    covering = book.covering
    if covering is None:
        return _unpaid(book)
    return [
        cause
        for line in book.lines
        for cause in (
            _paid(line, covering),
            *_returned(book, line, covering),
            *(_disputed(line, dispute) for dispute in book.disputes_of(covering)),
        )
    ]


def _unpaid(book: Book) -> list[Cause]:
    order = book.order
    if order is None or order.state not in {"expired", "canceled"}:
        return []
    return [
        Cause(line.id, order.id, "order", order.state, amount=0, at=book.now) for line in book.lines
    ]


def _paid(line: LineFacts, covering: PaymentFacts) -> Cause:
    return Cause(
        line_id=line.id,
        about=covering.id,
        kind="payment",
        state="succeeded",
        amount=line.total,
        at=covering.received_at or covering.created_at,
    )


def _returned(book: Book, line: LineFacts, covering: PaymentFacts) -> Iterable[Cause]:
    for refund in book.refunds_of(covering):
        if line.id in refund.lines and refund.state in TOLD:
            yield Cause(
                line_id=line.id,
                about=refund.id,
                kind="refund",
                state=str(refund.state),
                amount=refund.lines[line.id],
                at=book.now,
                access=refund.access,
                actor=refund.actor,
                reason=refund.reason,
            )


def _disputed(line: LineFacts, dispute: DisputeFacts) -> Cause:
    state = str(dispute.state)
    if dispute.state in LOSES and not dispute.assigned:
        state = "unassigned"
    elif dispute.state in LOSES and line.id not in dispute.lines:
        state = "closed"
    return Cause(
        line_id=line.id,
        about=dispute.id,
        kind="dispute",
        state=state,
        amount=dispute.amount,
        at=dispute.changed_at,
        ticket=dispute.ticket,
    )


def ask_about(book: Book, kind: ActionKind, line_id: str) -> None:
    """Ask about a line that opened nothing, unless its money is on its way back already."""
    if any(line.id == line_id and left_on(book, line) for line in book.lines):
        book.ask_again(kind, line_id, book.covering)


def ask_about_standby(book: Book, line_id: str) -> None:
    """Ask, once, about a line whose purchase waits, unless its buyer wanted two or paid nothing."""
    for line in book.lines:
        if line.id == line_id and not line.allow_repeat and left_on(book, line):
            book.act(ActionKind.STANDBY_PAID, line_id, book.covering)


def take_outcomes(book: Book, outcomes: Mapping[str, Outcome], *, refund_duplicates: bool) -> None:
    """Note what the lines came to, and what must happen to money that opened nothing.

    A second grant of the same product keeps its money only if the buyer wanted two, or an
    operator says so.
    """
    covering = book.covering
    for line in book.lines:
        before, line.outcome = line.outcome, outcomes.get(line.id, line.outcome)
        waits = line.outcome is Outcome.STANDBY and before is not Outcome.STANDBY
        if covering is None or not waits or line.allow_repeat or line.total == 0:
            continue
        if before is None and refund_duplicates and covering.gateway != "external":
            _give_back(book, covering, left_on(book, line), f"rf:dup:{line.id}", [line])
        else:
            book.act(ActionKind.STANDBY_PAID, line.id, covering)


def return_duplicates(book: Book, *, refund_duplicates: bool) -> None:
    """Begin to give back payments that came a second time for the same order."""
    for payment in book.payments:
        _sum(book, payment)  # what a bank asks for cannot be given back as well
        asked = (ActionKind.DUPLICATE, payment.id) in {(a.kind, a.subject) for a in book.actions}
        if payment.disposition is not Disposition.DUPLICATE or not payment.left or asked:
            continue
        if refund_duplicates and payment.gateway != "external":
            _give_back(book, payment, payment.left, f"rf:dup:{payment.id}", [])
        else:
            book.act(ActionKind.DUPLICATE, payment.id, payment)


def _give_back(
    book: Book, payment: PaymentFacts, amount: int, key: str, lines: Sequence[LineFacts]
) -> None:
    if amount <= 0 or any(refund.key == key for refund in book.refunds):
        return
    refund = RefundFacts(
        id=book.new_id("ref"),
        payment_id=payment.id,
        gateway=payment.gateway,
        livemode=payment.livemode,
        account=payment.account,
        ref=None,
        amount=amount,
        currency=payment.currency,
        state=RefundStatus.REQUESTED,
        origin="store",
        key=key,
        created_at=book.now,
        reason="duplicate",
        next_check_at=book.now,
    )
    spread_refund(book, refund, lines)
    book.refunds.append(refund)
    _sum(book, payment)
