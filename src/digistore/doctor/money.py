"""Payments, refunds and disputes: no money is lost, counted twice or left lying."""

from __future__ import annotations

from digistore.doctor.checks import Statement

# The gateway may have more taken back than was captured; an entry says so.
EXCESS_IS_KNOWN = """EXISTS (
    SELECT 1 FROM digistore_payment_actions a
    WHERE a.kind = 'over_refund' AND a.subject = m.id
)"""
HELD_BACK = "r.state IN ('requested', 'unknown', 'pending', 'succeeded')"
UNDER_WAY = "r.state IN ('requested', 'unknown', 'pending')"
IS_BACK = "r.state IN ('pending', 'succeeded')"
TAKEN_BY_BANK = "d.state IN ('open', 'lost', 'prevented')"

CHECKS = (
    Statement(
        "I5",
        "one_covering_payment",
        "This order has more than one covering payment; all but one are duplicates. Refund them.",
        """
        SELECT m.order_id AS subject
        FROM digistore_payments m
        WHERE m.order_id IS NOT NULL
        GROUP BY m.order_id
        HAVING SUM(m.cover_key) > 1
        """,
    ),
    Statement(
        "I5",
        "covering_names_what",
        "This payment's cover_key, disposition and what it says to cover do not agree, or it"
        " covers less than it says.",
        """
        SELECT m.id AS subject
        FROM digistore_payments m
        WHERE (m.cover_key IS NOT NULL) <> (COALESCE(m.disposition, '') = 'covering')
           OR (m.cover_key IS NULL) <> (m.covered_total IS NULL)
           OR (m.cover_key IS NULL) <> (m.covered_currency IS NULL)
           OR (m.cover_key IS NULL) <> (m.covered_livemode IS NULL)
           OR (m.cover_key IS NOT NULL AND (
                  m.cover_key <> 1 OR m.state <> 'succeeded' OR m.order_id IS NULL
                  OR m.captured < m.covered_total OR m.currency <> m.covered_currency
                  OR m.livemode <> m.covered_livemode))
        """,
    ),
    Statement(
        "I6",
        "succeeded_is_judged",
        "This payment has succeeded and nobody has said what it is for, or it was judged before"
        " it succeeded. Run payments.reconcile with a time before it.",
        """
        SELECT m.id AS subject
        FROM digistore_payments m
        WHERE (m.state = 'succeeded') <> (m.disposition IS NOT NULL)
        """,
    ),
    Statement(
        "I6",
        "odd_money_is_acted_on",
        "This payment opened nothing, its money is still here, no refund is under way and no"
        " operator was asked, or has decided to keep it. Refund it at the gateway.",
        f"""
        SELECT m.id AS subject
        FROM digistore_payments m
        WHERE m.state = 'succeeded' AND m.disposition <> 'covering'
          AND m.captured > m.own_refunds + m.gateway_refunds + m.disputed
          AND NOT EXISTS (
              SELECT 1 FROM digistore_refunds r WHERE r.payment_id = m.id AND {UNDER_WAY}
          )
          AND NOT EXISTS (
              SELECT 1 FROM digistore_payment_actions a
              WHERE a.payment_id = m.id AND (a.open_key = 1 OR (a.choice = 'keep' AND a.kind IN
                  ('duplicate', 'underpaid', 'wrong_currency', 'orphan', 'late', 'refund_failed')))
          )
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I6",
        "waiting_purchase_is_acted_on",
        "This purchase waits as standby beside another one, its buyer did not ask for two, and"
        " its money is neither on its way back nor put before an operator. Refund its line.",
        f"""
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        JOIN digistore_order_lines l ON l.id = p.order_line_id
        WHERE p.state = 'standby' AND l.allow_repeat = 0 AND l.total > 0
          AND NOT EXISTS (
              SELECT 1 FROM digistore_refunds r
              JOIN digistore_refund_lines back ON back.refund_id = r.id
              WHERE back.order_line_id = l.id AND {UNDER_WAY}
          )
          AND NOT EXISTS (
              SELECT 1 FROM digistore_payment_actions a
              WHERE (a.kind IN ('standby_paid', 'gift_standby') AND a.subject = l.id)
                 OR (a.payment_id = p.payment_id AND a.kind = 'refund_failed')
          )
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I11",
        "refunds_add_up",
        "What this payment counts as refunded or disputed is not the sum of its refunds that hold"
        " a reservation, of those the gateway made, or of its disputes. Settle the payment again.",
        f"""
        SELECT m.id AS subject
        FROM digistore_payments m
        WHERE m.own_refunds <> (
                  SELECT COALESCE(SUM(r.amount), 0) FROM digistore_refunds r
                  WHERE r.payment_id = m.id AND r.origin = 'store' AND {HELD_BACK})
           OR m.gateway_refunds <> (
                  SELECT COALESCE(SUM(r.amount), 0) FROM digistore_refunds r
                  WHERE r.payment_id = m.id AND r.origin = 'gateway' AND {IS_BACK})
           OR m.disputed <> (
                  SELECT COALESCE(SUM(d.amount), 0) FROM digistore_disputes d
                  WHERE d.payment_id = m.id AND {TAKEN_BY_BANK})
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I11",
        "refunds_within_captured",
        "More of this payment is back than was taken, and no operator was told. Compare it with"
        " the gateway. Nothing is captured before a payment has succeeded.",
        f"""
        SELECT m.id AS subject
        FROM digistore_payments m
        WHERE m.own_refunds > m.captured
           OR (m.captured > 0 AND m.own_refunds + m.gateway_refunds > m.captured
               AND NOT {EXCESS_IS_KNOWN})
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I12",
        "refund_lines_add_up",
        "The lines of this refund sum to more than it, or to less although it is assigned and its"
        " payment had no surplus and no excess that an operator knows of.",
        f"""
        SELECT r.id AS subject
        FROM digistore_refunds r
        JOIN digistore_payments m ON m.id = r.payment_id
        LEFT JOIN (
            SELECT back.refund_id, SUM(back.amount) AS total
            FROM digistore_refund_lines back GROUP BY back.refund_id
        ) split ON split.refund_id = r.id
        WHERE COALESCE(split.total, 0) > r.amount
           OR (COALESCE(split.total, 0) < r.amount AND r.assigned = 1 AND m.cover_key = 1
               AND m.captured <= m.covered_total AND NOT {EXCESS_IS_KNOWN})
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I12",
        "unassigned_refund_is_asked_about",
        "Nobody has said which lines this refund is of, and no operator was asked. Run"
        " payments.reconcile.",
        f"""
        SELECT r.id AS subject
        FROM digistore_refunds r
        JOIN digistore_payments m ON m.id = r.payment_id AND m.cover_key = 1
        WHERE r.assigned = 0 AND {IS_BACK} AND NOT EXISTS (
            SELECT 1 FROM digistore_payment_actions a
            WHERE a.kind = 'unassigned_reversal' AND a.subject = r.id AND a.open_key = 1
        )
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I12",
        "lost_dispute_is_asked_about",
        "Nobody has said which lines this lost dispute takes, and no operator was asked. Run"
        " payments.reconcile.",
        """
        SELECT d.id AS subject
        FROM digistore_disputes d
        JOIN digistore_payments m ON m.id = d.payment_id AND m.cover_key = 1
        WHERE d.assigned = 0 AND d.state IN ('lost', 'prevented') AND NOT EXISTS (
            SELECT 1 FROM digistore_payment_actions a
            WHERE a.kind = 'unassigned_reversal' AND a.subject = d.id AND a.open_key = 1
        )
        """,
    ),
    Statement(
        "I12",
        "line_within_its_total",
        "More of this line is back, or reserved to go back, than it cost, and no operator was"
        " told.",
        f"""
        SELECT l.id AS subject
        FROM digistore_order_lines l
        JOIN digistore_refund_lines back ON back.order_line_id = l.id
        JOIN digistore_refunds r ON r.id = back.refund_id AND {HELD_BACK}
        JOIN digistore_payments m ON m.id = r.payment_id
        WHERE NOT {EXCESS_IS_KNOWN}
        GROUP BY l.id, l.total
        HAVING SUM(back.amount) > l.total
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I13",
        "facts_belong_together",
        "This refund or dispute differs from its payment in currency, gateway, account or mode.",
        """
        SELECT fact.id AS subject
        FROM (
            SELECT id, payment_id, currency, gateway, account, livemode FROM digistore_refunds
            UNION ALL
            SELECT id, payment_id, currency, gateway, account, livemode FROM digistore_disputes
        ) fact
        JOIN digistore_payments m ON m.id = fact.payment_id
        WHERE fact.currency <> m.currency OR fact.gateway <> m.gateway
           OR fact.account <> m.account OR fact.livemode <> m.livemode
        """,
    ),
)
