"""Writing the chain: each row holds the digest of the row before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import ColumnElement, Select, literal_column, select, tuple_

from digistore.audit.tables import audit
from digistore.canonical import canonical_sha256
from digistore.clock import to_micros
from digistore.database import inserting
from digistore.database.sets import are_of

if TYPE_CHECKING:
    from digistore.database import Transaction

_KEY = (audit.c.entity, audit.c.entity_id, audit.c.version)
_INSERT = inserting(audit, tuple(column.name for column in audit.c if column.name != "sequence"))
Heads: TypeAlias = "Mapping[tuple[str, str, int], bytes | None]"
"""Digests by entity, its id and version; ``None`` where the read did not see that row."""


@dataclass(frozen=True, slots=True)
class Change:
    """A new *version* of an entity; *changes* holds words and numbers, nothing personal."""

    entity: str
    entity_id: str
    version: int
    changes: Mapping[str, str | int | bool | None] = field(default_factory=dict)


async def record(
    tx: Transaction, actor: str, cause: str, changes: Sequence[Change], heads: Heads | None = None
) -> None:
    """Write one row for each of *changes*; *cause* names the operation or message behind them.

    *heads* are the rows before them as far as they have been read, under the same locks.
    """
    digests = await _previous(tx, changes, heads or {})
    rows = []
    for change in sorted(changes, key=lambda one: one.version):
        key = (change.entity, change.entity_id, change.version)
        previous = digests.get((*key[:2], change.version - 1))
        digests[key] = digest_of(change, tx.now, actor, cause, previous)
        row = _INSERT.given(
            entity=change.entity,
            entity_id=change.entity_id,
            version=change.version,
            at=tx.now,
            actor=actor,
            cause=cause,
            changes=dict(change.changes),
            digest=digests[key],
            previous=previous,
        )
        rows.append(row)
        tx.leave(partial(_row, key, digests[key]))
    tx.put(rows)


def head(entity: str, entity_id: ColumnElement[str], version: ColumnElement[int]) -> Any:  # noqa: ANN401
    """Select the digest of a row by columns of the statement around it, as ``head``."""
    here = (audit.c.entity == entity, audit.c.entity_id == entity_id, audit.c.version == version)
    return select(audit.c.digest).where(*here).scalar_subquery().label("head")


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
    tx: Transaction, changes: Sequence[Change], heads: Heads
) -> dict[tuple[str, str, int], bytes]:
    wanted = [(one.entity, one.entity_id, one.version - 1) for one in changes if one.version > 1]
    known = {key: seen for key in wanted if (seen := heads.get(key))}
    unknown = [key for key in wanted if key not in known]
    if not unknown:
        return known
    found = await tx.rows(select(*_KEY, audit.c.digest).where(are_of(_KEY, unknown)))
    return known | {(row.entity, row.entity_id, row.version): row.digest for row in found}
