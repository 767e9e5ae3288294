"""What the URL of a store's files means."""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import unquote

from digistore.errors import ConfigError
from digistore.files.backend import BlobBackend
from digistore.files.local import LocalBackend
from digistore.files.memory import MemoryBackend

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):(.*)", re.IGNORECASE | re.DOTALL)  # C: is a drive
_HOST = re.compile(r"^//(localhost(?=/))?")
_DRIVE = re.compile(r"/[a-z]:", re.IGNORECASE)


def open_backend(
    url: str | os.PathLike[str],
    **options: Any,  # noqa: ANN401  those of the storage's own library
) -> BlobBackend:
    """Open the place for files that *url* names; it comes from the operator, never from a user.

    Args:
        url: ``file://./shop-files`` is a folder in the current one, ``file:///srv/shop-files`` or
            a plain path any folder; it is made if it is not there. ``memory://`` is a new place
            in memory, gone with the process. ``s3://bucket/prefix`` is a bucket, or what lies
            below a prefix; it needs the extra ``s3``.
        options: of a bucket alone: ``key``, ``secret``, ``endpoint_url`` and others of
            ``s3fs.S3FileSystem``; by default the environment says them.

    Raises:
        ConfigError: another scheme, or a place that cannot be made or written.
    """
    scheme, path = _read(os.fspath(url))
    if scheme == "s3":
        return _open_s3(path, options)
    if options:
        raise ConfigError("options are for files in a bucket: s3://bucket/prefix")
    if scheme == "memory":
        return MemoryBackend()
    if scheme != "file":
        message = f"files cannot be kept at {scheme}://; use file://<folder> or s3://<bucket>"
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


def _open_s3(place: str, options: dict[str, Any]) -> BlobBackend:
    try:
        from digistore.files.s3 import S3Backend  # noqa: PLC0415  a second that only buckets pay
    except ImportError as error:
        message = f"files in a bucket need the extra s3: pip install digistore[s3] ({error.name})"
        raise ConfigError(message) from error
    return S3Backend(place, **options)


def _read(url: str) -> tuple[str, str]:
    found = _SCHEME.fullmatch(url)
    if found is None:
        return "file", url
    path = _HOST.sub("", unquote(found[2]))
    if os.name == "nt" and _DRIVE.match(path):
        path = path[1:]
    return found[1].lower(), path
