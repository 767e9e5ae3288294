"""What help costs, and each request for it: paid on its own (D9, D10)."""

from sqlalchemy import (
    CheckConstraint,
    Column,
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
    metadata,
    one_of,
    references,
)
from digistore.entitlements.tables import covered_by, fact_columns
from digistore.orders.tables import sold_on

support_offers = Table(
    "digistore_support_offers",
    metadata,
    Column("id", Key, primary_key=True),
    Column("product_id", references("digistore_products"), nullable=False),
    Column("kind", Key, nullable=False),
    Column("price", Amount, nullable=False),
    Column("currency", Word, nullable=False),
    Column("scope", Prose, nullable=False, info={"personal": False}),
    Column("active_key", Integer),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("product_id", "kind", "active_key", name="one_active_offer"),
    CheckConstraint("price > 0", name="never_free"),
    CheckConstraint("active_key IS NULL OR active_key = 1", name="active_key_is_one"),
    *amounts("price"),
    sqlite_strict=True,
)

support_requests = Table(
    "digistore_support_requests",
    metadata,
    Column("id", Key, primary_key=True),
    Column("purchased_product_id", references("digistore_purchased_products"), nullable=False),
    Column("product_id", references("digistore_products"), nullable=False),
    Column("customer_id", references("digistore_users"), nullable=False),
    Column("kind", Key, nullable=False),
    Column("subject", Prose, nullable=False, info={"personal": "written by the customer"}),
    Column("body", Prose, nullable=False, info={"personal": "written by the customer"}),
    Column("price", Amount, nullable=False),
    Column("currency", Word, nullable=False),
    Column("scope", Prose, nullable=False, info={"personal": False}),
    Column("metadata", Json, nullable=False, info={"personal": False}),
    Column("order_id", references("digistore_orders"), nullable=False),
    Column("order_line_id", Key, nullable=False),
    Column("line_kind", Word, nullable=False),
    Column("payment_id", Key),
    Column("covered_total", Amount),
    Column("state", Word, nullable=False),
    # Where a canceled request goes on if its money comes back; NULL: it was never paid.
    Column("resume_state", Word),
    Column("assignee_id", references("digistore_users")),
    Column("first_response_at", Moment),
    Column("resolved_at", Moment),
    Column("paid_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("order_line_id", name="one_request_per_line"),
    covered_by(
        "payment_id", "order_id", "covered_total", name="digistore_support_only_what_was_paid"
    ),
    sold_on(
        "order_line_id",
        "order_id",
        "product_id",
        "line_kind",
        name="digistore_support_what_the_line_sold",
    ),
    CheckConstraint("line_kind = 'support'", name="only_a_support_line"),
    CheckConstraint("price > 0", name="never_free"),
    one_of(
        "state",
        ("unpaid", "open", "in_progress", "waiting", "resolved", "closed", "canceled"),
    ),
    one_of("resume_state", ("open", "in_progress", "waiting")),
    CheckConstraint(
        "state IN ('unpaid', 'canceled') OR payment_id IS NOT NULL", name="paid_before_it_opens"
    ),
    CheckConstraint(
        "(payment_id IS NULL) = (covered_total IS NULL)", name="a_payment_names_its_total"
    ),
    *amounts("price"),
    Index(None, "created_at", "id"),
    Index(None, "customer_id", "created_at", "id"),
    Index(None, "product_id", "state"),
    Index(None, "purchased_product_id"),
    Index(None, "state", "resolved_at"),
    Index(None, "state", "created_at", "id"),
    sqlite_strict=True,
)

support_messages = Table(
    "digistore_support_messages",
    metadata,
    Column("id", Key, primary_key=True),
    Column("request_id", references("digistore_support_requests"), nullable=False),
    Column("author_id", references("digistore_users")),
    Column("by_staff", Flag, nullable=False),
    Column("body", Prose, nullable=False, info={"personal": "written by a person"}),
    Column("at", Moment, nullable=False),
    *flags("by_staff"),
    Index(None, "request_id", "id"),
    Index(None, "author_id"),
    sqlite_strict=True,
)

support_facts = Table(
    "digistore_support_facts",
    metadata,
    *fact_columns("digistore_support_requests"),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)
