"""Reading stored bytes: for somebody, to compare their hash, and by the storage's own URLs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select, update

from digistore.blocking import offload, run
from digistore.errors import Busy, NotFound
from digistore.files.backend import Capabilities
from digistore.files.models import BlobRef, BlobState, StoredBlob, Verdict, VerifyReport
from digistore.files.objects import Objects, Seen
from digistore.files.reader import BlobReader, damaged, unreadable
from digistore.files.rows import BLOB_COLUMNS, READABLE, stored_blob
from digistore.files.rules import checked_part, checked_seconds, is_due_for_hashing
from digistore.files.tables import blobs

if TYPE_CHECKING:
    from digistore.database import Database

_PAGE = 100
logger = logging.getLogger("digistore.files")


class Reading:
    """The half of ``store.files`` that reads."""

    def __init__(self, database: Database, objects: Objects) -> None:
        """Read *objects* by the rows of *database*."""
        self._database = database
        self._objects = objects

    async def verify(self, *, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
        """Read every stored file again and compare its hash.  Host-only.

        What is damaged is not served any more, until the same bytes are uploaded again or, say
        after a backup was restored, a later ``verify`` finds them right.

        Args:
            progress: told after each file how many were checked, and of how many.

        Raises:
            Busy: database or storage cannot be used now; what was marked stays marked.
        """
        self._database.refuse_inside("verify")
        kept = blobs.c.state != BlobState.DELETING
        counted = await self._database.first(select(func.count()).where(kept))
        total = counted[0] if counted else 0
        found: dict[Verdict, list[str]] = {verdict: [] for verdict in Verdict}
        after, checked = "", 0
        while page := await self._database.rows(
            select(*BLOB_COLUMNS)
            .where(kept, blobs.c.sha256 > after)
            .order_by(blobs.c.sha256)
            .limit(_PAGE)
        ):
            for row in map(stored_blob, page):
                seen = await offload(self._objects.examine, row.storage_key, row.sha256, row.size)
                await _note(self._database, row, seen)
                if seen.verdict is not Verdict.INTACT:
                    found[seen.verdict].append(row.sha256)
                checked += 1
                if progress is not None:
                    progress(checked, max(checked, total))
            after = page[-1].blob_sha256
        return VerifyReport(
            checked=checked,
            damaged=tuple(found[Verdict.DAMAGED]),
            missing=tuple(found[Verdict.MISSING]),
            unreadable=tuple(found[Verdict.UNREADABLE]),
        )

    async def check(self, sha256s: Collection[str]) -> None:
        """Read blobs again, whole, before they are sold.

        Raises:
            DamagedFile: the stored bytes of one are not what was uploaded, or gone.
            Busy: database or storage cannot be used now.
        """
        for sha256 in sha256s:
            blob = await self.stored(sha256)
            seen = await offload(self._objects.examine, blob.storage_key, blob.sha256, blob.size)
            await _note(self._database, blob, seen)
            if seen.verdict is Verdict.UNREADABLE:
                raise unreadable()
            if seen.verdict is not Verdict.INTACT:
                raise damaged()

    def open(self, blob: BlobRef | str, start: int = 0, end: int | None = None) -> BlobReader:
        """Open the bytes from *start* up to *end* of a blob, by ref or sha256.  It blocks.

        What was hashed within 30 days and bears the same stamp (time, size, the storage's own mark)
        is trusted. Else the whole is hashed: a part's before its first byte, all of it on its way,
        and its last chunk is held back until the hash agrees.

        Raises:
            NotFound: no such blob.
            Invalid: the part is not within the blob.
            DamagedFile: the stored bytes are not what was published, or gone.
            Busy: database or storage cannot be used now.
        """
        found = run(_stored(self._database.beside, blob if isinstance(blob, str) else blob.sha256))
        return self.open_stored(found, start, end)

    def open_stored(self, blob: StoredBlob, start: int = 0, end: int | None = None) -> BlobReader:
        """Open a part of a blob whose row the caller has read; else as :meth:`open`."""
        refuse_unreadable(blob)
        part = checked_part(start, end, blob.size)
        whole = part == (0, blob.size)
        seen = self._objects.glance(blob.storage_key, blob.size)
        due = seen.verdict is Verdict.INTACT and self._is_due(blob, seen)
        if due and not whole:
            seen = self._objects.examine(blob.storage_key, blob.sha256, blob.size)
        if seen.verdict is not Verdict.INTACT or not (whole and due):
            self._settle(blob, seen)
        source = self._objects.open(blob.storage_key, *part)
        if source is None:
            raise damaged()
        return BlobReader(
            source,
            part[1] - part[0],
            sha256=blob.sha256 if whole and due else None,
            conclude=lambda verdict: self._settle(blob, Seen(verdict, seen.stamp)),
        )

    def glance(self, blob: StoredBlob) -> None:
        """Look whether the bytes are there and have their size; it blocks.

        Raises:
            DamagedFile: they are not, or are known to be damaged.
            Busy: database or storage cannot be used now.
        """
        refuse_unreadable(blob)
        seen = self._objects.glance(blob.storage_key, blob.size)
        if seen.verdict is not Verdict.INTACT:
            self._settle(blob, seen)

    @property
    def capabilities(self) -> Capabilities:
        """What the place of these files can do."""
        return self._objects.capabilities

    def presign(
        self, blob: StoredBlob, *, ttl: timedelta, disposition: str, media_type: str
    ) -> str:
        """Return a URL by which the storage itself sends the bytes; it blocks.

        Whether the object is there was for the caller to see: storages sign missing keys too.

        Args:
            blob: whose bytes.
            ttl: 1 second to 7 days; storages would take zero and less without a word.
            disposition: what the storage answers as ``Content-Disposition``.
            media_type: and as ``Content-Type``.

        Raises:
            Invalid: ``ttl`` is ``out_of_range``.
            NotImplementedError: the storage cannot.
        """
        response = {
            "Content-Disposition": disposition,
            "Content-Type": media_type,
            "Cache-Control": "private, no-store",
        }
        return self._objects.sign(blob.storage_key, checked_seconds(ttl), response)

    async def stored(self, sha256: str) -> StoredBlob:
        """Return what the row of a blob says.

        Raises:
            NotFound: no such blob.
        """
        return await _stored(self._database, sha256)

    def _is_due(self, row: StoredBlob, seen: Seen) -> bool:
        return is_due_for_hashing(
            stamp=seen.stamp,
            known_stamp=row.stamp,
            verified_at=row.verified_at,
            now=self._database.clock(),
        )

    def _settle(self, row: StoredBlob, seen: Seen) -> None:
        """Note what a read has shown, and stop one that must not go on."""
        # A stream may be read to its end long after the transaction that it was opened in.
        noted = not self._database.joined
        if noted and (seen.verdict is Verdict.DAMAGED or self._is_due(row, seen)):
            with suppress(Busy):  # whether the file is handed out does not hang on the note
                run(_note(self._database.beside, row, seen))
        if seen.verdict is Verdict.UNREADABLE:
            raise unreadable()
        if seen.verdict is not Verdict.INTACT:
            raise damaged()


async def _stored(database: Database, sha256: str) -> StoredBlob:
    row = await database.first(select(*BLOB_COLUMNS).where(blobs.c.sha256 == sha256))
    if row is None or row.blob_state == BlobState.DELETING:
        noun = "file"
        raise NotFound(noun, sha256)
    return stored_blob(row)


async def _note(database: Database, row: StoredBlob, seen: Seen) -> None:
    """Write down what a look has shown, unless the row has changed since it was read."""
    values: dict[str, object]
    if seen.verdict is Verdict.INTACT:
        state = BlobState.LIVE if row.state == BlobState.DAMAGED else row.state
        now = database.clock()
        values = {"state": state, "stamp": seen.stamp, "verified_at": now}
    elif seen.verdict is Verdict.DAMAGED and row.state != BlobState.DAMAGED:
        logger.error("the stored bytes of %s are damaged", row.sha256)
        values = {"state": BlobState.DAMAGED}
    else:  # bytes that are gone or cannot be read may come back with their disk
        return
    # A new stamp means new bytes: what was seen is no longer what is there.
    same = (
        blobs.c.sha256 == row.sha256,
        blobs.c.state == row.state,
        blobs.c.stamp.is_not_distinct_from(row.stamp),
    )
    await database.transact(lambda tx: tx.rows(update(blobs).where(*same).values(values)))


def refuse_unreadable(blob: StoredBlob) -> None:
    """Refuse a blob whose row says that it must not be read.

    Raises:
        DamagedFile: it is damaged, or being removed.
    """
    if blob.state not in READABLE:
        raise damaged()
