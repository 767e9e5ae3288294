"""Receipts: numbers without gaps, each document once, and sums that are those of the books."""

from __future__ import annotations

from pydantic import ValidationError
from sqlalchemy import select

from digistore.database import AnyRow, Reader
from digistore.doctor.checks import Place, Statement, Step, Walk, page
from digistore.orders.receipts.models import ReceiptDocument
from digistore.orders.receipts.rules import number_of
from digistore.orders.receipts.tables import receipts

ROWS = 500
# Somebody will look at the order, or at the refund, once more.
_IS_DUE = """EXISTS (
            SELECT 1 FROM digistore_deliveries d
            JOIN digistore_events e ON e.id = d.event_id
            WHERE d.handler = 'digistore.receipts' AND d.state = 'due' AND e.subject IN ({}))"""
_STANDS = (
    "c.kind = 'credit_note' AND NOT EXISTS ("
    "SELECT 1 FROM digistore_receipts t WHERE t.credit_note_id = c.id)"
)


async def misprinted(reader: Reader, at: Place | None) -> Step:
    """Find documents whose print is not what the columns beside it say."""
    rows, end = await page(reader, select(receipts), [receipts.c.id], at, ROWS)
    return Step([row.id for row in rows if not _is_printed(row)], end)


def _is_printed(row: AnyRow) -> bool:
    try:
        printed = ReceiptDocument.model_validate(row.printed)
        number = number_of(printed.kind, row.number, livemode=row.livemode)
    except ValidationError:
        return False
    says = (printed.id, printed.kind, printed.issuer, printed.number, printed.livemode)
    amounts = (printed.total.amount, printed.tax.amount, printed.total.currency)
    return (*says, *amounts, printed.issued_at) == (
        *(row.id, row.kind, row.issuer, number, row.livemode),
        *(row.total, row.tax, row.currency, row.issued_at),
    )


CHECKS = (
    Statement(
        "I12",
        "refund_tax_adds_up",
        "More tax of this line is back than it had, or a part of it holds more tax than money, or"
        " all of its money is back and not all of its tax.",
        """
        SELECT l.id AS subject
        FROM digistore_order_lines l
        JOIN digistore_refund_lines back ON back.order_line_id = l.id
        JOIN digistore_refunds r ON r.id = back.refund_id
             AND r.state IN ('requested', 'unknown', 'pending', 'succeeded')
        GROUP BY l.id, l.total, l.tax
        HAVING SUM(back.tax) > l.tax OR MAX(back.tax - back.amount) > 0
            OR (SUM(back.amount) = l.total AND SUM(back.tax) <> l.tax)
        """,
    ),
    Statement(
        "I37",
        "receipt_numbers_have_no_gap",
        "The numbers of this document's series are not 1 to n, each once, or the series' counter"
        " does not stand at n: a document was taken away or added past the library.",
        """
        SELECT MIN(r.id) AS subject
        FROM digistore_receipts r
        LEFT JOIN digistore_receipt_counters c ON c.issuer = r.issuer AND c.series = r.series
        GROUP BY r.issuer, r.series
        HAVING MIN(r.number) <> 1 OR MAX(r.number) <> COUNT(*)
            OR COUNT(DISTINCT r.number) <> COUNT(*)
            OR MAX(COALESCE(c.last, 0)) <> MAX(r.number)
        UNION ALL
        SELECT c.issuer
        FROM digistore_receipt_counters c
        WHERE NOT EXISTS (
            SELECT 1 FROM digistore_receipts r WHERE r.issuer = c.issuer AND r.series = c.series)
        """,
    ),
    Statement(
        "I37",
        "receipt_times_follow_numbers",
        "This document has a higher number than one that was issued after it.",
        """
        SELECT later.id AS subject
        FROM digistore_receipts later
        JOIN digistore_receipts r ON r.issuer = later.issuer AND r.series = later.series
             AND r.number = later.number - 1
        WHERE later.issued_at < r.issued_at
        """,
    ),
    Statement(
        "I37",
        "receipt_is_of_a_paid_order",
        "This receipt is of an order that no payment covers.",
        """
        SELECT r.id AS subject
        FROM digistore_receipts r
        WHERE r.kind = 'receipt' AND NOT EXISTS (
            SELECT 1 FROM digistore_payments m WHERE m.order_id = r.order_id AND m.cover_key = 1)
        """,
    ),
    Statement(
        "I37",
        "one_document_each",
        "The order, refund or credit note of this document has another one like it.",
        """
        SELECT MIN(r.id) AS subject
        FROM digistore_receipts r
        GROUP BY COALESCE(r.order_id, r.refund_id, r.credit_note_id)
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I37",
        "documents_are_issued",
        "This paid order has no receipt, this refund no credit note, or this credit note of a"
        " failed refund no debit note, and nobody is about to issue one. Tell its event again: set"
        " the delivery to digistore.receipts back to due.",
        f"""
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE o.state = 'paid'
          AND NOT EXISTS (SELECT 1 FROM digistore_receipts r WHERE r.order_id = o.id)
          AND NOT {_IS_DUE.format("o.id")}
        UNION ALL
        SELECT b.id
        FROM digistore_refunds b
        JOIN digistore_payments m ON m.id = b.payment_id AND m.cover_key = 1
        WHERE b.state = 'succeeded'
          AND EXISTS (SELECT 1 FROM digistore_refund_lines l WHERE l.refund_id = b.id)
          AND NOT EXISTS (SELECT 1 FROM digistore_receipts c WHERE c.refund_id = b.id)
          AND NOT {_IS_DUE.format("b.id, m.order_id")}
        UNION ALL
        SELECT c.id
        FROM digistore_receipts c
        JOIN digistore_refunds b ON b.id = c.refund_id AND b.state IN ('failed', 'canceled')
        WHERE {_STANDS} AND NOT {_IS_DUE.format("b.id")}
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I37",
        "receipt_totals_agree",
        "This document's sums are not those of its order and payment, of its refund, or of the"
        " credit note that it takes back; or it is in another currency or mode.",
        """
        SELECT r.id AS subject
        FROM digistore_receipts r
        JOIN digistore_orders o ON o.id = r.order_id
        JOIN digistore_payments m ON m.order_id = o.id AND m.cover_key = 1
        WHERE r.currency <> o.currency OR r.livemode <> o.livemode
           OR r.total < o.total OR r.total > o.total + m.tax OR r.total > m.captured
           OR r.tax < o.tax OR r.tax > o.tax + m.tax
        UNION ALL
        SELECT c.id
        FROM digistore_receipts c
        JOIN digistore_refunds b ON b.id = c.refund_id
        LEFT JOIN (
            SELECT refund_id, SUM(amount) AS amount, SUM(tax) AS tax
            FROM digistore_refund_lines GROUP BY refund_id
        ) split ON split.refund_id = b.id
        WHERE c.currency <> b.currency OR c.livemode <> b.livemode
           OR c.total > b.amount OR c.total < COALESCE(split.amount, 0)
           OR c.tax < COALESCE(split.tax, 0)
        UNION ALL
        SELECT t.id
        FROM digistore_receipts t
        JOIN digistore_receipts c ON c.id = t.credit_note_id
        WHERE t.total <> c.total OR t.tax <> c.tax OR t.currency <> c.currency
           OR t.livemode <> c.livemode
        """,
    ),
    Statement(
        "I37",
        "credit_within_receipt",
        "More was credited on this receipt than it was about.",
        f"""
        SELECT r.id AS subject
        FROM digistore_receipts r
        JOIN digistore_receipts c ON c.receipt_id = r.id AND {_STANDS}
        GROUP BY r.id, r.total, r.tax
        HAVING SUM(c.total) > r.total OR SUM(c.tax) > r.tax
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I37",
        "correction_is_of_its_receipt",
        "This credit note or debit note names the receipt of another order, or another issuer.",
        """
        SELECT c.id AS subject
        FROM digistore_receipts c
        JOIN digistore_receipts r ON r.id = c.receipt_id
        LEFT JOIN digistore_receipts back ON back.id = c.credit_note_id
        LEFT JOIN digistore_refunds b ON b.id = COALESCE(c.refund_id, back.refund_id)
        LEFT JOIN digistore_payments m ON m.id = b.payment_id
        WHERE r.kind <> 'receipt' OR c.issuer <> r.issuer OR c.kind = 'receipt'
           OR COALESCE(m.order_id, '') <> COALESCE(r.order_id, '')
           OR (c.kind = 'debit_note' AND COALESCE(back.kind, '') <> 'credit_note')
        """,
    ),
    Statement(
        "I37",
        "issuer_is_known",
        "This document was issued by somebody who does not exist.",
        """
        SELECT r.id AS subject
        FROM digistore_receipts r
        WHERE r.issuer <> 'house'
          AND NOT EXISTS (SELECT 1 FROM digistore_users u WHERE u.id = r.issuer)
        """,
    ),
    Walk(
        "I37",
        "receipt_is_as_printed",
        "What is printed on this document is not what the books say beside it: one of them was"
        " changed past the library. Compare it with a backup.",
        misprinted,
    ),
)
