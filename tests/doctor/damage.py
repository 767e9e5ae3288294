"""What a repair can undo and what it must leave, and what it may have written at all."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, text

from digistore.database.types import metadata
from digistore.doctor.rebuilding import ADDED, PROJECTIONS
from tests.conftest import Shop
from tests.doctor.plant import BY_NAME, plant
from tests.past import connection_to

# Beside what a rebuild may write: locks, rows of closed days, and when a message is looked at.
WRITTEN = {table.name: set(columns) for table, columns in PROJECTIONS.items()}  # type: ignore[attr-defined]
WRITTEN["digistore_orders"] |= {"version"}
WRITTEN["digistore_provider_events"] = {"next_check_at"}
WRITTEN["digistore_discounts"] = {"used"}
GROWING = {table.name for table in ADDED} | {"digistore_audit"}
WHOLE = {"digistore_day_figures", "digistore_holdings", "digistore_discount_customers"}

_SET = {
    "sqlite": (
        "PRAGMA foreign_keys = OFF",
        "PRAGMA ignore_check_constraints = ON",
        "DROP TRIGGER IF EXISTS digistore_events_refuse_delete",
    ),
    "postgresql": ("SET session_replication_role = replica",),
}
_RESET = {
    "sqlite": ("PRAGMA foreign_keys = ON", "PRAGMA ignore_check_constraints = OFF"),
    "postgresql": ("RESET session_replication_role",),
}


def damage(connection: Connection, statements: Sequence[str], ids: Mapping[str, Any]) -> None:
    """Write past the library and what the database can be told not to look at."""
    dialect = connection.dialect.name
    for statement in _SET[dialect]:
        connection.exec_driver_sql(statement)
    try:
        for statement in statements:
            assert connection.execute(text(statement), ids).rowcount != 0, statement
    finally:
        for statement in _RESET[dialect]:
            connection.exec_driver_sql(statement)


def facts(connection: Connection) -> dict[str, list[str]]:
    """Return a digest of every row, without what a repair may write of it."""
    found = {}
    for table in metadata.sorted_tables:
        if table.name in WHOLE:
            continue
        columns = [c for c in table.c if c.name not in WRITTEN.get(table.name, ())]
        rows = connection.execute(select(*columns)).all()
        found[table.name] = sorted(
            hashlib.sha256(repr(tuple(r)).encode()).hexdigest() for r in rows
        )
    return found


def assert_no_fact_was_written(
    before: Mapping[str, list[str]], after: Mapping[str, list[str]]
) -> None:
    """What there was is there as it was; only questions, events and audit rows are added."""
    for table, rows in before.items():
        if table in GROWING:
            assert {*rows} <= {*after[table]}, table
        else:
            assert rows == after[table], table


_PURCHASE = "UPDATE digistore_purchased_products SET {} WHERE id = :{}_purchase"
_ORDER = "UPDATE digistore_orders SET {} WHERE id = :{}_order"
_LINE = "UPDATE digistore_order_lines SET {} WHERE id = :{}_line"
_PAYMENT = "UPDATE digistore_payments SET {} WHERE id = :{}_payment"
_CHECKED = "UPDATE digistore_{} SET next_check_at = NULL WHERE {} = :{}"
_REVOKED = "state = 'revoked', live_key = NULL"
_LIVE = "state = 'live', live_key = 1"

# What follows from facts, by the check that finds it first. All but the last nine can be there at
# the same time, in rows of their own, and no CHECK refuses them.
PROJECTED = (
    plant("returned_money_closes", "", _PURCHASE.format(_LIVE, "refunded")),
    plant("lost_dispute_closes", "", _PURCHASE.format("state = 'suspended'", "lost")),
    plant("dispute_suspends", "", _PURCHASE.format(_LIVE, "half_lost")),
    plant("dispute_suspends", "", _PURCHASE.format("state = 'standby'", "suspended")),
    plant("standby_waits_for_a_live_one", "", _PURCHASE.format(_REVOKED, "live")),
    plant("closed_for_a_reason", "", _PURCHASE.format(_REVOKED, "paid")),
    plant("closed_for_a_reason", "", _PURCHASE.format(_REVOKED, "part")),
    plant("rebuilding_changes_nothing", "", _PURCHASE.format(_LIVE, "revoked")),
    plant(
        "help_ends_with_its_money",
        "",
        "UPDATE digistore_support_requests SET state = 'open' WHERE id = :waived_request",
    ),
    plant("outcome_follows_purchase", "", _LINE.format("outcome = 'held'", "won")),
    plant(
        "odd_money_is_acted_on",
        "",
        "DELETE FROM digistore_payment_actions WHERE payment_id = :underpaid_payment",
    ),
    plant(
        "unassigned_refund_is_asked_about",
        "",
        "DELETE FROM digistore_payment_actions WHERE subject = :unassigned_refund",
    ),
    plant("refunds_add_up", "", _PAYMENT.format("own_refunds = 1", "first")),
    plant("refunds_add_up", "", _PAYMENT.format("disputed = 1", "free")),
    plant("refunds_within_captured", "", _PAYMENT.format("gateway_refunds = 1", "refunded")),
    plant("processing_has_its_payment", "", _ORDER.format("state = 'open'", "processing")),
    plant("state_has_its_time", "", _ORDER.format("state = 'open'", "canceled")),
    plant("open_key_follows_order", "", _LINE.format("open_key = NULL", "open")),
    plant("attempts_are_looked_at", "", _CHECKED.format("payment_attempts", "id", "open_attempt")),
    plant("refunds_are_looked_at", "", _CHECKED.format("refunds", "id", "unknown_refund")),
    plant("disputes_are_looked_at", "", _CHECKED.format("disputes", "id", "suspended_dispute")),
    plant(
        "closed_days_add_up",
        "",
        "UPDATE digistore_day_figures SET value = value + 1 WHERE figure = 'orders'",
    ),
    plant(
        "discount_uses_are_counted",
        "",
        "UPDATE digistore_discounts SET used = used - 1 WHERE id = :discount",
        "DELETE FROM digistore_discount_customers WHERE customer_id = :late_discounted_buyer",
    ),
    plant(
        "discount_uses_are_counted",
        "",
        "UPDATE digistore_discount_customers SET used = 0"
        " WHERE discount_id = :discount AND customer_id <> :late_discounted_buyer AND used = 1",
    ),
    plant(
        "lost_dispute_is_asked_about",
        "",
        "DELETE FROM digistore_payment_actions WHERE subject = :half_lost_dispute",
    ),
    plant(
        "pending_money_is_looked_at",
        "",
        _CHECKED.format("payment_attempts", "order_id", "processing_order"),
    ),
    plant("live_key_follows_state", "", _PURCHASE.format("live_key = NULL", "paid")),
    plant("live_key_follows_state", "", _PURCHASE.format("live_key = 1", "revoked")),
    plant("paid_is_covered", "", _ORDER.format("state = 'paid'", "open")),
    plant("paid_is_covered", "", _ORDER.format("state = 'open'", "external")),
    plant("state_has_its_time", "", _ORDER.format("state = 'canceled'", "expired")),
    plant("open_key_follows_order", "", _LINE.format("open_key = 1", "unpaid")),
    plant("message_is_worked_once", "", _CHECKED.format("provider_events", "id", "received")),
)
# What was told of a question that is gone.
WITH_THEM = (
    "DELETE FROM digistore_events WHERE type = 'ActionNeeded' AND NOT EXISTS"
    " (SELECT 1 FROM digistore_payment_actions a WHERE a.id = subject)"
)
APART = 9  # of these, the last

# What a repair must leave, although its check finds what may be a projection.
CONTRADICTED = (
    plant(
        "all_money_back_closes",
        "",
        "UPDATE digistore_refunds SET state = 'failed' WHERE id = :refund",
    ),
    plant(
        "dispute_suspends",
        "",
        "UPDATE digistore_disputes SET state = 'won' WHERE id = :suspended_dispute",
    ),
    plant("refund_lines", "", "DELETE FROM digistore_refund_lines WHERE refund_id = :refund"),
    plant(
        "policy",
        "",
        "UPDATE digistore_orders SET policy ="
        ' replace(policy, \'"partial_refund":"keep"\', \'"partial_refund":"revoke"\')'
        " WHERE id = :both_order",
        _PURCHASE.format("state = 'standby', live_key = NULL", "part"),
    ),
    plant(
        "facts",
        "",
        "DELETE FROM digistore_entitlement_facts WHERE grant_id = :paid_purchase",
    ),
    plant("purchase", "", "DELETE FROM digistore_purchased_products WHERE id = :second_purchase"),
    plant("disposition", "", _PAYMENT.format("disposition = NULL", "underpaid")),
    plant("state", "", _PAYMENT.format("state = 'failed'", "pending")),
    plant("sums", "", _PAYMENT.format("own_refunds = 1, version = version + 1", "paid")),
    plant("paid_at", "", _ORDER.format("paid_at = NULL", "paid")),
    plant("expired_at", "", _ORDER.format("expired_at = NULL", "expired")),
    plant("canceled_at", "", _ORDER.format("canceled_at = NULL", "canceled")),
    plant(
        "decision",
        "",
        "UPDATE digistore_payment_actions SET open_key = NULL, choice = 'refund', resolved_at = 1"
        " WHERE payment_id = :underpaid_payment",
    ),
    plant(
        "help",
        "",
        "UPDATE digistore_support_requests SET state = 'unpaid' WHERE id = :help_request",
    ),
    plant(
        "redemption",
        "",
        "DELETE FROM digistore_redemptions WHERE order_id = :discounted_order",
    ),
    plant(
        "customer",
        "",
        "UPDATE digistore_redemptions SET customer_id = :seller WHERE order_id = :discounted_order",
    ),
    plant(
        "discount",
        "",
        "UPDATE digistore_redemptions SET discount_id = (SELECT id FROM digistore_discounts"
        " WHERE code = 'OFF') WHERE order_id = :discounted_order",
    ),
    plant("buyer", "", _LINE.format("buyer_id = :seller", "paid")),
)


def assert_damage_is_rebuilt(shop: Shop, ids: Mapping[str, Any]) -> None:
    """Spoil a shop in many ways at once, and let it be repaired."""
    together = PROJECTED[:-APART]
    with connection_to(shop.store) as connection:
        for planted in together:
            damage(connection, planted.statements, ids)
        damage(connection, [WITH_THEM], ids)
        connection.commit()
        before = facts(connection)
    report = shop.store.doctor(repair=True)
    assert report.findings == ()
    mended = {BY_NAME[planted.check].invariant for planted in together}
    assert mended <= {one.invariant for one in report.repaired}
    assert shop.store.doctor().findings == ()
    with connection_to(shop.store) as connection:
        assert_no_fact_was_written(before, facts(connection))
    # Who lost access by damage has it again, and is told so.
    restored = f"type = 'AccessRestored' AND subject = '{ids['paid_purchase']}'"
    assert shop.count("events", restored) == 1
    assert shop.count("audit", "cause = 'repair' AND entity = 'purchase'") > 0
