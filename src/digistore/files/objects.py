"""What is done with stored bytes; it blocks, and knows no rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime

from digistore.files.backend import (
    BlobBackend,
    BlobStat,
    ByteSource,
    Capabilities,
    ForeignObject,
    StorageDown,
    busy_if_down,
)
from digistore.files.models import BlobRef, Verdict
from digistore.files.rules import BLOBS, CHUNK, STAGING
from digistore.files.signs import Inspectable
from digistore.files.source import Intake, Source, receive


@dataclass(frozen=True, slots=True)
class Placed:
    """An object where it belongs: written *fresh* by this upload, or found as it was."""

    stamp: str
    fresh: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at an object has shown, and its stamp before the look."""

    verdict: Verdict
    stamp: str | None = None


class Objects:
    """The objects of one backend.  Whatever the storage cannot do now is ``Busy``."""

    def __init__(self, backend: BlobBackend) -> None:
        """Keep objects in *backend*."""
        self._backend = backend

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do."""
        return self._backend.capabilities

    def sign(self, key: str, seconds: int, response: Mapping[str, str]) -> str:
        """Return a URL that fetches an object; see ``BlobBackend.sign``."""
        with busy_if_down():
            return self._backend.sign(key, seconds=seconds, response=response)

    def receive(
        self, staged: str, source: Source, intake: Intake, expected_sha256: str | None
    ) -> BlobRef:
        """Write all of *source* under the key *staged*, or nothing.

        Raises:
            Invalid: too large, empty, another hash than expected, or not readable.
        """
        with busy_if_down():
            writer = self._backend.stage(staged)
        return receive(source, writer, intake, expected_sha256=expected_sha256)

    def place(self, staged: str, key: str, vouched: str | None) -> Placed:
        """See to it that the object at *key* has the staged bytes.

        Args:
            staged: the key of a finished object.
            key: where it belongs.
            vouched: the stamp with which a row vouches for what is at *key* already; everything
                else that may lie there is written over, as nobody knows its bytes.
        """
        with busy_if_down():
            if vouched is not None and self._stamp(key) == vouched:
                return Placed(vouched, fresh=False)
            if not self._backend.publish(staged, key):
                self._backend.replace(staged, key)
            stamp = self._stamp(key)
            if stamp is None:
                raise FileNotFoundError(key)
            return Placed(stamp, fresh=True)

    def ensure(self, staged: str, key: str) -> None:
        """Put the staged bytes at *key* if nothing is there."""
        with busy_if_down():
            if self._stamp(key) is None:
                self._backend.publish(staged, key)

    def drop(self, staged: str) -> None:
        """Remove a staged object; one that cannot be removed now is swept later."""
        with suppress(OSError):
            self._backend.delete(staged)

    def drop_older(self, moment: datetime, limit: int) -> int:
        """Remove up to *limit* staged objects last written before *moment*; return how many."""
        with busy_if_down():
            old = [one.key for one in self._backend.list(STAGING) if one.modified_at < moment]
            for key in old[:limit]:
                self._backend.delete(key)
        return len(old[:limit])

    def signs(self, now: datetime) -> Sequence[str] | None:
        """Return what is wrong with the place, ``None`` for one that ends with its process."""
        if not isinstance(self._backend, Inspectable):
            return None
        with busy_if_down():
            return self._backend.signs(now)

    def count_older(self, moment: datetime) -> int:
        """Count the staged objects last written before *moment*."""
        with busy_if_down():
            return sum(one.modified_at < moment for one in self._backend.list(STAGING))

    def older(self, moment: datetime) -> list[BlobStat]:
        """Describe the published objects last written before *moment*."""
        with busy_if_down():
            return [one for one in self._backend.list(BLOBS) if one.modified_at < moment]

    def remove(self, key: str) -> None:
        """Remove a published object; one that is not there stays away."""
        with busy_if_down():
            self._backend.delete(key)

    def glance(self, key: str, size: int) -> Seen:
        """Look whether an object is there and has its size."""
        with busy_if_down():
            return self._look(key, size)

    def examine(self, key: str, sha256: str, size: int) -> Seen:
        """Read the whole object and compare its hash."""
        try:
            seen = self._look(key, size)
            if seen.verdict is Verdict.INTACT and self._digest(key, size) != sha256:
                return Seen(Verdict.DAMAGED, seen.stamp)
        except FileNotFoundError:
            return Seen(Verdict.MISSING)
        except StorageDown:
            with busy_if_down():
                raise
        except OSError:  # one bad sector must not hide the state of all other files
            return Seen(Verdict.UNREADABLE)
        return seen

    def open(self, key: str, start: int, stop: int) -> ByteSource | None:
        """Open a part of an object, ``None`` if there is none."""
        with busy_if_down():
            try:
                return self._backend.read(key, start, stop)
            except FileNotFoundError:
                return None

    def _look(self, key: str, size: int) -> Seen:
        try:
            found = self._backend.stat(key)
        except ForeignObject:
            return Seen(Verdict.DAMAGED)
        if found is None:
            return Seen(Verdict.MISSING)
        return Seen(Verdict.INTACT if found.size == size else Verdict.DAMAGED, found.stamp)

    def _stamp(self, key: str) -> str | None:
        try:
            found = self._backend.stat(key)
        except ForeignObject:
            return ""  # something is there that nobody can vouch for
        return None if found is None else found.stamp

    def _digest(self, key: str, size: int) -> str:
        digest = hashlib.sha256()
        with closing(self._backend.read(key, 0, size)) as source:
            while part := source.read(CHUNK):
                digest.update(part)
        return digest.hexdigest()
