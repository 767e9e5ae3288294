"""The bytes that are sold, stored by their hash so that a release never changes.

It owns blobs, where they lie and whether they are still what was stored. It must never know who
may fetch them, and no text from a seller or a buyer ever becomes part of a key or a path.
"""

from digistore.files.backend import BlobBackend, Capabilities
from digistore.files.models import BlobRef, BlobState, GCReport, VerifyReport
from digistore.files.reader import BlobReader
from digistore.files.rules import CHUNK, checked_display_name, media_type_of
from digistore.files.scanning import NoScanner, ScannedBlob, Scanner, ScanResult
from digistore.files.service import AsyncFiles, Files
from digistore.files.source import Source
from digistore.files.url import open_backend

__all__ = [
    "CHUNK",
    "AsyncFiles",
    "BlobBackend",
    "BlobReader",
    "BlobRef",
    "BlobState",
    "Capabilities",
    "Files",
    "GCReport",
    "NoScanner",
    "ScanResult",
    "ScannedBlob",
    "Scanner",
    "Source",
    "VerifyReport",
    "checked_display_name",
    "media_type_of",
    "open_backend",
]
