"""The statements that change orders: other slices ask for them and never write these tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import Update, bindparam, or_, update

from digistore.audit import Change
from digistore.database import AnyRow, Call, Prepared, changing
from digistore.errors import NotFound
from digistore.orders.reads import named_attempt
from digistore.orders.tables import order_lines, orders, payment_attempts

if TYPE_CHECKING:
    from digistore.database import Transaction
    from digistore.orders.kinds import Outcome

_LOCK = Prepared(
    update(orders)
    .where(orders.c.id == bindparam("order_id"))
    .values(version=orders.c.version + 1)
    .returning(orders.c.version)
)
_TICKET = Prepared(
    update(payment_attempts)
    .where(payment_attempts.c.id == bindparam("attempt_id"))
    .values(ticket=payment_attempts.c.ticket + 1)
    .returning(payment_attempts.c.ticket)
)
_NAMED = named_attempt(payment_attempts.alias("named"))
_TICKET_OF = Prepared(
    update(payment_attempts)
    .where(
        payment_attempts.c.id
        == _NAMED.with_only_columns(_NAMED.selected_columns.id).scalar_subquery()
    )
    .values(ticket=payment_attempts.c.ticket + 1)
    .returning(payment_attempts.c.ticket)
)


async def lock_order(tx: Transaction, order_id: str) -> Change:
    """Lock an order until the transaction ends, by the write that comes first of all.

    A read before it may already be old.
    """
    return locked(order_id, await tx.rows(lock(order_id)))


def lock(order_id: str) -> Call:
    """Return the statement that locks an order."""
    return _LOCK.given(order_id=order_id)


def locked(order_id: str, rows: Sequence[AnyRow]) -> Change:
    """Return what the lock changes, from the answer to its statement.

    Raises:
        NotFound: there is no such order.
    """
    if not rows:
        raise NotFound("order", order_id)
    return Change("order", order_id, rows[0].version)


def set_order(order_id: str, **values: object) -> Call:
    """Change an order's columns."""
    return changing(orders, tuple(values)).given(id_=order_id, **values)


def set_attempt(attempt_id: str, **values: object) -> Call:
    """Change an attempt's columns."""
    return changing(payment_attempts, tuple(values)).given(id_=attempt_id, **values)


def update_attempt(attempt_id: str, **values: object) -> Update:
    """Change an attempt's columns, on conditions that the caller adds."""
    return update(payment_attempts).where(payment_attempts.c.id == attempt_id).values(**values)


def set_line(line_id: str, **values: object) -> Call:
    """Change a line's columns."""
    return changing(order_lines, tuple(values)).given(id_=line_id, **values)


def set_outcome(line_id: str, outcome: Outcome) -> Call:
    """Note what a paid line came to."""
    return set_line(line_id, outcome=outcome)


async def take_ticket(tx: Transaction, attempt_id: str) -> int:
    """Draw the next ticket: a fetch that started later has the last word over an earlier one."""
    row = await tx.first(_TICKET.given(attempt_id=attempt_id))
    if row is None:
        raise NotFound("payment attempt", attempt_id)
    return int(row.ticket)


def ticket_of(gateway: str, reference: str | None, checkout_id: str | None) -> Call:
    """Return the statement that draws it for the attempt that a message names, if there is one."""
    named = {"reference": reference or "", "checkout_id": checkout_id or ""}
    return _TICKET_OF.given(gateway=gateway, **named)


async def ask_now(tx: Transaction, order_id: str, every: timedelta) -> AnyRow | None:
    """Return the attempt of an order to ask about, ``None`` if it was asked about just now."""
    asked_at = payment_attempts.c.fetched_at
    return await tx.first(
        update(payment_attempts)
        .where(
            payment_attempts.c.order_id == order_id,
            payment_attempts.c.live_key == 1,
            payment_attempts.c.checkout_id.is_not(None),
            # So far ahead it was asked by a clock that has been put back.
            or_(asked_at.is_(None), asked_at <= tx.now - every, asked_at > tx.now + every),
        )
        .values(fetched_at=tx.now)
        .returning(payment_attempts)
    )


def ask_again(attempt_id: str, tries: int, when: datetime) -> Update:
    """Ask about a live attempt again at *when*, for the *tries*-th time."""
    live = payment_attempts.c.live_key == 1
    return update_attempt(attempt_id, tries=tries, next_check_at=when).where(live)
