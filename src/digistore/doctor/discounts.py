"""Discounts: counters that are the sum of what was redeemed, and limits that hold (I28)."""

from __future__ import annotations

from digistore.doctor.checks import Statement

_TAKEN = "r.state IN ('reserved', 'used')"

CHECKS = (
    Statement(
        "I28",
        "discount_uses_are_counted",
        "This discount's uses are not the redemptions that are reserved or used, in all or of one"
        " customer: its limit holds for the wrong number.",
        f"""
        SELECT d.id AS subject
        FROM digistore_discounts d
        WHERE d.used <> (
            SELECT COUNT(*) FROM digistore_redemptions r WHERE r.discount_id = d.id AND {_TAKEN})
        UNION ALL
        SELECT c.discount_id
        FROM digistore_discount_customers c
        WHERE c.used <> (
            SELECT COUNT(*) FROM digistore_redemptions r
            WHERE r.discount_id = c.discount_id AND r.customer_id = c.customer_id AND {_TAKEN})
        UNION ALL
        SELECT r.discount_id
        FROM digistore_redemptions r
        WHERE NOT EXISTS (
            SELECT 1 FROM digistore_discount_customers c
            WHERE c.discount_id = r.discount_id AND c.customer_id = r.customer_id)
        """,  # noqa: S608  our own text
    ),
    Statement(
        "I28",
        "discount_holds_its_limits",
        "This discount was used more often than it allows, in all or by one customer, and not by"
        " late payments that were honoured; or a customer's limit is not the discount's.",
        """
        SELECT d.id AS subject
        FROM digistore_discounts d
        WHERE d.used > d.max_uses + d.over_limit
           OR d.over_limit > (
                SELECT COUNT(*) FROM digistore_redemptions r
                WHERE r.discount_id = d.id AND r.over_limit = 1)
        UNION ALL
        SELECT c.discount_id
        FROM digistore_discount_customers c
        JOIN digistore_discounts d ON d.id = c.discount_id
        WHERE c.used > c.max_uses + c.over_limit
           OR COALESCE(c.max_uses, 0) <> COALESCE(d.max_uses_per_customer, 0)
           OR c.over_limit > (
                SELECT COUNT(*) FROM digistore_redemptions r
                WHERE r.discount_id = c.discount_id AND r.customer_id = c.customer_id
                  AND r.over_limit = 1)
        """,
    ),
    Statement(
        "I28",
        "one_redemption_of_what_was_taken_off",
        "This order has a discount and no redemption, or more than one, or one of another amount.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        LEFT JOIN digistore_redemptions r ON r.order_id = o.id
        GROUP BY o.id, o.discount
        HAVING COUNT(r.id) > 1 OR COALESCE(SUM(r.amount), 0) <> o.discount
        """,
    ),
    Statement(
        "I28",
        "redemption_follows_its_order",
        "What this order took of a discount is not what became of the order: paid uses it; an end"
        " that no attempt can undo releases it, and nothing else does.",
        """
        SELECT r.order_id AS subject
        FROM digistore_redemptions r
        JOIN digistore_orders o ON o.id = r.order_id
        WHERE (r.state = 'used') <> (o.state = 'paid')
           OR (r.state = 'released' AND o.state IN ('open', 'processing') AND o.expired_at IS NULL)
           OR (r.state = 'reserved' AND o.state IN ('expired', 'canceled') AND NOT EXISTS (
                  SELECT 1 FROM digistore_payment_attempts a
                  WHERE a.order_id = o.id AND a.live_key = 1))
           OR (r.over_limit = 1 AND (r.state <> 'used' OR r.released_at IS NULL))
        """,
    ),
    Statement(
        "I28",
        "redemption_is_of_its_sellers_discount",
        "This order's discount is another seller's, or was redeemed in somebody else's name.",
        """
        SELECT r.order_id AS subject
        FROM digistore_redemptions r
        JOIN digistore_orders o ON o.id = r.order_id
        JOIN digistore_discounts d ON d.id = r.discount_id
        LEFT JOIN digistore_users u ON u.id = r.customer_id
        LEFT JOIN digistore_users b ON b.id = o.buyer_id
        WHERE d.owner <> COALESCE(o.seller_id, 'house')
           OR COALESCE(u.merged_into, r.customer_id) <> COALESCE(b.merged_into, o.buyer_id)
        """,
    ),
    Statement(
        "I28",
        "one_live_discount_per_code",
        "Its seller has another discount of the same code that is not retired: nobody knows which"
        " one is meant. Retire one.",
        """
        SELECT MIN(d.id) AS subject
        FROM digistore_discounts d
        WHERE d.retired_at IS NULL
        GROUP BY COALESCE(d.seller_id, 'house'), d.code
        HAVING COUNT(*) > 1
        UNION ALL
        SELECT d.id
        FROM digistore_discounts d
        WHERE (d.retired_at IS NULL) <> (COALESCE(d.live_key, 0) = 1)
           OR d.owner <> COALESCE(d.seller_id, 'house')
        """,
    ),
)
