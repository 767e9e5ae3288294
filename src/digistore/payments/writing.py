"""Writing what has changed in a book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import Table, Update, bindparam, delete, update

from digistore.audit import Change
from digistore.database import Call, Prepared, Statement, changing, inserting
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
    provider_events,
    refund_lines,
    refunds,
)

_TABLES: Mapping[type[Any], Table] = {
    PaymentFacts: payments,
    RefundFacts: refunds,
    DisputeFacts: disputes,
    ActionFacts: payment_actions,
}
_WRITERS: Mapping[type[Any], Callable[..., Call]] = {
    OrderFacts: set_order,
    LineFacts: set_line,
    AttemptFacts: set_attempt,
}
_APART = {"lines", "taxes", "policy"}
_UNSPLIT = Prepared(
    delete(refund_lines).where(
        refund_lines.c.refund_id == bindparam("refund_id"),
        refund_lines.c.order_line_id == bindparam("order_line_id"),
    )
)
_SPLIT = inserting(refund_lines, ("refund_id", "order_line_id", "amount", "tax"))
_TAKE = inserting(dispute_lines, ("dispute_id", "order_line_id"))


def differences(book: Book) -> list[Statement]:
    """Return the statements that store what has changed, in the order that constraints need."""
    return [statement for entry in book.changed() for statement in _store(entry, book.was(entry))]


def bump_versions(book: Book) -> list[Change]:
    """Give each payment that has changed its next version; return what the audit keeps of them."""
    changes = []
    for payment in book.payments:
        if book.was(payment) != payment:
            payment.version += 1
            changes.append(Change("payment", payment.id, payment.version, told_of(payment)))
    return changes


def told_of(payment: PaymentFacts) -> dict[str, str | int | bool | None]:
    """Return what the audit keeps of a payment."""
    return {
        "state": payment.state,
        "captured": payment.captured,
        "disposition": payment.disposition,
        "own_refunds": payment.own_refunds,
        "gateway_refunds": payment.gateway_refunds,
        "disputed": payment.disputed,
    }


def look_at(event_id: str, at: datetime) -> Update:
    """Return the statement that lets a message be looked at which was not worked, nor ever will."""
    return (
        update(provider_events)
        .where(provider_events.c.id == event_id, provider_events.c.status == "received")
        .where(provider_events.c.next_check_at.is_(None))
        .values(next_check_at=at)
    )


def _store(entry: Any, stored: Any) -> list[Statement]:  # noqa: ANN401  an entry
    names = [one.name for one in fields(entry) if one.name not in _APART]
    values = {name: getattr(entry, name) for name in names}
    if stored is not None:
        values = {name: value for name, value in values.items() if value != getattr(stored, name)}
    if isinstance(entry, RedemptionFacts):
        return _redemption(entry, stored, values)
    if type(entry) in _WRITERS:
        return [_WRITERS[type(entry)](entry.id, **values)]
    table = _TABLES[type(entry)]
    statements: list[Statement] = []
    if stored is None:
        statements.append(inserting(table, tuple(values)).given(**values))
    elif values:
        statements.append(changing(table, tuple(values)).given(id_=entry.id, **values))
    if isinstance(entry, RefundFacts):
        statements += _store_split(entry, stored)
    if isinstance(entry, DisputeFacts):
        fresh = entry.lines - (stored.lines if stored else set())
        statements += [_TAKE.given(dispute_id=entry.id, order_line_id=one) for one in sorted(fresh)]
    return statements


def _store_split(refund: RefundFacts, stored: RefundFacts | None) -> list[Call]:
    known, split = _split(stored) if stored else {}, _split(refund)
    gone = [line for line, part in known.items() if split.get(line) != part]
    fresh = [line for line, part in split.items() if known.get(line) != part]
    return [
        *(_UNSPLIT.given(refund_id=refund.id, order_line_id=line) for line in gone),
        *(
            _SPLIT.given(
                refund_id=refund.id, order_line_id=line, amount=split[line][0], tax=split[line][1]
            )
            for line in fresh
        ),
    ]


def _redemption(
    entry: RedemptionFacts, stored: RedemptionFacts, values: Mapping[str, object]
) -> list[Statement]:
    changed = set_redemption(entry.id, **values)
    if entry.state == "released":
        return [changed, *give_back(entry.discount_id, entry.customer_id)]
    if stored.state == "released":
        return [changed, *take_again(entry.id, entry.discount_id, entry.customer_id)]
    return [changed]


def _split(refund: RefundFacts) -> dict[str, tuple[int, int]]:
    """Return amount and tax by line."""
    return {line: (amount, refund.taxes.get(line, 0)) for line, amount in refund.lines.items()}
