"""The operations on access: ``store.entitlements``."""

from digistore.entitlements.service.entitlements import AsyncEntitlements, Entitlements

__all__ = ["AsyncEntitlements", "Entitlements"]
