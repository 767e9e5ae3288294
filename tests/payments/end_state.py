"""What a shop has come to, without ids, tickets, versions and times: two ways there must agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from pprint import pformat
from typing import Any, TypeAlias

from digistore.database.types import metadata
from digistore.payments.tables import provider_events

Rows: TypeAlias = Callable[[str], list[tuple[Any, ...]]]
"""Runs a statement and returns its rows: ``Shop.rows``."""

TICKETS = ("ticket",)
HOLDS = ("requested", "unknown", "pending", "succeeded")
LOSES = ("lost", "prevented")
# Rows that settling adds, by what the gateway or the order calls them.
LABELS = {
    "payments": "ref",
    "refunds": "COALESCE(ref, key)",
    "disputes": "ref",
    "purchased_products": "order_line_id",
    "payment_actions": "kind",
}
SETTLED = (
    "orders",
    "order_lines",
    "payment_attempts",
    "refund_lines",
    "dispute_lines",
    "entitlement_facts",
    "support_requests",
    "support_facts",
)
HISTORY = ("version", "epoch", "sequence", "at", "evidence_due")


def end_state(rows: Rows) -> list[str]:
    """Return orders, money, access, requests and open questions, by names that are always equal.

    Orders are called by their place in time, users and products by what people call them. What
    a refund that failed or a dispute that was won once took from which line is history: it may
    depend on the way.
    """
    names = _names(rows)
    money = _money(rows, names)
    orders = []
    for order_id, *order in rows(
        "SELECT id, state, late, expired_at IS NOT NULL, canceled_at IS NOT NULL, total, currency"
        " FROM digistore_orders ORDER BY created_at, id"
    ):
        lines = rows(
            "SELECT id, kind, total, outcome, open_key FROM digistore_order_lines"
            f" WHERE order_id = '{order_id}' ORDER BY position"
        )
        orders.append(
            {
                "order": order,
                "lines": [(names[line_id], *line) for line_id, *line in lines],
                "attempts": sorted(
                    rows(
                        "SELECT state, live_key FROM digistore_payment_attempts"
                        f" WHERE order_id = '{order_id}'"
                    ),
                    key=repr,
                ),
                "payments": money[order_id],
            }
        )
    whole = {
        "orders": orders,
        "orphans": money[None],
        "access": access(rows),
        "requests": _requests(rows, names),
        "questions": _questions(rows, names),
    }
    return pformat(whole, width=120, sort_dicts=False).splitlines()


def access(rows: Rows) -> list[tuple[Any, ...]]:
    """Return who holds what, by e-mail address and title, and the state of each purchase."""
    return sorted(
        rows(
            "SELECT u.email, p.title, h.state, l.outcome FROM digistore_purchased_products h"
            " JOIN digistore_users u ON u.id = h.user_id"
            " JOIN digistore_products p ON p.id = h.product_id"
            " JOIN digistore_order_lines l ON l.id = h.order_line_id"
        )
    )


def columns_of(table: str) -> list[str]:
    return [column.name for column in metadata.tables[table].columns]


def every_row(rows: Rows) -> dict[str, list[tuple[Any, ...]]]:
    """Return all that is stored but the inbox and tickets: what a replay must not change (I17)."""
    found = {}
    for table in sorted(metadata.tables):
        if table == provider_events.name:
            continue
        columns = [name for name in columns_of(table) if name not in TICKETS]
        found[table] = rows(f"SELECT {', '.join(columns)} FROM {table}")
    return {table: sorted(known, key=repr) for table, known in found.items()}


def what_settling_reads(rows: Rows) -> int:
    """Return a digest of all rows that the next message can depend on, whatever their ids.

    Two shops with the same digest differ in ids, times, versions and what was audited or
    announced: whatever is settled next, it comes to the same in both.
    """
    labels: dict[str, str] = {}
    for table, label in LABELS.items():
        labels |= dict(rows(f"SELECT id, {label} FROM digistore_{table}"))
    found = []
    for table in (*SETTLED, *LABELS):
        names = columns_of(f"digistore_{table}")
        columns = [
            f"{name} IS NULL" if name.endswith("_at") else name
            for name in names
            if name not in HISTORY
        ]
        told = rows(f"SELECT {', '.join(columns)} FROM digistore_{table}")
        found.append(sorted(repr([labels.get(one, one) for one in row]) for row in told))
    return hash(repr(found))


def _names(rows: Rows) -> dict[str, str]:
    """Give everything that an action can be about a name that does not depend on the way there."""
    names: dict[str, str] = {}
    numbers = {}
    for number, (order_id,) in enumerate(
        rows("SELECT id FROM digistore_orders ORDER BY created_at, id")
    ):
        names[order_id] = f"order {number}"
        numbers[order_id] = number
    for line_id, order_id, title in rows("SELECT id, order_id, title FROM digistore_order_lines"):
        names[line_id] = f"{title} of order {numbers[order_id]}"
    for ref, *about in rows(
        "SELECT id, captured, currency, COALESCE(disposition, state) FROM digistore_payments"
    ):
        names[ref] = f"payment {about}"
    for ref, *about in rows("SELECT id, amount, origin FROM digistore_refunds"):
        names[ref] = f"refund {about}"
    for ref, *about in rows("SELECT id, amount FROM digistore_disputes"):
        names[ref] = f"dispute {about}"
    return names


def _money(rows: Rows, names: dict[str, str]) -> dict[str | None, list[Any]]:
    refunds = _by_payment(
        rows(
            "SELECT id, payment_id, amount, state, origin, access,"
            f" CASE WHEN state IN {HOLDS} THEN assigned END FROM digistore_refunds"
        ),
        _split(
            rows(
                "SELECT refund_id, order_line_id, l.amount FROM digistore_refund_lines l"
                f" JOIN digistore_refunds r ON r.id = l.refund_id WHERE r.state IN {HOLDS}"
            ),
            names,
        ),
    )
    disputes = _by_payment(
        rows(
            "SELECT id, payment_id, amount, state,"
            f" CASE WHEN state IN {LOSES} THEN assigned END FROM digistore_disputes"
        ),
        _split(
            rows(
                "SELECT dispute_id, order_line_id, 0 FROM digistore_dispute_lines l"
                f" JOIN digistore_disputes d ON d.id = l.dispute_id WHERE d.state IN {LOSES}"
            ),
            names,
        ),
    )
    found: dict[str | None, list[Any]] = defaultdict(list)
    for payment_id, order_id, *payment in rows(
        "SELECT id, order_id, gateway, state, currency, asked, captured, tax, disposition,"
        " cover_key, covered_total, own_refunds, gateway_refunds, disputed FROM digistore_payments"
    ):
        found[order_id].append((payment, refunds[payment_id], disputes[payment_id]))
    return defaultdict(list, {key: sorted(one, key=repr) for key, one in found.items()})


def _split(parts: Iterable[tuple[Any, ...]], names: dict[str, str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for owner, line, amount in parts:
        found[owner].append((names[line], amount))
    return found


def _by_payment(
    entries: Iterable[tuple[Any, ...]], parts: dict[str, list[Any]]
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for entry_id, payment_id, *entry in entries:
        found[payment_id].append((entry, sorted(parts[entry_id])))
    return defaultdict(list, {key: sorted(one, key=repr) for key, one in found.items()})


def _requests(rows: Rows, names: dict[str, str]) -> list[Any]:
    found = rows(
        "SELECT order_line_id, subject, state, resume_state, payment_id IS NOT NULL"
        " FROM digistore_support_requests"
    )
    return sorted((names[line], *request) for line, *request in found)


def _questions(rows: Rows, names: dict[str, str]) -> list[Any]:
    found = rows(
        "SELECT subject, kind, choice FROM digistore_payment_actions"
        " WHERE open_key = 1 OR resolved_by <> 'system'"
    )
    return sorted(((names.get(one, one), *about) for one, *about in found), key=repr)
