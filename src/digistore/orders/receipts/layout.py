"""What is printed where, in words: the one layout of pages and files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from digistore.orders.receipts.models import (
    DocumentKind,
    PrintedConsent,
    PrintedLine,
    PrintedParty,
    PrintedTax,
    ReceiptDocument,
)
from digistore.orders.receipts.texts import ReceiptTexts


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: its first column says what a row is, the others are amounts."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class Page:
    """A document in words, from top to bottom."""

    title: str
    test: str | None
    facts: Sequence[tuple[str, str]]
    parties: Sequence[tuple[str, Sequence[str]]]
    tables: Sequence[Grid]
    sums: Sequence[tuple[str, str]]
    consents: Sequence[tuple[str, str, PrintedConsent]]

    def words(self) -> Iterator[str]:
        """Yield all that is printed."""
        yield from (self.title, self.test or "")
        for word, value in (*self.facts, *self.sums):
            yield from (word, value)
        for word, lines in self.parties:
            yield from (word, *lines)
        for table in self.tables:
            yield from (table.caption, *table.heads)
            for row in table.rows:
                yield from row
        for word, when, consent in self.consents:
            yield from (word, when, consent.text)


def page_of(document: ReceiptDocument, texts: ReceiptTexts) -> Page:
    """Lay *document* out in the words of *texts*."""
    return Page(
        title=f"{getattr(texts, document.kind)} {document.number}",
        test=None if document.livemode else texts.test,
        facts=list(_facts(document, texts)),
        parties=[
            (texts.seller, list(_party(document.seller, texts))),
            (texts.buyer, list(_party(document.buyer, texts))),
        ],
        tables=list(_tables(document, texts)),
        sums=list(_sums(document, texts)),
        consents=[
            (texts.consents.get(one.kind, one.kind), _day(one.accepted_at, texts), one)
            for one in document.consents
        ],
    )


def _facts(document: ReceiptDocument, texts: ReceiptTexts) -> Iterator[tuple[str, str]]:
    yield texts.number, document.number
    yield texts.issued, _day(document.issued_at, texts)
    if document.corrects is not None:
        takes_back = document.kind is DocumentKind.DEBIT_NOTE
        word = texts.corrects_credit_note if takes_back else texts.corrects_receipt
        yield word, document.corrects
    yield texts.order, document.order_id
    yield texts.ordered, _day(document.ordered_at, texts)
    if document.kind is DocumentKind.RECEIPT:
        yield texts.paid_on, _day(document.paid_at, texts)
        yield texts.paid_by, texts.methods.get(document.method, document.method)


def _party(one: PrintedParty, texts: ReceiptTexts) -> Iterator[str]:
    yield from (line for line in (one.company, one.name) if line)
    yield from (one.address or "").splitlines()
    yield from (line for line in (one.country, one.email) if line)
    if one.tax_id:
        yield f"{texts.tax_id}: {one.tax_id}"
    if one.registration:
        yield f"{texts.registration}: {one.registration}"


def _tables(document: ReceiptDocument, texts: ReceiptTexts) -> Iterator[Grid]:
    if document.lines:
        columns = (texts.item, texts.price, texts.discount, texts.tax, texts.amount)
        yield Grid(texts.items, columns, [_row(line) for line in document.lines])
    if document.taxes:
        heads = (texts.rate, texts.net, texts.tax)
        yield Grid(texts.tax_rates, heads, [_tax(tax, texts) for tax in document.taxes])


def _row(line: PrintedLine) -> tuple[str, ...]:
    tax = str(line.tax) if line.tax_rate is None else f"{line.tax} ({line.tax_rate} %)"
    return line.title, str(line.unit_price), str(line.discount), tax, str(line.total)


def _tax(tax: PrintedTax, texts: ReceiptTexts) -> tuple[str, ...]:
    reason = texts.reasons.get(tax.reason, tax.reason)
    return (reason if tax.rate is None else f"{tax.rate} %, {reason}"), str(tax.net), str(tax.tax)


def _sums(document: ReceiptDocument, texts: ReceiptTexts) -> Iterator[tuple[str, str]]:
    own_tax = document.tax - document.gateway_tax
    yield texts.subtotal, str(document.subtotal)
    if document.discount:
        yield texts.discount, str(-document.discount)
    if own_tax or document.taxes:
        yield (texts.tax_contained if document.tax_inclusive else texts.tax_added), str(own_tax)
    if document.gateway_tax:
        yield texts.gateway_tax, str(document.gateway_tax)
    yield texts.total, str(document.total)
    words = {
        DocumentKind.RECEIPT: texts.amount_paid,
        DocumentKind.CREDIT_NOTE: texts.amount_returned,
        DocumentKind.DEBIT_NOTE: texts.amount_charged_again,
    }
    yield words[document.kind], str(document.paid)


def _day(when: datetime, texts: ReceiptTexts) -> str:
    return when.strftime(texts.date)
