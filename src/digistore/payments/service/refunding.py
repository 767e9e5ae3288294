"""Giving money back, as sellers, buyers and operators ask for it."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.errors import Forbidden, Invalid, NotFound, NotRefundable
from digistore.events import RefundRequested
from digistore.fields import AsciiKey, Input, Reason, checked
from digistore.ids import EventId, OrderId, UserId
from digistore.money import Money
from digistore.orders import Order, OrderRef, OrderState
from digistore.outbox import announce
from digistore.payments.book import Book, RefundFacts
from digistore.payments.models import Action, ActionKind, OrderLineRef, Refund
from digistore.payments.service.elsewhere import Returned, ReturnedInput, give_back
from digistore.payments.service.lookup import (
    action_about,
    order_of,
    refund_of,
    refuse_returned,
)
from digistore.payments.service.refunds import (
    Refunder,
    RefundWish,
    checked_amount,
    repeated,
    request,
)
from digistore.payments.tables import payments, refunds
from digistore.settings import Effect
from digistore.users import Acting, Actor, AsyncUsers, UserRef

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.payments.service.settle import Settle


class _ReasonInput(Input):
    reason: Reason


class _RefundInput(_ReasonInput):
    idempotency_key: AsciiKey | None = None


class Refunding:
    """The half of ``store.payments`` by which money goes back."""

    def __init__(
        self, database: Database, users: AsyncUsers, settle: Settle, refunder: Refunder
    ) -> None:
        """Record refunds by *settle*, have them done by *refunder*."""
        self._database = database
        self._users = users
        self._settle = settle
        self._refunder = refunder

    async def refund(
        self,
        actor: Actor,
        order_or_line: OrderRef | OrderLineRef,
        *,
        amount: Money | None = None,
        reason: str,
        access: Effect | None = None,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give back what was paid for an order or one line of it, or *amount* of that.

        Wherever this is interrupted, the money moves at most once: a refund whose outcome nobody
        knows stays ``unknown``, and one that the gateway had no time for ``requested``, until
        ``reconcile`` has asked the gateway; look at the ``state``. The same call again is one more
        refund, unless it has the same *idempotency_key*: that returns the first one.

        Args:
            actor: the product's seller, an operator or ``SYSTEM``.
            order_or_line: what to give back.
            amount: above zero; by default all that is left.
            reason: for the books.
            access: what a partial refund does to access; by default the order's policy says.
            idempotency_key: 1 to 200 printable ASCII characters, for this order.

        Raises:
            IdempotencyConflict: the key stands for another amount or line.
            NotRefundable: not paid, in dispute, above what is left, or paid elsewhere.
            Forbidden: the buyer, who may ``request_refund``.
            NotFound: no such order, or not theirs to see.
            GatewayConfigError: the payment's gateway is not configured; nothing is stored.
            GatewayError, AmountNotSupported: the gateway refused; nothing moved.
        """
        acting, found, line_id = await self._refundable_by(actor, order_or_line)
        given = checked(_RefundInput, reason=reason, idempotency_key=idempotency_key)
        wish = RefundWish(
            line_id=line_id,
            amount=checked_amount(amount),
            reason=given.reason,
            access=_effect(access),
            key=_key(found.id, given.idempotency_key),
        )

        def ask(book: Book) -> RefundFacts | None:
            if repeated(book, wish):
                return None
            made = request(book, wish)
            self._refunder.check_gateway(made.gateway)
            return made

        made = await self._settle.apply(found.id, None, ask, acting.label, "refund")
        return await self._send(await self._by_key(wish.key) if made is None else made.id)

    async def request_refund(
        self, buyer: UserRef, order_or_line: OrderRef | OrderLineRef, *, reason: str
    ) -> Action:
        """Ask for money back: one entry for the seller and operators; nothing moves.

        Asked twice, it is the same entry; asked after it was decided, it is open again.

        Raises:
            NotFound: no such order, or not theirs to see.
            Forbidden: the seller or an operator, who may ``refund``.
            NotRefundable: it is not paid.
        """
        acting = await self._users.acting(buyer)
        found, line_id = await order_of(self._database, order_or_line)
        if not acting.is_user(found.buyer_id):
            if acting.sells(found.seller_id):
                raise Forbidden("only the buyer asks; refund gives it", reason="buyer_needed")
            raise _unseen(found, line_id)
        if found.state is not OrderState.PAID:
            raise NotRefundable("not_paid")
        text = checked(_ReasonInput, reason=reason).reason
        subject = line_id or found.id

        def ask(book: Book) -> str:
            action = book.ask_again(ActionKind.REFUND_REQUESTED, subject, book.covering, text)
            known = book.was(action)
            before = known and known.resolved_at
            return f"{subject}:{before.isoformat()}" if before else subject

        async def work(tx: Transaction) -> None:
            transition = await self._settle.apply_in(
                tx, found.id, None, ask, acting.label, "request_refund"
            )
            event = RefundRequested(
                id=EventId(tx.new_id("evt")),
                at=tx.now,
                actor=acting.label,
                order_id=OrderId(found.id),
                buyer_id=UserId(found.buyer_id),
            )
            await tx.rows(announce(event, transition))

        await self._settle.unless_nothing_new(work)
        return await action_about(self._database, ActionKind.REFUND_REQUESTED, subject)

    async def record_refund(
        self,
        actor: Actor,
        order_or_line: OrderRef | OrderLineRef,
        *,
        amount: Money | None = None,
        reference: str,
        returned_at: datetime,
        reason: str,
    ) -> Refund:
        """Record money that was given back elsewhere, of a payment recorded by ``record``.

        Told twice with the same reference, it is one refund.

        Raises:
            Forbidden: neither an operator nor ``SYSTEM``.
            NotRefundable: not paid, paid through a gateway, or above what is left.
            IdempotencyConflict: the reference stands for another amount or order.
        """
        acting = await self._users.acting(actor)
        acting.require_operator("record refunds")
        found, line_id = await order_of(self._database, order_or_line)
        told = checked(ReturnedInput, reference=reference, returned_at=returned_at, reason=reason)
        returned = Returned(
            line_id, checked_amount(amount), told.reference, told.returned_at, told.reason
        )
        await refuse_returned(self._database, found, told.reference)
        await self._settle.apply(
            found.id, None, lambda book: give_back(book, returned), acting.label, "record_refund"
        )
        row = await self._database.first(
            select(refunds.c.id)
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(payments.c.order_id == found.id, payments.c.gateway == "external")
            .where(refunds.c.ref == told.reference)
        )
        if row is None:
            raise AssertionError
        return await refund_of(self._database, row.id)

    # Within.

    async def _refundable_by(
        self, actor: Actor, order_or_line: OrderRef | OrderLineRef
    ) -> tuple[Acting, Order, str | None]:
        acting = await self._users.acting(actor)
        found, line_id = await order_of(self._database, order_or_line)
        if acting.sells(found.seller_id):
            return acting, found, line_id
        if acting.is_user(found.buyer_id):
            raise Forbidden(
                "the seller or an operator refunds; ask by request_refund", reason="seller_needed"
            )
        raise _unseen(found, line_id)

    async def _by_key(self, key: str | None) -> str:
        row = await self._database.first(select(refunds.c.id).where(refunds.c.key == key))
        if key is None or row is None:
            raise AssertionError
        return str(row.id)

    async def _send(self, refund_id: str) -> Refund:
        error = await self._refunder.send(refund_id)
        if error is not None:
            raise error
        return await refund_of(self._database, refund_id)


def _unseen(order: Order, line_id: str | None) -> NotFound:
    """Make the error that an unknown order, or line, gives as well."""
    return NotFound("order", order.id) if line_id is None else NotFound("order line", line_id)


def _key(order_id: str, key: str | None) -> str | None:
    """Return the key under which a refund is kept and sent: short, whatever the caller's is."""
    if key is None:
        return None
    return f"rf:{order_id}:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _effect(access: Effect | None) -> Effect | None:
    if access is None:
        return None
    if access in {Effect.KEEP, Effect.REVOKE}:
        return Effect(access)
    raise Invalid("access is keep or revoke", fields={"access": "unknown"})
