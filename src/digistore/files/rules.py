"""Names of files, keys of blobs, and when stored bytes are trusted without another look."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import PurePosixPath

from digistore.errors import Invalid
from digistore.files.signatures import (
    GZIP,
    HTML,
    MP3,
    MP4,
    PDF,
    RAR,
    SEVEN_ZIP,
    SVG,
    UNKNOWN,
    ZIP,
)

CHUNK = 2**20  # bytes in hand at a time
LONGEST_NAME = 255
STAGING = "staging"
BLOBS = "blobs"
VERIFY_EVERY = timedelta(days=30)
SHORTEST_URL = timedelta(seconds=1)
LONGEST_URL = timedelta(days=7)

_SHA256 = re.compile(r"[0-9a-f]{64}")
_UNPRINTABLE = {"Cc", "Cs", "Zl", "Zp"}

# What Python's own table lacks on some version, or knows by another name.
_OWN_TYPES: Mapping[str, str] = {
    ".7z": SEVEN_ZIP,
    ".apk": "application/vnd.android.package-archive",
    ".bz2": "application/x-bzip2",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".epub": "application/epub+zip",
    ".gz": GZIP,
    ".jar": "application/java-archive",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".md": "text/markdown",
    ".odp": "application/vnd.oasis.opendocument.presentation",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".rar": RAR,
    ".svg": SVG,
    ".svgz": GZIP,
    ".tgz": GZIP,
    ".whl": ZIP,
    ".xhtml": "application/xhtml+xml",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xz": "application/x-xz",
}

# Declared types whose files honestly begin with the signature of another one.
_ALSO: Mapping[str, re.Pattern[str]] = {
    ZIP: re.compile(
        r".*\+zip|application/(vnd\.(openxmlformats|oasis|ms-|android)\S*|java-archive|x-zip\S*"
        r"|msword)"
    ),
    HTML: re.compile(r"text/.*|application/(.*\+)?xml|application/(vnd\.ms-excel|msword)"),
    SVG: re.compile(r"text/.*|application/(.*\+)?xml"),
    PDF: re.compile(r"application/postscript"),  # Illustrator's .ai
    MP4: re.compile(r"(audio|video)/.*|image/(hei[cf]|avif).*"),
    MP3: re.compile(r"audio/.*"),
}


def checked_display_name(name: str) -> str:
    """Return *name* if a file can be shown under it: 1 to 255 characters, no path.

    Raises:
        Invalid: ``file`` is ``name_invalid``: empty, too long, a path, or with control characters.
    """
    usable = (
        isinstance(name, str)
        and 0 < len(name) <= LONGEST_NAME
        and name.strip() not in {"", ".", ".."}
        and not any(sign in "/\\" or unicodedata.category(sign) in _UNPRINTABLE for sign in name)
    )
    if not usable:
        message = (
            f"a file's name has 1 to {LONGEST_NAME} characters, none of them / or \\ or a control"
        )
        raise Invalid(message, fields={"file": "name_invalid"})
    return name


def media_type_of(name: str, sniffed: str) -> str:
    """Return the media type of a file: what its name declares, else what its bytes look like.

    Bytes that look like nothing known never contradict a name.

    Args:
        name: the display name; only its extension counts.
        sniffed: the ``media_type`` of the :class:`BlobRef`.

    Raises:
        Invalid: ``file`` is ``media_type_mismatch``: the bytes are positively of another type.
    """
    declared = _declared_type(name)
    if declared == UNKNOWN:
        return sniffed
    also = _ALSO.get(sniffed)
    if sniffed in {UNKNOWN, declared} or (also is not None and also.fullmatch(declared)):
        return declared
    message = f"the name says {declared}, the bytes are {sniffed}; rename the file or replace it"
    raise Invalid(message, fields={"file": "media_type_mismatch"})


def _declared_type(name: str) -> str:
    extension = PurePosixPath(name.lower()).suffix
    return _OWN_TYPES.get(extension) or _builtin_types().get(extension, UNKNOWN)


@cache
def _builtin_types() -> Mapping[str, str]:
    # An instance holds Python's own table; the module's functions answer what the machine says.
    return mimetypes.MimeTypes().types_map[True]


def blob_key(sha256: str) -> str:
    """Return where the bytes with this hash lie."""
    if not _SHA256.fullmatch(sha256):
        message = "a sha256 is 64 digits of lower-case hex"
        raise ValueError(message)
    return f"{BLOBS}/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def sha256_of_key(key: str) -> str | None:
    """Return the hash of the bytes that lie at *key*, ``None`` if no blob lies there."""
    sha256 = key.rpartition("/")[2]
    return sha256 if _SHA256.fullmatch(sha256) and blob_key(sha256) == key else None


def checked_part(start: int, end: int | None, size: int) -> tuple[int, int]:
    """Return the bounds of a part of *size* bytes; no *end* is the end of the file.

    Raises:
        Invalid: ``range`` is ``outside``.
    """
    stop = size if end is None else end
    if not 0 <= start <= stop <= size:
        message = f"the part does not lie within the {size} bytes of the file"
        raise Invalid(message, fields={"range": "outside"})
    return start, stop


def checked_seconds(ttl: timedelta) -> int:
    """Return for how many seconds a signed URL works.

    Raises:
        Invalid: ``ttl`` is ``out_of_range``: below 1 second or over 7 days.
    """
    if not isinstance(ttl, timedelta) or not SHORTEST_URL <= ttl <= LONGEST_URL:
        message = "a signed URL works for 1 second to 7 days"
        raise Invalid(message, fields={"ttl": "out_of_range"})
    return int(ttl.total_seconds())


def is_due_for_hashing(
    *, stamp: str | None, known_stamp: str | None, verified_at: datetime | None, now: datetime
) -> bool:
    """Say whether an object must be hashed before a part of it is trusted.

    That is where its stamp is not the one last verified, and every 30 days.
    """
    return stamp != known_stamp or verified_at is None or now - verified_at >= VERIFY_EVERY
