"""Nothing dangles, nothing crosses: what a row points at is there, and is what it should be."""

from __future__ import annotations

from digistore.doctor.checks import Statement

# Every reference by one column: whose table, the column that names its row, the reference, whither.
REFERENCES = (
    ("digistore_users", "id", "merged_into", "digistore_users"),
    ("digistore_user_roles", "user_id", "user_id", "digistore_users"),
    ("digistore_claims", "id", "claimed_by", "digistore_users"),
    ("digistore_categories", "id", "parent_id", "digistore_categories"),
    ("digistore_products", "id", "seller_id", "digistore_users"),
    ("digistore_product_categories", "product_id", "product_id", "digistore_products"),
    ("digistore_product_categories", "product_id", "category_id", "digistore_categories"),
    ("digistore_releases", "id", "product_id", "digistore_products"),
    ("digistore_release_files", "id", "release_id", "digistore_releases"),
    ("digistore_release_files", "id", "blob_sha256", "digistore_blobs"),
    ("digistore_orders", "id", "buyer_id", "digistore_users"),
    ("digistore_orders", "id", "seller_id", "digistore_users"),
    ("digistore_order_lines", "id", "order_id", "digistore_orders"),
    ("digistore_order_lines", "id", "product_id", "digistore_products"),
    ("digistore_order_lines", "id", "buyer_id", "digistore_users"),
    ("digistore_order_lines", "id", "beneficiary_id", "digistore_users"),
    ("digistore_payment_attempts", "id", "order_id", "digistore_orders"),
    ("digistore_discounts", "id", "seller_id", "digistore_users"),
    ("digistore_discount_products", "discount_id", "discount_id", "digistore_discounts"),
    ("digistore_discount_products", "discount_id", "product_id", "digistore_products"),
    ("digistore_discount_customers", "discount_id", "discount_id", "digistore_discounts"),
    ("digistore_discount_customers", "discount_id", "customer_id", "digistore_users"),
    ("digistore_redemptions", "id", "order_id", "digistore_orders"),
    ("digistore_redemptions", "id", "discount_id", "digistore_discounts"),
    ("digistore_redemptions", "id", "customer_id", "digistore_users"),
    ("digistore_payments", "id", "order_id", "digistore_orders"),
    ("digistore_refunds", "id", "payment_id", "digistore_payments"),
    ("digistore_refund_lines", "refund_id", "refund_id", "digistore_refunds"),
    ("digistore_refund_lines", "refund_id", "order_line_id", "digistore_order_lines"),
    ("digistore_disputes", "id", "payment_id", "digistore_payments"),
    ("digistore_dispute_lines", "dispute_id", "dispute_id", "digistore_disputes"),
    ("digistore_dispute_lines", "dispute_id", "order_line_id", "digistore_order_lines"),
    ("digistore_payment_actions", "id", "order_id", "digistore_orders"),
    ("digistore_payment_actions", "id", "payment_id", "digistore_payments"),
    ("digistore_receipts", "id", "order_id", "digistore_orders"),
    ("digistore_receipts", "id", "refund_id", "digistore_refunds"),
    ("digistore_receipts", "id", "credit_note_id", "digistore_receipts"),
    ("digistore_receipts", "id", "receipt_id", "digistore_receipts"),
    ("digistore_holdings", "user_id", "user_id", "digistore_users"),
    ("digistore_holdings", "user_id", "product_id", "digistore_products"),
    ("digistore_purchased_products", "id", "product_id", "digistore_products"),
    ("digistore_purchased_products", "id", "user_id", "digistore_users"),
    ("digistore_purchased_products", "id", "seen_release_id", "digistore_releases"),
    ("digistore_entitlement_facts", "grant_id", "grant_id", "digistore_purchased_products"),
    ("digistore_support_offers", "id", "product_id", "digistore_products"),
    ("digistore_support_requests", "id", "purchased_product_id", "digistore_purchased_products"),
    ("digistore_support_requests", "id", "product_id", "digistore_products"),
    ("digistore_support_requests", "id", "customer_id", "digistore_users"),
    ("digistore_support_requests", "id", "order_id", "digistore_orders"),
    ("digistore_support_requests", "id", "assignee_id", "digistore_users"),
    ("digistore_support_messages", "id", "request_id", "digistore_support_requests"),
    ("digistore_support_messages", "id", "author_id", "digistore_users"),
    ("digistore_support_facts", "grant_id", "grant_id", "digistore_support_requests"),
    ("digistore_download_sessions", "id", "purchase_id", "digistore_purchased_products"),
    ("digistore_download_sessions", "id", "release_id", "digistore_releases"),
    ("digistore_download_sessions", "id", "file_id", "digistore_release_files"),
    ("digistore_download_allowances", "purchase_id", "purchase_id", "digistore_purchased_products"),
    ("digistore_personal_files", "purchase_id", "purchase_id", "digistore_purchased_products"),
    ("digistore_personal_files", "purchase_id", "blob_sha256", "digistore_blobs"),
    ("digistore_download_networks", "purchase_id", "purchase_id", "digistore_purchased_products"),
    ("digistore_short_urls", "id", "owner_id", "digistore_users"),
    ("digistore_clicks", "id", "short_url_id", "digistore_short_urls"),
    ("digistore_click_days", "short_url_id", "short_url_id", "digistore_short_urls"),
    ("digistore_deliveries", "event_id", "event_id", "digistore_events"),
)
_KEYS = {"digistore_blobs": "sha256"}


def dangling() -> str:
    """Return the statement that follows every reference of ``REFERENCES``."""
    return "\nUNION ALL\n".join(
        f"SELECT t.{key} AS subject FROM {table} t WHERE t.{column} IS NOT NULL AND NOT EXISTS ("  # noqa: S608  names from above
        f"SELECT 1 FROM {target} up WHERE up.{_KEYS.get(target, 'id')} = t.{column})"
        for table, key, column, target in REFERENCES
    )


CHECKS = (
    Statement(
        "I33",
        "nothing_dangles",
        "This row points at something that is gone: it was deleted past the library. Nothing that"
        " was sold may be deleted; take it from a backup.",
        dangling(),
    ),
    Statement(
        "I33",
        "purchase_is_what_was_sold",
        "This purchase is not what its order line sold: order, product, kind, or its holder is"
        " not the line's beneficiary, nor whoever has claimed it.",
        """
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        LEFT JOIN digistore_order_lines l ON l.id = p.order_line_id
        LEFT JOIN digistore_users u ON u.id = l.beneficiary_id
        WHERE l.id IS NULL OR l.order_id <> p.order_id OR l.product_id <> p.product_id
           OR l.kind <> 'product' OR COALESCE(u.merged_into, l.beneficiary_id) <> p.user_id
        """,
    ),
    Statement(
        "I33",
        "purchase_names_its_payment",
        "This purchase names a payment that does not cover its order's total, whatever its state.",
        """
        SELECT p.id AS subject
        FROM digistore_purchased_products p
        WHERE NOT EXISTS (
            SELECT 1 FROM digistore_payments m
            WHERE m.id = p.payment_id AND m.order_id = p.order_id
              AND m.covered_total = p.covered_total
        )
        """,
    ),
    Statement(
        "I33",
        "help_is_its_buyers",
        "This support request's customer is not who ordered it, or not who holds the purchase"
        " that it is about.",
        """
        SELECT s.id AS subject
        FROM digistore_support_requests s
        JOIN digistore_order_lines l ON l.id = s.order_line_id
        JOIN digistore_purchased_products p ON p.id = s.purchased_product_id
        WHERE l.buyer_id <> s.customer_id OR p.user_id <> s.customer_id
        """,
    ),
    Statement(
        "I33",
        "facts_stay_within_their_order",
        "This payment covers an order that has another total, currency or mode than it says, or a"
        " refund or dispute of it is booked on another order's line.",
        """
        SELECT m.id AS subject
        FROM digistore_payments m
        JOIN digistore_orders o ON o.id = m.order_id
        WHERE m.cover_key IS NOT NULL AND (
            m.covered_total <> o.total OR m.covered_currency <> o.currency
            OR m.covered_livemode <> o.livemode)
        UNION ALL
        SELECT m.id
        FROM digistore_payments m
        JOIN digistore_refunds r ON r.payment_id = m.id
        JOIN digistore_refund_lines back ON back.refund_id = r.id
        JOIN digistore_order_lines l ON l.id = back.order_line_id
        WHERE l.order_id <> COALESCE(m.order_id, '')
        UNION ALL
        SELECT m.id
        FROM digistore_payments m
        JOIN digistore_disputes d ON d.payment_id = m.id
        JOIN digistore_dispute_lines taken ON taken.dispute_id = d.id
        JOIN digistore_order_lines l ON l.id = taken.order_line_id
        WHERE l.order_id <> COALESCE(m.order_id, '')
        """,
    ),
)
