"""Documents as they were printed, and the last number of each series."""

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
    Json,
    Key,
    Moment,
    Word,
    amounts,
    flags,
    metadata,
    one_of,
    references,
)

_RECEIPTS = "digistore_receipts"

receipts = Table(
    _RECEIPTS,
    metadata,
    Column("id", Key, primary_key=True),
    Column("kind", Word, nullable=False),
    Column("issuer", Key, nullable=False),  # a seller, or the house
    Column("series", Word, nullable=False),
    Column("number", Integer, nullable=False),
    # What it is about: a receipt has an order, a credit note a refund, a debit note the credit
    # note that it takes back.
    Column("order_id", references("digistore_orders")),
    Column("refund_id", references("digistore_refunds")),
    Column("credit_note_id", references(_RECEIPTS)),
    Column("receipt_id", references(_RECEIPTS)),  # the receipt that a later document corrects
    Column("livemode", Flag, nullable=False),
    Column("currency", Word, nullable=False),
    Column("total", Amount, nullable=False),
    Column("tax", Amount, nullable=False),
    Column("printed", Json, nullable=False, info={"personal": "buyer and seller, for the books"}),
    Column("issued_at", Moment, nullable=False),
    UniqueConstraint("issuer", "series", "number", name="one_document_per_number"),
    UniqueConstraint("order_id", name="one_receipt_per_order"),
    UniqueConstraint("refund_id", name="one_credit_note_per_refund"),
    UniqueConstraint("credit_note_id", name="one_debit_note_per_credit_note"),
    one_of("kind", ("receipt", "credit_note", "debit_note")),
    CheckConstraint("(kind = 'receipt') = (order_id IS NOT NULL)", name="receipts_have_an_order"),
    CheckConstraint(
        "(kind = 'credit_note') = (refund_id IS NOT NULL)", name="credit_notes_have_a_refund"
    ),
    CheckConstraint(
        "(kind = 'debit_note') = (credit_note_id IS NOT NULL)",
        name="debit_notes_have_a_credit_note",
    ),
    CheckConstraint("(kind = 'receipt') = (receipt_id IS NULL)", name="corrections_name_a_receipt"),
    # Test money never uses up a number of the real books.
    CheckConstraint(
        "series = CASE livemode WHEN 1 THEN kind ELSE 'test_' || kind END",
        name="series_follows_kind_and_mode",
    ),
    CheckConstraint("number >= 1", name="numbers_start_at_one"),
    CheckConstraint("tax <= total", name="tax_is_part_of_the_total"),
    CheckConstraint("kind = 'receipt' OR total > 0", name="corrections_are_of_something"),
    *amounts("total", "tax"),
    *flags("livemode"),
    Index(None, "receipt_id"),
    sqlite_strict=True,
)

receipt_counters = Table(
    "digistore_receipt_counters",
    metadata,
    Column("issuer", Key, nullable=False),
    Column("series", Word, nullable=False),
    Column("last", Integer, nullable=False),
    Column("issued_at", Moment, nullable=False),  # of that number: times never run backwards
    PrimaryKeyConstraint("issuer", "series"),
    CheckConstraint("last >= 1", name="numbers_start_at_one"),
    sqlite_strict=True,
)
