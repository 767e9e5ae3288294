"""Finding what a caller names: orders by their lines, payments, refunds and open entries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.database import AnyRow
from digistore.errors import IdempotencyConflict, NotFound
from digistore.money import Money
from digistore.orders import Order, OrderLine, OrderRef
from digistore.orders.reads import load_order, order_ref
from digistore.orders.tables import order_lines
from digistore.payments.models import Action, ActionKind, OrderLineRef, Payment, Refund
from digistore.payments.service.actions import action_of
from digistore.payments.service.elsewhere import Received
from digistore.payments.tables import payment_actions, payments, refunds

if TYPE_CHECKING:
    from digistore.database import Database


async def order_of(reader: Database, ref: OrderRef | OrderLineRef) -> tuple[Order, str | None]:
    """Return the order behind a reference, and its line if one is named.

    Raises:
        NotFound: there is none.
    """
    if isinstance(ref, OrderLine) or (isinstance(ref, str) and ref.startswith("lin_")):
        line_id = ref.id if isinstance(ref, OrderLine) else ref
        row = await reader.first(select(order_lines.c.order_id).where(order_lines.c.id == line_id))
        if row is None:
            raise NotFound("order line", line_id)
        return await load_order(reader, row.order_id), line_id
    return await load_order(reader, order_ref(ref)), None


async def refuse_taken(reader: Database, order: Order, received: Received) -> None:
    """Refuse the reference of another order's payment, or of another amount.

    Raises:
        IdempotencyConflict: it is one.
    """
    row = await reader.first(
        select(payments.c.order_id, payments.c.captured, payments.c.currency).where(
            payments.c.gateway == "external",
            payments.c.livemode == order.livemode,
            payments.c.account == received.method,
            payments.c.ref == received.reference,
        )
    )
    told = (order.id, received.amount.amount, received.amount.currency)
    if row is not None and (row.order_id, row.captured, row.currency) != told:
        raise IdempotencyConflict(received.reference)


async def refuse_returned(reader: Database, order: Order, reference: str) -> None:
    """Refuse the reference by which money of another order was sent back, in the same way.

    Raises:
        IdempotencyConflict: it is one.
    """
    ways = select(payments.c.account).where(
        payments.c.order_id == order.id, payments.c.gateway == "external"
    )
    taken = (
        select(refunds.c.id)
        .join(payments, payments.c.id == refunds.c.payment_id)
        .where(
            refunds.c.gateway == "external",
            refunds.c.livemode == order.livemode,
            refunds.c.account.in_(ways),
            refunds.c.ref == reference,
            payments.c.order_id != order.id,
        )
    )
    if await reader.first(taken) is not None:
        raise IdempotencyConflict(reference)


async def payment_of(reader: Database, order: Order, received: Received) -> Payment:
    """Return the payment that was recorded."""
    row = await reader.first(
        select(payments).where(
            payments.c.order_id == order.id,
            payments.c.gateway == "external",
            payments.c.account == received.method,
            payments.c.ref == received.reference,
        )
    )
    if row is None:
        raise AssertionError
    return Payment(
        id=row.id,
        order_id=row.order_id,
        gateway=row.gateway,
        ref=row.ref,
        state=row.state,
        disposition=row.disposition,
        captured=Money.from_minor(row.captured, row.currency),
    )


async def refund_of(reader: Database, refund_id: str) -> Refund:
    """Return a refund by its id."""
    row = await reader.first(
        select(refunds, payments.c.order_id)
        .join(payments, payments.c.id == refunds.c.payment_id)
        .where(refunds.c.id == refund_id)
    )
    if row is None:
        raise AssertionError
    return Refund(
        id=row.id,
        payment_id=row.payment_id,
        order_id=row.order_id,
        amount=Money.from_minor(row.amount, row.currency),
        state=row.state,
        reason=row.reason,
    )


async def action_about(reader: Database, kind: ActionKind, subject: str) -> Action:
    """Return the entry of a kind about a subject."""
    row = await reader.first(
        select(payment_actions).where(
            payment_actions.c.kind == kind, payment_actions.c.subject == subject
        )
    )
    if row is None:
        raise AssertionError
    return action_of(row)


async def action_row(reader: Database, action_id: str) -> AnyRow:
    """Return the row of an entry.

    Raises:
        NotFound: there is none.
    """
    row = await reader.first(select(payment_actions).where(payment_actions.c.id == action_id))
    if row is None:
        raise NotFound("action", action_id)
    return row
