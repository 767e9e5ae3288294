"""What was downloaded: one row for what a person would call one download."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, UniqueConstraint

from digistore.database.types import Amount, Key, Moment, Prose, Word, amounts, metadata, references

download_sessions = Table(
    "digistore_download_sessions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("purchase_id", references("digistore_purchased_products"), nullable=False),
    Column("item", references("digistore_release_files"), nullable=False),
    Column("live_key", Integer),
    Column("first_at", Moment, nullable=False),
    Column("last_at", Moment, nullable=False),
    Column("requests", Integer, nullable=False),
    Column("reserved_bytes", Amount, nullable=False),
    Column("sent_bytes", Amount, nullable=False),
    Column("transport", Word, nullable=False),
    Column("client_key", Prose, info={"personal": "keyed hash of network and agent"}),
    Column("agent", Prose, info={"personal": "user agent"}),
    UniqueConstraint("purchase_id", "item", "live_key", name="one_live_session"),
    CheckConstraint("live_key IS NULL OR live_key = 1", name="live_key_is_one"),
    CheckConstraint("requests >= 1", name="a_session_has_a_request"),
    *amounts("reserved_bytes", "sent_bytes"),
    Index(None, "first_at"),
    sqlite_strict=True,
)
