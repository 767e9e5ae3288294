"""What an order took and gave back, for its receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.orders.service.settling import GivenBack, Takings
from digistore.payments.models import RefundStatus
from digistore.payments.rules.derive import MONEY_IS_BACK, TOLD
from digistore.payments.tables import payments, refund_lines, refunds

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database, Reader


async def read_takings(reader: Database | Reader, order_id: str) -> Takings | None:
    """Return what covers an order and what went back of it, ``None`` if nothing covers it.

    Refunds that the gateway never took up are left out: they moved nothing.
    """
    row = await reader.first(
        select(payments).where(payments.c.order_id == order_id, payments.c.cover_key == 1)
    )
    if row is None:
        return None
    told = await reader.rows(
        select(refunds)
        .where(refunds.c.payment_id == row.id, refunds.c.state.in_(TOLD))
        .order_by(refunds.c.succeeded_at, refunds.c.id)
    )
    lines = await _lines(reader, [refund.id for refund in told])
    return Takings(
        gateway=row.gateway,
        account=row.account,
        captured=row.captured,
        tax=row.tax,
        received_at=row.received_at or row.created_at,
        refunds=tuple(_given_back(refund, lines.get(refund.id, {})) for refund in told),
    )


def _given_back(refund: AnyRow, lines: dict[str, tuple[int, int]]) -> GivenBack:
    state = RefundStatus(refund.state)
    return GivenBack(
        id=refund.id,
        state=str(state) if state in MONEY_IS_BACK else "failed",
        amount=refund.amount,
        assigned=refund.assigned,
        at=refund.succeeded_at or refund.created_at,
        lines=lines,
    )


async def _lines(
    reader: Database | Reader, refund_ids: list[str]
) -> dict[str, dict[str, tuple[int, int]]]:
    found: dict[str, dict[str, tuple[int, int]]] = {}
    if refund_ids:
        statement = select(refund_lines).where(refund_lines.c.refund_id.in_(refund_ids))
        for row in await reader.rows(statement):
            found.setdefault(row.refund_id, {})[row.order_line_id] = (row.amount, row.tax)
    return found
