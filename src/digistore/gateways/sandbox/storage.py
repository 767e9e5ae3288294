"""Where a world is kept: in memory, or in one JSON file that several processes share."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from digistore.errors import ConfigError, GatewayUnavailable
from digistore.gateways.sandbox.world import World

if TYPE_CHECKING:
    from pydantic import TypeAdapter

_OWNER_ONLY = 0o600  # a world holds e-mail addresses


class Worlds(Protocol):
    """Lends its world to one caller at a time."""

    def borrow(self) -> AbstractContextManager[World]:
        """Lend the world; what was put into it stays unless the caller raises first."""


class MemoryWorlds:
    """A world that ends with the process."""

    def __init__(self) -> None:
        self._world = World()
        self._lock = Lock()

    @contextmanager
    def borrow(self) -> Iterator[World]:
        """Lend the world; each caller puts in at most one record, as its last act."""
        with self._lock:
            yield self._world


class FileWorlds:
    """A world in a file, read and replaced whole under a lock beside it.

    Args:
        path: the file; made when something is first put in.  Its folder must exist.

    Raises:
        ConfigError: the folder does not exist, or the file is no world of a sandbox.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        if not path.parent.is_dir():
            raise ConfigError(f"there is no folder {path.parent} for the sandbox's file; make it")
        try:
            with self.borrow():
                pass
        except GatewayUnavailable as error:
            raise ConfigError(str(error)) from error

    @contextmanager
    def borrow(self) -> Iterator[World]:
        """Lend the world as the file has it now, and write it back if it has changed."""
        # Over NFS a file lock belongs to the whole process: threads need a lock of their own.
        with self._lock, _alone(self._path.with_name(f"{self._path.name}.lock")):
            world = self._read()
            revision = world.revision
            yield world
            if world.revision != revision:
                self._write(world)

    def _read(self) -> World:
        try:
            raw = self._path.read_bytes()
            return _adapter().validate_json(raw, strict=True)
        except FileNotFoundError:
            return World()
        except (OSError, ValueError) as error:
            message = f"{self._path} cannot be read as a sandbox's file; move it out of the way"
            raise GatewayUnavailable(message) from error

    def _write(self, world: World) -> None:
        fresh = self._path.with_name(f"{self._path.name}.new")
        try:
            with os.fdopen(_open_private(fresh, os.O_WRONLY | os.O_TRUNC), "wb") as file:
                file.write(_adapter().dump_json(world, indent=1))
            fresh.replace(self._path)
        except OSError as error:
            raise GatewayUnavailable(f"{self._path} cannot be written") from error


@cache
def _adapter() -> TypeAdapter[World]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - a world in memory works without it

    return TypeAdapter(World)


def _open_private(path: Path, flags: int) -> int:
    return os.open(path, flags | os.O_CREAT, _OWNER_ONLY)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Keep every other process out; the system lets go when this one dies."""
    try:
        number = _open_private(path, os.O_RDWR)
    except OSError as error:
        raise GatewayUnavailable(f"{path} cannot be opened") from error
    try:
        _lock(number)
        yield
    finally:
        os.close(number)


if sys.platform == "win32":  # pragma: no cover - written from its documentation, tried nowhere
    import msvcrt

    def _lock(number: int) -> None:
        msvcrt.locking(number, msvcrt.LK_LOCK, 1)
else:
    import fcntl

    def _lock(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX)
