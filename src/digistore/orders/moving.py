"""Letting orders become another's: whoever has proved the mailbox that they were made with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import or_, select, update

from digistore.audit import record
from digistore.orders.tables import order_lines, orders
from digistore.orders.writes import lock_order, set_order

if TYPE_CHECKING:
    from digistore.database import Transaction


async def move_orders(tx: Transaction, people: Sequence[str], to: str, actor: str) -> None:
    """Make *to* the buyer of what *people* ordered; what the orders say stays as it was.

    The orders of their gifts are locked as well: payments that settle meanwhile wait for it. A key
    served the guest's repeats alone, and *to* may have used the same one.
    """
    mine = orders.c.buyer_id.in_(people)
    theirs = select(order_lines.c.order_id).where(order_lines.c.beneficiary_id.in_(people))
    found = await tx.rows(
        select(orders.c.id).where(or_(mine, orders.c.id.in_(theirs))).order_by(orders.c.id)
    )
    changes = []
    for row in found:
        locked = await lock_order(tx, row.id)
        moved = await _move(tx, row.id, people, to)
        changes.append(replace(locked, changes={"buyer": to} if moved else {}))
    await record(tx, actor, "claim", changes)


async def _move(tx: Transaction, order_id: str, people: Sequence[str], to: str) -> bool:
    order = await tx.first(select(orders.c.buyer_id).where(orders.c.id == order_id))
    if order is None or order.buyer_id not in people or await _in_the_way(tx, order_id, to):
        return False
    await tx.rows(set_order(order_id, buyer_id=to, idempotency_key=None))
    await tx.rows(update(order_lines).where(order_lines.c.order_id == order_id).values(buyer_id=to))
    return True


async def _in_the_way(tx: Transaction, order_id: str, to: str) -> bool:
    """Say whether *to* has an open order of the same gift already: then this one stays."""
    other = order_lines.alias()
    return None is not await tx.first(
        select(other.c.id)
        .join(
            order_lines,
            (order_lines.c.beneficiary_id == other.c.beneficiary_id)
            & (order_lines.c.product_id == other.c.product_id)
            & (order_lines.c.open_key == other.c.open_key),
        )
        .where(order_lines.c.order_id == order_id, other.c.buyer_id == to)
    )
