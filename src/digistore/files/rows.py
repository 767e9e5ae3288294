"""What is written about uploads and blobs, each inside a transaction."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, Select, insert, select, update

from digistore.errors import Busy
from digistore.files.models import BlobRef, BlobState, StoredBlob, UploadState
from digistore.files.objects import Placed
from digistore.files.rules import blob_key
from digistore.files.tables import blobs, uploads

if TYPE_CHECKING:
    from digistore.database import AnyRow, Transaction

READABLE: Final = (BlobState.LIVE, BlobState.CONDEMNED)
BLOB_COLUMNS: Final[tuple[ColumnElement[Any], ...]] = tuple(
    blobs.c[name].label(f"blob_{name}")
    for name in ("sha256", "size", "crc32", "storage_key", "state", "stamp", "verified_at")
)


def stored_blob(row: AnyRow) -> StoredBlob:
    """Read :data:`BLOB_COLUMNS`."""
    return StoredBlob(
        sha256=row.blob_sha256,
        size=row.blob_size,
        crc32=row.blob_crc32,
        storage_key=row.blob_storage_key,
        state=BlobState(row.blob_state),
        stamp=row.blob_stamp,
        verified_at=row.blob_verified_at,
    )


async def begin(staged: str, expires_at: datetime, tx: Transaction) -> str:
    """Open an upload, so that what a crash leaves of it is known; return its id."""
    upload_id = tx.new_id("upl")
    await tx.rows(
        insert(uploads).values(
            id=upload_id,
            staging_key=staged,
            state=UploadState.OPEN,
            received=0,
            expires_at=expires_at,
        )
    )
    return upload_id


async def close(upload_id: str, state: UploadState, received: int, tx: Transaction) -> None:
    """Say what became of an upload."""
    await tx.rows(
        update(uploads).where(uploads.c.id == upload_id).values(state=state, received=received)
    )


async def expire(tx: Transaction) -> None:
    """Give up uploads that are open for too long."""
    await tx.rows(
        update(uploads)
        .where(uploads.c.state == UploadState.OPEN, uploads.c.expires_at <= tx.now)
        .values(state=UploadState.FAILED)
    )


async def enter(upload_id: str, blob: BlobRef, placed: Placed, tx: Transaction) -> bool:
    """Write or revive the row of a placed object; ``False`` if nothing vouches for it now.

    Raises:
        Busy: the blob is being removed.
    """
    row = await tx.first(state_of(blob.sha256))
    vouched = vouched_stamp(row)
    if not placed.fresh and vouched != placed.stamp:
        return False
    values = {"state": BlobState.LIVE, "touched_at": tx.now, "condemned_at": None}
    if placed.fresh:
        values |= {"stamp": placed.stamp, "verified_at": tx.now}
    if row is None:
        await tx.rows(
            insert(blobs).values(
                sha256=blob.sha256,
                size=blob.size,
                crc32=blob.crc32,
                storage_key=blob_key(blob.sha256),
                media_type=blob.media_type,
                created_at=tx.now,
                **values,
            )
        )
    else:
        await tx.rows(update(blobs).where(blobs.c.sha256 == blob.sha256).values(values))
    await close(upload_id, UploadState.DONE, blob.size, tx)
    return True


def state_of(sha256: str) -> Select[tuple[str, str | None]]:
    """Ask for the row that :func:`vouched_stamp` reads."""
    return select(blobs.c.state, blobs.c.stamp).where(blobs.c.sha256 == sha256)


def vouched_stamp(row: AnyRow | None) -> str | None:
    """Return the stamp of the object whose bytes this row vouches for, ``None`` without one.

    Raises:
        Busy: the blob is being removed.
    """
    if row is None or row.state == BlobState.DAMAGED:
        return None
    if row.state == BlobState.DELETING:
        message = "this file is just being removed; repeat the call"
        raise Busy(message)
    stamp: str | None = row.stamp
    return stamp
