"""Files to sell: real archives, made here, the same in every run."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

CHUNK: Final = 2**16
README: Final = "READ-ME.txt"
_WHEN: Final = (2026, 1, 1, 0, 0, 0)

Progress = Callable[[int, int], None]


def make_archive(path: Path, text: str, chunks: int, progress: Progress) -> None:
    """Write a zip archive with *text* and as many *chunks* of 64 KiB that are new with it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(zipfile.ZipInfo(README, _WHEN), text)
        with archive.open(zipfile.ZipInfo("lessons.bin", _WHEN), "w") as lessons:
            for number in range(chunks):
                lessons.write(hashlib.shake_256(f"{text} {number}".encode()).digest(CHUNK))
                progress((number + 1) * CHUNK, chunks * CHUNK)


def in_chunks(path: Path, progress: Progress) -> Iterator[bytes]:
    """Read a file in pieces, and say how far it is."""
    total, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            done += len(chunk)
            yield chunk
            progress(done, total)


def sha256_of(path: Path) -> str:
    """Hash a file, as the person who downloaded it would."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def text_of(path: Path) -> str:
    """Open an archive, check all of it, and return its text.

    Raises:
        zipfile.BadZipFile: it is not whole.
    """
    with zipfile.ZipFile(path) as archive:
        broken = archive.testzip()
        if broken is not None:
            raise zipfile.BadZipFile(broken)
        return archive.read(README).decode()
