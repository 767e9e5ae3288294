"""The wiring: two stores, one implementation, no rules."""

from digistore.store.async_store import AsyncStore
from digistore.store.store import Store

__all__ = ["AsyncStore", "Store"]
