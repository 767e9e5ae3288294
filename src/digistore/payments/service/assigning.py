"""Assigning money that fits no order to one that it pays for, by an operator's word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import update

from digistore.audit import record
from digistore.errors import Invalid, InvalidTransition, NotFound
from digistore.orders import OrderState
from digistore.orders.writes import lock_order
from digistore.payments.book import ActionFacts, Book, PaymentFacts
from digistore.payments.models import Choice, Disposition
from digistore.payments.rules.judge import give
from digistore.payments.service.actions import ASSIGNABLE
from digistore.payments.service.settle import Moved
from digistore.payments.tables import payments

if TYPE_CHECKING:
    from digistore.database import AnyRow, Transaction
    from digistore.orders import Order
    from digistore.orders.service.starting import Starter
    from digistore.payments.service.settle import Settle


@dataclass(frozen=True, slots=True)
class Assignment:
    """What an operator has decided: the money of *payment_id*, of no order or a wrong one."""

    action_id: str
    payment_id: str
    from_order: str | None
    to_order: str
    reason: str

    @property
    def locks(self) -> list[str]:
        """The orders to lock, in the one order that never deadlocks."""
        return sorted({one for one in (self.from_order, self.to_order) if one is not None})


class Assigner:
    """Moves a payment to the order that it pays for; both orders are locked meanwhile."""

    def __init__(self, settle: Settle, starter: Starter) -> None:
        """Open by *settle* what is paid then; end open checkouts by *starter*."""
        self._settle = settle
        self._starter = starter

    async def assign(self, action: AnyRow, order: Order, reason: str, actor: str) -> None:
        """Assign the money of an entry to *order*; done so before, it changes nothing.

        Raises:
            Invalid: the order costs more, is in another currency or mode, or is the one that the
                money came for.
            InvalidTransition: decided otherwise, the order is paid or canceled, or part of the
                money has gone back.
        """
        if not action.open_key:
            if (action.choice, action.order_id) != (Choice.ASSIGN, order.id):
                raise InvalidTransition("action", str(action.choice), Choice.ASSIGN)
            return
        wanted = Assignment(action.id, action.payment_id, action.order_id, order.id, reason)
        if wanted.from_order == wanted.to_order:
            raise Invalid("the money came for this very order", fields={"order": "same"})
        if order.state is OrderState.OPEN:
            # The checkout of a customer is ended for money that pays for the order, and no other.
            await self._settle.unless_nothing_new(lambda tx: self._judge(tx, wanted, actor))
            # Money that is about to come would otherwise come a second time.
            await self._starter.end_attempt(order.id, "assign")

        async def work(tx: Transaction) -> None:
            await self._move(tx, wanted, actor)

        await self._settle.unless_nothing_new(work)

    async def _judge(self, tx: Transaction, wanted: Assignment, actor: str) -> None:
        """Look, without a lock, whether the money would be refused; ``_move`` looks again."""
        try:
            source = await self._settle.read(tx, wanted.from_order, wanted.payment_id, actor)
        except Moved:
            raise _too_late() from None
        target = await self._settle.read(tx, wanted.to_order, None, actor)
        _refuse(target, *_told_of(source, wanted))

    async def _move(self, tx: Transaction, wanted: Assignment, actor: str) -> None:
        locks = {one: await lock_order(tx, one) for one in wanted.locks}
        here = payments.c.order_id.is_not_distinct_from(wanted.from_order)
        lock = update(payments).where(payments.c.id == wanted.payment_id, here)
        if not await tx.rows(lock.values(order_id=wanted.from_order).returning(payments.c.id)):
            raise _too_late()
        source = await self._settle.read(tx, wanted.from_order, wanted.payment_id, actor)
        target = locks.pop(wanted.to_order)
        await self._settle.apply_to(
            tx, target, lambda book: take_over(book, source, wanted), actor, "resolve:assign"
        )
        await record(tx, actor, "resolve:assign", list(locks.values()))


def _too_late() -> InvalidTransition:
    return InvalidTransition("payment", "assigned", "assigned", hint="a rival was faster")


def take_over(book: Book, source: Book, wanted: Assignment) -> None:
    """Take a payment, and all that hangs on it, from one book into another, which it covers.

    Raises:
        Invalid, InvalidTransition: see ``Assigner.assign``.
    """
    action, payment = _told_of(source, wanted)
    _refuse(book, action, payment)
    refunds, disputes = source.refunds_of(payment), source.disputes_of(payment)
    actions = [one for one in source.actions if one.payment_id == payment.id]
    book.payments.append(payment)
    book.refunds += refunds
    book.disputes += disputes
    book.actions += actions
    moved = {payment.id, *(one.id for told in (refunds, disputes, actions) for one in told)}
    book.before |= {known: entry for known, entry in source.before.items() if known in moved}
    payment.order_id = wanted.to_order
    for one in actions:
        one.order_id = wanted.to_order
    give(book, payment, Disposition.COVERING)
    book.settle_action(action.kind, action.subject, Choice.ASSIGN, wanted.reason)


def _told_of(source: Book, wanted: Assignment) -> tuple[ActionFacts, PaymentFacts]:
    action = next(one for one in source.actions if one.id == wanted.action_id)
    payment = next(one for one in source.payments if one.id == wanted.payment_id)
    return action, payment


def _refuse(book: Book, action: ActionFacts, payment: PaymentFacts) -> None:
    """Judge again, with the operator's word in place of the attempt."""
    order = book.order
    if order is None:
        raise NotFound("order", "")
    if not action.open_key or payment.disposition not in ASSIGNABLE.values():
        raise InvalidTransition("action", str(action.choice), Choice.ASSIGN)
    if payment.livemode != order.livemode:
        raise Invalid("test money pays for no real order", fields={"order": "livemode"})
    if payment.currency != order.currency:
        raise Invalid(f"the money is in {payment.currency}", fields={"order": "currency"})
    if payment.left < payment.captured:
        hint = "part of it is back, on its way or disputed: refund what is left"
        raise InvalidTransition("payment", "returned in part", "covering", hint=hint)
    if payment.captured < order.total:
        raise Invalid(
            "the order costs more than came in; quote a new one", fields={"order": "too_dear"}
        )
    if book.covering is not None:
        raise InvalidTransition("order", "paid", "paid", hint="another payment covers it")
    if order.canceled_at is not None:
        raise InvalidTransition("order", "canceled", "paid", hint="quote a new one")
