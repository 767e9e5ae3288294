"""Finding what a message is about, and reading its book: of an order, or a payment without one.

Each book is read by statements that hang on nothing but its key, so that they go out together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import Column, ColumnElement, Select, Table, bindparam, case, exists, select

from digistore.audit import head
from digistore.database import AnyRow, Call, Prepared
from digistore.gateways import DisputeState, PaymentSnapshot
from digistore.orders.discounts.redeeming import redemption_of
from digistore.orders.kinds import Kind, Outcome
from digistore.orders.reads import named_attempt
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
Answers: TypeAlias = Sequence[Sequence[AnyRow]]


def order_reads(order_id: str) -> list[Call]:
    """Return the statements that read what is stored of an order's money."""
    return [read.given(order_id=order_id) for read in _OF_ORDER]


def orphan_reads(payment_id: str | None) -> list[Call]:
    """Return those for a payment without an order, or for no payment at all."""
    if payment_id is None:
        return [_ACTIONS_OF_NOTHING.given()]
    return [read.given(payment_id=payment_id) for read in _OF_PAYMENT]


def fill(book: Book, answers: Answers) -> Book:
    """Fill *book* with the answers to ``order_reads`` or ``orphan_reads``."""
    *answers, actions = answers
    if len(answers) > len(_MONEY):
        (order,), lines, attempts, redemption, *answers = answers
        _fill_order(book, order, lines)
        book.attempts += [_entry(AttemptFacts, row) for row in attempts]
        for row in redemption:
            book.redemption = _entry(RedemptionFacts, row)
    if answers:
        _fill_money(book, answers)
    book.actions += [_entry(ActionFacts, row, kind=ActionKind(row.kind)) for row in actions]
    book.remember()
    return book


async def read_told(
    database: Database, book: Book, snapshot: PaymentSnapshot
) -> tuple[str | None, str | None]:
    """Fill *book* with what is stored of the money that a snapshot tells of.

    Returns:
        The order that it is about, and its payment if that is known.
    """
    told = {
        "gateway": snapshot.gateway,
        "livemode": snapshot.livemode,
        "account": snapshot.account,
        "ref": snapshot.payment_id,
        "reference": snapshot.reference or "",
        "checkout_id": snapshot.checkout_id or "",
    }
    whose, *answers = await database.batch([read.given(**told) for read in (_WHOSE, *_TOLD)])
    order_id, payment_id = whose[0].order_id, whose[0].payment_id
    if order_id is None:
        answers = await database.batch(orphan_reads(payment_id))
    fill(book, answers)
    return order_id, payment_id


async def find_attempt(
    reader: Database | Reader, gateway: str, reference: str | None, checkout_id: str | None
) -> AnyRow | None:
    """Return the attempt that a reference or a checkout names, ``None`` where neither is given.

    Of an attempt that nobody has answered yet the checkout is NULL: no message speaks of it.
    """
    if reference is None and checkout_id is None:
        return None
    named = {"gateway": gateway, "reference": reference or "", "checkout_id": checkout_id or ""}
    return await reader.first(_ATTEMPT.given(**named))


def _fill_order(book: Book, order: AnyRow, lines: Sequence[AnyRow]) -> None:
    book.order = _entry(OrderFacts, order, policy=AccessPolicy.model_validate(order.policy))
    book.heads["order", order.id, order.version - 1] = order.head
    for row in lines:
        outcome = Outcome(row.outcome) if row.outcome else None
        told = {"kind": Kind(row.kind), "outcome": outcome, "beneficiary_id": row.holder_id}
        book.lines.append(_entry(LineFacts, row, **told))


def _fill_money(book: Book, answers: Answers) -> None:
    paid, given, given_lines, asked, asked_lines = answers
    for row in paid:
        disposition = Disposition(row.disposition) if row.disposition else None
        state = PaymentState(row.state)
        book.payments.append(_entry(PaymentFacts, row, state=state, disposition=disposition))
        book.heads["payment", row.id, row.version] = row.head
    for row in given:
        told = {"state": RefundStatus(row.state), "lines": {}, "taxes": {}}
        access = Effect(row.access) if row.access else None
        book.refunds.append(_entry(RefundFacts, row, access=access, **told))
    for row in asked:
        told = {"state": DisputeState(row.state), "lines": set()}
        book.disputes.append(_entry(DisputeFacts, row, **told))
    by_refund = {refund.id: refund for refund in book.refunds}
    for row in given_lines:
        by_refund[row.refund_id].lines[row.order_line_id] = row.amount
        by_refund[row.refund_id].taxes[row.order_line_id] = row.tax
    by_dispute = {dispute.id: dispute for dispute in book.disputes}
    for row in asked_lines:
        by_dispute[row.dispute_id].lines.add(row.order_line_id)


def _entry(entry: type[A], row: AnyRow, /, **values: object) -> A:
    stored = row._mapping
    names = [one.name for one in fields(entry) if one.name not in values]  # type: ignore[arg-type]
    return entry(**{name: stored[name] for name in names}, **values)


# The statements


def _columns(entry: type[Any], table: Table, *more: Any) -> Select[Any]:  # noqa: ANN401
    stored: list[Column[Any]] = [table.c[f.name] for f in fields(entry) if f.name in table.c]
    return select(*stored, *more)


def _of_order(order_id: ColumnElement[Any]) -> list[Prepared]:
    order, holder = orders.c, stands_for(order_lines.c.beneficiary_id).label("holder_id")
    last = head("order", order.id, order.version - 1)  # the lock has raised it
    return [
        Prepared(_columns(OrderFacts, orders, order.version, last).where(order.id == order_id)),
        Prepared(
            _columns(LineFacts, order_lines, holder)
            .where(order_lines.c.order_id == order_id)
            .order_by(order_lines.c.position)
        ),
        Prepared(
            _columns(AttemptFacts, payment_attempts)
            .where(payment_attempts.c.order_id == order_id)
            .order_by(payment_attempts.c.id)
        ),
        Prepared(redemption_of(order_id)),
        *_money(payments.c.order_id == order_id),
        Prepared(_actions(payment_actions.c.order_id == order_id)),
    ]


def _money(which: ColumnElement[bool]) -> list[Prepared]:
    paid = head("payment", payments.c.id, payments.c.version)
    return [
        Prepared(_columns(PaymentFacts, payments, paid).where(which).order_by(payments.c.id)),
        Prepared(
            _columns(RefundFacts, refunds)
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(which)
            .order_by(refunds.c.id)
        ),
        Prepared(
            select(refund_lines)
            .join(refunds, refunds.c.id == refund_lines.c.refund_id)
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(which)
        ),
        Prepared(
            _columns(DisputeFacts, disputes)
            .join(payments, payments.c.id == disputes.c.payment_id)
            .where(which)
            .order_by(disputes.c.id)
        ),
        Prepared(
            select(dispute_lines)
            .join(disputes, disputes.c.id == dispute_lines.c.dispute_id)
            .join(payments, payments.c.id == disputes.c.payment_id)
            .where(which)
        ),
    ]


def _actions(which: ColumnElement[bool]) -> Select[Any]:
    return _columns(ActionFacts, payment_actions).where(which)


def _whose() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Say whose the money is: a known payment's order never changes, even where it has none."""
    known, asked = payments.alias("known"), payment_attempts.alias("asked")
    same = [known.c[name] == bindparam(name) for name in ("gateway", "livemode", "account", "ref")]
    its_order = select(known.c.order_id).where(*same).scalar_subquery()
    by_attempt = named_attempt(asked).with_only_columns(asked.c.order_id).scalar_subquery()
    order_id = case((exists(known.c.id).where(*same), its_order), else_=by_attempt)
    return order_id, select(known.c.id).where(*same).scalar_subquery()


_ORDER_ID, _PAYMENT_ID = _whose()
_ATTEMPT = Prepared(named_attempt(payment_attempts))
_WHOSE = Prepared(select(_ORDER_ID.label("order_id"), _PAYMENT_ID.label("payment_id")))
_TOLD = _of_order(_ORDER_ID)
_OF_ORDER = _of_order(bindparam("order_id", type_=orders.c.id.type))
_MONEY = _money(payments.c.id == bindparam("payment_id"))
_OF_PAYMENT = [
    *_MONEY,
    Prepared(
        _actions(
            (payment_actions.c.payment_id == bindparam("payment_id"))
            & payment_actions.c.order_id.is_(None)
        )
    ),
]
_ACTIONS_OF_NOTHING = Prepared(
    _actions(payment_actions.c.payment_id.is_(None) & payment_actions.c.order_id.is_(None))
)
