"""Who changed what: one chain of rows per entity, each bound to the one before by its digest."""

from sqlalchemy import CheckConstraint, Column, Integer, Table, UniqueConstraint

from digistore.database.types import Amount, Digest, Json, Key, Moment, Word, metadata

audit = Table(
    "digistore_audit",
    metadata,
    Column("sequence", Amount, primary_key=True, autoincrement=True),
    Column("entity", Word, nullable=False),
    Column("entity_id", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", Key, nullable=False),
    Column("cause", Key, nullable=False),
    Column("changes", Json, nullable=False, info={"personal": False}),
    Column("digest", Digest, nullable=False),
    Column("previous", Digest),
    UniqueConstraint("entity", "entity_id", "version", name="one_row_per_version"),
    CheckConstraint("version >= 1", name="versions_start_at_one"),
    CheckConstraint("(version = 1) = (previous IS NULL)", name="first_has_no_previous"),
    sqlite_strict=True,
)
