"""The operations on support: ``store.support``."""

from digistore.support.service.support import AsyncSupport, Support

__all__ = ["AsyncSupport", "Support"]
