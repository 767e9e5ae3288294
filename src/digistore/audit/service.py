"""Writing the chain: each row holds the digest of the row before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, insert, literal_column, select, tuple_

from digistore.audit.tables import audit
from digistore.canonical import canonical_sha256
from digistore.clock import to_micros

if TYPE_CHECKING:
    from digistore.database import Transaction

_KEY = (audit.c.entity, audit.c.entity_id, audit.c.version)


@dataclass(frozen=True, slots=True)
class Change:
    """A new *version* of an entity; *changes* holds words and numbers, nothing personal."""

    entity: str
    entity_id: str
    version: int
    changes: Mapping[str, str | int | bool | None] = field(default_factory=dict)


async def record(tx: Transaction, actor: str, cause: str, changes: Sequence[Change]) -> None:
    """Write one row for each of *changes*; *cause* names the operation or message behind them."""
    if not changes:
        return
    digests = await _previous(tx, changes)
    rows = []
    for change in sorted(changes, key=lambda one: one.version):
        key = (change.entity, change.entity_id, change.version)
        previous = digests.get((*key[:2], change.version - 1))
        digests[key] = digest_of(change, tx.now, actor, cause, previous)
        rows.append(
            {
                "entity": change.entity,
                "entity_id": change.entity_id,
                "version": change.version,
                "at": tx.now,
                "actor": actor,
                "cause": cause,
                "changes": dict(change.changes),
                "digest": digests[key],
                "previous": previous,
            }
        )
        tx.leave(_row(key, digests[key]))
    await tx.rows(insert(audit), rows)


def _row(key: tuple[str, str, int], digest: bytes) -> Select[Any]:
    """Select a row by its content: of two changes to one version it tells which one came about."""
    return select(literal_column("1")).where(tuple_(*_KEY) == key, audit.c.digest == digest)


def digest_of(
    change: Change, at: datetime, actor: str, cause: str, previous: bytes | None
) -> bytes:
    """Return the sha256 that binds a row to its content and to the row before it."""
    content = [
        change.entity,
        change.entity_id,
        change.version,
        to_micros(at),
        actor,
        cause,
        dict(change.changes),
        previous.hex() if previous else None,
    ]
    return canonical_sha256(content)


async def _previous(
    tx: Transaction, changes: Sequence[Change]
) -> dict[tuple[str, str, int], bytes]:
    wanted = [(one.entity, one.entity_id, one.version - 1) for one in changes if one.version > 1]
    if not wanted:
        return {}
    found = await tx.rows(select(*_KEY, audit.c.digest).where(tuple_(*_KEY).in_(wanted)))
    return {(row.entity, row.entity_id, row.version): row.digest for row in found}
