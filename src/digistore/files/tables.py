"""Blobs by their hash, and uploads that have not become one yet."""

from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint

from digistore.database.types import Amount, Key, Moment, Word, amounts, metadata, one_of

blobs = Table(
    "digistore_blobs",
    metadata,
    Column("sha256", Key, primary_key=True),
    Column("size", Amount, nullable=False),
    Column("crc32", Amount, nullable=False),
    Column("storage_key", Key, nullable=False),
    Column("media_type", Word, nullable=False),
    Column("state", Word, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("touched_at", Moment, nullable=False),
    Column("condemned_at", Moment),
    Column("verified_at", Moment),
    Column("stamp", Key),
    UniqueConstraint("storage_key", name="one_blob_per_key"),
    CheckConstraint("length(sha256) = 64", name="sha256_in_hex"),
    one_of("state", ("live", "condemned", "deleting", "damaged")),
    *amounts("size", "crc32"),
    sqlite_strict=True,
)

uploads = Table(
    "digistore_uploads",
    metadata,
    Column("id", Key, primary_key=True),
    Column("owner_id", Key),
    Column("staging_key", Key, nullable=False),
    Column("state", Word, nullable=False),
    Column("received", Amount, nullable=False),
    Column("expires_at", Moment, nullable=False),
    UniqueConstraint("staging_key", name="one_upload_per_key"),
    one_of("state", ("open", "done", "failed")),
    *amounts("received"),
    Index(None, "state", "expires_at"),
    sqlite_strict=True,
)
