"""Fetching what was bought: links, their check, and streams for scripts.

It owns download sessions. It must never reach a file but through a purchase of its product.
"""

from digistore.downloads.models import (
    Accel,
    DownloadBody,
    DownloadFile,
    DownloadLink,
    DownloadPlan,
    DownloadReader,
    DownloadRequest,
    DownloadSession,
    LinkCheck,
    LinkVerdict,
    Redirect,
    Stream,
)
from digistore.downloads.personal import Personaliser
from digistore.downloads.service import AsyncDownloads, Downloads

__all__ = [
    "Accel",
    "AsyncDownloads",
    "DownloadBody",
    "DownloadFile",
    "DownloadLink",
    "DownloadPlan",
    "DownloadReader",
    "DownloadRequest",
    "DownloadSession",
    "Downloads",
    "LinkCheck",
    "LinkVerdict",
    "Personaliser",
    "Redirect",
    "Stream",
]
