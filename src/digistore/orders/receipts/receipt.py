"""The receipt of an order as it stands: what was issued, and what has gone back since."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from digistore.errors import NotFound
from digistore.fields import Model
from digistore.money import Money
from digistore.orders.models import Order
from digistore.orders.receipts.models import ReceiptDocument
from digistore.orders.receipts.texts import ReceiptTexts


class Receipt(Model):
    """What a paid order's receipt says, as data; money given back is on it.

    *document* is what was issued, ``None`` until ``run_due`` has drawn its number.
    *corrections* are its credit notes and debit notes, in the order they were issued.
    """

    order: Order
    issuer: str
    buyer_name: str | None
    buyer_email: str | None
    paid_at: datetime
    method: str
    refunded: Money
    net: Money
    document: ReceiptDocument | None = None
    corrections: tuple[ReceiptDocument, ...] = ()

    @property
    def number(self) -> str | None:
        """Its number, ``None`` until it is drawn."""
        return self.document.number if self.document else None

    def html(self, texts: ReceiptTexts | None = None) -> str:
        """Return the receipt as a page: see ``ReceiptDocument.html``.

        Raises:
            NotFound: it has not been issued yet.
        """
        return self._issued().html(texts)

    def pdf(self, texts: ReceiptTexts | None = None, *, fonts: Sequence[str | Path] = ()) -> bytes:
        """Return the receipt as a PDF file: see ``ReceiptDocument.pdf``.

        Raises:
            NotFound: it has not been issued yet.
        """
        return self._issued().pdf(texts, fonts=fonts)

    def _issued(self) -> ReceiptDocument:
        if self.document is None:
            raise NotFound("receipt", self.order.id, hint="store.run_due() issues it")
        return self.document
