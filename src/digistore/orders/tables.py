"""Orders, their lines, and one attempt per checkout at a gateway."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    Table,
    UniqueConstraint,
)

from digistore.database.types import (
    Amount,
    Flag,
    Json,
    Key,
    Moment,
    Prose,
    Word,
    amounts,
    flags,
    key_follows,
    metadata,
    one_of,
    references,
)

orders = Table(
    "digistore_orders",
    metadata,
    Column("id", Key, primary_key=True),
    Column("buyer_id", references("digistore_users"), nullable=False),
    Column("seller_id", references("digistore_users")),
    Column("currency", Word, nullable=False),
    Column("subtotal", Amount, nullable=False),
    Column("discount", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    Column("total", Amount, nullable=False),
    Column("tax_inclusive", Flag, nullable=False),
    Column("billing", Json, info={"personal": "name, address, tax id"}),
    Column("consents", Json, nullable=False, info={"personal": False}),
    Column("metadata", Json, nullable=False, info={"personal": False}),
    Column("policy", Json, nullable=False, info={"personal": False}),
    Column("state", Word, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("self_purchase", Flag, nullable=False),
    Column("idempotency_key", Key),
    Column("request_fingerprint", Key, nullable=False),
    Column("snapshot_fingerprint", Key, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("expired_at", Moment),
    Column("canceled_at", Moment),
    Column("paid_at", Moment),
    Column("late", Flag, nullable=False),
    Column("short_url_id", Key),  # a plain id: which link brought the buyer, by the last click
    Column("clicked_at", Moment),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("buyer_id", "idempotency_key", name="one_order_per_key"),
    # What a covering payment points at: its order's total can never change again (D4).
    UniqueConstraint("id", "total", "currency", "livemode", name="what_is_covered"),
    one_of("state", ("open", "processing", "paid", "expired", "canceled")),
    *amounts("subtotal", "discount", "tax", "total"),
    *flags("tax_inclusive", "livemode", "self_purchase", "late"),
    CheckConstraint(
        "total = subtotal - discount + CASE tax_inclusive WHEN 1 THEN 0 ELSE tax END",
        name="adds_up",
    ),
    CheckConstraint("tax_inclusive = 0 OR tax <= total", name="contained_tax_fits"),
    CheckConstraint("(state = 'paid') = (paid_at IS NOT NULL)", name="paid_has_its_time"),
    CheckConstraint(
        "(short_url_id IS NULL) = (clicked_at IS NULL)", name="a_click_has_its_link_and_time"
    ),
    Index(None, "buyer_id", "created_at", "id"),
    Index(None, "buyer_id", "request_fingerprint"),
    Index(None, "state", "expires_at"),
    Index(None, "seller_id", "paid_at"),
    Index(None, "paid_at"),
    Index(None, "short_url_id", "paid_at"),
    sqlite_strict=True,
)

order_lines = Table(
    "digistore_order_lines",
    metadata,
    Column("id", Key, primary_key=True),
    Column("order_id", references("digistore_orders"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("kind", Word, nullable=False),
    Column("product_id", references("digistore_products"), nullable=False),
    Column("buyer_id", references("digistore_users"), nullable=False),
    Column("beneficiary_id", references("digistore_users"), nullable=False),
    Column("title", Prose, nullable=False, info={"personal": False}),
    Column("unit_price", Amount, nullable=False),
    Column("discount", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    Column("tax_rate", Key),
    Column("tax_reason", Word, nullable=False),
    Column("total", Amount, nullable=False),
    Column("allow_repeat", Flag, nullable=False),
    Column("open_key", Integer),
    Column("outcome", Word),
    UniqueConstraint("order_id", "position", name="one_line_per_position"),
    # What purchases and support requests point at.
    UniqueConstraint("id", "order_id", "product_id", "kind", name="what_was_sold"),
    UniqueConstraint(
        "buyer_id", "beneficiary_id", "product_id", "open_key", name="one_open_purchase"
    ),
    one_of("kind", ("product", "support")),
    one_of("tax_reason", ("standard", "reduced", "reverse_charge", "exempt", "none")),
    one_of("outcome", ("opened", "standby", "held", "closed")),
    *amounts("unit_price", "discount", "tax", "total"),
    *flags("allow_repeat"),
    CheckConstraint("kind <> 'support' OR total > 0", name="support_is_never_free"),
    CheckConstraint("open_key IS NULL OR open_key = 1", name="open_key_is_one"),
    CheckConstraint("kind = 'product' OR open_key IS NULL", name="open_key_on_products_only"),
    Index(None, "product_id", "order_id"),
    Index(None, "beneficiary_id", "product_id"),
    sqlite_strict=True,
)

payment_attempts = Table(
    "digistore_payment_attempts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("order_id", references("digistore_orders"), nullable=False),
    Column("gateway", Word, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("account", Key, nullable=False),
    Column("checkout_id", Key),
    Column("url", Prose, info={"personal": False}),
    Column("state", Word, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("currency", Word, nullable=False),
    Column("key", Key, nullable=False),
    Column("request", Json, nullable=False, info={"personal": "the buyer's address"}),
    Column("ticket", Integer, nullable=False),
    Column("live_key", Integer),
    Column("tries", Integer, nullable=False),
    Column("next_check_at", Moment),
    Column("failure", Key),
    Column("fetched_at", Moment),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("key", name="one_attempt_per_key"),
    # The checkout first: it tells attempts apart, and messages are looked up by it.
    UniqueConstraint("checkout_id", "gateway", "livemode", "account", name="one_checkout"),
    UniqueConstraint("order_id", "live_key", name="one_live_attempt"),
    one_of(
        "state",
        ("creating", "unknown", "open", "pending", "failed", "expired", "abandoned", "paid"),
    ),
    *key_follows("live_key", "state IN ('creating', 'unknown', 'open', 'pending')"),
    CheckConstraint("amount > 0", name="never_zero"),
    CheckConstraint(
        "checkout_id IS NOT NULL OR state IN ('creating', 'unknown', 'failed', 'abandoned')",
        name="a_checkout_has_its_id",
    ),
    *flags("livemode"),
    Index(None, "next_check_at"),
    sqlite_strict=True,
)


def sold_on(*columns: str, name: str) -> ForeignKeyConstraint:
    """Bind (line, order, product, kind) *columns* to what the line sold."""
    target = "digistore_order_lines"
    return ForeignKeyConstraint(
        columns,
        [f"{target}.{column}" for column in ("id", "order_id", "product_id", "kind")],
        name=name,
        ondelete="RESTRICT",
    )
