"""Writing what has changed in a book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import Executable, Table, delete, insert, update

from digistore.orders.discounts.redeeming import give_back, set_redemption, take_again
from digistore.orders.writes import set_attempt, set_line, set_order
from digistore.payments.book import (
    ActionFacts,
    AttemptFacts,
    Book,
    DisputeFacts,
    LineFacts,
    OrderFacts,
    PaymentFacts,
    RedemptionFacts,
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
_APART = {"lines", "taxes", "policy"}


def differences(book: Book) -> list[Executable]:
    """Return the statements that store what has changed, in the order that constraints need."""
    return [statement for entry in book.changed() for statement in _store(entry, book.was(entry))]


def _store(entry: Any, stored: Any) -> list[Executable]:  # noqa: ANN401  an entry
    names = [one.name for one in fields(entry) if one.name not in _APART]
    values = {name: getattr(entry, name) for name in names}
    if stored is not None:
        values = {name: value for name, value in values.items() if value != getattr(stored, name)}
    if isinstance(entry, RedemptionFacts):
        return _redemption(entry, stored, values)
    if type(entry) in _WRITERS:
        return [_WRITERS[type(entry)](entry.id, **values)]
    table = _TABLES[type(entry)]
    statements: list[Executable] = []
    if stored is None:
        statements.append(insert(table).values(values))
    elif values:
        statements.append(update(table).where(table.c.id == entry.id).values(values))
    if isinstance(entry, RefundFacts):
        known, split = _split(stored) if stored else {}, _split(entry)
        gone = [line for line, part in known.items() if split.get(line) != part]
        rows = [
            {"refund_id": entry.id, "order_line_id": line, "amount": amount, "tax": tax}
            for line, (amount, tax) in split.items()
            if known.get(line) != (amount, tax)
        ]
        if gone:
            theirs = (refund_lines.c.refund_id == entry.id) & refund_lines.c.order_line_id.in_(gone)
            statements.append(delete(refund_lines).where(theirs))
        statements += [insert(refund_lines).values(rows)] if rows else []
    if isinstance(entry, DisputeFacts):
        fresh = entry.lines - (stored.lines if stored else set())
        rows = [{"dispute_id": entry.id, "order_line_id": line} for line in sorted(fresh)]
        statements += [insert(dispute_lines).values(rows)] if rows else []
    return statements


def _redemption(
    entry: RedemptionFacts, stored: RedemptionFacts, values: Mapping[str, object]
) -> list[Executable]:
    changed = set_redemption(entry.id, **values)
    if entry.state == "released":
        return [changed, *give_back(entry.discount_id, entry.customer_id)]
    if stored.state == "released":
        return [changed, *take_again(entry.id, entry.discount_id, entry.customer_id)]
    return [changed]


def _split(refund: RefundFacts) -> dict[str, tuple[int, int]]:
    """Return amount and tax by line."""
    return {line: (amount, refund.taxes.get(line, 0)) for line, amount in refund.lines.items()}
