"""Blobs, and what a look at all of them has found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digistore.fields import Model


class BlobState(StrEnum):
    """Where a blob stands; only bytes that are live or condemned are ever read for somebody."""

    LIVE = "live"
    CONDEMNED = "condemned"
    DELETING = "deleting"
    DAMAGED = "damaged"


class UploadState(StrEnum):
    """Whether an upload has become a blob."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"


class Verdict(StrEnum):
    """What a look at the stored bytes of one blob has shown."""

    INTACT = "intact"
    DAMAGED = "damaged"
    MISSING = "missing"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class BlobRef:
    """Stored bytes: named by their sha256 in hex, with what is known of them.

    ``size`` is in bytes; ``media_type`` is what the first bytes look like, and
    ``application/octet-stream`` where they look like nothing known.
    """

    sha256: str
    size: int
    crc32: int
    media_type: str


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What the row of a blob says; whoever has read it opens the bytes without another look."""

    sha256: str
    size: int
    crc32: int
    storage_key: str
    state: BlobState
    stamp: str | None
    verified_at: datetime | None


class VerifyReport(Model):
    """What ``store.files.verify`` found; each blob that is not intact is named by its sha256.

    ``damaged`` holds other bytes than were stored and is not served; ``missing`` has no bytes at
    all; ``unreadable`` could not be read to its end, so nothing is known of it.
    """

    checked: int
    damaged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def intact(self) -> bool:
        """Whether every blob that was looked at is what was stored."""
        return not (self.damaged or self.missing or self.unreadable)


class GCReport(Model):
    """What ``store.files.collect`` did, or with ``dry_run`` would do now.

    ``condemned`` blobs are removed by a run that comes ``Settings.gc_grace`` later, if nobody wants
    them again until then; ``deleted`` are gone; ``freed_bytes`` are theirs.
    """

    dry_run: bool
    condemned: int
    deleted: int
    freed_bytes: int
    swept_uploads: int
