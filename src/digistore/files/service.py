"""``store.files``: taking bytes in, reading them, and looking whether they are still right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import select, update

from digistore.blocking import Blocking, blocking, offload
from digistore.errors import Busy, Conflict
from digistore.files.backend import BlobBackend
from digistore.files.collecting import Collector
from digistore.files.models import (
    BlobRef,
    BlobState,
    GCReport,
    UploadState,
)
from digistore.files.objects import Objects
from digistore.files.reader import damaged
from digistore.files.reading import Reading
from digistore.files.rows import (
    READABLE,
    begin,
    close,
    enter,
    expire,
    state_of,
    vouched_stamp,
)
from digistore.files.rules import (
    STAGING,
    blob_key,
    sha256_of_key,
)
from digistore.files.scanning import NoScanner, ScannedBlob, Scanner, ScanResult
from digistore.files.signs import of_damage, of_objects
from digistore.files.source import Intake, Source
from digistore.files.tables import blobs
from digistore.settings import Settings

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

_LATEST = datetime.max.replace(tzinfo=UTC)
logger = logging.getLogger("digistore.files")


class AsyncFiles(Reading):
    """The bytes that are sold: ``store.files``."""

    def __init__(
        self,
        database: Database,
        backend: BlobBackend,
        settings: Settings,
        scanner: Scanner | None = None,
    ) -> None:
        """Keep rows in *database* and bytes in *backend*; *scanner* looks at what comes in."""
        super().__init__(database, Objects(backend))
        self._settings = settings
        self._scanner = scanner or NoScanner()

    async def collect(
        self, *, dry_run: bool = True, progress: Callable[[int], None] | None = None
    ) -> GCReport:
        """Remove stored bytes that nothing refers to, and what broken uploads left.  Host-only.

        What nothing has referred to for ``Settings.gc_grace`` is condemned; what has been condemned
        for as long is removed. Files of releases stay, those of drafts as well. Interrupted, the
        next run goes on.

        Args:
            dry_run: only say what would be done.
            progress: told after each file that is removed how many were.

        Raises:
            Busy: database or storage cannot be used now.
        """
        self._database.refuse_inside("collect")
        collector = Collector(self._database, self._objects, self._settings)
        if dry_run:
            return await collector.look()
        report = await collector.collect(progress)
        await self._database.transact(expire)
        return report

    # What the other slices ask.

    async def signs(self) -> tuple[str, ...]:
        """Return what an operator should look at in the place of files; it reads only."""
        hurt = await self._database.rows(
            select(blobs.c.sha256).where(blobs.c.state == BlobState.DAMAGED)
        )
        told = of_damage([row.sha256 for row in hurt])
        try:
            return (*told, *await self._signs_of_place())
        except Busy as error:
            return (*told, str(error))

    async def _signs_of_place(self) -> tuple[str, ...]:
        now = self._database.clock()
        found = await offload(self._objects.signs, now)
        if found is None:
            return ()
        held = {one.key: one for one in await offload(self._objects.older, _LATEST)}
        kept = {
            row.storage_key: row.sha256
            for row in await self._database.rows(select(blobs.c.storage_key, blobs.c.sha256))
        }
        old = now - self._settings.gc_grace
        orphans = [
            key
            for key in held.keys() - kept.keys()
            if held[key].modified_at < old and sha256_of_key(key)
        ]
        missing = [kept[key] for key in kept.keys() - held.keys()]
        return (*found, *of_objects(missing, len(orphans)))

    async def put(
        self, source: Source, *, max_bytes: int, expected_sha256: str | None = None
    ) -> BlobRef:
        """Store *source*; bytes that are there already are stored once.

        Its blob is live, and kept for ``Settings.gc_grace`` until something refers to it.

        Args:
            source: bytes, a path, a binary file or an iterable of bytes; read once, in chunks.
            max_bytes: more is refused within one chunk.
            expected_sha256: what the bytes must hash to, in hex.

        Raises:
            Invalid: ``file`` is ``file_too_large``, ``file_empty``, ``hash_mismatch`` or
                ``unreadable``. Nothing is stored.
            Busy: database or storage cannot be used now. Nothing that is needed is lost.
        """
        staged = f"{STAGING}/{uuid4()}"
        intake = Intake(max_bytes)
        expires_at = self._database.clock() + self._settings.gc_grace
        upload_id = await self._database.transact(partial(begin, staged, expires_at))
        try:
            blob = await offload(self._objects.receive, staged, source, intake, expected_sha256)
            await self._keep(upload_id, staged, blob)
        except BaseException:
            with suppress(Busy):  # what stays open is swept; the cause matters more
                await self._database.transact(
                    partial(close, upload_id, UploadState.FAILED, intake.received)
                )
            raise
        finally:
            await offload(self._objects.drop, staged)
        return blob

    async def scan(self, blob: BlobRef) -> ScanResult:
        """Ask the scanner about stored bytes; one that fails is asked again later."""
        seen = ScannedBlob(blob, partial(self.open, blob))
        try:
            return ScanResult(await offload(self._scanner.scan, seen))
        except Exception:  # a scanner is the host's: whatever it raises, nothing unseen is sold
            logger.exception("the scanner failed at %s", blob.sha256)
            return ScanResult.PENDING

    async def attach(self, tx: Transaction, sha256s: Collection[str]) -> None:
        """Keep these blobs: something that the same transaction writes refers to them.

        Raises:
            DamagedFile: the stored bytes of one are not what was uploaded.
            Conflict: one is not there any more; upload it again.
        """
        wanted = set(sha256s)
        kept = await tx.rows(
            update(blobs)
            .where(blobs.c.sha256.in_(wanted), blobs.c.state.in_(READABLE))
            .values(state=BlobState.LIVE, touched_at=tx.now, condemned_at=None)
            .returning(blobs.c.sha256)
        )
        lost = wanted - {row.sha256 for row in kept}
        if not lost:
            return
        states = await tx.rows(select(blobs.c.state).where(blobs.c.sha256.in_(lost)))
        if any(row.state == BlobState.DAMAGED for row in states):
            raise damaged()
        message = "a file of this release is not stored any more; upload it again"
        raise Conflict(message)

    async def sweep(self, limit: int = 100) -> int:
        """Drop what interrupted uploads left behind ``Settings.gc_grace`` ago.

        Returns:
            how many staged files were removed, at most *limit*.

        Raises:
            Busy: database or storage cannot be used now.
        """
        oldest = self._database.clock() - self._settings.gc_grace
        removed = await offload(self._objects.drop_older, oldest, limit)
        await self._database.transact(expire)
        return removed

    async def _keep(self, upload_id: str, staged: str, blob: BlobRef) -> None:
        """Put staged bytes where they belong, and the row that says so beside them."""
        key = blob_key(blob.sha256)
        vouched = vouched_stamp(await self._database.first(state_of(blob.sha256)))
        placed = await offload(self._objects.place, staged, key, vouched)
        if not await self._database.transact(partial(enter, upload_id, blob, placed)):
            # What vouched for the object is gone since: these bytes are the only sure ones.
            placed = await offload(self._objects.place, staged, key, None)
            await self._database.transact(partial(enter, upload_id, blob, placed))
        # From here on the row keeps the object; until here a collection could have taken it.
        await offload(self._objects.ensure, staged, key)


class Files(Blocking[AsyncFiles]):
    """The same without an event loop."""

    verify = blocking(AsyncFiles.verify)
    collect = blocking(AsyncFiles.collect)
