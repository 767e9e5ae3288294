"""What stands on a receipt, a credit note or a debit note: frozen when it was issued."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from digistore.fields import Model
from digistore.ids import OrderId, ReceiptId
from digistore.money import Money
from digistore.orders.receipts.texts import ReceiptTexts


class DocumentKind(StrEnum):
    """What a document says of the sale it is about."""

    RECEIPT = "receipt"
    """It was paid."""
    CREDIT_NOTE = "credit_note"
    """Money of it went back."""
    DEBIT_NOTE = "debit_note"
    """A credit note is taken back, as its refund failed after all."""


class PrintedParty(Model):
    """Who sold, or who bought, as far as it was known."""

    name: str | None = None
    company: str | None = None
    address: str | None = None
    country: str | None = None
    email: str | None = None
    tax_id: str | None = None
    registration: str | None = None


class PrintedLine(Model):
    """One line; *tax* is contained in *total*.

    *tax_rate* is in percent, ``None`` where no tax was worked out.
    """

    title: str
    unit_price: Money
    discount: Money
    tax: Money
    tax_rate: str | None
    tax_reason: str
    total: Money


class PrintedTax(Model):
    """All tax of one rate and reason: *net* is what it was worked out on."""

    rate: str | None
    reason: str
    net: Money
    tax: Money


class PrintedConsent(Model):
    """What the buyer agreed to, word for word."""

    kind: str
    text: str
    accepted_at: datetime
    locale: str


class ReceiptDocument(Model):
    """A receipt, credit note or debit note, as it was issued; it never changes.

    *number* is unique and has no gap before it within *issuer* (a seller's id, or ``house``) and
    kind. *gateway_tax* is what the gateway worked out by itself: *tax* and *total* contain it.
    *paid* is what was taken, or given back.
    """

    id: ReceiptId
    kind: DocumentKind
    number: str
    issuer: str
    order_id: OrderId
    corrects: str | None = None
    issued_at: datetime
    livemode: bool
    seller: PrintedParty
    buyer: PrintedParty
    ordered_at: datetime
    paid_at: datetime
    method: str
    tax_inclusive: bool
    lines: tuple[PrintedLine, ...]
    taxes: tuple[PrintedTax, ...]
    subtotal: Money
    discount: Money
    tax: Money
    gateway_tax: Money
    total: Money
    paid: Money
    consents: tuple[PrintedConsent, ...] = ()

    def html(self, texts: ReceiptTexts | None = None) -> str:
        """Return it as a whole page: no script, nothing loaded from elsewhere.

        Args:
            texts: words and language; by default English.

        Raises:
            ConfigError: jinja2 is not installed: ``pip install digistore[receipts]``.
        """
        from digistore.orders.receipts.html import to_html  # noqa: PLC0415  only who prints pays

        return to_html(self, texts or ReceiptTexts())

    def pdf(self, texts: ReceiptTexts | None = None, *, fonts: Sequence[str | Path] = ()) -> bytes:
        """Return it as a PDF file.  The same document gives the same bytes.

        Args:
            texts: words and language; by default English.
            fonts: TrueType files for what DejaVu Sans, which is brought along, has no signs for:
                Chinese, Japanese, Korean, Indian scripts. The first that has a sign draws it.

        Raises:
            ConfigError: fpdf2 is not installed: ``pip install digistore[receipts]``; or a font
                cannot be read.
            Invalid: a sign is in none of the fonts; nothing is printed as an empty box.
        """
        from digistore.orders.receipts.pdf import to_pdf  # noqa: PLC0415  only who prints pays

        return to_pdf(self, texts or ReceiptTexts(), fonts)
