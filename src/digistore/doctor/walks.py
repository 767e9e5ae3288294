"""What SQL cannot recompute: fingerprints, projections and digests, a page of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select, tuple_

from digistore.audit import Change, digest_of
from digistore.audit.tables import audit
from digistore.doctor.checks import Place, Step, Walk, page
from digistore.entitlements.facts import AccessState
from digistore.entitlements.holding import StoredGrant, facts_of, grants_of, stored_grants
from digistore.entitlements.rules import Grant, choose
from digistore.entitlements.tables import purchased_products
from digistore.orders.rules import LINE_SNAPSHOT, SNAPSHOT, snapshot_fingerprint
from digistore.orders.tables import order_lines, orders

if TYPE_CHECKING:
    from digistore.database import AnyRow, Reader

ROWS = 500  # rows that a walk holds at a time, with what belongs to them
HOLDINGS = 200  # the same of holdings: two bound values each


async def changed_snapshots(reader: Reader, at: Place | None) -> Step:
    """Find orders whose amounts, lines, policy, billing or consents have changed (I14)."""
    rows, end = await page(reader, select(orders), [orders.c.id], at, ROWS)
    lines = await reader.rows(
        select(order_lines)
        .where(order_lines.c.order_id.in_([row.id for row in rows]))
        .order_by(order_lines.c.order_id, order_lines.c.position)
    )
    theirs: dict[str, list[list[object]]] = {row.id: [] for row in rows}
    for line in lines:
        theirs[line.order_id].append([line._mapping[name] for name in LINE_SNAPSHOT])
    return Step([row.id for row in rows if not is_itself(row, theirs[row.id])], end)


def is_itself(order: AnyRow, lines: Sequence[Sequence[object]]) -> bool:
    """Say whether an order, with what is bound of its *lines*, is what it was when it was made."""
    content = {name: order._mapping[name] for name in SNAPSHOT}
    return bool(snapshot_fingerprint(content, lines) == order.snapshot_fingerprint)


async def changed_projections(reader: Reader, at: Place | None) -> Step:
    """Find purchases whose state is not what their facts make of them now (I20)."""
    key = [purchased_products.c.user_id, purchased_products.c.product_id]
    rows, end = await page(reader, select(*key).distinct(), key, at, HOLDINGS)
    if not rows:
        return Step([], None)
    pairs = [(row.user_id, row.product_id) for row in rows]
    grants = await reader.rows(grants_of(pairs))
    facts = await reader.rows(facts_of(pairs))
    found: list[str] = []
    for held, told in _by_holding(pairs, grants, facts):
        found += _moved(held, told)
    return Step(found, end)


def _by_holding(
    pairs: Sequence[tuple[str, str]], grants: Sequence[AnyRow], facts: Sequence[AnyRow]
) -> Iterator[tuple[Sequence[AnyRow], Sequence[AnyRow]]]:
    told: dict[str, list[AnyRow]] = {row.id: [] for row in grants}
    for row in facts:  # of a purchase whose order is gone there is no grant
        told.setdefault(row.grant_id, []).append(row)
    held: dict[tuple[str, str], list[AnyRow]] = {pair: [] for pair in pairs}
    for row in grants:
        held[row.user_id, row.product_id].append(row)
    for rows in held.values():
        # Of one holding they stand in ledger order: whose turn it is follows from that.
        yield rows, sorted((f for row in rows for f in told[row.id]), key=lambda f: f.sequence)


def _moved(rows: Sequence[AnyRow], facts: Sequence[AnyRow]) -> list[str]:
    try:
        grants = stored_grants(rows, facts)
        states = _states(grants)
    except ValueError:  # a state, kind or policy that nobody knows
        return [row.id for row in rows]
    return [grant.id for grant in grants if grant.state is not states[grant.id]]


def _states(grants: Sequence[StoredGrant]) -> Mapping[str, AccessState]:
    return choose(
        [
            Grant(one.id, one.worth, one.sequence, has_place=one.state is AccessState.LIVE)
            for one in grants
        ]
    )


async def broken_chains(reader: Reader, at: Place | None) -> Step:
    """Find what has an audit row that does not fit its digest or the row before it (I25)."""
    key = [audit.c.entity, audit.c.entity_id, audit.c.version]
    before = None if at is None else select(audit).where(tuple_(*key) == at)
    last = None if before is None else await reader.first(before)
    rows, end = await page(reader, select(audit), key, at, ROWS)
    found: dict[str, None] = {}
    for row in rows:
        follows = last is not None and _one(last) == _one(row)
        if not _fits(row, last if follows else None):
            found[row.entity_id] = None
        last = row
    return Step(list(found), end)


def _one(row: AnyRow) -> tuple[str, str]:
    return row.entity, row.entity_id


def _fits(row: AnyRow, before: AnyRow | None) -> bool:
    change = Change(row.entity, row.entity_id, row.version, row.changes)
    digest = digest_of(change, row.at, row.actor, row.cause, row.previous)
    return bool(digest == row.digest and row.previous == (before.digest if before else None))


CHECKS = (
    Walk(
        "I14",
        "snapshot_never_changes",
        "What this order was made of has changed since: an amount, a line, the access policy, the"
        " billing or a consent. Put back what it was, from a backup.",
        changed_snapshots,
    ),
    Walk(
        "I20",
        "rebuilding_changes_nothing",
        "This purchase's state is not what its facts make of it, by the order's policy and by who"
        " has the place. Whoever is stored as live counts as having it. Settle its order again.",
        changed_projections,
    ),
    Walk(
        "I25",
        "audit_chain_is_whole",
        "An audit row of this one does not hold its own digest, or not that of the row before it:"
        " somebody has changed what was written. Compare it with a backup.",
        broken_chains,
    ),
)
