"""The statements that change orders: other slices ask for them and never write these tables."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Update, or_, update

from digistore.audit import Change
from digistore.database import AnyRow
from digistore.errors import NotFound
from digistore.orders.tables import order_lines, orders, payment_attempts

if TYPE_CHECKING:
    from digistore.database import Transaction
    from digistore.orders.kinds import Outcome


async def lock_order(tx: Transaction, order_id: str) -> Change:
    """Lock an order until the transaction ends, by the write that comes first of all.

    A read before it may already be old.
    """
    row = await tx.first(
        update(orders)
        .where(orders.c.id == order_id)
        .values(version=orders.c.version + 1)
        .returning(orders.c.version)
    )
    if row is None:
        raise NotFound("order", order_id)
    return Change("order", order_id, row.version)


def set_order(order_id: str, **values: object) -> Update:
    """Change an order's columns."""
    return update(orders).where(orders.c.id == order_id).values(**values)


def set_attempt(attempt_id: str, **values: object) -> Update:
    """Change an attempt's columns."""
    return update(payment_attempts).where(payment_attempts.c.id == attempt_id).values(**values)


def set_line(line_id: str, **values: object) -> Update:
    """Change a line's columns."""
    return update(order_lines).where(order_lines.c.id == line_id).values(**values)


def set_outcome(line_id: str, outcome: Outcome) -> Update:
    """Note what a paid line came to."""
    return update(order_lines).where(order_lines.c.id == line_id).values(outcome=outcome)


async def take_ticket(tx: Transaction, attempt_id: str) -> int:
    """Draw the next ticket: a fetch that started later has the last word over an earlier one."""
    row = await tx.first(
        update(payment_attempts)
        .where(payment_attempts.c.id == attempt_id)
        .values(ticket=payment_attempts.c.ticket + 1)
        .returning(payment_attempts.c.ticket)
    )
    if row is None:
        raise NotFound("payment attempt", attempt_id)
    return int(row.ticket)


async def ask_now(tx: Transaction, order_id: str, every: timedelta) -> AnyRow | None:
    """Return the attempt of an order to ask about, ``None`` if it was asked about just now."""
    asked_at = payment_attempts.c.fetched_at
    return await tx.first(
        update(payment_attempts)
        .where(
            payment_attempts.c.order_id == order_id,
            payment_attempts.c.live_key == 1,
            payment_attempts.c.checkout_id.is_not(None),
            or_(asked_at.is_(None), asked_at <= tx.now - every),
        )
        .values(fetched_at=tx.now)
        .returning(payment_attempts)
    )


def ask_again(attempt_id: str, tries: int, when: datetime) -> Update:
    """Ask about a live attempt again at *when*, for the *tries*-th time."""
    live = payment_attempts.c.live_key == 1
    return set_attempt(attempt_id, tries=tries, next_check_at=when).where(live)
