"""What was downloaded: one row for what a person would call one download, and how often."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from digistore.database.types import (
    Amount,
    Key,
    Moment,
    Prose,
    Word,
    amounts,
    metadata,
    one_of,
    references,
)

download_sessions = Table(
    "digistore_download_sessions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("purchase_id", references("digistore_purchased_products"), nullable=False),
    Column("item", Key, nullable=False),  # the file, or the release for all of its files
    Column("release_id", references("digistore_releases"), nullable=False),
    Column("file_id", references("digistore_release_files")),
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
    CheckConstraint("item = COALESCE(file_id, release_id)", name="item_is_what_was_fetched"),
    CheckConstraint("live_key IS NULL OR live_key = 1", name="live_key_is_one"),
    CheckConstraint("requests >= 1", name="a_session_has_a_request"),
    *amounts("reserved_bytes", "sent_bytes"),
    Index(None, "first_at", "id"),
    sqlite_strict=True,
)

download_allowances = Table(
    "digistore_download_allowances",
    metadata,
    Column("purchase_id", references("digistore_purchased_products"), nullable=False),
    Column("item", Key, nullable=False),
    Column("used", Integer, nullable=False),
    PrimaryKeyConstraint("purchase_id", "item"),
    CheckConstraint("used >= 1", name="a_row_says_that_it_was_used"),
    sqlite_strict=True,
)

personal_files = Table(
    "digistore_personal_files",
    metadata,
    Column("purchase_id", references("digistore_purchased_products"), nullable=False),
    Column("source_sha256", Key, nullable=False),
    Column("recipe", Key, nullable=False),
    Column("state", Word, nullable=False),
    Column("blob_sha256", Key, ForeignKey("digistore_blobs.sha256", ondelete="RESTRICT")),
    Column("started_at", Moment, nullable=False),
    Column("built_at", Moment),
    PrimaryKeyConstraint("purchase_id", "source_sha256", "recipe"),
    one_of("state", ("building", "ready", "failed")),
    CheckConstraint(
        "(state = 'ready') = (blob_sha256 IS NOT NULL AND built_at IS NOT NULL)",
        name="what_is_ready_is_there",
    ),
    Index(None, "blob_sha256"),
    Index(None, "state", "built_at"),
    sqlite_strict=True,
)

download_networks = Table(
    "digistore_download_networks",
    metadata,
    Column("purchase_id", references("digistore_purchased_products"), nullable=False),
    Column("network", Prose, nullable=False, info={"personal": "keyed hash of a network"}),
    Column("last_at", Moment, nullable=False),
    PrimaryKeyConstraint("purchase_id", "network"),
    sqlite_strict=True,
)
