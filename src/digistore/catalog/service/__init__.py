"""The operations of the catalogue: ``store.catalog``."""

from digistore.catalog.service.catalog import AsyncCatalog, Catalog
from digistore.catalog.service.products import OfferReaders

__all__ = ["AsyncCatalog", "Catalog", "OfferReaders"]
