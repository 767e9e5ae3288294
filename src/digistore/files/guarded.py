"""Storage that is changed only where no transaction is open that could take back its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime

from digistore.files.backend import BlobBackend, BlobStat, BlobWriter, ByteSource, Capabilities
from digistore.files.signs import Inspectable


class GuardedBackend:
    """A backend whose objects can be read, and are changed where a check does not raise."""

    def __init__(self, backend: BlobBackend, check: Callable[[], None]) -> None:
        """Change what is in *backend* where *check* does not raise."""
        self._backend = backend
        self._check = check

    @property
    def capabilities(self) -> Capabilities:
        """What it can do."""
        return self._backend.capabilities

    def sign(self, key: str, *, seconds: int, response: Mapping[str, str]) -> str:
        """Return a URL that fetches an object."""
        return self._backend.sign(key, seconds=seconds, response=response)

    def stage(self, key: str) -> BlobWriter:
        """Begin a new object."""
        self._check()
        return self._backend.stage(key)

    def publish(self, staged: str, key: str) -> bool:
        """Put a finished object in place."""
        self._check()
        return self._backend.publish(staged, key)

    def replace(self, staged: str, key: str) -> None:
        """Put a finished object in place of another."""
        self._check()
        self._backend.replace(staged, key)

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        """Open a part of an object."""
        return self._backend.read(key, start, stop)

    def stat(self, key: str) -> BlobStat | None:
        """Describe an object."""
        return self._backend.stat(key)

    def delete(self, key: str) -> None:
        """Remove an object."""
        self._check()
        self._backend.delete(key)

    def list(self, folder: str) -> Iterable[BlobStat]:
        """Describe the objects below *folder*."""
        return self._backend.list(folder)


class _Lasting(GuardedBackend):
    """One that can say what is wrong with its place."""

    def __init__(self, backend: BlobBackend, signs: Inspectable, check: Callable[[], None]) -> None:
        super().__init__(backend, check)
        self._signs = signs

    def signs(self, now: datetime) -> Sequence[str]:
        return self._signs.signs(now)


def guarded(backend: BlobBackend, check: Callable[[], None]) -> BlobBackend:
    """Return *backend*, each change of which is refused where *check* raises."""
    if isinstance(backend, Inspectable):
        return _Lasting(backend, backend, check)
    return GuardedBackend(backend, check)
