"""Amounts and currencies, wherever they stand."""

from __future__ import annotations

from digistore.database.types import MOST
from digistore.doctor.checks import Statement
from digistore.money import ISO_EXPONENTS

# Every column that holds an amount of money, with the column that names its row.
AMOUNTS = {
    ("digistore_products", "id"): ("price", "minimum", "suggested", "maximum"),
    ("digistore_support_offers", "id"): ("price",),
    ("digistore_orders", "id"): ("subtotal", "discount", "tax", "total"),
    ("digistore_order_lines", "id"): ("unit_price", "discount", "tax", "total"),
    ("digistore_payment_attempts", "id"): ("amount",),
    ("digistore_discounts", "id"): ("amount",),
    ("digistore_redemptions", "id"): ("amount",),
    ("digistore_payments", "id"): (
        "asked",
        "captured",
        "tax",
        "fee",
        "covered_total",
        "own_refunds",
        "gateway_refunds",
        "disputed",
    ),
    ("digistore_refunds", "id"): ("amount",),
    ("digistore_refund_lines", "refund_id"): ("amount", "tax"),
    ("digistore_disputes", "id"): ("amount",),
    ("digistore_receipts", "id"): ("total", "tax"),
    ("digistore_purchased_products", "id"): ("covered_total",),
    ("digistore_entitlement_facts", "grant_id"): ("amount",),
    ("digistore_support_requests", "id"): ("price", "covered_total"),
    ("digistore_support_facts", "grant_id"): ("amount",),
}
CURRENCIES = (
    "digistore_products",
    "digistore_support_offers",
    "digistore_orders",
    "digistore_discounts",
    "digistore_payment_attempts",
    "digistore_payments",
    "digistore_refunds",
    "digistore_disputes",
    "digistore_receipts",
    "digistore_support_requests",
)
_KNOWN = ", ".join(f"'{code}'" for code in ISO_EXPONENTS)
# BIGINT has the affinity of INTEGER in SQLite: what is no whole number is not equal to its cast.
_SANE = "({0} < 0 OR {0} > {1} OR {0} <> CAST({0} AS BIGINT))"


def insane_amounts() -> str:
    """Return the statement that looks at every column of ``AMOUNTS``."""
    return "\nUNION ALL\n".join(
        f"SELECT {key} AS subject FROM {table} WHERE "  # noqa: S608  names from above
        + " OR ".join(_SANE.format(column, MOST) for column in columns)
        for (table, key), columns in AMOUNTS.items()
    )


def unknown_currencies() -> str:
    """Return the statement that looks at every table of ``CURRENCIES``."""
    return "\nUNION ALL\n".join(
        f"SELECT id AS subject FROM {table} WHERE currency NOT IN ({_KNOWN})"  # noqa: S608  as above
        for table in CURRENCIES
    )


CHECKS = (
    Statement(
        "I9",
        "amounts_are_sane",
        "This row has an amount that is negative, above 2^53 - 1 or no whole number.",
        insane_amounts(),
    ),
    Statement(
        "I9",
        "currencies_are_known",
        "This row's currency is no ISO 4217 code in use.",
        unknown_currencies(),
    ),
    Statement(
        "I9",
        "nothing_is_paid_with_nothing",
        "This order costs nothing and has no payment of zero at the gateway free, or a payment"
        " there is not of zero.",
        """
        SELECT o.id AS subject
        FROM digistore_orders o
        WHERE o.total = 0 AND NOT EXISTS (
            SELECT 1 FROM digistore_payments m
            WHERE m.order_id = o.id AND m.cover_key = 1 AND m.gateway = 'free'
              AND m.ref = o.id AND m.account = '' AND m.captured = 0
        )
        UNION ALL
        SELECT o.id
        FROM digistore_orders o
        JOIN digistore_payments m ON m.order_id = o.id AND m.gateway = 'free'
        WHERE o.total <> 0 OR m.captured <> 0
        """,
    ),
)
