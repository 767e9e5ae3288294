"""Short links, which depend on nothing, and the clicks on them (D12)."""

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table, UniqueConstraint

from digistore.database.types import (
    Amount,
    Flag,
    Json,
    Key,
    Moment,
    Prose,
    Word,
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
    Column("permanent", Flag, nullable=False),
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
    *flags("permanent"),
    Index(None, "owner_id", "created_at", "id"),
    sqlite_strict=True,
)

clicks = Table(
    "digistore_clicks",
    metadata,
    Column("id", Key, primary_key=True),
    Column("short_url_id", references("digistore_short_urls"), nullable=False),
    Column("at", Moment, nullable=False),
    Column("visitor", Prose, info={"personal": "day-keyed hash"}),
    Column("referrer_host", Prose, info={"personal": "where a person came from"}),
    Column("country", Prose, info={"personal": "where a person is"}),
    Column("agent_family", Word, nullable=False),
    Column("device", Word, nullable=False),
    Column("is_bot", Flag, nullable=False),
    *flags("is_bot"),
    Index(None, "short_url_id", "at"),
    Index(None, "at"),
    sqlite_strict=True,
)
