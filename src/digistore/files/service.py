"""``store.files``: taking bytes in, reading them, and looking whether they are still right."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import uuid4

from sqlalchemy import func, select, update

from digistore.blocking import Blocking, blocking, offload, run
from digistore.errors import Busy, Conflict, NotFound
from digistore.files.backend import BlobBackend, Capabilities
from digistore.files.collecting import Collector
from digistore.files.models import (
    BlobRef,
    BlobState,
    GCReport,
    StoredBlob,
    UploadState,
    Verdict,
    VerifyReport,
)
from digistore.files.objects import Objects, Seen
from digistore.files.reader import BlobReader, damaged
from digistore.files.rows import (
    BLOB_COLUMNS,
    READABLE,
    begin,
    close,
    enter,
    expire,
    state_of,
    stored_blob,
    vouched_stamp,
)
from digistore.files.rules import (
    STAGING,
    blob_key,
    checked_part,
    checked_seconds,
    is_due_for_hashing,
    sha256_of_key,
)
from digistore.files.scanning import NoScanner, ScannedBlob, Scanner, ScanResult
from digistore.files.signs import of_objects
from digistore.files.source import Intake, Source
from digistore.files.tables import blobs
from digistore.settings import Settings

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

_PAGE = 100
LATEST = datetime.max.replace(tzinfo=UTC)
logger = logging.getLogger("digistore.files")


class AsyncFiles:
    """The bytes that are sold: ``store.files``."""

    def __init__(
        self,
        database: Database,
        backend: BlobBackend,
        settings: Settings,
        scanner: Scanner | None = None,
    ) -> None:
        """Keep rows in *database* and bytes in *backend*; *scanner* looks at what comes in."""
        self._database = database
        self._objects = Objects(backend)
        self._settings = settings
        self._scanner = scanner or NoScanner()

    async def verify(self, *, progress: Callable[[int, int], None] | None = None) -> VerifyReport:
        """Read every stored file again and compare its hash.  Host-only.

        What is damaged is not served any more, until the same bytes are uploaded again or, say
        after a backup was restored, a later ``verify`` finds them right.

        Args:
            progress: told after each file how many were checked, and of how many.

        Raises:
            Busy: database or storage cannot be used now; what was marked stays marked.
        """
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
                await self._note(row, seen)
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
        collector = Collector(self._database, self._objects, self._settings)
        if dry_run:
            return await collector.look()
        report = await collector.collect(progress)
        await self._database.transact(expire)
        return report

    # What the other slices ask.

    async def signs(self) -> tuple[str, ...]:
        """Return what an operator should look at in the place of files; it reads only."""
        now = self._database.clock()
        try:
            found = await offload(self._objects.signs, now)
            if found is None:
                return ()
            held = {one.key: one for one in await offload(self._objects.older, LATEST)}
        except Busy as error:
            return (str(error),)
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

    def open(self, blob: BlobRef | str, start: int = 0, end: int | None = None) -> BlobReader:
        """Open the bytes from *start* up to *end* of a blob, by ref or sha256.  It blocks.

        A part is trusted if the whole was hashed within 30 days and has not changed since; else
        the whole is hashed here, before its first byte.

        Raises:
            NotFound: no such blob.
            Invalid: the part is not within the blob.
            DamagedFile: the stored bytes are not what was published, or gone.
            Busy: database or storage cannot be used now.
        """
        found = run(self.stored(blob if isinstance(blob, str) else blob.sha256))
        return self.open_stored(found, start, end)

    def open_stored(self, blob: StoredBlob, start: int = 0, end: int | None = None) -> BlobReader:
        """Open a part of a blob whose row the caller has read; else as :meth:`open`."""
        refuse_unreadable(blob)
        part = checked_part(start, end, blob.size)
        whole = part == (0, blob.size)
        seen = self._objects.glance(blob.storage_key, blob.size)
        if seen.verdict is Verdict.INTACT and not whole and self._is_due(blob, seen):
            seen = self._objects.examine(blob.storage_key, blob.sha256, blob.size)
        if seen.verdict is not Verdict.INTACT or not whole:
            self._settle(blob, seen)
        source = self._objects.open(blob.storage_key, *part)
        if source is None:
            raise damaged()
        return BlobReader(
            source,
            part[1] - part[0],
            sha256=blob.sha256 if whole else None,
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

    async def stored(self, sha256: str) -> StoredBlob:
        """Return what the row of a blob says.

        Raises:
            NotFound: no such blob.
        """
        row = await self._database.first(select(*BLOB_COLUMNS).where(blobs.c.sha256 == sha256))
        if row is None or row.blob_state == BlobState.DELETING:
            noun = "file"
            raise NotFound(noun, sha256)
        return stored_blob(row)

    def _is_due(self, row: StoredBlob, seen: Seen) -> bool:
        return is_due_for_hashing(
            stamp=seen.stamp,
            known_stamp=row.stamp,
            verified_at=row.verified_at,
            now=self._database.clock(),
        )

    def _settle(self, row: StoredBlob, seen: Seen) -> None:
        """Note what a read has shown, and stop one that must not go on."""
        if seen.verdict is Verdict.DAMAGED or self._is_due(row, seen):
            with suppress(Busy):  # whether the file is handed out does not hang on the note
                run(self._note(row, seen))
        if seen.verdict is Verdict.UNREADABLE:
            message = "the stored file cannot be read now; the call may be repeated"
            raise Busy(message)
        if seen.verdict is not Verdict.INTACT:
            raise damaged()

    async def _note(self, row: StoredBlob, seen: Seen) -> None:
        """Write down what a look has shown, unless the row has changed since it was read."""
        values: dict[str, object]
        if seen.verdict is Verdict.INTACT:
            state = BlobState.LIVE if row.state == BlobState.DAMAGED else row.state
            now = self._database.clock()
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
        await self._database.transact(lambda tx: tx.rows(update(blobs).where(*same).values(values)))


def refuse_unreadable(blob: StoredBlob) -> None:
    """Refuse a blob whose row says that it must not be read.

    Raises:
        DamagedFile: it is damaged, or being removed.
    """
    if blob.state not in READABLE:
        raise damaged()


class Files(Blocking[AsyncFiles]):
    """The same without an event loop."""

    verify = blocking(AsyncFiles.verify)
    collect = blocking(AsyncFiles.collect)
