"""Putting something before an operator that no message about money has told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy.dialects.postgresql import insert

from digistore.events import ActionNeeded
from digistore.ids import ActionId, EventId, OrderId
from digistore.outbox import announce
from digistore.payments.models import ActionKind
from digistore.payments.tables import payment_actions

if TYPE_CHECKING:
    from digistore.database import Transaction


async def notice(
    tx: Transaction, kind: ActionKind, subject: str, order_id: str, reason: str
) -> None:
    """Ask an operator about *subject*, once: what was decided about it stays decided."""
    asked = await tx.first(
        insert(payment_actions)
        .values(
            id=tx.new_id("act"),
            kind=kind,
            subject=subject,
            order_id=order_id,
            reason=reason,
            open_key=1,
            created_at=tx.now,
        )
        .on_conflict_do_nothing(index_elements=["kind", "subject"])
        .returning(payment_actions.c.id)
    )
    if asked is None:
        return
    event = ActionNeeded(
        id=EventId(tx.new_id("evt")),
        at=tx.now,
        actor="system",
        action_id=ActionId(asked.id),
        kind=str(kind),
        order_id=OrderId(order_id),
    )
    await tx.rows(announce(event, "needed"))
