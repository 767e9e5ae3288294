"""Folders of the local file system, entered one by one so that no link is ever followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from digistore.files.backend import ForeignObject

HAS_DESCRIPTORS: Final = (
    {os.open, os.stat, os.mkdir, os.unlink, os.rename, os.link} <= os.supports_dir_fd
    and os.scandir in os.supports_fd
    and hasattr(os, "O_NOFOLLOW")
    and hasattr(os, "O_DIRECTORY")
)

_CLOEXEC = getattr(os, "O_CLOEXEC", 0)
_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
_FOLDER = os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_DIRECTORY", 0)
_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)  # or a pipe that somebody put there would hang
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_ALWAYS = _CLOEXEC | _NOFOLLOW | getattr(os, "O_BINARY", 0)
_LINK_MET = {errno.ELOOP, errno.ENOTDIR, errno.EMLINK}  # EMLINK: how FreeBSD says it
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP}
FOLDER_MODE = 0o750  # a web server in the group may read, nobody else
FILE_MODE = 0o640


class Folder:
    """One folder, held by its descriptor or, where the platform has none, by its real path."""

    def __init__(self, path: Path, descriptor: int | None) -> None:
        """Hold the folder at *path*."""
        self._path = path
        self._descriptor = descriptor

    @classmethod
    def root(cls, path: Path, *, descriptors: bool) -> Self:
        """Open the folder at *path*, which the operator names and which may be reached by links."""
        if descriptors:
            return cls(path, os.open(path, _FOLDER & ~_NOFOLLOW))
        return cls(path.resolve(strict=True), None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def below(self, name: str) -> Folder:
        """Open the folder *name* in this one.

        Raises:
            NotADirectoryError: it is a link, or no folder.
        """
        path = self._path / name
        if self._descriptor is None:
            if not stat.S_ISDIR(path.lstat().st_mode) or self._leads_away(name):
                raise _blocked(name)
            return Folder(path, None)
        try:
            return Folder(path, os.open(name, _FOLDER, dir_fd=self._descriptor))
        except OSError as error:
            raise (_blocked(name) if error.errno in _LINK_MET else error) from None

    def make(self, name: str) -> None:
        """Make the folder *name* unless it is there; either way it is on disk then."""
        with suppress(FileExistsError):
            os.mkdir(self._at(name), FOLDER_MODE, dir_fd=self._descriptor)
        self.sync()

    def create(self, name: str) -> int:
        """Create the file *name*, which must not be there, and return its descriptor."""
        return os.open(self._at(name), _NEW | _ALWAYS, FILE_MODE, dir_fd=self._descriptor)

    def open(self, name: str) -> int:
        """Open the file *name* to read and return its descriptor.

        Raises:
            ForeignObject: it is a link, or no plain file.
        """
        if self._leads_away(name):
            raise _foreign(name)
        try:
            descriptor = os.open(self._at(name), _READ | _ALWAYS, dir_fd=self._descriptor)
        except OSError as error:
            raise (_foreign(name) if error.errno in _LINK_MET else error) from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise _foreign(name)
        return descriptor

    def stat(self, name: str) -> os.stat_result:
        """Describe the file *name*.

        Raises:
            ForeignObject: it is a link, or no plain file.
        """
        found = os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise _foreign(name)
        return found

    def has(self, name: str) -> bool:
        """Say whether anything is there under *name*."""
        try:
            os.stat(self._at(name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def link(self, name: str, other: Folder, new: str) -> None:
        """Give the file *name* a second name *new* in *other*, which must be free there."""
        if self._descriptor is None or other._descriptor is None:
            os.link(self._at(name), other._at(new))
            return
        os.link(
            name,
            new,
            src_dir_fd=self._descriptor,
            dst_dir_fd=other._descriptor,
            follow_symlinks=False,
        )

    def move(self, name: str, other: Folder, new: str) -> None:
        """Give the file *name* the name *new* in *other*, in place of what is there."""
        os.replace(
            self._at(name),
            other._at(new),
            src_dir_fd=self._descriptor,
            dst_dir_fd=other._descriptor,
        )

    def unlink(self, name: str) -> None:
        """Remove the file *name*; one that is not there stays away."""
        with suppress(FileNotFoundError):
            os.unlink(self._at(name), dir_fd=self._descriptor)

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """Return what is in this folder."""
        held = self._path if self._descriptor is None else self._descriptor
        with os.scandir(held) as found:
            yield from found

    def sync(self) -> None:
        """Return once the names in this folder are on disk, as far as the file system can say."""
        if self._descriptor is None:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            if error.errno not in _NO_SYNC:
                raise

    def _at(self, name: str) -> str | Path:
        return self._path / name if self._descriptor is None else name

    def _leads_away(self, name: str) -> bool:
        path = self._path / name
        return self._descriptor is None and path.resolve() != path


def _foreign(name: str) -> ForeignObject:
    return ForeignObject(errno.ELOOP, "a link or device lies where a file should be", name)


def _blocked(name: str) -> NotADirectoryError:
    message = "a link or file lies where a folder should be; nothing is read or written through it"
    return NotADirectoryError(errno.ENOTDIR, message, name)
