"""Purchases: one row per grant, at most one of them live for a person and a product (D8)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)
from sqlalchemy.schema import SchemaItem

from digistore.database.types import (
    Amount,
    Key,
    Moment,
    Prose,
    Word,
    amounts,
    key_follows,
    metadata,
    one_of,
    references,
)
from digistore.orders.tables import sold_on


def covered_by(*columns: str, name: str) -> ForeignKeyConstraint:
    """Bind (payment, order, total) *columns* to a covering payment: only one has a total (D4)."""
    target = "digistore_payments"
    return ForeignKeyConstraint(
        columns,
        [f"{target}.{column}" for column in ("id", "order_id", "covered_total")],
        name=name,
        ondelete="RESTRICT",
    )


def fact_columns(grant: str) -> Sequence[SchemaItem]:
    """Return the columns of an append-only log of facts about rows of the table *grant*."""
    return (
        Column("sequence", Amount, primary_key=True, autoincrement=True),
        Column("grant_id", references(grant), nullable=False),
        Column("about", Key, nullable=False),
        Column("kind", Word, nullable=False),
        Column("state", Word, nullable=False),
        Column("amount", Amount, nullable=False),
        Column("ticket", Integer, nullable=False),
        Column("access", Word),
        Column("at", Moment, nullable=False),
        Column("actor", Key, nullable=False),
        Column("reason", Prose, info={"personal": "may name a person"}),
        UniqueConstraint(
            "grant_id", "about", "state", "amount", "ticket", name="a_fact_is_kept_once"
        ),
        one_of("kind", ("payment", "refund", "dispute", "operator")),
        *amounts("amount"),
    )


holdings = Table(
    "digistore_holdings",
    metadata,
    Column("user_id", references("digistore_users"), nullable=False),
    Column("product_id", references("digistore_products"), nullable=False),
    Column("version", Integer, nullable=False),  # only a lock: no audit row
    PrimaryKeyConstraint("user_id", "product_id"),
    sqlite_strict=True,
)

_STATES: tuple[str, ...] = ("live", "suspended", "standby", "revoked")
_WITH_FACTS: dict[str, Any] = {"sqlite_strict": True, "sqlite_autoincrement": True}

purchased_products = Table(
    "digistore_purchased_products",
    metadata,
    Column("id", Key, primary_key=True),
    Column("product_id", references("digistore_products"), nullable=False),
    Column("user_id", references("digistore_users"), nullable=False),
    Column("order_line_id", Key, nullable=False),
    Column("line_kind", Word, nullable=False),
    Column("payment_id", Key, nullable=False),
    Column("order_id", Key, nullable=False),
    Column("covered_total", Amount, nullable=False),
    Column("acquired_at", Moment, nullable=False),
    Column("state", Word, nullable=False),
    Column("live_key", Integer),
    Column("epoch", Integer, nullable=False),  # a revocation raises it: older links die
    Column("seen_release_id", references("digistore_releases")),
    Column("version", Integer, nullable=False),
    UniqueConstraint("order_line_id", name="one_purchase_per_line"),
    UniqueConstraint("user_id", "product_id", "live_key", name="one_live_purchase"),
    covered_by(
        "payment_id", "order_id", "covered_total", name="digistore_purchases_only_what_was_paid"
    ),
    sold_on(
        "order_line_id",
        "order_id",
        "product_id",
        "line_kind",
        name="digistore_purchases_what_the_line_sold",
    ),
    CheckConstraint("line_kind = 'product'", name="never_a_support_line"),
    one_of("state", _STATES),
    *key_follows("live_key", "state = 'live'"),
    Index(None, "user_id", "acquired_at", "id"),
    Index(None, "order_id"),
    sqlite_strict=True,
)

entitlement_facts = Table(
    "digistore_entitlement_facts",
    metadata,
    *fact_columns("digistore_purchased_products"),
    **_WITH_FACTS,
)
