"""Reading stored bytes, and never handing out a file that is not what was published."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Self

from digistore.errors import Busy, DamagedFile
from digistore.files.backend import ByteSource, busy_if_down
from digistore.files.models import Verdict
from digistore.files.rules import CHUNK


class BlobReader:
    """A stream of stored bytes; it blocks, and one thread at a time may use it.

    Where a *sha256* is given, all is hashed on its way out, and the last bytes are handed out only
    once it agrees: a damaged file never arrives complete. Iterating yields chunks of 1 MiB.
    """

    def __init__(
        self,
        source: ByteSource,
        size: int,
        *,
        sha256: str | None,
        conclude: Callable[[Verdict], None],
    ) -> None:
        """Read *size* bytes from *source*.

        Args:
            source: closed with this reader.
            size: how many bytes are promised.
            sha256: what they hash to; ``None`` for a part, and for what was hashed not long ago.
            conclude: told what a whole file turned out to be, and of a file that ends too early.
        """
        self.size = size
        self._source = source
        self._left = size
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._conclude = conclude
        self._damaged = False

    def read(self, n: int = -1) -> bytes:
        """Return up to *n* bytes, all that is left if *n* is negative; none at the end.

        Raises:
            DamagedFile: the bytes are not what was published; the last of them stay here.
            Busy: the storage cannot be read now.
        """
        if self._damaged:
            raise damaged()
        wanted = self._left if n < 0 else min(n, self._left)
        if not wanted:
            return b""
        part = self._exactly(wanted)
        if len(part) < wanted:
            self._end(Verdict.DAMAGED)
        self._left -= wanted
        if self._sha256 is not None:
            self._digest.update(part)
            if not self._left:
                same = self._digest.hexdigest() == self._sha256
                self._end(Verdict.INTACT if same else Verdict.DAMAGED)
        return part

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[bytes]:
        while part := self.read(CHUNK):
            yield part

    def _exactly(self, n: int) -> bytes:
        with busy_if_down():
            part = self._source.read(n)
            while len(part) < n:
                more = self._source.read(n - len(part))
                if not more:
                    break
                part += more
        return part

    def _end(self, verdict: Verdict) -> None:
        self._damaged = verdict is Verdict.DAMAGED
        self._conclude(verdict)
        if self._damaged:
            raise damaged()


def unreadable() -> Busy:
    """Make the error for stored bytes that cannot be read to their end now."""
    message = "the stored file cannot be read now; the call may be repeated"
    return Busy(message)


def damaged() -> DamagedFile:
    """Make the error for stored bytes that must not be handed out."""
    message = "the stored file is damaged or missing and is not delivered; its seller must act"
    return DamagedFile(message)
