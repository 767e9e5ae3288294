"""Finding what a message is about, and reading its book: of an order, or a payment without one."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import or_, select

from digistore.database import AnyRow
from digistore.gateways import DisputeState, PaymentSnapshot
from digistore.orders.discounts.redeeming import redemption_of
from digistore.orders.kinds import Kind, Outcome
from digistore.orders.tables import order_lines, orders, payment_attempts
from digistore.payments.book import (
    ActionFacts,
    AttemptFacts,
    Book,
    DisputeFacts,
    LineFacts,
    OrderFacts,
    PaymentFacts,
    RedemptionFacts,
    RefundFacts,
)
from digistore.payments.models import ActionKind, Disposition, PaymentState, RefundStatus
from digistore.payments.tables import (
    dispute_lines,
    disputes,
    payment_actions,
    payments,
    refund_lines,
    refunds,
)
from digistore.settings import AccessPolicy, Effect
from digistore.users.reads import stands_for

if TYPE_CHECKING:
    from digistore.database import Database, Reader

A = TypeVar("A")


async def find(
    reader: Database | Reader, snapshot: PaymentSnapshot
) -> tuple[str | None, str | None]:
    """Return the order that a snapshot is about, and its payment if that is known."""
    attempt = await find_attempt(reader, snapshot.gateway, snapshot.reference, snapshot.checkout_id)
    known = await reader.first(
        select(payments.c.id, payments.c.order_id).where(
            payments.c.gateway == snapshot.gateway,
            payments.c.livemode == snapshot.livemode,
            payments.c.account == snapshot.account,
            payments.c.ref == snapshot.payment_id,
        )
    )
    if known is not None:  # whose a payment is never changes
        return known.order_id, known.id
    return (attempt.order_id if attempt else None), None


async def find_attempt(
    reader: Database | Reader, gateway: str, reference: str | None, checkout_id: str | None
) -> AnyRow | None:
    """Return the attempt that a reference or a checkout names, ``None`` where neither is given.

    Of an attempt that nobody has answered yet the checkout is NULL: no message speaks of it.
    """
    if reference is None and checkout_id is None:
        return None
    named = payment_attempts.c.id == reference
    opened = (payment_attempts.c.checkout_id == (checkout_id or "")) & (
        payment_attempts.c.gateway == gateway
    )
    return await reader.first(
        select(payment_attempts).where(or_(named, opened)).order_by(named.desc())
    )


async def read_book(reader: Database | Reader, book: Book, order_id: str) -> Book:
    """Fill *book* with what is stored of an order."""
    row = await reader.first(select(orders).where(orders.c.id == order_id))
    if row is None:
        raise AssertionError
    book.order = _entry(OrderFacts, row, policy=AccessPolicy.model_validate(row.policy))
    holder = stands_for(order_lines.c.beneficiary_id).label("holder_id")
    lines = select(order_lines, holder).where(order_lines.c.order_id == order_id)
    for row in await reader.rows(lines.order_by(order_lines.c.position)):
        outcome = Outcome(row.outcome) if row.outcome else None
        told = {"kind": Kind(row.kind), "outcome": outcome, "beneficiary_id": row.holder_id}
        book.lines.append(_entry(LineFacts, row, **told))
    tries = select(payment_attempts).where(payment_attempts.c.order_id == order_id)
    for row in await reader.rows(tries.order_by(payment_attempts.c.id)):
        book.attempts.append(_entry(AttemptFacts, row))
    taken = await reader.first(redemption_of(order_id))
    book.redemption = None if taken is None else _entry(RedemptionFacts, taken)
    await _read_money(reader, book, payments.c.order_id == order_id)
    await _read_actions(reader, book, payment_actions.c.order_id == order_id)
    book.remember()
    return book


async def read_orphan(reader: Database | Reader, book: Book, payment_id: str | None) -> Book:
    """Fill *book* with what is stored of a payment without an order, or of no payment at all."""
    if payment_id is not None:
        await _read_money(reader, book, payments.c.id == payment_id)
    about = payment_actions.c.payment_id.is_not_distinct_from(payment_id)
    await _read_actions(reader, book, about & payment_actions.c.order_id.is_(None))
    book.remember()
    return book


async def _read_money(reader: Database | Reader, book: Book, where: Any) -> None:  # noqa: ANN401
    for row in await reader.rows(select(payments).where(where).order_by(payments.c.id)):
        disposition = Disposition(row.disposition) if row.disposition else None
        paid = PaymentState(row.state)
        book.payments.append(_entry(PaymentFacts, row, state=paid, disposition=disposition))
    ids = [payment.id for payment in book.payments]
    if not ids:
        return
    given = select(refunds).where(refunds.c.payment_id.in_(ids)).order_by(refunds.c.id)
    for row in await reader.rows(given):
        access = Effect(row.access) if row.access else None
        state = RefundStatus(row.state)
        book.refunds.append(
            _entry(RefundFacts, row, state=state, access=access, lines={}, taxes={})
        )
    asked = select(disputes).where(disputes.c.payment_id.in_(ids)).order_by(disputes.c.id)
    for row in await reader.rows(asked):
        book.disputes.append(_entry(DisputeFacts, row, state=DisputeState(row.state), lines=set()))
    await _read_lines(reader, book)


async def _read_lines(reader: Database | Reader, book: Book) -> None:
    by_refund = {refund.id: refund for refund in book.refunds}
    if by_refund:
        where = refund_lines.c.refund_id.in_(list(by_refund))
        for row in await reader.rows(select(refund_lines).where(where)):
            by_refund[row.refund_id].lines[row.order_line_id] = row.amount
            by_refund[row.refund_id].taxes[row.order_line_id] = row.tax
    by_dispute = {dispute.id: dispute for dispute in book.disputes}
    if by_dispute:
        where = dispute_lines.c.dispute_id.in_(list(by_dispute))
        for row in await reader.rows(select(dispute_lines).where(where)):
            by_dispute[row.dispute_id].lines.add(row.order_line_id)


async def _read_actions(reader: Database | Reader, book: Book, where: Any) -> None:  # noqa: ANN401
    for row in await reader.rows(select(payment_actions).where(where)):
        book.actions.append(_entry(ActionFacts, row, kind=ActionKind(row.kind)))


def _entry(entry: type[A], row: AnyRow, /, **values: object) -> A:
    stored = row._mapping
    names = [one.name for one in fields(entry) if one.name not in values]  # type: ignore[arg-type]
    return entry(**{name: stored[name] for name in names}, **values)
