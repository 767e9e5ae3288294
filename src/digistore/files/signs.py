"""What an operator should look at in the place where files are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol, runtime_checkable

SKEW: Final = timedelta(minutes=5)  # beyond a quarter of an hour S3 refuses every request
_SERVED: Final = {"static", "public", "public_html", "htdocs", "www", "wwwroot", "media"}


@runtime_checkable
class Inspectable(Protocol):
    """A backend that outlives its process, and can say what is wrong with its place."""

    def signs(self, now: datetime) -> Sequence[str]:
        """Return warnings; it reads only."""
        ...


def of_folder(path: Path) -> list[str]:
    """Warn of a folder that a web server may serve as it is."""
    served = [part for part in path.parts if part.lower() in _SERVED]
    if not served:
        return []
    told = (
        f"files are kept below a folder called {served[-1]!r}: make sure that no web server serves"
        " it, or move them, as whoever guesses a path gets the file"
    )
    return [told]


def of_clock(now: datetime, theirs: datetime) -> list[str]:
    """Warn of two clocks that differ: signed URLs would end too early, or never begin."""
    if abs(theirs - now) <= SKEW:
        return []
    return [f"the clock of the object store differs by {abs(theirs - now)}: set yours by NTP"]


def of_damage(damaged: Collection[str]) -> list[str]:
    """Warn of files whose bytes were found to be others than those that were published."""
    if not damaged:
        return []
    told = (
        f"damaged and not delivered: {_number(len(damaged), 'file')}, such as {min(damaged)};"
        " upload the same bytes again, or restore them from a backup and run digistore files verify"
    )
    return [told]


def of_objects(missing: Collection[str], orphans: int) -> list[str]:
    """Warn of rows without bytes, and of bytes without a row."""
    found = []
    if missing:
        found.append(
            f"not where they were stored: {_number(len(missing), 'file')}, such as {min(missing)};"
            " restore them from a backup, or upload the same bytes again"
        )
    if orphans:
        found.append(
            f"belonging to nothing: {_number(orphans, 'stored object')}; "
            "run digistore files collect"
        )
    return found


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
