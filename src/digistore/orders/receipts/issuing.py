"""Issuing documents: the number and the row in one transaction, each document once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import case, insert, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert

from digistore.events import OrderPaid, RefundFailed, RefundSucceeded
from digistore.orders.models import Order
from digistore.orders.reads import load_order
from digistore.orders.receipts.models import DocumentKind, PrintedParty, ReceiptDocument
from digistore.orders.receipts.rules import (
    HOUSE,
    Heading,
    credit_note_of,
    debit_note_of,
    number_of,
    receipt_of,
    series_of,
)
from digistore.orders.receipts.tables import receipt_counters, receipts
from digistore.orders.service.settling import Takings
from digistore.users.reads import party

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.orders.service.settling import Settling
    from digistore.settings import LegalEntity, Settings

HANDLER = "digistore.receipts"
"""What the deliveries of the events that receipts follow from are remembered by."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A document, and the refund or the credit note that it is about."""

    document: ReceiptDocument
    refund_id: str | None
    credit_note_id: str | None


class ReceiptBook:
    """Issues what is missing of an order's documents."""

    def __init__(self, database: Database, settling: Settling, settings: Settings) -> None:
        """Issue receipts of what *settling* says was taken and given back."""
        self._database = database
        self._settling = settling
        self._settings = settings

    async def take(self, event: OrderPaid | RefundSucceeded | RefundFailed) -> int:
        """Issue what follows from *event*; told again, or out of turn, it issues nothing twice."""
        return 0 if event.order_id is None else await self.issue(event.order_id)

    async def issue(self, order_id: str) -> int:
        """Bring the documents of an order up to date; return how many were missing.

        A receipt once it is paid, a credit note for each refund of it that succeeded, a debit
        note for each of those that failed after all. What exists never changes.
        """
        return await self._database.transact(lambda tx: self._issue(tx, order_id))

    async def _issue(self, tx: Transaction, order_id: str) -> int:
        takings = await self._settling.takings(tx, order_id)
        if takings is None:
            return 0
        order = await load_order(tx, order_id)
        known = await issued(tx, order_id)
        if known:
            receipt = known[0].document
        else:
            receipt = await self._issue_receipt(tx, order, takings)
        # What is taken back first is there to be credited again.
        debited = await self._issue_debit_notes(tx, order, receipt, takings, known)
        credited = await self._issue_credit_notes(tx, order, receipt, takings, known)
        return (not known) + debited + credited

    async def _issue_receipt(
        self, tx: Transaction, order: Order, takings: Takings
    ) -> ReceiptDocument:
        by_seller = self._settings.receipt_issuer == "seller"
        issuer = order.seller_id if by_seller and order.seller_id else HOUSE
        heading = await self._heading(tx, order, issuer, DocumentKind.RECEIPT)
        receipt = receipt_of(order, takings, heading)
        await _store(tx, receipt, order_id=order.id)
        return receipt

    async def _issue_credit_notes(
        self,
        tx: Transaction,
        order: Order,
        receipt: ReceiptDocument,
        takings: Takings,
        known: list[Issued],
    ) -> int:
        issued_now = 0
        failed = {refund.id for refund in takings.refunds if refund.state == "failed"}
        credited = [one.document for one in _standing(known) if one.refund_id not in failed]
        for refund in takings.refunds:
            if refund.state != "succeeded" or not refund.assigned:
                continue
            if any(one.refund_id == refund.id for one in known):
                continue
            draft = Heading("", "", receipt.issuer, tx.now, receipt.seller, receipt.buyer)
            if credit_note_of(order, receipt, credited, refund, draft) is None:
                continue  # and no number is drawn
            heading = await self._heading(tx, order, receipt.issuer, DocumentKind.CREDIT_NOTE)
            note = credit_note_of(order, receipt, credited, refund, heading)
            if note is None:
                raise AssertionError
            await _store(tx, note, refund_id=refund.id, receipt_id=receipt.id)
            credited.append(note)
            issued_now += 1
        return issued_now

    async def _issue_debit_notes(
        self,
        tx: Transaction,
        order: Order,
        receipt: ReceiptDocument,
        takings: Takings,
        known: list[Issued],
    ) -> int:
        failed = {refund.id for refund in takings.refunds if refund.state == "failed"}
        taken_back = [note for note in _standing(known) if note.refund_id in failed]
        for note in taken_back:
            heading = await self._heading(tx, order, receipt.issuer, DocumentKind.DEBIT_NOTE)
            debit = debit_note_of(note.document, heading)
            await _store(tx, debit, credit_note_id=note.document.id, receipt_id=receipt.id)
        return len(taken_back)

    async def _heading(
        self, tx: Transaction, order: Order, issuer: str, kind: DocumentKind
    ) -> Heading:
        series = series_of(kind, livemode=order.livemode)
        number, issued_at = await _draw(tx, issuer, series)
        return Heading(
            id=tx.new_id("rcp"),
            number=number_of(kind, number, livemode=order.livemode),
            issuer=issuer,
            issued_at=issued_at,
            seller=await self._seller(tx, issuer),
            buyer=await _buyer(tx, order),
        )

    async def _seller(self, tx: Transaction, issuer: str) -> PrintedParty:
        if issuer == HOUSE:
            entity = self._settings.legal_entity
            return _of_entity(entity) if entity else PrintedParty(name=self._settings.namespace)
        seller = await party(tx, issuer)
        if seller.legal_entity is not None:
            return _of_entity(seller.legal_entity)
        return PrintedParty(name=seller.name, email=seller.email)


async def issued(reader: Database | Reader, order_id: str) -> list[Issued]:
    """Return the documents of an order, its receipt first, in the order they were issued."""
    its_receipt = select(receipts.c.id).where(receipts.c.order_id == order_id).scalar_subquery()
    rows = await reader.rows(
        select(receipts)
        .where(or_(receipts.c.order_id == order_id, receipts.c.receipt_id == its_receipt))
        .order_by(
            receipts.c.receipt_id.is_not(None),
            receipts.c.issued_at,
            receipts.c.kind.desc(),  # of one moment: what is taken back, then what is credited
            receipts.c.number,
        )
    )
    return [
        Issued(ReceiptDocument.model_validate(row.printed), row.refund_id, row.credit_note_id)
        for row in rows
    ]


def _standing(known: list[Issued]) -> list[Issued]:
    """Return the credit notes that nothing has taken back."""
    taken_back = {one.credit_note_id for one in known}
    return [one for one in known if one.refund_id and one.document.id not in taken_back]


async def _draw(tx: Transaction, issuer: str, series: str) -> tuple[int, datetime]:
    """Draw the next number, and the time that goes with it: never before that of the last one.

    The row stays locked until the document is written: whoever fails in between gives the number
    back with the transaction, so none is missing.
    """
    last_at = receipt_counters.c.issued_at
    begin = upsert(receipt_counters).values(issuer=issuer, series=series, last=1, issued_at=tx.now)
    row = await tx.first(
        begin.on_conflict_do_update(
            index_elements=["issuer", "series"],
            set_={
                "last": receipt_counters.c.last + 1,
                "issued_at": case(
                    (last_at > begin.excluded.issued_at, last_at),
                    else_=begin.excluded.issued_at,
                ),
            },
        ).returning(receipt_counters.c.last, receipt_counters.c.issued_at)
    )
    if row is None:
        raise AssertionError
    return row.last, row.issued_at


async def _store(
    tx: Transaction,
    document: ReceiptDocument,
    *,
    order_id: str | None = None,
    refund_id: str | None = None,
    credit_note_id: str | None = None,
    receipt_id: str | None = None,
) -> None:
    await tx.rows(
        insert(receipts).values(
            id=document.id,
            kind=document.kind,
            issuer=document.issuer,
            series=series_of(document.kind, livemode=document.livemode),
            number=int(document.number.rpartition("-")[2]),
            order_id=order_id,
            refund_id=refund_id,
            credit_note_id=credit_note_id,
            receipt_id=receipt_id,
            livemode=document.livemode,
            currency=document.total.currency,
            total=document.total.amount,
            tax=document.tax.amount,
            printed=document.model_dump(mode="json"),
            issued_at=document.issued_at,
        )
    )


def _of_entity(entity: LegalEntity) -> PrintedParty:
    return PrintedParty(**dict(entity))


async def _buyer(tx: Transaction, order: Order) -> PrintedParty:
    buyer, billing = await party(tx, order.buyer_id), order.billing
    if billing is None:
        return PrintedParty(name=buyer.name, email=buyer.email)
    return PrintedParty(
        name=billing.name,
        company=billing.company,
        address=billing.address,
        country=billing.country,
        email=billing.email or buyer.email,
        tax_id=billing.tax_id,
    )
