"""People: one row each, with a set of roles."""

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
    Json,
    Key,
    Moment,
    Prose,
    Word,
    metadata,
    one_of,
    references,
)

users = Table(
    "digistore_users",
    metadata,
    Column("id", Key, primary_key=True),
    Column("external_id", Prose, info={"personal": "the host's id of this person"}),
    Column("email", Prose, info={"personal": "address"}),
    Column("email_verified_at", Moment),
    Column("login_email", Prose, info={"personal": "address"}),
    Column("password_hash", Prose, info={"personal": "secret"}),
    Column("name", Prose, info={"personal": "name"}),
    Column("legal_entity", Json, info={"personal": "name, address, tax id of a seller"}),
    Column("status", Word, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("external_id", name="one_user_per_external_id"),
    UniqueConstraint("login_email", name="one_log_in_per_address"),
    one_of("status", ("active", "disabled", "erased")),
    CheckConstraint("version >= 1", name="versions_start_at_one"),
    CheckConstraint(
        "password_hash IS NULL OR login_email IS NOT NULL", name="a_password_needs_a_log_in"
    ),
    Index(None, "email"),
    sqlite_strict=True,
)

user_roles = Table(
    "digistore_user_roles",
    metadata,
    Column("user_id", references("digistore_users"), nullable=False),
    Column("role", Word, nullable=False),
    Column("granted_at", Moment, nullable=False),
    PrimaryKeyConstraint("user_id", "role"),
    one_of("role", ("customer", "seller", "operator")),
    sqlite_strict=True,
)
