"""Fetching what was bought: links, their check, and streams for scripts.

It owns download sessions. It must never reach a file but through a purchase of its product.
"""

from digistore.downloads.models import DownloadLink, LinkCheck, LinkVerdict
from digistore.downloads.service import AsyncDownloads, Downloads

__all__ = ["AsyncDownloads", "DownloadLink", "Downloads", "LinkCheck", "LinkVerdict"]
