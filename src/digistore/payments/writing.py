"""Writing what has changed in a book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Executable, Table, delete, insert, update

from digistore.orders.writes import set_attempt, set_line, set_order
from digistore.payments.book import (
    ActionFacts,
    AttemptFacts,
    Book,
    DisputeFacts,
    LineFacts,
    OrderFacts,
    PaymentFacts,
    RefundFacts,
)
from digistore.payments.tables import (
    dispute_lines,
    disputes,
    payment_actions,
    payments,
    refund_lines,
    refunds,
)

_TABLES: Mapping[type[Any], Table] = {
    PaymentFacts: payments,
    RefundFacts: refunds,
    DisputeFacts: disputes,
    ActionFacts: payment_actions,
}
_WRITERS: Mapping[type[Any], Callable[..., Executable]] = {
    OrderFacts: set_order,
    LineFacts: set_line,
    AttemptFacts: set_attempt,
}
_APART = {"lines", "policy"}


def differences(book: Book) -> list[Executable]:
    """Return the statements that store what has changed, in the order that constraints need."""
    return [statement for entry in book.changed() for statement in _store(entry, book.was(entry))]


def _store(entry: Any, stored: Any) -> list[Executable]:  # noqa: ANN401  an entry
    names = [one.name for one in fields(entry) if one.name not in _APART]
    values = {name: getattr(entry, name) for name in names}
    if stored is not None:
        values = {name: value for name, value in values.items() if value != getattr(stored, name)}
    if type(entry) in _WRITERS:
        return [_WRITERS[type(entry)](entry.id, **values)]
    table = _TABLES[type(entry)]
    statements: list[Executable] = []
    if stored is None:
        statements.append(insert(table).values(values))
    elif values:
        statements.append(update(table).where(table.c.id == entry.id).values(values))
    if isinstance(entry, RefundFacts):
        known = stored.lines if stored else {}
        gone = [line for line, amount in known.items() if entry.lines.get(line) != amount]
        rows = [
            {"refund_id": entry.id, "order_line_id": line, "amount": amount, "tax": 0}
            for line, amount in entry.lines.items()
            if known.get(line) != amount
        ]
        if gone:
            split = (refund_lines.c.refund_id == entry.id) & refund_lines.c.order_line_id.in_(gone)
            statements.append(delete(refund_lines).where(split))
        statements += [insert(refund_lines).values(rows)] if rows else []
    if isinstance(entry, DisputeFacts):
        fresh = entry.lines - (stored.lines if stored else set())
        rows = [{"dispute_id": entry.id, "order_line_id": line} for line in sorted(fresh)]
        statements += [insert(dispute_lines).values(rows)] if rows else []
    return statements
