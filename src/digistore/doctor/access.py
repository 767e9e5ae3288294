"""Purchases: what opens access, what closes it, and who has the place."""

from __future__ import annotations

from digistore.doctor.checks import Statement

# What of a line's money is back, or on its way back.
RETURNED = """(
    SELECT COALESCE(SUM(back.amount), 0)
    FROM digistore_refund_lines back
    JOIN digistore_refunds r ON r.id = back.refund_id
    WHERE back.order_line_id = l.id AND r.state IN ('pending', 'succeeded')
)"""
# A dispute that takes this line away for good.
LOST = """EXISTS (
    SELECT 1 FROM digistore_disputes d
    JOIN digistore_dispute_lines taken ON taken.dispute_id = d.id
    WHERE taken.order_line_id = l.id AND d.assigned = 1
      AND (d.state = 'prevented'
           OR (d.state = 'lost' AND o.policy LIKE '%"dispute_lost":"revoke"%'))
)"""
# A dispute that holds access back until it ends, or until somebody says which lines it takes.
HELD = """EXISTS (
    SELECT 1 FROM digistore_disputes d
    WHERE d.payment_id = p.payment_id
      AND ((d.state = 'open' AND o.policy LIKE '%"dispute_opened":"suspend"%')
           OR (d.state = 'warning' AND o.policy LIKE '%"dispute_warning":"suspend"%')
           OR (d.state IN ('lost', 'prevented') AND d.assigned = 0))
)"""
# A refund of a part that was said, or is by policy, to revoke.
PART_REVOKES = """EXISTS (
    SELECT 1 FROM digistore_refund_lines back
    JOIN digistore_refunds r ON r.id = back.refund_id
    WHERE back.order_line_id = l.id AND r.state IN ('pending', 'succeeded')
      AND (r.access = 'revoke'
           OR (r.access IS NULL AND o.policy LIKE '%"partial_refund":"revoke"%'))
)"""
# The last thing that an operator said is no.
FORBIDDEN = """EXISTS (
    SELECT 1 FROM digistore_entitlement_facts f
    WHERE f.grant_id = p.id AND f.kind = 'operator' AND f.state = 'revoked'
      AND NOT EXISTS (
          SELECT 1 FROM digistore_entitlement_facts later
          WHERE later.grant_id = p.id AND later.kind = 'operator' AND later.ticket > f.ticket
      )
)"""
PURCHASES = """
    FROM digistore_purchased_products p
    JOIN digistore_order_lines l ON l.id = p.order_line_id
    JOIN digistore_orders o ON o.id = p.order_id"""

CHECKS = (
    Statement(
        "I1",
        "access_is_covered",
        "This purchase gives access, or may come to give it, but no payment of its order covers"
        " it: gateway, account, mode, currency, amount. Find the payment at the gateway and run"
        " payments.reconcile; if there is none, revoke the purchase.",
        """
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        LEFT JOIN digistore_orders o ON o.id = p.order_id
        WHERE p.state <> 'revoked' AND NOT EXISTS (
            SELECT 1 FROM digistore_payments m
            WHERE m.id = p.payment_id AND m.order_id = o.id
              AND m.cover_key = 1 AND m.state = 'succeeded' AND m.captured >= o.total
              AND m.currency = o.currency AND m.livemode = o.livemode
              AND (m.gateway IN ('free', 'external') OR EXISTS (
                  SELECT 1 FROM digistore_payment_attempts a
                  WHERE a.order_id = o.id AND a.checkout_id = m.checkout_id
                    AND a.gateway = m.gateway AND a.account = m.account
                    AND a.livemode = m.livemode
              ) OR EXISTS (
                  SELECT 1 FROM digistore_payment_actions said
                  WHERE said.payment_id = m.id AND said.order_id = o.id
                    AND said.kind IN ('orphan', 'underpaid') AND said.choice = 'assign'
              ))
        )
        """,
    ),
    Statement(
        "I2",
        "returned_money_closes",
        "All of the money for this purchase is back, or on its way back, and yet it is not"
        " revoked. Run payments.reconcile; if it stays, rebuild it from its facts (I20).",
        f"""
        SELECT p.id AS subject {PURCHASES}
        WHERE p.state <> 'revoked' AND l.total > 0 AND {RETURNED} >= l.total
        """,
    ),
    Statement(
        "I2",
        "all_money_back_closes",
        "Every unit that its payment took is back, or on its way back, but the refunds are not"
        " booked on the lines, so this purchase stays open. Revoke it with that reason.",
        f"""
        SELECT p.id AS subject {PURCHASES}
        JOIN digistore_payments m ON m.id = p.payment_id
        WHERE p.state <> 'revoked' AND l.total > 0 AND m.captured > 0 AND m.captured <= (
            SELECT COALESCE(SUM(r.amount), 0) FROM digistore_refunds r
            WHERE r.payment_id = m.id AND r.state IN ('pending', 'succeeded')
        )
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I2",
        "partial_refund_closes",
        "A partial refund was to end this access, by its own word or by the order's policy, and"
        " yet the purchase is not revoked. Rebuild it from its facts (I20).",
        f"""
        SELECT p.id AS subject {PURCHASES}
        WHERE p.state <> 'revoked' AND {PART_REVOKES}
        """,
    ),
    Statement(
        "I2",
        "lost_dispute_closes",
        "The bank has taken the money for this purchase back and the order's policy ends access"
        " then, but it is not revoked. Rebuild it from its facts (I20).",
        f"""
        SELECT p.id AS subject {PURCHASES}
        WHERE p.state <> 'revoked' AND {LOST}
        """,
    ),
    Statement(
        "I2",
        "dispute_suspends",
        "A dispute is open on this purchase's payment, or is lost without anybody having said"
        " which lines it takes, and it is not suspended. Resolve the unassigned reversal, else"
        " run payments.reconcile.",
        f"""
        SELECT p.id AS subject {PURCHASES}
        WHERE p.state IN ('live', 'standby') AND {HELD}
        """,
    ),
    Statement(
        "I3",
        "one_live_purchase",
        "Its holder has another live purchase of the same product; one of them should wait as"
        " standby. Rebuild the holding from its facts (I20).",
        """
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        WHERE p.state = 'live' AND EXISTS (
            SELECT 1 FROM digistore_purchased_products other
            WHERE other.user_id = p.user_id AND other.product_id = p.product_id
              AND other.state = 'live' AND other.id <> p.id
        )
        """,
    ),
    Statement(
        "I3",
        "standby_waits_for_a_live_one",
        "This purchase waits for its turn although no other one of the product is live: its"
        " holder paid and has no access. Rebuild the holding from its facts (I20).",
        """
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        WHERE p.state = 'standby' AND NOT EXISTS (
            SELECT 1 FROM digistore_purchased_products other
            WHERE other.user_id = p.user_id AND other.product_id = p.product_id
              AND other.state = 'live'
        )
        """,
    ),
    Statement(
        "I3",
        "live_key_follows_state",
        "The key that keeps live purchases apart does not follow this one's state. Set live_key"
        " to 1 if it is live, else to NULL.",
        """
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        WHERE (p.state = 'live' AND COALESCE(p.live_key, 0) <> 1)
           OR (p.state <> 'live' AND p.live_key IS NOT NULL)
        """,
    ),
    Statement(
        "I4",
        "one_purchase_per_line",
        "Another purchase was made of the same order line: one payment opened two. Revoke one.",
        """
        SELECT MIN(p.id) AS subject
        FROM digistore_purchased_products p
        GROUP BY p.order_line_id
        HAVING COUNT(*) > 1
        """,
    ),
    Statement(
        "I7",
        "paid_means_purchased",
        "This product line is paid and has no purchase. Run payments.reconcile with a time before"
        " its payment; if it stays, settle the order again.",
        """
        SELECT l.id AS subject
        FROM digistore_order_lines l
        JOIN digistore_payments m ON m.order_id = l.order_id AND m.cover_key = 1
        WHERE l.kind = 'product' AND NOT EXISTS (
            SELECT 1 FROM digistore_purchased_products p WHERE p.order_line_id = l.id
        )
        """,
    ),
    Statement(
        "I7",
        "closed_for_a_reason",
        "This purchase is revoked although its money is here, no dispute took it and no operator"
        " said so. Rebuild it from its facts (I20).",
        f"""
        SELECT p.id AS subject {PURCHASES}
        WHERE p.state = 'revoked' AND NOT {PART_REVOKES} AND NOT {LOST} AND NOT {FORBIDDEN}
          AND (l.total = 0 OR {RETURNED} < l.total)
        """,
    ),
    Statement(
        "I7",
        "suspended_for_a_reason",
        "This purchase is suspended although no dispute that suspends is open. Rebuild it from"
        " its facts (I20).",
        f"""
        SELECT p.id AS subject {PURCHASES}
        WHERE p.state = 'suspended' AND NOT {HELD}
        """,
    ),
    Statement(
        "I20",
        "outcome_follows_purchase",
        "What this order line is said to have come to is not the state of its purchase. Settle"
        " its order again.",
        """
        SELECT l.id AS subject
        FROM digistore_order_lines l
        LEFT JOIN digistore_purchased_products p ON p.order_line_id = l.id
        WHERE l.kind = 'product' AND COALESCE(l.outcome, '') <> CASE p.state
            WHEN 'live' THEN 'opened' WHEN 'suspended' THEN 'held'
            WHEN 'standby' THEN 'standby' WHEN 'revoked' THEN 'closed' ELSE '' END
        """,
    ),
    Statement(
        "I30",
        "download_within_access",
        "A download was counted at a time when its purchase was not live. Times of purchases are"
        " those of their audit rows. Look at the session and at the code that made it.",
        """
        SELECT s.id AS subject
        FROM digistore_download_sessions s
        JOIN (
            SELECT id, first_at AS at FROM digistore_download_sessions
            UNION ALL SELECT id, last_at FROM digistore_download_sessions
        ) moment ON moment.id = s.id
        WHERE NOT EXISTS (
            SELECT 1 FROM digistore_audit began
            WHERE began.entity = 'purchase' AND began.entity_id = s.purchase_id
              AND began.changes LIKE '%"state":"live"%'
        ) OR EXISTS (
            SELECT 1 FROM digistore_audit ended
            WHERE ended.entity = 'purchase' AND ended.entity_id = s.purchase_id
              AND ended.changes LIKE '%"state":"%' AND ended.changes NOT LIKE '%"state":"live"%'
              AND ended.at < moment.at
              AND NOT EXISTS (
                  SELECT 1 FROM digistore_audit began
                  WHERE began.entity = 'purchase' AND began.entity_id = s.purchase_id
                    AND began.changes LIKE '%"state":"live"%'
                    AND began.version > ended.version AND began.at <= moment.at
              )
        )
        """,
    ),
    Statement(
        "I30",
        "download_of_its_product",
        "A download was counted of a file that belongs to another product than its purchase.",
        """
        SELECT s.id AS subject
        FROM digistore_download_sessions s
        JOIN digistore_purchased_products p ON p.id = s.purchase_id
        JOIN digistore_releases r ON r.id = s.release_id
        LEFT JOIN digistore_release_files f ON f.id = s.file_id
        WHERE r.product_id <> p.product_id OR f.release_id <> s.release_id
        """,
    ),
    Statement(
        "I30",
        "every_download_is_counted",
        "What this purchase has used of its downloads is not what its sessions come to. Set"
        " digistore_download_allowances to the number of sessions of each item.",
        """
        SELECT s.purchase_id AS subject
        FROM digistore_download_sessions s
        LEFT JOIN digistore_download_allowances a
            ON a.purchase_id = s.purchase_id AND a.item = s.item
        GROUP BY s.purchase_id, s.item
        HAVING COUNT(*) <> COALESCE(MAX(a.used), 0)
        """,
    ),
)
