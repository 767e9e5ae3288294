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
    Column("guest_email", Prose, info={"personal": "address"}),
    Column("gift_key", Integer),
    Column("password_hash", Prose, info={"personal": "secret"}),
    Column("name", Prose, info={"personal": "name"}),
    Column("legal_entity", Json, info={"personal": "name, address, tax id of a seller"}),
    Column("status", Word, nullable=False),
    Column("merged_into", references("digistore_users")),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("external_id", name="one_user_per_external_id"),
    UniqueConstraint("login_email", name="one_log_in_per_address"),
    # A gift to an address is one guest's, however often the button is clicked.
    UniqueConstraint("guest_email", "gift_key", name="one_gift_guest_per_address"),
    CheckConstraint("gift_key = 1", name="gift_key_is_one"),
    CheckConstraint("gift_key IS NULL OR guest_email IS NOT NULL", name="gifts_have_an_address"),
    CheckConstraint(
        "guest_email IS NULL OR (external_id IS NULL AND login_email IS NULL)",
        name="guests_have_no_account",
    ),
    one_of("status", ("active", "disabled", "erased", "merged")),
    CheckConstraint("(status = 'merged') = (merged_into IS NOT NULL)", name="merged_into_somebody"),
    CheckConstraint("merged_into <> id", name="never_merged_into_oneself"),
    CheckConstraint(
        "merged_into IS NULL OR guest_email IS NOT NULL", name="only_guests_are_merged"
    ),
    CheckConstraint("version >= 1", name="versions_start_at_one"),
    CheckConstraint(
        "password_hash IS NULL OR login_email IS NOT NULL", name="a_password_needs_a_log_in"
    ),
    Index(None, "email"),
    Index(None, "merged_into"),
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

claims = Table(
    "digistore_claims",
    metadata,
    Column("id", Key, primary_key=True),
    Column("email", Prose, nullable=False, info={"personal": "address"}),
    Column("code_digest", Key, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("open_key", Integer),
    Column("claimed_at", Moment),
    Column("claimed_by", references("digistore_users")),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("email", "open_key", name="one_open_claim_per_address"),
    CheckConstraint("open_key = 1", name="open_key_is_one"),
    CheckConstraint("(claimed_at IS NULL) = (claimed_by IS NULL)", name="claimed_by_somebody"),
    CheckConstraint("claimed_at IS NULL OR open_key IS NULL", name="claimed_once"),
    sqlite_strict=True,
)

tries = Table(
    "digistore_tries",
    metadata,
    Column("purpose", Word, nullable=False),
    Column("subject", Key, nullable=False),  # an id, or a keyed digest: never an address
    Column("tries", Integer, nullable=False),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("purpose", "subject"),
    CheckConstraint("tries >= 1", name="tries_start_at_one"),
    sqlite_strict=True,
)
