"""Gathering dispute evidence: each slice reads its own, and only about one order."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.entitlements.service.entitlements import access_history
from digistore.errors import Forbidden, NotFound
from digistore.money import Money
from digistore.orders import Order, OrderRef
from digistore.orders.reads import load_order, order_ref
from digistore.payments.evidence import DisputeEvidence, EvidenceCustomer, EvidenceDownload
from digistore.payments.models import Dispute, Payment, Refund
from digistore.payments.tables import disputes, payments, refunds
from digistore.support.service.rows import requests_about

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database
    from digistore.orders import AsyncOrders
    from digistore.users import Actor, AsyncUsers

DownloadsOf = Callable[[str], Awaitable[tuple[EvidenceDownload, ...]]]


class Gatherer:
    """Gathers what is known about one order, for those who may see it."""

    def __init__(
        self, database: Database, users: AsyncUsers, orders: AsyncOrders, downloads_of: DownloadsOf
    ) -> None:
        """Read *database*; downloads come after payments, so their log is handed in."""
        self._database = database
        self._users = users
        self._orders = orders
        self._downloads_of = downloads_of

    async def gather(self, actor: Actor, order: OrderRef) -> DisputeEvidence:
        """Return the evidence about an order; see ``AsyncPayments.evidence``."""
        acting = await self._users.acting(actor)
        found = await load_order(self._database, order_ref(order))
        if not acting.sells(found.seller_id):
            if acting.is_user(found.buyer_id):
                raise Forbidden("evidence is for the seller and operators", reason="seller_needed")
            raise NotFound("order", found.id)
        downloads = await self._downloads_of(found.id)
        if not acting.is_operator:  # a seller knows a buyer's name and address, not their devices
            downloads = tuple(one.model_copy(update={"agent": None}) for one in downloads)
        paid = found.paid_at is not None
        return DisputeEvidence(
            order=found,
            customer=await self._customer(found),
            receipt=await self._orders.receipt(actor, found) if paid else None,
            payments=await self._payments(found),
            refunds=await self._refunds(found),
            disputes=await self._disputes(found),
            access=await access_history(self._database, found.id),
            downloads=downloads,
            support=await requests_about(self._database, found.id),
            gathered_at=self._database.clock(),
        )

    async def _customer(self, order: Order) -> EvidenceCustomer:
        buyer = (await self._users.load_many([order.buyer_id]))[order.buyer_id]
        return EvidenceCustomer(
            id=buyer.id,
            name=buyer.name,
            email=buyer.email,
            email_verified_at=buyer.email_verified_at,
            since=buyer.created_at,
        )

    async def _payments(self, order: Order) -> tuple[Payment, ...]:
        rows = await self._database.rows(
            select(payments).where(payments.c.order_id == order.id).order_by(payments.c.created_at)
        )
        return tuple(
            Payment(
                id=row.id,
                order_id=row.order_id,
                gateway=row.gateway,
                ref=row.ref,
                state=row.state,
                disposition=row.disposition,
                captured=Money.from_minor(row.captured, row.currency),
            )
            for row in rows
        )

    async def _refunds(self, order: Order) -> tuple[Refund, ...]:
        rows = await self._database.rows(
            select(refunds)
            .join(payments, payments.c.id == refunds.c.payment_id)
            .where(payments.c.order_id == order.id)
            .order_by(refunds.c.created_at, refunds.c.id)
        )
        return tuple(
            Refund(
                id=row.id,
                payment_id=row.payment_id,
                order_id=order.id,
                amount=Money.from_minor(row.amount, row.currency),
                state=row.state,
                reason=row.reason,
            )
            for row in rows
        )

    async def _disputes(self, order: Order) -> tuple[Dispute, ...]:
        rows = await self._database.rows(
            select(disputes)
            .join(payments, payments.c.id == disputes.c.payment_id)
            .where(payments.c.order_id == order.id)
            .order_by(disputes.c.opened_at, disputes.c.id)
        )
        return tuple(_dispute(row) for row in rows)


def _dispute(row: AnyRow) -> Dispute:
    return Dispute(
        id=row.id,
        payment_id=row.payment_id,
        amount=Money.from_minor(row.amount, row.currency),
        state=row.state,
        reason=row.reason,
        evidence_due=row.evidence_due,
    )
