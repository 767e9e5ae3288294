"""Bad values of every column, and second rows of every key: what the database alone refuses.

Written from what columns and keys mean, not from the constraints that hold it: a constraint that
was forgotten, or that got lost, is missed here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Column, Integer, Table

from digistore.database.types import Amount, Flag, Json, Key, Prose, Word, metadata

# Whatever stands there, no constraint hangs on it: names, words of others, and counters; the
# doctor looks at currencies (I9).
ANYTHING = {
    "audit": {"entity", "sequence"},
    "blobs": {"media_type"},
    "clicks": {"agent_family", "device"},
    "day_figures": {"currency", "figure", "value"},
    "discounts": {"currency"},
    "disputes": {"currency", "gateway"},
    "download_sessions": {"transport"},
    "entitlement_facts": {"access", "sequence", "state"},
    "event_handlers": {"type"},
    "events": {"type"},
    "orders": {"currency"},
    "payment_actions": {"choice", "kind"},
    "payment_attempts": {"currency", "gateway"},
    "payments": {"currency", "gateway"},
    "poll_marks": {"gateway"},
    "products": {"currency", "description_format"},
    "provider_events": {"gateway"},
    "receipt_counters": {"series"},
    "receipts": {"currency", "series"},
    "refunds": {"currency", "gateway"},
    "release_files": {"media_type"},
    "rounds": {"runs"},
    "short_urls": {"max_visits", "visits"},
    "support_facts": {"access", "sequence", "state"},
    "support_offers": {"currency"},
    "support_requests": {"currency"},
    "tries": {"purpose"},
}
COPIED = {  # from where they have their limit
    "digistore_payment_attempts.amount",  # the order's total
    "digistore_release_files.size",  # the blob's
}
EMPTY = {"digistore_visitor_keys"}  # the day is over, when the story ends
# Keys besides the primary one: no two rows have the same values there.
KEYS = (
    ("audit", "entity entity_id version"),
    ("blobs", "storage_key"),
    ("categories", "slug"),
    ("claims", "email open_key"),
    ("discounts", "owner code live_key"),
    ("disputes", "gateway livemode account payment_id ref"),
    ("download_sessions", "purchase_id item live_key"),
    ("entitlement_facts", "grant_id about state amount ticket"),
    ("events", "dedupe_key"),
    ("order_lines", "order_id position"),
    ("order_lines", "buyer_id beneficiary_id product_id open_key"),
    ("orders", "buyer_id idempotency_key"),
    ("payment_actions", "kind subject"),
    ("payment_attempts", "checkout_id gateway livemode account"),
    ("payment_attempts", "key"),
    ("payment_attempts", "order_id live_key"),
    ("payments", "gateway livemode account ref"),
    ("payments", "order_id cover_key"),
    ("products", "slug"),
    ("provider_events", "gateway livemode account event_id"),
    ("purchased_products", "order_line_id"),
    ("purchased_products", "user_id product_id live_key"),
    ("receipts", "credit_note_id"),
    ("receipts", "issuer series number"),
    ("receipts", "order_id"),
    ("receipts", "refund_id"),
    ("redemptions", "order_id"),
    ("refunds", "gateway livemode account ref"),
    ("refunds", "key"),
    ("release_files", "release_id display_name"),
    ("releases", "product_id latest_key"),
    ("releases", "product_id number"),
    ("short_urls", "domain code"),
    ("support_facts", "grant_id about state amount ticket"),
    ("support_offers", "product_id kind active_key"),
    ("support_requests", "order_line_id"),
    ("uploads", "staging_key"),
    ("users", "external_id"),
    ("users", "guest_email gift_key"),
    ("users", "login_email"),
)
# What two or more columns say together; the constraint that must speak, the change, the row.
TOGETHER = (
    ("blobs_sha256_in_hex", "sha256 = 'ab'", "1"),
    ("claims_claimed_by_somebody", "claimed_by = NULL", "claimed_at IS NOT NULL"),
    ("claims_claimed_once", "open_key = 1", "claimed_at IS NOT NULL"),
    ("discount_customers_counters_from_zero", "used = -1", "1"),
    (
        "discount_customers_used_within_limit",
        "used = max_uses + over_limit + 1",
        "max_uses IS NOT NULL",
    ),
    ("discounts_an_amount_has_a_currency", "currency = NULL", "amount IS NOT NULL"),
    ("discounts_counters_from_zero", "over_limit = -1", "max_uses IS NULL"),
    ("discounts_limits_allow_a_use", "max_uses_per_customer = 0", "1"),
    ("discounts_live_key_follows", "live_key = NULL", "retired_at IS NULL"),
    ("discounts_owner_follows_seller", "owner = 'house'", "seller_id IS NOT NULL"),
    ("discounts_percent_or_amount", "basis_points = 1", "amount IS NOT NULL"),
    ("discounts_percent_up_to_all", "basis_points = 10001", "basis_points IS NOT NULL"),
    ("discounts_starts_before_it_ends", "starts_at = 2, ends_at = 2", "1"),
    ("discounts_takes_something_off", "amount = 0", "amount IS NOT NULL"),
    ("discounts_used_within_limit", "used = max_uses + over_limit + 1", "max_uses IS NOT NULL"),
    ("discounts_versions_start_at_one", "version = 0", "1"),
    ("download_allowances_a_row_says_that_it_was_used", "used = 0", "1"),
    ("download_sessions_a_session_has_a_request", "requests = 0", "1"),
    ("download_sessions_item_is_what_was_fetched", "item = release_id", "file_id IS NOT NULL"),
    ("payment_actions_open_key_follows", "open_key = NULL", "resolved_at IS NULL"),
    ("personal_files_what_is_ready_is_there", "built_at = NULL", "state = 'ready'"),
    (
        "receipts_known_kind",
        "kind = 'bill', order_id = NULL, refund_id = NULL, credit_note_id = NULL",
        "receipt_id IS NOT NULL",
    ),
    ("redemptions_only_what_is_used_is_over_limit", "over_limit = 1", "state = 'released'"),
    ("redemptions_released_has_its_time", "released_at = NULL", "state = 'released'"),
    ("redemptions_takes_something_off", "amount = 0", "1"),
    ("redemptions_used_has_its_time", "used_at = NULL", "state = 'used'"),
    ("short_urls_a_limit_allows_a_visit", "max_visits = 0", "1"),
    ("short_urls_expires_after_it_starts", "starts_at = 2, expires_at = 2", "1"),
    ("tries_tries_start_at_one", "tries = 0", "1"),
    ("users_gifts_have_an_address", "gift_key = 1", "guest_email IS NULL"),
    ("users_guests_have_no_account", "external_id = 'x'", "guest_email IS NOT NULL"),
    ("users_merged_into_somebody", "merged_into = NULL", "status = 'merged'"),
    ("users_never_merged_into_oneself", "merged_into = id", "status = 'merged'"),
    (
        "users_only_guests_are_merged",
        "status = 'merged', merged_into = (SELECT max(id) FROM digistore_users)",
        "guest_email IS NULL",
    ),
    ("users_versions_start_at_one", "version = 0", "1"),
)
FRESH = ("'fresh'", "987654321")


class Bad(NamedTuple):
    """Statements of which the database must refuse one, whatever row they are tried on."""

    says: str
    statements: tuple[str, ...]
    rows: str
    names: str = ""  # what the refusal must name
    alone: bool = False  # with nothing but keys in force


def bad_rows() -> Iterator[Bad]:
    """Return all of them."""
    for table in metadata.sorted_tables:
        for column in table.columns:
            for value in _bad_values(table, column):
                sql = f"UPDATE {table.name} SET {column.name} = {value} WHERE rowid = :row"
                yield Bad(f"{table.name}.{column.name} = {value}", (sql,), table.name)
        if table.name not in EMPTY:
            yield _second(table, [column.name for column in table.primary_key.columns])
    for name, columns in KEYS:
        yield _second(metadata.tables[f"digistore_{name}"], columns.split())
    for constraint, change, where in TOGETHER:
        found = [one for one in metadata.tables if f"digistore_{constraint}".startswith(f"{one}_")]
        table_name = max(found, key=len)
        one = f"{table_name} WHERE {where}"
        sql = f"UPDATE {table_name} SET {change} WHERE rowid = :row"
        yield Bad(constraint, (sql,), one, f"digistore_{constraint}")


def _bad_values(table: Table, column: Column[Any]) -> tuple[str, ...]:
    if column.name in ANYTHING.get(table.name.removeprefix("digistore_"), ()):
        return ()
    if isinstance(column.type, Flag) or _is_switch(column):
        return ("2",)
    if isinstance(column.type, Amount):
        copied = f"{table.name}.{column.name}" in COPIED
        return ("-1",) if copied else ("-1", str(2**53))
    if column.foreign_keys or isinstance(column.type, Word):
        return ("'nonsense'",)
    return ()


def _is_switch(column: Column[Any]) -> bool:
    """Say whether it is 1 or NULL, for a key to lean on."""
    return column.name.endswith("_key") and isinstance(column.type, Integer)


def _second(table: Table, columns: Sequence[str]) -> Bad:
    """Return a second row that differs in all keys but one."""
    short = table.name.removeprefix("digistore_")
    others = {name for key in KEYS if key[0] == short for name in key[1].split()}
    others |= {column.name for column in table.primary_key.columns}
    values = [
        FRESH[_is_number(table.c[name])] if name in others - set(columns) else name
        for name in table.columns.keys()  # noqa: SIM118  a collection that is no mapping
    ]
    source = f"FROM {table.name} WHERE rowid = :row"
    filled = [f"{name} = COALESCE({name}, {FRESH[_is_number(table.c[name])]})" for name in columns]
    return Bad(
        f"{table.name}: two of one {' '.join(columns)}",
        (
            f"UPDATE {table.name} SET {', '.join(filled)} WHERE rowid = :row",
            f"INSERT INTO {table.name} SELECT {', '.join(values)} {source}",
        ),
        table.name,
        ", ".join(f"{table.name}.{name}" for name in columns),
        alone=True,
    )


def _is_number(column: Column[Any]) -> bool:
    return not isinstance(column.type, Key | Prose | Json)


@contextmanager
def open_to_all(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of a database in which rows may be changed that are only ever added."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        with closing(sqlite3.connect(path)) as whole:
            whole.backup(connection)
        triggers = "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        for (name,) in connection.execute(triggers).fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        yield connection


def is_refused(connection: sqlite3.Connection, bad: Bad) -> bool:
    """Write it into each of a few rows, and take it back; say whether all of that was refused."""
    rows = connection.execute(f"SELECT rowid FROM {bad.rows} LIMIT 30").fetchall()
    connection.execute(f"PRAGMA foreign_keys = {int(not bad.alone)}")
    connection.execute(f"PRAGMA ignore_check_constraints = {int(bad.alone)}")
    return bool(rows) and all(_is_refused(connection, bad, row) for (row,) in rows)


def _is_refused(connection: sqlite3.Connection, bad: Bad, row: int) -> bool:
    connection.execute("BEGIN")
    try:
        for statement in bad.statements:
            connection.execute(statement, {"row": row})
    except sqlite3.IntegrityError as refusal:
        return bad.names in str(refusal)
    finally:
        connection.execute("ROLLBACK")
    return False
