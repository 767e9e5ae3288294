"""Letting support requests become another's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import update

from digistore.audit import Change, record
from digistore.support.tables import support_messages, support_requests

if TYPE_CHECKING:
    from digistore.database import Transaction


async def move_requests(tx: Transaction, people: Sequence[str], to: str, actor: str) -> None:
    """Make *to* the customer of what *people* asked, and the author of what they wrote."""
    moved = await tx.rows(
        update(support_requests)
        .where(support_requests.c.customer_id.in_(people))
        .values(customer_id=to, version=support_requests.c.version + 1)
        .returning(support_requests.c.id, support_requests.c.version)
    )
    await tx.rows(
        update(support_messages)
        .where(support_messages.c.author_id.in_(people))
        .values(author_id=to)
    )
    changes = [Change("support_request", row.id, row.version, {"customer": to}) for row in moved]
    await record(tx, actor, "claim", changes)
