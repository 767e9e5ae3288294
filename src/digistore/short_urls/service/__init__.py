"""``store.short_urls``."""

from digistore.short_urls.service.short_urls import AsyncShortUrls, ShortUrls

__all__ = ["AsyncShortUrls", "ShortUrls"]
