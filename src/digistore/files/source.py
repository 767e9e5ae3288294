"""What a seller hands over, read once and in pieces."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol, TypeAlias, runtime_checkable

from digistore.errors import Invalid
from digistore.files.backend import BlobWriter, busy_if_down
from digistore.files.models import BlobRef
from digistore.files.rules import CHUNK
from digistore.files.signatures import SNIFFED, sniff

Source: TypeAlias = bytes | Path | BinaryIO | Iterable[bytes]


class Intake:
    """One file on its way in: counted, hashed, and refused as soon as it is too large."""

    def __init__(self, max_bytes: int) -> None:
        """Take at most *max_bytes*."""
        self.received = 0
        self._max_bytes = max_bytes
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._head = b""

    def take(self, chunk: bytes) -> None:
        """Count and hash *chunk*.

        Raises:
            Invalid: ``file_too_large``.
        """
        self.received += len(chunk)
        if self.received > self._max_bytes:
            raise _refused("file_too_large", f"a file may have {self._max_bytes} bytes here")
        self._sha256.update(chunk)
        self._crc32 = zlib.crc32(chunk, self._crc32)
        if len(self._head) < SNIFFED:
            self._head += chunk[: SNIFFED - len(self._head)]

    def result(self, expected_sha256: str | None) -> BlobRef:
        """Return what the file turned out to be.

        Raises:
            Invalid: ``file_empty`` or ``hash_mismatch``.
        """
        sha256 = self._sha256.hexdigest()
        if not self.received:
            raise _refused("file_empty", "the file is empty")
        if expected_sha256 is not None and expected_sha256.lower() != sha256:
            raise _refused("hash_mismatch", "the file does not have the sha256 that was announced")
        return BlobRef(sha256, self.received, self._crc32, sniff(self._head))


def receive(
    source: Source, writer: BlobWriter, intake: Intake, *, expected_sha256: str | None
) -> BlobRef:
    """Write all of *source*; whatever goes wrong, nothing of it is left.

    Raises:
        Invalid: too large, empty, another hash than expected, or not readable.
        Busy: the storage cannot take it now.
    """
    try:
        for chunk in chunks(source):
            intake.take(chunk)
            with busy_if_down():
                writer.write(chunk)
        blob = intake.result(expected_sha256)
        with busy_if_down():
            writer.finish()
    except BaseException:
        with suppress(OSError):  # what is left behind is swept; the cause matters more
            writer.discard()
        raise
    return blob


@runtime_checkable
class _Readable(Protocol):
    def read(self, n: int, /) -> object: ...


def chunks(source: Source) -> Iterator[bytes]:
    """Read *source* in chunks of at most 1 MiB; a path is opened and closed here.

    Raises:
        Invalid: ``unreadable``: no such file, a folder, or text where bytes are needed.
    """
    if isinstance(source, Path):
        yield from _of_path(source)
    elif isinstance(source, bytes | bytearray | memoryview):
        yield from _cut(source)
    elif isinstance(source, _Readable):
        while part := source.read(CHUNK):
            yield from _cut(part)
    elif isinstance(source, Iterable) and not isinstance(source, str):
        for part in source:
            yield from _cut(part)
    else:
        raise _refused("unreadable", _WANTED)


def _of_path(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while part := file.read(CHUNK):
                yield part
    except OSError as error:
        raise _refused("unreadable", f"the file cannot be read: {error.strerror}") from error


def _cut(part: object) -> Iterator[bytes]:
    if not isinstance(part, bytes | bytearray | memoryview):
        raise _refused("unreadable", _WANTED)
    whole = memoryview(part).cast("B")
    if isinstance(part, bytes) and len(part) <= CHUNK:
        yield part
        return
    for start in range(0, len(whole), CHUNK):
        yield bytes(whole[start : start + CHUNK])


_WANTED = "give bytes, a Path, a file opened in binary mode or an iterable of bytes"


def _refused(word: str, message: str) -> Invalid:
    return Invalid(message, fields={"file": word})
