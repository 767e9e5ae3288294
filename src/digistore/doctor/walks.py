"""What SQL cannot recompute: fingerprints, projections and digests, a chunk of rows at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select, tuple_

from digistore.audit import Change, digest_of
from digistore.audit.tables import audit
from digistore.doctor.checks import CHUNK, Walk, Walked
from digistore.entitlements.holding import StoredGrant, facts_of, grants_of, stored_grants
from digistore.entitlements.rules import AccessState, Grant, choose
from digistore.entitlements.tables import purchased_products
from digistore.orders.rules import LINE_SNAPSHOT, SNAPSHOT, snapshot_fingerprint
from digistore.orders.tables import order_lines, orders

if TYPE_CHECKING:
    from digistore.database import Reader
    from digistore.database.transaction import AnyRow

PAIRS = 200  # holdings at a time: two bound values each


async def _chunks(
    reader: Reader, statement: Select[Any], key: Sequence[Any], size: int = CHUNK
) -> AsyncIterator[Sequence[AnyRow]]:
    """Yield the rows of *statement* by its unique *key*, *size* at a time."""
    ordered, after = statement.order_by(*key).limit(size), None
    while rows := await reader.rows(
        ordered if after is None else ordered.where(tuple_(*key) > after)
    ):
        yield rows
        after = tuple(rows[-1]._mapping[column.name] for column in key)


async def changed_snapshots(reader: Reader) -> Walked:
    """Yield the orders whose amounts, lines, policy, billing or consents have changed (I14)."""
    async for chunk in _chunks(reader, select(orders), [orders.c.id]):
        lines = await reader.rows(
            select(order_lines)
            .where(order_lines.c.order_id.in_([row.id for row in chunk]))
            .order_by(order_lines.c.order_id, order_lines.c.position)
        )
        found: dict[str, list[list[object]]] = {row.id: [] for row in chunk}
        for line in lines:
            found[line.order_id].append([line._mapping[name] for name in LINE_SNAPSHOT])
        for row in chunk:
            content = {name: row._mapping[name] for name in SNAPSHOT}
            if snapshot_fingerprint(content, found[row.id]) != row.snapshot_fingerprint:
                yield row.id


async def changed_projections(reader: Reader) -> Walked:
    """Yield the purchases whose state is not what their facts make of them now (I20)."""
    key = [purchased_products.c.user_id, purchased_products.c.product_id]
    async for chunk in _chunks(reader, select(*key).distinct(), key, PAIRS):
        pairs = [(row.user_id, row.product_id) for row in chunk]
        rows = await reader.rows(grants_of(pairs))
        facts = await reader.rows(facts_of(pairs))
        for grants, theirs in _by_holding(pairs, rows, facts):
            for subject in _moved(grants, theirs):
                yield subject


def _by_holding(
    pairs: Sequence[tuple[str, str]], grants: Sequence[AnyRow], facts: Sequence[AnyRow]
) -> Iterator[tuple[Sequence[AnyRow], Sequence[AnyRow]]]:
    for pair in pairs:
        held = [row for row in grants if (row.user_id, row.product_id) == pair]
        ids = {row.id for row in held}
        yield held, [row for row in facts if row.grant_id in ids]


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


async def broken_chains(reader: Reader) -> Walked:
    """Yield what has an audit row that does not fit its digest or the row before it (I25)."""
    key = [audit.c.entity, audit.c.entity_id, audit.c.version]
    last: AnyRow | None = None
    async for chunk in _chunks(reader, select(audit), key):
        for row in chunk:
            follows = last is not None and _one(last) == _one(row)
            if not _fits(row, last if follows else None):
                yield row.entity_id
            last = row


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
