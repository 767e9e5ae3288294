"""The operations of ``store.downloads``."""

from digistore.downloads.service.downloads import AsyncDownloads, Downloads

__all__ = ["AsyncDownloads", "Downloads"]
