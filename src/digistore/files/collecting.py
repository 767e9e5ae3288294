"""Removing stored bytes that nothing refers to: marked first, swept a day later.

No file is touched inside a transaction. Between the phases whoever wants the bytes again makes
their row live, and the lock of the row orders the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import ColumnElement, delete, exists, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import offload
from digistore.database import AnyRow
from digistore.database.types import metadata, summed
from digistore.files.backend import BlobStat
from digistore.files.models import BlobState, GCReport
from digistore.files.rules import sha256_of_key
from digistore.files.tables import blobs

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.files.objects import Objects
    from digistore.settings import Settings

_PAGE = 100
# Nobody else removes bytes that somebody began to remove within this time: a second one whose list
# is older would remove what was uploaded again since.
_LEASE = timedelta(minutes=15)
_ALL = 1_000_000
T = TypeVar("T")


class Collector:
    """Collects garbage of one store's files."""

    def __init__(self, database: Database, objects: Objects, settings: Settings) -> None:
        """Remove rows of *database* and their *objects*."""
        self._database = database
        self._objects = objects
        self._settings = settings

    async def look(self) -> GCReport:
        """Say what ``collect`` would do now; nothing changes."""
        oldest = self._database.clock() - self._settings.gc_grace
        condemned = await self._measure(_is_garbage(oldest))
        doomed = await self._measure(or_(_is_doomed(oldest), blobs.c.state == BlobState.DELETING))
        orphans = await self._orphans(oldest)
        staged = await offload(self._objects.count_older, oldest)
        return GCReport(
            dry_run=True,
            condemned=condemned[0],
            deleted=doomed[0] + len(orphans),
            freed_bytes=doomed[1] + sum(one.size for one in orphans),
            swept_uploads=staged,
        )

    async def collect(self, progress: Callable[[int], None] | None) -> GCReport:
        """Condemn what is not referred to, and remove what was condemned long ago.

        Whatever interrupts it, the next run goes on: rows in ``deleting`` say what is left.
        """
        oldest = self._database.clock() - self._settings.gc_grace
        swept = await offload(self._objects.drop_older, oldest, _ALL)
        for orphan in await self._orphans(oldest):
            await self._database.transact(partial(_claim, orphan))
        await self._database.transact(
            lambda tx: tx.rows(
                update(blobs).where(_is_doomed(oldest)).values(state=BlobState.DELETING)
            )
        )
        condemned = await self._database.transact(
            lambda tx: tx.rows(
                update(blobs)
                .where(_is_garbage(oldest))
                .values(state=BlobState.CONDEMNED, condemned_at=tx.now)
                .returning(blobs.c.sha256)
            )
        )
        deleted, freed = await self._remove(progress)
        return GCReport(
            dry_run=False,
            condemned=len(condemned),
            deleted=deleted,
            freed_bytes=freed,
            swept_uploads=swept,
        )

    async def _remove(self, progress: Callable[[int], None] | None) -> tuple[int, int]:
        deleted = freed = 0
        free = blobs.c.touched_at <= self._database.clock() - _LEASE
        doomed = select(blobs.c.sha256, blobs.c.storage_key, blobs.c.size, blobs.c.touched_at)
        doomed = doomed.where(blobs.c.state == BlobState.DELETING, free).limit(_PAGE)
        while page := await self._database.rows(doomed):
            for row in page:
                if not await self._database.transact(partial(_take, row)):
                    continue
                await offload(self._objects.remove, row.storage_key)
                await self._database.transact(partial(_forget, row.sha256))
                deleted, freed = deleted + 1, freed + row.size
                if progress is not None:
                    progress(deleted)
        return deleted, freed

    async def _orphans(self, oldest: datetime) -> list[BlobStat]:
        """Return old objects that have no row; only their keys are trusted, a row is asked for."""
        found = []
        for page in _pages(await offload(self._objects.older, oldest)):
            digests = {sha256_of_key(one.key): one for one in page}
            digests.pop(None, None)
            rows = await self._database.rows(
                select(blobs.c.sha256).where(blobs.c.sha256.in_(digests))
            )
            known = {row.sha256 for row in rows}
            found += [one for digest, one in digests.items() if digest not in known]
        return found

    async def _measure(self, where: ColumnElement[bool]) -> tuple[int, int]:
        row = await self._database.first(
            select(
                func.count().label("number"),
                summed(blobs.c.size).label("size"),
            ).where(where)
        )
        return (row.number, row.size) if row else (0, 0)


def _is_referred_to() -> ColumnElement[bool]:
    """Ask every column that points at a blob, of whatever slice: its table says that it does."""
    referring = [
        column
        for table in metadata.tables.values()
        for column in table.columns
        if any(key.target_fullname == f"{blobs.name}.sha256" for key in column.foreign_keys)
    ]
    return or_(*(exists().where(column == blobs.c.sha256) for column in referring))


def _is_garbage(oldest: datetime) -> ColumnElement[bool]:
    return (blobs.c.state == BlobState.LIVE) & (blobs.c.touched_at <= oldest) & ~_is_referred_to()


def _is_doomed(oldest: datetime) -> ColumnElement[bool]:
    condemned = (blobs.c.state == BlobState.CONDEMNED) & (blobs.c.condemned_at <= oldest)
    # Condemned bytes can be read again, so damaged ones go without that stop between.
    damaged = (blobs.c.state == BlobState.DAMAGED) & (blobs.c.touched_at <= oldest)
    return or_(condemned, damaged) & ~_is_referred_to()


async def _claim(orphan: BlobStat, tx: Transaction) -> None:
    """Write the row of an object that has none, as one that is being removed.

    An upload of the same bytes that was faster has its own row, which stays.
    """
    await tx.rows(
        insert(blobs)
        .values(
            sha256=sha256_of_key(orphan.key),
            size=orphan.size,
            crc32=0,
            storage_key=orphan.key,
            media_type="application/octet-stream",
            state=BlobState.DELETING,
            created_at=tx.now,
            touched_at=tx.now - _LEASE,
        )
        .on_conflict_do_nothing(index_elements=["sha256"])
    )


async def _take(row: AnyRow, tx: Transaction) -> bool:
    """Take the removal of a row on, unless it was taken, or is wanted again, since it was read."""
    taken = await tx.first(
        update(blobs)
        .where(
            blobs.c.sha256 == row.sha256,
            blobs.c.state == BlobState.DELETING,
            blobs.c.touched_at == row.touched_at,
        )
        .values(touched_at=tx.now)
        .returning(blobs.c.sha256)
    )
    return taken is not None


async def _forget(sha256: str, tx: Transaction) -> None:
    await tx.rows(
        delete(blobs).where(blobs.c.sha256 == sha256, blobs.c.state == BlobState.DELETING)
    )


def _pages(items: Iterable[T]) -> Iterator[list[T]]:
    left = iter(items)
    while page := list(islice(left, _PAGE)):
        yield page
