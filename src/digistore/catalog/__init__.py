"""Products, the centre of everything: what they are, what they cost, and their releases.

It owns categories, products, releases and their files. It must never know who bought what: what
a visitor can do with a product it asks of readers that the store hands in.
"""

from digistore.catalog.models import (
    Channel,
    Offer,
    OfferAction,
    PayWhatYouWant,
    Price,
    Product,
    ProductCategory,
    ProductRef,
    ProductSort,
    ProductStatus,
    Release,
    ReleaseFile,
    ReleaseRef,
    ReleaseStatus,
)
from digistore.catalog.service import AsyncCatalog, Catalog, OfferReaders

__all__ = [
    "AsyncCatalog",
    "Catalog",
    "Channel",
    "Offer",
    "OfferAction",
    "OfferReaders",
    "PayWhatYouWant",
    "Price",
    "Product",
    "ProductCategory",
    "ProductRef",
    "ProductSort",
    "ProductStatus",
    "Release",
    "ReleaseFile",
    "ReleaseRef",
    "ReleaseStatus",
]
