"""What the URL of a store's files means."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote

from digistore.errors import ConfigError
from digistore.files.backend import BlobBackend
from digistore.files.local import LocalBackend
from digistore.files.memory import MemoryBackend

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.IGNORECASE | re.DOTALL)  # C: is a drive
_HOST = re.compile(r"^//(localhost(?=/))?")
_DRIVE = re.compile(r"/[a-z]:", re.IGNORECASE)


def open_backend(url: str | os.PathLike[str]) -> BlobBackend:
    """Open the place for files that *url* names; it comes from the operator, never from a user.

    Args:
        url: ``file://./shop-files`` is a folder in the current one, ``file:///srv/shop-files`` or
            a plain path any folder; it is made if it is not there. ``memory://`` is a new place
            in memory, gone with the process.

    Raises:
        ConfigError: another scheme, or a folder that cannot be made or written.
    """
    scheme, path = _read(os.fspath(url))
    if scheme == "memory":
        return MemoryBackend()
    if scheme != "file":
        message = f"files cannot be kept at {scheme}:// yet; use file://<folder>"
        raise ConfigError(message)
    if not path:
        message = "the URL of files names no folder; use for example file://./shop-files"
        raise ConfigError(message)
    try:
        return LocalBackend(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        message = f"files cannot be kept in {path!r} ({reason}); name a folder that can be written"
        raise ConfigError(message) from error


def _read(url: str) -> tuple[str, str]:
    found = _SCHEME.fullmatch(url)
    if found is None:
        return "file", url
    path = _HOST.sub("", unquote(found[2]))
    if os.name == "nt" and _DRIVE.match(path):
        path = path[1:]
    return found[1].lower(), path
