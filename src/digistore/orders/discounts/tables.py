"""Discounts with their counters, and what each order took of them."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from digistore.database.types import (
    Amount,
    Flag,
    Key,
    Moment,
    Word,
    amounts,
    flags,
    key_follows,
    metadata,
    one_of,
    references,
)

_DISCOUNTS = "digistore_discounts"
# The database holds the limit; a late payment that is honoured all the same raises both sides.
_WITHIN = "max_uses IS NULL OR used <= max_uses + over_limit"

discounts = Table(
    _DISCOUNTS,
    metadata,
    Column("id", Key, primary_key=True),
    Column("owner", Key, nullable=False),  # a seller, or the house: each has its own codes
    Column("seller_id", references("digistore_users")),
    Column("code", Key, nullable=False),
    Column("kind", Word, nullable=False),
    Column("basis_points", Integer),
    Column("amount", Amount),
    Column("currency", Word),
    Column("starts_at", Moment),
    Column("ends_at", Moment),
    Column("max_uses", Integer),
    Column("max_uses_per_customer", Integer),
    Column("used", Integer, nullable=False),
    Column("over_limit", Integer, nullable=False),
    Column("retired_at", Moment),
    Column("live_key", Integer),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("owner", "code", "live_key", name="one_live_discount_per_code"),
    one_of("kind", ("product", "support")),
    CheckConstraint("owner = COALESCE(seller_id, 'house')", name="owner_follows_seller"),
    CheckConstraint("(basis_points IS NULL) <> (amount IS NULL)", name="percent_or_amount"),
    CheckConstraint("(amount IS NULL) = (currency IS NULL)", name="an_amount_has_a_currency"),
    CheckConstraint("basis_points BETWEEN 1 AND 10000", name="percent_up_to_all"),
    CheckConstraint("amount > 0", name="takes_something_off"),
    CheckConstraint("starts_at < ends_at", name="starts_before_it_ends"),
    CheckConstraint("max_uses >= 1 AND max_uses_per_customer >= 1", name="limits_allow_a_use"),
    CheckConstraint("used >= 0 AND over_limit >= 0", name="counters_from_zero"),
    CheckConstraint(_WITHIN, name="used_within_limit"),
    CheckConstraint("version >= 1", name="versions_start_at_one"),
    *key_follows("live_key", "retired_at IS NULL"),
    *amounts("amount"),
    sqlite_strict=True,
)

discount_products = Table(
    "digistore_discount_products",
    metadata,
    Column("discount_id", references(_DISCOUNTS), nullable=False),
    Column("product_id", references("digistore_products"), nullable=False),
    PrimaryKeyConstraint("discount_id", "product_id"),
    sqlite_strict=True,
)

discount_customers = Table(
    "digistore_discount_customers",
    metadata,
    Column("discount_id", references(_DISCOUNTS), nullable=False),
    Column("customer_id", references("digistore_users"), nullable=False),
    Column("max_uses", Integer),
    Column("used", Integer, nullable=False),
    Column("over_limit", Integer, nullable=False),
    PrimaryKeyConstraint("discount_id", "customer_id"),
    CheckConstraint("used >= 0 AND over_limit >= 0", name="counters_from_zero"),
    CheckConstraint(_WITHIN, name="used_within_limit"),
    sqlite_strict=True,
)

redemptions = Table(
    "digistore_redemptions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("order_id", references("digistore_orders"), nullable=False),
    Column("discount_id", references(_DISCOUNTS), nullable=False),
    Column("customer_id", references("digistore_users"), nullable=False),
    Column("amount", Amount, nullable=False),
    Column("state", Word, nullable=False),
    Column("over_limit", Flag, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
    Column("released_at", Moment),
    UniqueConstraint("order_id", name="one_redemption_per_order"),
    one_of("state", ("reserved", "used", "released")),
    CheckConstraint("amount > 0", name="takes_something_off"),
    CheckConstraint("(state = 'used') = (used_at IS NOT NULL)", name="used_has_its_time"),
    CheckConstraint("state <> 'released' OR released_at IS NOT NULL", name="released_has_its_time"),
    CheckConstraint("over_limit = 0 OR state = 'used'", name="only_what_is_used_is_over_limit"),
    *amounts("amount"),
    *flags("over_limit"),
    Index(None, "discount_id", "customer_id"),
    sqlite_strict=True,
)
