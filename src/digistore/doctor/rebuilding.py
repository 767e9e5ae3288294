"""Working out anew what follows from the facts of an order; a fact itself is never written.

What was damaged is rebuilt by the rules of settling, under the same locks. Whether that is safe is
decided by what would be written: the moment it is anything but a projection or a new question to
an operator, the facts do not say what is stored, and nothing is written at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Insert, Select, Update, select

from digistore.audit import Change, record
from digistore.audit.tables import audit
from digistore.database import Call, Statement
from digistore.database.sets import are_of
from digistore.doctor.mending import Contradiction, check_sound, mend
from digistore.doctor.walks import is_itself
from digistore.entitlements.facts import AccessState, FactKind
from digistore.entitlements.holding import lock, set_live_key
from digistore.entitlements.tables import purchased_products
from digistore.orders.kinds import Cause, Heard, Kind
from digistore.orders.rules import LINE_SNAPSHOT
from digistore.orders.tables import order_lines, orders, payment_attempts
from digistore.orders.writes import lock_order
from digistore.outbox.tables import deliveries, events
from digistore.payments.book import Book
from digistore.payments.rules.derive import causes, derive, take_outcomes
from digistore.payments.service.settle import Moved, NothingNew, Settle
from digistore.payments.service.telling import events_of
from digistore.payments.tables import disputes, payment_actions, payments, refunds
from digistore.payments.writing import bump_versions, differences, told_of
from digistore.support.tables import support_requests
from digistore.users.reads import stands_for

if TYPE_CHECKING:
    from digistore.database import AnyRow, Reader, Transaction

ACTOR: Final = "system"
CAUSE: Final = "repair"

# All that may be changed: what follows from facts, and when somebody looks again.
PROJECTIONS: Final[Mapping[object, frozenset[str]]] = {
    orders: frozenset({"state"}),
    order_lines: frozenset({"outcome", "open_key"}),
    payment_attempts: frozenset({"next_check_at"}),
    payments: frozenset({"own_refunds", "gateway_refunds", "disputed", "version"}),
    refunds: frozenset({"next_check_at"}),
    disputes: frozenset({"next_check_at"}),
    purchased_products: frozenset({"state", "live_key", "epoch", "version"}),
    support_requests: frozenset({"state", "resume_state", "version"}),
}
ADDED: Final = frozenset({payment_actions, events, deliveries})
# What an order is if no payment says it: its own times alone, which have no other witness.
_BY_TIMES: Final = frozenset({"open", "expired", "canceled"})


@dataclass(frozen=True, slots=True)
class _Draft:
    """What one order's facts make of it, beside what is stored."""

    book: Book
    heard: Sequence[Heard]
    keys: Sequence[tuple[Call, Change]]
    neighbours: frozenset[str]

    @property
    def statements(self) -> list[Statement]:
        """What would be written."""
        opened = [statement for told in self.heard for statement in told.writes]
        return [*differences(self.book), *opened, *(statement for statement, _ in self.keys)]


class Rebuild(Settle):
    """Settles without news: what is stored beside facts becomes what they say."""

    async def rebuild(self, order_id: str | None, payment_id: str | None) -> None:
        """Rebuild an order, with the holdings that its lines are in, or a payment without one.

        Raises:
            Contradiction: facts would have to be written; nothing was.
        """
        try:
            await self.unless_nothing_new(lambda tx: self._rebuild(tx, order_id, payment_id))
        except Moved:  # somebody bought the same meanwhile: there is one more order to lock
            await self.unless_nothing_new(lambda tx: self._rebuild(tx, order_id, payment_id))

    async def _rebuild(self, tx: Transaction, order_id: str | None, payment_id: str | None) -> None:
        if order_id is None:
            draft = await self._draft(tx, None, payment_id)
            if not draft.statements:
                raise NothingNew
            changes = await _write(tx, draft)
            await _check_chains(tx, changes)
            await record(tx, ACTOR, CAUSE, changes)
            return
        together = sorted(await _neighbours(tx, order_id))
        locked = {one: await lock_order(tx, one) for one in together}
        await _lock_holdings(tx, together)
        drafts = [await self._draft(tx, one, None) for one in together]
        if not all(draft.neighbours <= locked.keys() for draft in drafts):
            raise Moved
        if not any(draft.statements for draft in drafts):
            raise NothingNew
        changes = []
        for one in together:  # each sees what the one before it has written
            draft = await self._draft(tx, one, None)
            changes += await _write(tx, draft)
            state = draft.book.order.state if draft.book.order else None
            changes.append(replace(locked[one], changes={"state": state}))
        await _check_chains(tx, changes)
        await record(tx, ACTOR, CAUSE, changes)

    async def _draft(self, tx: Transaction, order_id: str | None, payment_id: str | None) -> _Draft:
        """Work out what is to be written.

        Raises:
            Contradiction: facts are among it, or they contradict each other.
        """
        try:
            draft = await self._derived(tx, order_id, payment_id)
        except (ValueError, TypeError, LookupError, OverflowError) as error:
            raise Contradiction from error  # a word that nobody knows, or a row that is gone
        _refuse_facts(draft.statements)
        return draft

    async def _derived(
        self, tx: Transaction, order_id: str | None, payment_id: str | None
    ) -> _Draft:
        _, book, rows = await self._ask(tx, [], order_id, payment_id, ACTOR)
        if order_id is not None:
            await _check_snapshot(tx, order_id)
        check_sound(book)
        derive(book)
        await _check_told(tx, book)
        heard = self._hear(book, rows, [_as_heard(cause, rows.values()) for cause in causes(book)])
        outcomes = {line: outcome for told in heard for line, outcome in told.outcomes.items()}
        take_outcomes(book, outcomes, refund_duplicates=False)  # a repair moves nobody's money
        mend(book, [action for told in heard for action in told.actions])
        derive(book)
        grants = rows[Kind.PRODUCT][1] if Kind.PRODUCT in rows else ()
        moved = {change.entity_id for told in heard for change in told.changes}
        keys = [_key(row) for row in grants if row.id not in moved and _has_wrong_key(row)]
        return _Draft(book, heard, keys, frozenset(row.order_id for row in grants))


def _as_heard(cause: Cause, rows: Iterable[Sequence[Sequence[AnyRow]]]) -> Cause:
    """Return *cause* under the ticket by which it was heard.

    Of a dispute that is told again as it was, the newer ticket alone is stored, and no fact.
    """
    if cause.kind != FactKind.DISPUTE:
        return cause
    facts = [row for _, _, answered, *_ in rows for row in answered if row.about == cause.about]
    last = max((row.ticket for row in facts), default=cause.ticket)
    word = (cause.state, cause.amount, last)
    known = any((row.state, row.amount, row.ticket) == word for row in facts)
    return replace(cause, ticket=last) if known else cause


async def _write(tx: Transaction, draft: _Draft) -> list[Change]:
    """Write a draft; return what has changed but for the order itself."""
    changed = bump_versions(draft.book)
    statements = draft.statements
    await tx.batch(statements)
    await tx.batch(events_of(draft.book) if statements else ())
    heard = [change for told in draft.heard for change in told.changes]
    return [*changed, *heard, *(change for _, change in draft.keys)]


def _refuse_facts(statements: Iterable[Statement]) -> None:
    for call in statements:
        if not isinstance(call, Call):
            raise Contradiction
        statement = call.prepared.statement
        if isinstance(statement, Insert) and statement.table in ADDED:
            continue
        if isinstance(statement, Update) and statement.table in PROJECTIONS:
            named = statement.compile().params.keys() & statement.table.c.keys()
            if named <= PROJECTIONS[statement.table]:
                continue
        raise Contradiction


def _has_wrong_key(row: AnyRow) -> bool:
    return bool((row.state == AccessState.LIVE) != (row.live_key == 1))


def _key(row: AnyRow) -> tuple[Call, Change]:
    version = row.version + 1
    return (
        set_live_key(row.id, live=row.state == AccessState.LIVE, version=version),
        Change("purchase", row.id, version, {"state": row.state}),
    )


async def _neighbours(reader: Reader, order_id: str) -> set[str]:
    """Return an order and all whose purchases are in a holding with one of its own."""
    mine, theirs = purchased_products.alias("mine"), purchased_products.alias("theirs")
    same = (mine.c.user_id == theirs.c.user_id) & (mine.c.product_id == theirs.c.product_id)
    rows = await reader.rows(
        select(theirs.c.order_id).join(mine, same).where(mine.c.order_id == order_id).distinct()
    )
    return {order_id, *(row.order_id for row in rows)}


async def _lock_holdings(tx: Transaction, order_ids: Sequence[str]) -> None:
    """Lock those of all orders at once, as each of them would lock its own: ascending."""
    holder = stands_for(order_lines.c.beneficiary_id).label("holder_id")
    lines = select(holder, order_lines.c.product_id).where(order_lines.c.order_id.in_(order_ids))
    pairs = {(row.holder_id, row.product_id) for row in await tx.rows(lines)}
    if pairs:
        await tx.rows(lock(pairs))


async def _check_snapshot(reader: Reader, order_id: str) -> None:
    """Refuse an order that is not what was bought: its policy decides on access."""
    order = await reader.first(select(orders).where(orders.c.id == order_id))
    lines = await reader.rows(
        select(order_lines)
        .where(order_lines.c.order_id == order_id)
        .order_by(order_lines.c.position)
    )
    told = [[line._mapping[name] for name in LINE_SNAPSHOT] for line in lines]
    if order is None or not is_itself(order, told):
        raise Contradiction


async def _check_told(reader: Reader, book: Book) -> None:
    """Refuse what is not what was audited: then it is facts that have changed, not their sums."""
    if book.order is not None and book.order.state in _BY_TIMES:
        rows = await reader.rows(_audited("order", book.order.id))
        states = [row.changes["state"] for row in rows if "state" in row.changes]
        if states[:1] != [book.order.state]:
            raise Contradiction
    for payment in book.payments:
        last = await reader.first(_audited("payment", payment.id).limit(1))
        if last is None or last.version != payment.version or last.changes != told_of(payment):
            raise Contradiction


def _audited(entity: str, entity_id: str) -> Select[Any]:
    of_it = (audit.c.entity == entity) & (audit.c.entity_id == entity_id)
    return select(audit.c.version, audit.c.changes).where(of_it).order_by(audit.c.version.desc())


async def _check_chains(reader: Reader, changes: Sequence[Change]) -> None:
    """Refuse what was changed without an audit row: the next one would not fit."""
    key = (audit.c.entity, audit.c.entity_id, audit.c.version)
    wanted = {(one.entity, one.entity_id, one.version - 1) for one in changes if one.version > 1}
    found = await reader.rows(select(audit.c.entity_id).where(are_of(key, sorted(wanted))))
    if len(found) != len(wanted):
        raise Contradiction
