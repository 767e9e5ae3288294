"""Short links, which depend on nothing (D12), clicks on them, and what days add up to."""

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
    Digest,
    Flag,
    Json,
    Key,
    Moment,
    Prose,
    Word,
    amounts,
    flags,
    metadata,
    references,
)

short_urls = Table(
    "digistore_short_urls",
    metadata,
    Column("id", Key, primary_key=True),
    Column("domain", Key, nullable=False),
    Column("code", Key, nullable=False),
    Column("target", Prose, nullable=False, info={"personal": False}),
    Column("owner_id", references("digistore_users")),
    Column("product_id", Key),  # a plain id: the link outlives its product
    Column("title", Prose, info={"personal": False}),
    Column("tags", Json, nullable=False, info={"personal": False}),
    Column("starts_at", Moment),
    Column("expires_at", Moment),
    Column("max_visits", Amount),
    Column("visits", Amount, nullable=False),
    Column("fallback", Prose, info={"personal": False}),
    Column("password_hash", Prose, info={"personal": "secret"}),
    Column("rules", Json, nullable=False, info={"personal": False}),
    Column("forward_query", Flag, nullable=False),
    Column("track", Flag, nullable=False),
    Column("permanent", Flag, nullable=False),
    Column("imported_clicks", Amount, nullable=False),  # of another shortener, apart from ours
    Column("disabled_at", Moment),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("domain", "code", name="one_link_per_code"),
    CheckConstraint(
        "target LIKE 'http://%' OR target LIKE 'https://%'", name="target_is_a_web_address"
    ),
    CheckConstraint("max_visits >= 1", name="a_limit_allows_a_visit"),
    CheckConstraint("max_visits IS NULL OR visits <= max_visits", name="visits_within_limit"),
    CheckConstraint("expires_at > starts_at", name="expires_after_it_starts"),
    *amounts("imported_clicks"),
    *flags("forward_query", "track", "permanent"),
    Index(None, "owner_id", "created_at", "id"),
    sqlite_strict=True,
)

clicks = Table(
    "digistore_clicks",
    metadata,
    Column("id", Key, primary_key=True),  # drawn at capture: a flush that is repeated adds nothing
    Column("short_url_id", references("digistore_short_urls"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("visitor", Prose, info={"personal": "day-keyed hash"}),
    Column("referrer_host", Prose, info={"personal": "where a person came from"}),
    Column("country", Prose, info={"personal": "where a person is"}),
    Column("agent_family", Word, nullable=False),
    Column("device", Word, nullable=False),
    Column("is_bot", Flag, nullable=False),
    Column("rule", Prose, info={"personal": False}),
    # What a classifier of the host's has yet to read; gone once it has.
    Column("agent", Prose, info={"personal": "what a person's browser calls itself"}),
    *flags("is_bot"),
    Index(None, "short_url_id", "at"),
    Index(None, "at"),
    sqlite_strict=True,
)

click_days = Table(
    "digistore_click_days",
    metadata,
    Column("short_url_id", references("digistore_short_urls"), nullable=False),
    Column("day", Integer, nullable=False),  # since 1970-01-01, in UTC
    Column("is_bot", Flag, nullable=False),
    Column("clicks", Amount, nullable=False),
    Column("visitors", Amount, nullable=False),
    Column("closed", Flag, nullable=False),
    PrimaryKeyConstraint("short_url_id", "day", "is_bot"),
    *amounts("clicks", "visitors"),
    *flags("is_bot", "closed"),
    CheckConstraint("visitors <= clicks", name="a_visitor_clicks"),
    Index(None, "closed", "day"),
    sqlite_strict=True,
)

visitor_keys = Table(
    "digistore_visitor_keys",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("key", Digest, nullable=False),
    sqlite_strict=True,
)
