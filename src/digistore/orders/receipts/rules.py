"""What a document says, made of the facts alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from digistore.ids import ReceiptId
from digistore.money import Money
from digistore.orders.models import Order, OrderLine
from digistore.orders.receipts.models import (
    DocumentKind,
    PrintedConsent,
    PrintedLine,
    PrintedParty,
    PrintedTax,
    ReceiptDocument,
)
from digistore.orders.service.settling import GivenBack, Takings

HOUSE = "house"
_LETTERS: Mapping[DocumentKind, str] = {
    DocumentKind.RECEIPT: "R",
    DocumentKind.CREDIT_NOTE: "C",
    DocumentKind.DEBIT_NOTE: "D",
}


@dataclass(frozen=True, slots=True)
class Heading:
    """What tells one document from all others."""

    id: str
    number: str
    issuer: str
    issued_at: datetime
    seller: PrintedParty
    buyer: PrintedParty


def series_of(kind: DocumentKind, *, livemode: bool) -> str:
    """Return the series that a document is numbered in: test money has series of its own."""
    return str(kind) if livemode else f"test_{kind}"


def number_of(kind: DocumentKind, number: int, *, livemode: bool) -> str:
    """Return a number as it is printed: ``R-000001``, ``TEST-C-000002``."""
    return f"{'' if livemode else 'TEST-'}{_LETTERS[kind]}-{number:06d}"


def receipt_of(order: Order, takings: Takings, heading: Heading) -> ReceiptDocument:
    """Return the receipt of a paid order.

    What was taken is the order's total and what the gateway has added to it as tax: that is part
    of the receipt's total, a surplus is not.
    """

    def money(amount: int) -> Money:
        return Money.from_minor(amount, order.currency)

    lines = tuple(_line(line) for line in order.lines)
    added = max(0, min(takings.tax, takings.captured - order.total.amount))
    return ReceiptDocument(
        id=ReceiptId(heading.id),
        number=heading.number,
        issuer=heading.issuer,
        issued_at=heading.issued_at,
        seller=heading.seller,
        buyer=heading.buyer,
        kind=DocumentKind.RECEIPT,
        order_id=order.id,
        livemode=order.livemode,
        ordered_at=order.created_at,
        paid_at=takings.received_at,
        method=_method(takings),
        tax_inclusive=order.tax_inclusive,
        lines=lines,
        taxes=taxes_of(lines),
        subtotal=order.subtotal,
        discount=order.discount,
        tax=order.tax + money(takings.tax),
        gateway_tax=money(takings.tax),
        total=order.total + money(added),
        paid=money(takings.captured),
        consents=tuple(PrintedConsent(**dict(consent)) for consent in order.consents),
    )


def credit_note_of(
    order: Order,
    receipt: ReceiptDocument,
    credited: Sequence[ReceiptDocument],
    refund: GivenBack,
    heading: Heading,
) -> ReceiptDocument | None:
    """Return the credit note of a refund, ``None`` for a surplus that no receipt speaks of.

    Args:
        order: what was bought.
        receipt: its receipt.
        credited: the credit notes so far that nothing took back.
        refund: what went back, line by line.
        heading: of the new document.
    """
    back = [line for line in order.lines if line.id in refund.lines]
    lines = tuple(_returned(line, refund, receipt) for line in back)
    on_lines = Money.total((line.total for line in lines), order.currency)
    added = _added(receipt) - Money.total((_added(one) for one in credited), order.currency)
    beyond = Money.from_minor(max(0, refund.amount - on_lines.amount), order.currency)
    total = on_lines + min(beyond, added)
    if not total:
        return None
    gateway_tax = _share(receipt, credited, total)
    return receipt.model_copy(
        update={
            **_common(heading),
            "kind": DocumentKind.CREDIT_NOTE,
            "corrects": receipt.number,
            "paid_at": refund.at,
            "lines": lines,
            "taxes": taxes_of(lines),
            "subtotal": Money.total((line.unit_price for line in lines), order.currency),
            "discount": Money.zero(order.currency),
            "tax": Money.total((line.tax for line in lines), order.currency) + gateway_tax,
            "gateway_tax": gateway_tax,
            "total": total,
            "paid": total,
            "consents": (),
        }
    )


def debit_note_of(credit_note: ReceiptDocument, heading: Heading) -> ReceiptDocument:
    """Return what takes a credit note back: the same amounts once more."""
    return credit_note.model_copy(
        update={
            **_common(heading),
            "kind": DocumentKind.DEBIT_NOTE,
            "corrects": credit_note.number,
        }
    )


def taxes_of(lines: Iterable[PrintedLine]) -> tuple[PrintedTax, ...]:
    """Add up the tax of *lines* by rate and reason; lines without any say nothing."""
    sums: dict[tuple[str | None, str], tuple[Money, Money]] = {}
    for line in lines:
        if line.tax_rate is None and line.tax_reason == "none":
            continue
        key, zero = (line.tax_rate, line.tax_reason), Money.zero(line.total.currency)
        net, tax = sums.get(key, (zero, zero))
        sums[key] = net + line.total - line.tax, tax + line.tax
    return tuple(
        PrintedTax(rate=rate, reason=reason, net=net, tax=tax)
        for (rate, reason), (net, tax) in sums.items()
    )


def _common(heading: Heading) -> dict[str, object]:
    return {
        "id": ReceiptId(heading.id),
        "number": heading.number,
        "issuer": heading.issuer,
        "issued_at": heading.issued_at,
        "seller": heading.seller,
        "buyer": heading.buyer,
    }


def _method(takings: Takings) -> str:
    return takings.account if takings.gateway == "external" else takings.gateway


def _line(line: OrderLine) -> PrintedLine:
    return PrintedLine(
        title=line.title,
        unit_price=line.unit_price,
        discount=line.discount,
        tax=line.tax,
        tax_rate=line.tax_rate,
        tax_reason=line.tax_reason,
        total=line.total,
    )


def _returned(line: OrderLine, refund: GivenBack, receipt: ReceiptDocument) -> PrintedLine:
    amount, tax = (Money.from_minor(part, line.total.currency) for part in refund.lines[line.id])
    return PrintedLine(
        title=line.title,
        unit_price=amount if receipt.tax_inclusive else amount - tax,
        discount=Money.zero(amount.currency),
        tax=tax,
        tax_rate=line.tax_rate,
        tax_reason=line.tax_reason,
        total=amount,
    )


def _added(document: ReceiptDocument) -> Money:
    """Return what the gateway's tax added to the lines."""
    currency = document.total.currency
    return document.total - Money.total((line.total for line in document.lines), currency)


def _share(receipt: ReceiptDocument, credited: Sequence[ReceiptDocument], total: Money) -> Money:
    """Return how much of the gateway's tax goes back with *total*; the last takes all of it."""
    currency = total.currency
    left = receipt.total - Money.total((one.total for one in credited), currency)
    tax = receipt.gateway_tax - Money.total((one.gateway_tax for one in credited), currency)
    if not tax:
        return tax
    return tax.allocate([total.amount, max(0, left.amount - total.amount)])[0]
