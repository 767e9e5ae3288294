"""Looking for what must not be sold: the port that a virus scanner fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from digistore.files.models import BlobRef
from digistore.files.reader import BlobReader


class ScanResult(StrEnum):
    """What a scanner says of a file; only a clean one is ever delivered."""

    CLEAN = "clean"
    PENDING = "pending"  # it is asked again by ``run_due``
    INFECTED = "infected"


@dataclass(frozen=True, slots=True)
class ScannedBlob:
    """Stored bytes for a scanner: what is known of them, and ``open`` to read them."""

    ref: BlobRef
    open: Callable[[], BlobReader]


@runtime_checkable
class Scanner(Protocol):
    """Looks at stored bytes.  It blocks, and runs outside every transaction."""

    def scan(self, blob: ScannedBlob, /) -> ScanResult:
        """Say what the bytes are; what it raises counts as ``pending``."""
        ...


class NoScanner:
    """Finds every file clean."""

    def scan(self, blob: ScannedBlob, /) -> ScanResult:
        """Say so."""
        return ScanResult.CLEAN
