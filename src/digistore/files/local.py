"""Objects as files of one local folder."""

from __future__ import annotations

import errno
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

from digistore.clock import EPOCH
from digistore.files.backend import (
    BlobStat,
    BlobWriter,
    ByteSource,
    Capabilities,
    StorageDown,
    checked_key,
    is_key,
)
from digistore.files.folder import FOLDER_MODE, HAS_DESCRIPTORS, Folder
from digistore.files.rules import BLOBS, CHUNK, STAGING
from digistore.files.signs import of_folder

# What a file system says that has no hard links, or no more of them.
_NO_LINK = {
    errno.EPERM,
    errno.EACCES,
    errno.EMLINK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.EOPNOTSUPP,
    errno.EINVAL,
}


class LocalBackend:
    """A folder of the local file system, with ``blobs/`` and ``staging/`` in it."""

    def __init__(self, path: str | Path, *, descriptors: bool = HAS_DESCRIPTORS) -> None:
        """Use the folder at *path*, made if it is not there.

        Only here are the folder and its first level made: where they are gone later, a disk is
        not mounted, and writing would fill another one.

        Args:
            path: relative to the current folder of this moment.
            descriptors: enter folders by descriptor; where the platform cannot, resolved paths are
                compared instead.

        Raises:
            OSError: it cannot be made or written.
        """
        Path(path).mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        self.path = Path(path).resolve()
        self._descriptors = descriptors
        with Folder.root(self.path, descriptors=descriptors) as root:
            for name in (BLOBS, STAGING):
                root.make(name)
                root.below(name).close()
        probe = self.stage(f"{STAGING}/{uuid4()}")
        probe.discard()

    @property
    def capabilities(self) -> Capabilities:
        """What it can do beyond what all must."""
        return Capabilities(local_path=True)

    def sign(self, key: str, *, seconds: int, response: Mapping[str, str]) -> str:
        """Refuse: nobody but this process can send an object."""
        raise NotImplementedError

    def stage(self, key: str) -> BlobWriter:
        """Begin a new file under a key of ``staging/``."""
        folder, name = _split(key)
        with self._folder(folder) as inside:
            return _LocalWriter(self, key, inside.create(name))

    def publish(self, staged: str, key: str) -> bool:
        """Link the staged file to *key*; whoever is second leaves what is there."""
        (source, name), (target, new) = _split(staged), _split(key)
        with self._folder(source) as here, self._folder(target, make=True) as there:
            try:
                here.link(name, there, new)
            except FileExistsError:
                return False
            except OSError as error:
                if error.errno not in _NO_LINK:
                    raise
                if there.has(new):
                    return False
                _put_over(here, name, there, new)
            there.sync()
        return True

    def replace(self, staged: str, key: str) -> None:
        """Move a second name of the staged file over *key*."""
        (source, name), (target, new) = _split(staged), _split(key)
        with self._folder(source) as here, self._folder(target, make=True) as there:
            _put_over(here, name, there, new)
            there.sync()

    def read(self, key: str, start: int, stop: int) -> ByteSource:
        """Open a part of a file."""
        folder, name = _split(key)
        with self._folder(folder) as inside:
            file = io.FileIO(inside.open(name))
        file.seek(start)
        return _Span(file, stop - start)

    def stat(self, key: str) -> BlobStat | None:
        """Describe a file, ``None`` if there is none."""
        folder, name = _split(key)
        try:
            with self._folder(folder) as inside:
                return _described(key, inside.stat(name))
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Remove a file; one that is not there stays away."""
        folder, name = _split(key)
        with suppress(FileNotFoundError), self._folder(folder) as inside:
            inside.unlink(name)

    def list(self, folder: str) -> Iterator[BlobStat]:
        """Describe every file below *folder*; links are neither followed nor shown."""
        with self._folder(tuple(checked_key(folder).split("/"))) as inside:
            yield from _walk(inside, folder)

    def signs(self, now: datetime) -> Sequence[str]:
        """Warn of a place that a web server may serve as it is."""
        return of_folder(self.path)

    @contextmanager
    def _folder(self, parts: tuple[str, ...], *, make: bool = False) -> Iterator[Folder]:
        try:
            folder = Folder.root(self.path, descriptors=self._descriptors)
        except FileNotFoundError as error:
            raise self._down() from error
        try:
            for depth, part in enumerate(parts):
                if make and depth:
                    folder.make(part)
                try:
                    below = folder.below(part)
                except FileNotFoundError as error:
                    raise (error if depth else self._down()) from None
                folder.close()
                folder = below
            yield folder
        finally:
            folder.close()

    def _down(self) -> StorageDown:
        return StorageDown(errno.ENXIO, "the folder of files is gone; is its disk mounted?")


class _LocalWriter:
    """A file of ``staging/`` that nobody else has open."""

    def __init__(self, backend: LocalBackend, key: str, descriptor: int) -> None:
        self._backend = backend
        self._key = key
        self._file = io.FileIO(descriptor, "wb")

    def write(self, data: bytes, /) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]

    def finish(self) -> None:
        os.fsync(self._file.fileno())
        self._file.close()

    def discard(self) -> None:
        self._file.close()
        self._backend.delete(self._key)


class _Span:
    """The next *length* bytes of a file."""

    def __init__(self, file: io.FileIO, length: int) -> None:
        self._file = file
        self._left = length

    def read(self, n: int, /) -> bytes:
        part = self._file.read(min(n, self._left)) or b""
        self._left -= len(part)
        return part

    def close(self) -> None:
        self._file.close()


def _split(key: str) -> tuple[tuple[str, ...], str]:
    *folder, name = checked_key(key).split("/")
    return tuple(folder), name


def _described(key: str, found: os.stat_result) -> BlobStat:
    return BlobStat(
        key=key,
        size=found.st_size,
        stamp=f"{found.st_size}-{found.st_mtime_ns}",
        modified_at=EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000),
    )


def _walk(folder: Folder, key: str) -> Iterator[BlobStat]:
    for entry in folder.entries():
        below = f"{key}/{entry.name}"
        if not is_key(below):
            continue
        with suppress(FileNotFoundError):  # another process may have been faster
            if entry.is_dir(follow_symlinks=False):
                with folder.below(entry.name) as inside:
                    yield from _walk(inside, below)
            elif entry.is_file(follow_symlinks=False):
                yield _described(below, folder.stat(entry.name))


def _put_over(here: Folder, name: str, there: Folder, new: str) -> None:
    spare = str(uuid4())
    try:
        _second_file(here, name, spare)
        here.move(spare, there, new)
    finally:
        here.unlink(spare)  # where both names are one file already, moving it does nothing


def _second_file(folder: Folder, name: str, spare: str) -> None:
    try:
        folder.link(name, folder, spare)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        with (
            io.FileIO(folder.open(name)) as source,
            os.fdopen(folder.create(spare), "wb") as target,
        ):
            shutil.copyfileobj(source, target, CHUNK)
            target.flush()
            os.fsync(target.fileno())
