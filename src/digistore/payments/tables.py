"""Facts about money: payments, refunds, disputes, the messages that told of them, open actions."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    PrimaryKeyConstraint,
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

_ORDER = "digistore_orders"

payments = Table(
    "digistore_payments",
    metadata,
    Column("id", Key, primary_key=True),
    Column("order_id", references(_ORDER)),
    Column("gateway", Word, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("account", Key, nullable=False),
    Column("ref", Key, nullable=False),
    Column("checkout_id", Key),
    Column("state", Word, nullable=False),
    Column("currency", Word, nullable=False),
    Column("asked", Amount, nullable=False),  # what the checkout asked for
    Column("captured", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    Column("fee", Amount),
    Column("customer", Prose, info={"personal": "what the gateway calls the buyer"}),
    Column("disposition", Word),
    Column("cover_key", Integer),
    Column("covered_total", Amount),
    Column("covered_currency", Word),
    Column("covered_livemode", Flag),
    Column("own_refunds", Amount, nullable=False),
    Column("gateway_refunds", Amount, nullable=False),
    Column("disputed", Amount, nullable=False),
    Column("received_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("version", Integer, nullable=False),
    UniqueConstraint("gateway", "livemode", "account", "ref", name="one_payment_per_ref"),
    UniqueConstraint("order_id", "cover_key", name="one_covering_payment"),
    # What purchases and support requests point at: NULL unless the payment covers its order.
    UniqueConstraint("id", "order_id", "covered_total", name="what_it_covers"),
    ForeignKeyConstraint(
        ["order_id", "covered_total", "covered_currency", "covered_livemode"],
        [f"{_ORDER}.{column}" for column in ("id", "total", "currency", "livemode")],
        name="digistore_payments_cover_their_order",
        ondelete="RESTRICT",
    ),
    one_of("state", ("pending", "failed", "canceled", "succeeded")),
    one_of(
        "disposition",
        ("covering", "duplicate", "underpaid", "wrong_currency", "orphan", "late"),
    ),
    *amounts("asked", "captured", "tax", "fee", "own_refunds", "gateway_refunds", "disputed"),
    *flags("livemode"),
    CheckConstraint("own_refunds <= captured", name="refunds_within_captured"),
    CheckConstraint(
        "(cover_key IS NOT NULL) = (COALESCE(disposition, '') = 'covering')",
        name="covering_has_its_key",
    ),
    CheckConstraint("cover_key = 1", name="cover_key_is_one"),
    CheckConstraint(
        "cover_key IS NULL OR (state = 'succeeded' AND order_id IS NOT NULL)",
        name="only_a_success_covers",
    ),
    CheckConstraint(
        "(cover_key IS NULL) = (covered_total IS NULL)"
        " AND (cover_key IS NULL) = (covered_currency IS NULL)"
        " AND (cover_key IS NULL) = (covered_livemode IS NULL)",
        name="covering_names_what",
    ),
    CheckConstraint(
        "captured >= covered_total AND currency = covered_currency AND livemode = covered_livemode",
        name="covering_really_covers",
    ),
    CheckConstraint("disposition IS NULL OR state = 'succeeded'", name="only_a_success_is_judged"),
    Index(None, "order_id"),
    sqlite_strict=True,
)

refunds = Table(
    "digistore_refunds",
    metadata,
    Column("id", Key, primary_key=True),
    Column("payment_id", references("digistore_payments"), nullable=False),
    Column("gateway", Word, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("account", Key, nullable=False),
    Column("ref", Key),
    Column("amount", Amount, nullable=False),
    Column("currency", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("origin", Word, nullable=False),
    Column("key", Key),
    Column("access", Word),
    Column("reason", Prose, info={"personal": "may name a person"}),
    Column("actor", Key, nullable=False),
    Column("assigned", Flag, nullable=False),
    Column("respread", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_check_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("succeeded_at", Moment),
    Column("failed_at", Moment),
    UniqueConstraint("gateway", "livemode", "account", "ref", name="one_refund_per_ref"),
    UniqueConstraint("key", name="one_refund_per_key"),
    one_of(
        "state",
        ("requested", "unknown", "pending", "succeeded", "failed", "canceled", "rejected"),
    ),
    one_of("origin", ("store", "gateway")),
    one_of("access", ("keep", "revoke")),
    CheckConstraint("amount > 0", name="never_zero"),
    CheckConstraint(
        "ref IS NOT NULL OR state IN ('requested', 'unknown', 'rejected')",
        name="what_the_gateway_told_has_its_ref",
    ),
    CheckConstraint("(origin = 'store') = (key IS NOT NULL)", name="our_own_has_a_key"),
    *amounts("amount"),
    *flags("livemode", "assigned"),
    Index(None, "payment_id"),
    Index(None, "created_at"),
    Index(None, "succeeded_at"),
    Index(None, "failed_at"),
    Index(None, "next_check_at"),
    sqlite_strict=True,
)

refund_lines = Table(
    "digistore_refund_lines",
    metadata,
    Column("refund_id", references("digistore_refunds"), nullable=False),
    Column("order_line_id", references("digistore_order_lines"), nullable=False),
    Column("amount", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    PrimaryKeyConstraint("refund_id", "order_line_id"),
    CheckConstraint("amount > 0", name="never_zero"),
    *amounts("amount", "tax"),
    Index(None, "order_line_id"),
    sqlite_strict=True,
)

disputes = Table(
    "digistore_disputes",
    metadata,
    Column("id", Key, primary_key=True),
    Column("payment_id", references("digistore_payments"), nullable=False),
    Column("gateway", Word, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("account", Key, nullable=False),
    Column("ref", Key, nullable=False),
    Column("amount", Amount, nullable=False),
    Column("currency", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("reason", Key),
    Column("evidence_due", Moment),
    Column("ticket", Integer, nullable=False),
    Column("assigned", Flag, nullable=False),
    Column("next_check_at", Moment),
    Column("opened_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    # One dispute may be about several payments, and is then a fact about each of them.
    UniqueConstraint(
        "gateway", "livemode", "account", "payment_id", "ref", name="one_dispute_per_ref"
    ),
    one_of("state", ("warning", "open", "won", "lost", "prevented", "closed")),
    *amounts("amount"),
    *flags("livemode", "assigned"),
    Index(None, "payment_id"),
    Index(None, "next_check_at"),
    sqlite_strict=True,
)

dispute_lines = Table(
    "digistore_dispute_lines",
    metadata,
    Column("dispute_id", references("digistore_disputes"), nullable=False),
    Column("order_line_id", references("digistore_order_lines"), nullable=False),
    PrimaryKeyConstraint("dispute_id", "order_line_id"),
    Index(None, "order_line_id"),
    sqlite_strict=True,
)

provider_events = Table(
    "digistore_provider_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("gateway", Word, nullable=False),
    Column("livemode", Flag, nullable=False),
    Column("account", Key, nullable=False),
    Column("event_id", Key, nullable=False),
    Column("type", Key, nullable=False),
    Column("digest", Key, nullable=False),
    Column("hint", Json, nullable=False, info={"personal": False}),
    Column("status", Word, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_check_at", Moment),
    Column("received_at", Moment, nullable=False),
    Column("done_at", Moment),
    UniqueConstraint("gateway", "livemode", "account", "event_id", name="one_row_per_event"),
    one_of("status", ("received", "done", "ignored")),
    CheckConstraint("(status = 'done') = (done_at IS NOT NULL)", name="done_has_its_time"),
    CheckConstraint(
        "(status = 'received') = (next_check_at IS NOT NULL)", name="received_has_a_next_time"
    ),
    *flags("livemode"),
    Index(None, "next_check_at"),
    sqlite_strict=True,
)

payment_actions = Table(
    "digistore_payment_actions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("subject", Key, nullable=False),
    Column("order_id", Key, ForeignKey(f"{_ORDER}.id", ondelete="RESTRICT")),
    Column("payment_id", references("digistore_payments")),
    Column("reason", Prose, info={"personal": "may name a person"}),
    Column("open_key", Integer),
    Column("created_at", Moment, nullable=False),
    Column("resolved_at", Moment),
    Column("resolved_by", Key),
    Column("choice", Word),
    Column("resolution", Prose, info={"personal": "may name a person"}),
    UniqueConstraint("kind", "subject", name="one_action_per_subject"),
    *key_follows("open_key", "resolved_at IS NULL"),
    CheckConstraint(
        "(resolved_at IS NULL) = (choice IS NULL)", name="what_is_resolved_names_the_choice"
    ),
    Index(None, "open_key", "created_at", "id"),
    Index(None, "payment_id"),
    Index(None, "order_id"),
    sqlite_strict=True,
)

poll_marks = Table(
    "digistore_poll_marks",
    metadata,
    Column("gateway", Word, nullable=False),
    Column("account", Key, nullable=False),
    Column("watermark", Moment, nullable=False),  # from when on to ask
    Column("cursor", Prose, info={"personal": False}),  # how far the pass under way has come
    Column("began_at", Moment, nullable=False),  # when that pass began: the next watermark
    PrimaryKeyConstraint("gateway", "account"),
    sqlite_strict=True,
)
