"""Support requests: each is paid on its own, for a product that its buyer holds."""

from __future__ import annotations

from digistore.doctor.access import LOST, RETURNED
from digistore.doctor.checks import Statement

CHECKS = (
    Statement(
        "I4",
        "one_request_per_line",
        "Another support request was made of the same order line: one payment opened two.",
        """
        SELECT MIN(s.id) AS subject
        FROM digistore_support_requests s
        GROUP BY s.order_line_id
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I7",
        "paid_help_is_open",
        "This support line is paid and its money is here, but it has no request, or one that is"
        " unpaid or canceled, with no dispute on it and no operator asked. Refund the line, or"
        " settle its order again once access is live.",
        f"""
        SELECT l.id AS subject
        FROM digistore_order_lines l
        JOIN digistore_orders o ON o.id = l.order_id
        JOIN digistore_payments m ON m.order_id = l.order_id AND m.cover_key = 1
        LEFT JOIN digistore_support_requests s ON s.order_line_id = l.id
        WHERE l.kind = 'support' AND (s.id IS NULL OR s.state IN ('unpaid', 'canceled'))
          AND {RETURNED} < l.total AND NOT {LOST}
          AND NOT EXISTS (
              SELECT 1 FROM digistore_disputes d
              WHERE d.payment_id = m.id
                AND (d.state IN ('open', 'warning') OR (d.state IN ('lost', 'prevented')
                                                        AND d.assigned = 0))
          )
          AND NOT EXISTS (
              SELECT 1 FROM digistore_payment_actions a
              WHERE a.kind = 'support_without_access' AND a.subject = l.id AND a.open_key = 1
          )
          AND NOT EXISTS (
              SELECT 1 FROM digistore_refunds r
              JOIN digistore_refund_lines back ON back.refund_id = r.id
              WHERE back.order_line_id = l.id AND r.state IN ('requested', 'unknown')
          )
          AND NOT EXISTS (
              SELECT 1 FROM digistore_payment_actions a
              WHERE a.payment_id = m.id AND a.kind = 'refund_failed'
          )
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I8",
        "help_is_paid",
        "This support request has been opened without a payment that covers its own order. One"
        " that was canceled before it was paid needs none.",
        """
        SELECT s.id AS subject
        FROM digistore_support_requests s
        WHERE s.state <> 'unpaid' AND NOT (s.state = 'canceled' AND s.payment_id IS NULL)
          AND NOT EXISTS (
              SELECT 1 FROM digistore_payments m
              WHERE m.id = s.payment_id AND m.order_id = s.order_id AND m.cover_key = 1
          )
        """,
    ),
    Statement(
        "I8",
        "help_is_what_its_line_sold",
        "This support request is not what its order line sold: kind, price above zero, product"
        " of its purchase, currency.",
        """
        SELECT s.id AS subject
        FROM digistore_support_requests s
        LEFT JOIN digistore_order_lines l ON l.id = s.order_line_id
        LEFT JOIN digistore_orders o ON o.id = s.order_id
        LEFT JOIN digistore_purchased_products p ON p.id = s.purchased_product_id
        WHERE l.id IS NULL OR l.order_id <> s.order_id OR l.kind <> 'support' OR l.total <= 0
           OR s.price <= 0 OR s.price <> l.unit_price OR s.currency <> o.currency
           OR l.product_id <> s.product_id OR p.id IS NULL OR p.product_id <> s.product_id
        """,
    ),
    Statement(
        "I8",
        "help_is_ordered_alone",
        "This order has product lines and support lines; it must have either.",
        """
        SELECT l.order_id AS subject
        FROM digistore_order_lines l
        GROUP BY l.order_id
        HAVING COUNT(DISTINCT l.kind) > 1
        """,
    ),
    Statement(
        "I8",
        "help_ends_with_its_money",
        "This support request is worked on although all of its money is back, or a dispute took"
        " it. Run payments.reconcile; a resolved one keeps its state.",
        f"""
        SELECT s.id AS subject
        FROM digistore_support_requests s
        JOIN digistore_order_lines l ON l.id = s.order_line_id
        JOIN digistore_orders o ON o.id = s.order_id
        WHERE s.state IN ('open', 'in_progress', 'waiting')
          AND ({RETURNED} >= l.total OR {LOST})
        """,  # noqa: S608  our own text
    ),
)
