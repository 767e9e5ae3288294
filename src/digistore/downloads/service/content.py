"""The bytes behind a link, as one body of known length: a file, or all files as a ZIP."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from digistore.downloads.models import Readable
from digistore.downloads.rules.archive import Entry, Layout, layout
from digistore.downloads.service.opening import Opened, OpenedFile

if TYPE_CHECKING:
    from digistore.files import AsyncFiles, BlobReader

ZIP = "application/zip"


class Content(Protocol):
    """A body: how it is saved, its type, length and strong entity tag."""

    @property
    def name(self) -> str:
        """What it is saved as."""
        ...

    @property
    def media_type(self) -> str:
        """Its type."""
        ...

    @property
    def size(self) -> int:
        """Its length in bytes."""
        ...

    @property
    def etag(self) -> str:
        """Its strong entity tag, with quotes."""
        ...

    def open(self, files: AsyncFiles, start: int, end: int) -> Readable:
        """Open a part of it; it blocks.

        Raises:
            DamagedFile: the stored bytes are not what was published, or gone.
            Busy: database or storage cannot be used now.
        """
        ...


@dataclass(frozen=True, slots=True)
class OneFile:
    """A file as it was published."""

    opened: OpenedFile

    @property
    def name(self) -> str:
        """What it is saved as."""
        return self.opened.file.name

    @property
    def media_type(self) -> str:
        """Its type."""
        return self.opened.file.media_type

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.opened.blob.size

    @property
    def etag(self) -> str:
        """Its strong entity tag, with quotes."""
        return f'"{self.opened.blob.sha256}"'

    def open(self, files: AsyncFiles, start: int, end: int) -> Readable:
        """Open a part of it."""
        return files.open_stored(self.opened.blob, start, end)


@dataclass(frozen=True, slots=True)
class AllFiles:
    """All files of a release, as a ZIP that is laid out and never built."""

    opened: Opened
    layout: Layout

    @property
    def name(self) -> str:
        """What it is saved as."""
        return f"{self.opened.product_slug}-{self.opened.version}.zip"

    @property
    def media_type(self) -> str:
        """Its type."""
        return ZIP

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self.layout.size

    @property
    def etag(self) -> str:
        """Its strong entity tag, with quotes."""
        return self.layout.etag

    def open(self, files: AsyncFiles, start: int, end: int) -> Readable:
        """Open a part of it; files that it needs and that are not there are noticed now."""
        return _ArchiveReader(self, files, start, end)


class _ArchiveReader:
    """A part of an archive: its headers from memory, its files one after the other."""

    def __init__(self, whole: AllFiles, files: AsyncFiles, start: int, end: int) -> None:
        self.size = end - start
        self._blobs = [one.blob for one in whole.opened.files]
        self._files = files
        parts = list(whole.layout.parts(start, end))
        for part in parts:
            if not isinstance(part, bytes):
                files.glance(self._blobs[part.index])
        self._parts = iter(parts)
        self._header = b""
        self._file: BlobReader | None = None

    def read(self, n: int = -1) -> bytes:
        """Return up to *n* bytes, none at the end."""
        wanted = self.size if n < 0 else n
        found = bytearray()
        for piece in self._pieces(wanted):
            found += piece
        return bytes(found)

    def close(self) -> None:
        """Let go of the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _pieces(self, wanted: int) -> Iterator[bytes]:
        while wanted:
            piece = self._header[:wanted]
            self._header = self._header[wanted:]
            if not piece and self._file is not None:
                piece = self._file.read(wanted)
            if piece:
                wanted -= len(piece)
                yield piece
            elif not self._next():
                return

    def _next(self) -> bool:
        """Go on to the next part; ``False`` after the last."""
        self.close()
        part = next(self._parts, None)
        if part is None:
            return False
        if isinstance(part, bytes):
            self._header = part
        else:
            blob = self._blobs[part.index]
            self._file = self._files.open_stored(blob, part.start, part.end)
        return True


def content_of(opened: Opened) -> Content:
    """Return what a token opens, as one body."""
    if len(opened.files) == 1:
        return OneFile(opened.files[0])
    entries = [
        Entry(one.file.name, one.blob.size, one.blob.crc32, one.blob.sha256) for one in opened.files
    ]
    return AllFiles(opened, layout(entries))
