"""Objects in the memory of this process, for tests and demos."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from digistore.clock import Clock, utc_now
from digistore.files.backend import BlobStat, BlobWriter, ByteSource, Capabilities, checked_key


@dataclass(frozen=True, slots=True)
class _Held:
    content: bytes
    stamp: str
    modified_at: datetime


class MemoryBackend:
    """A dictionary; each one stands alone and ends with the process."""

    def __init__(self, clock: Clock = utc_now) -> None:
        """Start empty; *clock* says when objects are written."""
        self._clock = clock
        self._held: dict[str, _Held] = {}
        self._stamps = count(1)
        self._lock = threading.Lock()

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beyond what all must."""
        return Capabilities()

    def sign(self, key: str, *, seconds: int, response: Mapping[str, str]) -> str:
        """Refuse: nobody but this process can send an object."""
        raise NotImplementedError

    def stage(self, key: str) -> BlobWriter:
        """Begin a new object."""
        with self._lock:
            if checked_key(key) in self._held:
                raise FileExistsError(key)
        return _MemoryWriter(self, key)

    def publish(self, staged: str, key: str) -> bool:
        """Hold the staged bytes under *key* as well, unless something is there."""
        with self._lock:
            if checked_key(key) in self._held:
                return False
            self._held[key] = self._get(staged)
        return True

    def replace(self, staged: str, key: str) -> None:
        """Hold the staged bytes under *key* as well."""
        with self._lock:
            self._held[checked_key(key)] = self._get(staged)

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        """Open a part of an object."""
        with self._lock:
            return io.BytesIO(self._get(key).content[start:stop])

    def stat(self, key: str) -> BlobStat | None:
        """Describe an object, ``None`` if there is none."""
        with self._lock:
            held = self._held.get(checked_key(key))
        return None if held is None else _described(key, held)

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there stays away."""
        with self._lock:
            self._held.pop(checked_key(key), None)

    def list(self, folder: str) -> Sequence[BlobStat]:
        """Describe every object below *folder*."""
        with self._lock:
            held = list(self._held.items())
        start = f"{checked_key(folder)}/"
        return [_described(key, one) for key, one in held if key.startswith(start)]

    def hold(self, key: str, content: bytes) -> None:
        """Put *content* under *key* whatever is there, as a disk or an intruder may do."""
        with self._lock:
            stamp = f"{len(content)}-{next(self._stamps)}"
            self._held[checked_key(key)] = _Held(content, stamp, self._clock())

    def _get(self, key: str) -> _Held:
        if checked_key(key) not in self._held:
            raise FileNotFoundError(key)
        return self._held[key]


class _MemoryWriter:
    """Bytes that are held once they are whole."""

    def __init__(self, backend: MemoryBackend, key: str) -> None:
        self._backend = backend
        self._key = key
        self._content = bytearray()

    def write(self, data: bytes, /) -> None:
        self._content += data

    def finish(self) -> None:
        self._backend.hold(self._key, bytes(self._content))

    def discard(self) -> None:
        self._content.clear()
        self._backend.delete(self._key)


def _described(key: str, held: _Held) -> BlobStat:
    return BlobStat(key, len(held.content), held.stamp, held.modified_at)
