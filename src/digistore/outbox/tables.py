"""Events that wait for their handlers, and who takes which."""

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
    Json,
    Key,
    Moment,
    Word,
    key_follows,
    metadata,
    one_of,
    references,
)

events = Table(
    "digistore_events",
    metadata,
    Column("id", Key, primary_key=True),
    Column("type", Word, nullable=False),
    Column("subject", Key, nullable=False),
    Column("at", Moment, nullable=False),
    Column("actor", Key, nullable=False),
    Column("payload", Json, nullable=False, info={"personal": False}),
    Column("dedupe_key", Key, nullable=False),
    Column("waiting_key", Integer),
    Column("routed_at", Moment),
    UniqueConstraint("dedupe_key", name="one_event_per_transition"),
    *key_follows("waiting_key", "routed_at IS NULL"),
    Index(None, "type", "waiting_key"),
    sqlite_strict=True,
)

handlers = Table(
    "digistore_event_handlers",
    metadata,
    Column("type", Word, nullable=False),
    Column("name", Key, nullable=False),
    Column("since", Moment, nullable=False),
    PrimaryKeyConstraint("type", "name"),
    sqlite_strict=True,
)

deliveries = Table(
    "digistore_deliveries",
    metadata,
    Column("event_id", references("digistore_events"), nullable=False),
    Column("handler", Key, nullable=False),
    Column("state", Word, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_check_at", Moment),
    Column("lease", Key),
    Column("delivered_at", Moment),
    Column("failure", Key),
    PrimaryKeyConstraint("event_id", "handler"),
    one_of("state", ("due", "done")),
    CheckConstraint("(state = 'done') = (delivered_at IS NOT NULL)", name="done_has_its_time"),
    CheckConstraint("(state = 'due') = (next_check_at IS NOT NULL)", name="due_has_a_next_time"),
    Index(None, "next_check_at"),
    sqlite_strict=True,
)

rounds = Table(
    "digistore_rounds",
    metadata,
    Column("name", Key, primary_key=True),
    Column("at", Moment, nullable=False),
    Column("runs", Amount, nullable=False),
    sqlite_strict=True,
)
