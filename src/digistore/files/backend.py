"""Where bytes lie: the port that a local folder, memory and object stores fill."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from digistore.errors import Busy

_KEY = re.compile(r"[a-z0-9-]+(?:/[a-z0-9-]+)*")


class ForeignObject(OSError):
    """What lies at a key is no file of ours: a link, a folder, a device."""


class StorageDown(OSError):
    """The storage as a whole is not there; nothing can be said of any one object."""


@dataclass(frozen=True, slots=True)
class BlobStat:
    """One object as the backend sees it.

    Args:
        key: its name.
        size: in bytes.
        stamp: changes when the object is written anew, as its time of change or ETag does.
        modified_at: when it was written, by the backend's own clock.
    """

    key: str
    size: int
    stamp: str
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a backend can do beyond what all of them must.

    Args:
        exclusive_create: of two who publish under one key, exactly one is told to be first.
        presign: ``sign`` makes URLs by which the storage itself sends an object.
        local_path: objects are files below one folder, which a web server may send.
    """

    exclusive_create: bool = True
    presign: bool = False
    local_path: bool = False


class ByteSource(Protocol):
    """A stream of bytes that is read once, from its start to its end."""

    def read(self, n: int, /) -> bytes:
        """Return up to *n* bytes, more than none before the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class BlobWriter(Protocol):
    """One object being written; nobody sees it before ``finish``."""

    def write(self, data: bytes, /) -> None:
        """Add all of *data*."""
        ...

    def finish(self) -> None:
        """Return once the object is whole and on disk."""
        ...

    def discard(self) -> None:
        """Leave nothing of it; after ``finish`` too, and more than once."""
        ...


class BlobBackend(Protocol):
    """Objects under keys: written to the side, then put in place as a whole or not at all.

    Its methods block. Every key matches ``[a-z0-9/-]+`` and is checked. What cannot be done
    raises ``OSError``; no method follows a link out of the storage.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beyond that."""
        ...

    def sign(self, key: str, *, seconds: int, response: Mapping[str, str]) -> str:
        """Return a URL that fetches an object for some *seconds*, without asking the store.

        Args:
            key: of an object that is there.
            seconds: from now.
            response: headers that the storage answers with.

        Raises:
            NotImplementedError: it has no ``presign``.
        """
        ...

    def stage(self, key: str) -> BlobWriter:
        """Begin a new object under a key of ``staging/``.

        Raises:
            FileExistsError: there is one already.
        """
        ...

    def publish(self, staged: str, key: str) -> bool:
        """Put the finished object *staged* under *key* as well, unless something is there.

        Returns:
            ``False`` if something was there first; it is left as it was.
        """
        ...

    def replace(self, staged: str, key: str) -> None:
        """Put the finished object *staged* under *key* as well, in place of what is there."""
        ...

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        """Open the bytes from *start* up to *stop* of an object.

        Raises:
            FileNotFoundError: there is none.
            ForeignObject: it is no file of ours.
        """
        ...

    def stat(self, key: str) -> BlobStat | None:
        """Describe an object, ``None`` if there is none.

        Raises:
            ForeignObject: it is no file of ours.
        """
        ...

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there stays away."""
        ...

    def list(self, folder: str) -> Iterable[BlobStat]:
        """Describe every object below *folder*, in no order; what is no object of ours is left out.

        No decision about a single object may rest on it: another process may be writing.
        """
        ...


def is_key(text: str) -> bool:
    """Say whether the library could have made *text* as a key."""
    return _KEY.fullmatch(text) is not None


def checked_key(key: str) -> str:
    """Return *key* if it is one.

    Raises:
        ValueError: other characters than the library's own keys have.
    """
    if not is_key(key):
        message = "not a key: its parts have lower-case letters, digits and - only"
        raise ValueError(message)
    return key


@contextmanager
def busy_if_down() -> Iterator[None]:
    """Turn what the storage cannot do now into ``Busy``.

    Raises:
        Busy: the storage is full, not there or not writable.
    """
    try:
        yield
    except OSError as error:
        message = f"the storage of files cannot be used now: {error.strerror or error}"
        raise Busy(message) from error
