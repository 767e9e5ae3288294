"""A buyer's own files: built when first asked for, kept a month, and never the original instead."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, Update, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import offload
from digistore.downloads.models import Refused
from digistore.downloads.personal import Personaliser
from digistore.downloads.service.opening import Opened, OpenedFile
from digistore.downloads.tables import personal_files
from digistore.entitlements import PurchasedProduct
from digistore.entitlements.service.entitlements import purchase_of
from digistore.entitlements.tables import purchased_products
from digistore.errors import Busy, DamagedFile, NotFound
from digistore.files.models import StoredBlob
from digistore.files.rows import READABLE
from digistore.payments.models import ActionKind
from digistore.payments.service.noticing import notice

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database, Transaction
    from digistore.files import AsyncFiles
    from digistore.settings import Settings

KEPT_FOR: Final = timedelta(days=30)
LEASE: Final = timedelta(minutes=5)  # of one who builds; after it, another one does
PAUSE: Final = timedelta(minutes=10)  # after a failure
_OWN = personal_files.c
logger = logging.getLogger("digistore.downloads")


class Personalising:
    """Finds or builds the files of one purchase."""

    def __init__(
        self,
        database: Database,
        files: AsyncFiles,
        settings: Settings,
        personalisers: Mapping[str, Personaliser],
    ) -> None:
        """Build with *personalisers*, by the name of the recipe."""
        self._database = database
        self._files = files
        self._settings = settings
        self._personalisers = dict(personalisers)

    async def own(self, opened: Opened) -> Opened:
        """Return *opened* with the buyer's own files in place of the originals.

        Raises:
            Refused: ``preparing``, ``personalisation_failed``, ``storage_unavailable``; or, for a
                preview, which has no buyer, ``file_blocked``.
        """
        if all(one.file.personal is None for one in opened.files):
            return opened
        found = [await self._own_file(opened.purchase_id, one) for one in opened.files]
        return replace(opened, files=tuple(found))

    async def _own_file(self, purchase_id: str | None, one: OpenedFile) -> OpenedFile:
        if one.file.personal is None:
            return one
        return replace(one, blob=await self.blob_of(purchase_id, one.blob, one.file.personal))

    async def blob_of(self, purchase_id: str | None, source: StoredBlob, recipe: str) -> StoredBlob:
        """Return the bytes that a purchase gets in place of *source*; built if they are not there.

        Raises:
            Refused: as :meth:`own` does.
        """
        if purchase_id is None:
            raise Refused("file_blocked")
        now = self._database.clock()
        row = await self._database.first(
            select(personal_files).where(*_names(purchase_id, source, recipe))
        )
        if row is not None:
            _refuse_waiting(row, now)
            if row.state == "ready" and row.built_at > now - KEPT_FOR:
                kept = await self._kept(row.blob_sha256)
                if kept is not None:
                    return kept
        claim = partial(_claim, purchase_id, source, recipe, row and row.started_at)
        begun = await self._database.transact(claim)
        if begun is None:  # somebody was faster
            raise Refused("preparing")
        return await self._build(purchase_id, source, recipe, begun)

    async def forget(self, limit: int) -> int:
        """Let go of files that were built a month ago; they are built again on demand."""
        old = (
            select(_OWN.purchase_id, _OWN.source_sha256, _OWN.recipe)
            .where(_OWN.state == "ready", _OWN.built_at <= self._database.clock() - KEPT_FOR)
            .limit(limit)
        )
        rows = await self._database.rows(old)
        for row in rows:
            await self._database.transact(partial(_forget, row))
        return len(rows)

    async def _kept(self, sha256: str) -> StoredBlob | None:
        try:
            blob = await self._files.stored(sha256)
        except NotFound:
            return None
        return blob if blob.state in READABLE else None

    async def _build(
        self, purchase_id: str, source: StoredBlob, recipe: str, begun: datetime
    ) -> StoredBlob:
        row = await self._database.first(
            select(purchased_products).where(purchased_products.c.id == purchase_id)
        )
        if row is None:
            raise AssertionError
        purchase = purchase_of(row._mapping)
        here = (*_names(purchase_id, source, recipe), _OWN.started_at == begun)
        try:
            content = await offload(self._made, source, recipe, purchase)
            blob = await self._files.put(content, max_bytes=self._settings.max_file_bytes)
        except (DamagedFile, Busy) as error:
            await self._database.transact(lambda tx: tx.rows(delete(personal_files).where(*here)))
            raise Refused("storage_unavailable") from error
        except Exception as error:  # the hook is the host's: whatever it raises, nothing goes out
            logger.exception("the recipe %s failed for %s", recipe, purchase_id)

            reason = f"{recipe}: {type(error).__name__}"
            failed = update(personal_files).where(*here).values(state="failed")
            await self._database.transact(partial(_tell, failed, purchase, reason))
            raise Refused("personalisation_failed") from error

        async def keep(tx: Transaction) -> None:
            await self._files.attach(tx, [blob.sha256])
            await tx.rows(
                update(personal_files)
                .where(*here)
                .values(state="ready", blob_sha256=blob.sha256, built_at=tx.now)
            )

        await self._database.transact(keep)
        return await self._files.stored(blob.sha256)

    def _made(self, source: StoredBlob, recipe: str, purchase: PurchasedProduct) -> bytes:
        with self._files.open_stored(source) as stream:
            made = self._personalisers[recipe].build(stream, purchase)
        if not isinstance(made, bytes):
            message = "a personaliser returns bytes"
            raise TypeError(message)
        return made


def _names(purchase_id: str, source: StoredBlob, recipe: str) -> tuple[ColumnElement[bool], ...]:
    return (
        _OWN.purchase_id == purchase_id,
        _OWN.source_sha256 == source.sha256,
        _OWN.recipe == recipe,
    )


def _refuse_waiting(row: AnyRow, now: datetime) -> None:
    if row.state == "building" and row.started_at > now - LEASE:
        raise Refused("preparing")
    if row.state == "failed" and row.started_at > now - PAUSE:
        raise Refused("personalisation_failed")


async def _claim(
    purchase_id: str, source: StoredBlob, recipe: str, before: datetime | None, tx: Transaction
) -> datetime | None:
    """Begin to build, unless another one has since *before*; return when."""
    begun = {"state": "building", "started_at": tx.now, "blob_sha256": None, "built_at": None}
    row = await tx.first(
        insert(personal_files)
        .values(purchase_id=purchase_id, source_sha256=source.sha256, recipe=recipe, **begun)
        .on_conflict_do_update(
            index_elements=["purchase_id", "source_sha256", "recipe"],
            set_=begun,
            where=_OWN.started_at == before,
        )
        .returning(_OWN.started_at)
    )
    return None if row is None else tx.now


async def _tell(failed: Update, purchase: PurchasedProduct, reason: str, tx: Transaction) -> None:
    await tx.rows(failed)
    kind = ActionKind.PERSONALISATION_FAILED
    await notice(tx, kind, purchase.id, purchase.order_id, reason)


async def _forget(row: AnyRow, tx: Transaction) -> None:
    await tx.rows(
        delete(personal_files).where(
            _OWN.purchase_id == row.purchase_id,
            _OWN.source_sha256 == row.source_sha256,
            _OWN.recipe == row.recipe,
            _OWN.state == "ready",
        )
    )
