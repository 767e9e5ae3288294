"""Orders: what they add up to, where they stand, and that nobody pays twice."""

from __future__ import annotations

from digistore.doctor.checks import Statement

CHECKS = (
    Statement(
        "I10",
        "order_adds_up",
        "This order's total is not its subtotal less discount, plus tax where that is not"
        " contained; or more tax is contained than it costs.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE (o.tax_inclusive = 1 AND (o.total <> o.subtotal - o.discount OR o.tax > o.total))
           OR (o.tax_inclusive = 0 AND o.total <> o.subtotal - o.discount + o.tax)
        """,
    ),
    Statement(
        "I10",
        "lines_sum_to_their_order",
        "This order's subtotal, discount, tax or total is not the sum of its lines'.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        LEFT JOIN digistore_order_lines l ON l.order_id = o.id
        GROUP BY o.id, o.subtotal, o.discount, o.tax, o.total
        HAVING COUNT(l.id) = 0 OR SUM(l.total) <> o.total OR SUM(l.tax) <> o.tax
            OR SUM(l.discount) <> o.discount OR SUM(l.unit_price) <> o.subtotal
        """,
    ),
    Statement(
        "I10",
        "line_adds_up",
        "This line's total is not its price less discount, plus tax where that is not contained.",
        """
        SELECT l.id AS subject
        FROM digistore_order_lines l
        JOIN digistore_orders o ON o.id = l.order_id
        WHERE (o.tax_inclusive = 1
               AND (l.total <> l.unit_price - l.discount OR l.tax > l.total))
           OR (o.tax_inclusive = 0 AND l.total <> l.unit_price - l.discount + l.tax)
        """,
    ),
    Statement(
        "I21",
        "idempotency_keys_hold",
        "One buyer's idempotency key has made more than this one order.",
        """
        SELECT MIN(o.id) AS subject
        FROM digistore_orders o
        WHERE o.idempotency_key IS NOT NULL
        GROUP BY o.buyer_id, o.idempotency_key
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I21",
        "gateway_keys_hold",
        "The key of this attempt or refund, sent to a gateway, stands for another one too: one"
        " of the two calls was answered with the other's outcome.",
        """
        SELECT MIN(a.id) AS subject FROM digistore_payment_attempts a
        GROUP BY a.key HAVING COUNT(*) > 1
        UNION ALL
        SELECT MIN(r.id) FROM digistore_refunds r
        WHERE r.key IS NOT NULL GROUP BY r.key HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I22",
        "paid_is_covered",
        "This order is paid without a covering payment, or has one and is not paid.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE (o.state = 'paid') <> EXISTS (
            SELECT 1 FROM digistore_payments m WHERE m.order_id = o.id AND m.cover_key = 1
        )
        """,
    ),
    Statement(
        "I22",
        "processing_has_its_payment",
        "This order waits for a payment and has none that is pending, or is open or expired"
        " although one is. A canceled order may have one: it will be late.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE (o.state = 'processing' AND NOT EXISTS (
                  SELECT 1 FROM digistore_payments m
                  WHERE m.order_id = o.id AND m.state = 'pending'))
           OR (o.state IN ('open', 'expired') AND EXISTS (
                  SELECT 1 FROM digistore_payments m
                  WHERE m.order_id = o.id AND m.state = 'pending'))
        """,
    ),
    Statement(
        "I22",
        "state_has_its_time",
        "This order's state and its times do not agree: paid, expired and canceled have a time,"
        " no order expires before its own time, and one that is open or processing was never"
        " canceled.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE (o.state = 'paid') <> (o.paid_at IS NOT NULL)
           OR (o.state = 'expired' AND o.expired_at IS NULL)
           OR (o.state = 'canceled' AND o.canceled_at IS NULL)
           OR (o.state IN ('open', 'processing', 'expired') AND o.canceled_at IS NOT NULL)
           OR (o.state = 'open' AND o.expired_at IS NOT NULL)
           OR o.expired_at < o.expires_at
        """,
    ),
    Statement(
        "I23",
        "one_open_purchase",
        "Its buyer has another open purchase of the same product for the same person: a double"
        " click could be charged twice. Cancel one.",
        """
        SELECT MIN(l.id) AS subject
        FROM digistore_order_lines l
        WHERE l.open_key IS NOT NULL
        GROUP BY l.buyer_id, l.beneficiary_id, l.product_id
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I23",
        "open_key_follows_order",
        "This line keeps a product's place although its order is closed, or keeps none although"
        " it is a product line of an open order that never expired, or its buyer is not its"
        " order's.",
        """
        SELECT l.id AS subject
        FROM digistore_order_lines l
        JOIN digistore_orders o ON o.id = l.order_id
        WHERE (l.open_key IS NOT NULL AND o.state NOT IN ('open', 'processing'))
           OR (l.open_key IS NOT NULL AND (l.kind <> 'product' OR l.open_key <> 1))
           OR (l.open_key IS NULL AND l.kind = 'product' AND o.expired_at IS NULL
               AND o.state IN ('open', 'processing'))
           OR l.buyer_id <> o.buyer_id
        """,
    ),
    Statement(
        "I23",
        "one_live_attempt",
        "This order can be paid by more than one checkout, or an attempt's live_key does not"
        " follow its state. Expire all checkouts but one.",
        """
        SELECT a.order_id AS subject
        FROM digistore_payment_attempts a
        WHERE a.state IN ('creating', 'unknown', 'open', 'pending')
        GROUP BY a.order_id
        HAVING COUNT(*) > 1
        UNION ALL
        SELECT a.order_id
        FROM digistore_payment_attempts a
        WHERE (a.state IN ('creating', 'unknown', 'open', 'pending'))
              <> (COALESCE(a.live_key, 0) = 1)
        """,
    ),
    Statement(
        "I24",
        "live_and_test_never_mix",
        "Real money and test money meet here: this row's mode is not that of its order or"
        " payment. A payment whose mode is not its order's opens nothing, it is an orphan.",
        """
        SELECT a.id AS subject
        FROM digistore_payment_attempts a
        JOIN digistore_orders o ON o.id = a.order_id AND o.livemode <> a.livemode
        UNION ALL
        SELECT m.id
        FROM digistore_payments m
        JOIN digistore_orders o ON o.id = m.order_id AND o.livemode <> m.livemode
        WHERE m.state = 'succeeded' AND COALESCE(m.disposition, '') <> 'orphan'
        UNION ALL
        SELECT r.id
        FROM digistore_refunds r
        JOIN digistore_payments m ON m.id = r.payment_id AND m.livemode <> r.livemode
        UNION ALL
        SELECT d.id
        FROM digistore_disputes d
        JOIN digistore_payments m ON m.id = d.payment_id AND m.livemode <> d.livemode
        """,
    ),
)
