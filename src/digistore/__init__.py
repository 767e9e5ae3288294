"""Sell digital products from your own Python web app."""

from digistore.analytics import Period
from digistore.catalog import Channel, PayWhatYouWant, Product, Release
from digistore.entitlements import Access, PurchasedProduct
from digistore.errors import DigistoreError
from digistore.money import Money
from digistore.orders import Billing, Checkout, Consent, FixedRates, NoTax, Order
from digistore.paging import Page
from digistore.settings import AccessPolicy, Effect, LegalEntity, Settings
from digistore.short_urls import ShortURL, Visit
from digistore.store import AsyncStore, Store
from digistore.support import SupportOffer, SupportRequest
from digistore.users import SYSTEM, HostUser, Role, User

__version__ = "0.1.0"

__all__ = [
    "SYSTEM",
    "Access",
    "AccessPolicy",
    "AsyncStore",
    "Billing",
    "Channel",
    "Checkout",
    "Consent",
    "DigistoreError",
    "Effect",
    "FixedRates",
    "HostUser",
    "LegalEntity",
    "Money",
    "NoTax",
    "Order",
    "Page",
    "PayWhatYouWant",
    "Period",
    "Product",
    "PurchasedProduct",
    "Release",
    "Role",
    "Settings",
    "ShortURL",
    "Store",
    "SupportOffer",
    "SupportRequest",
    "User",
    "Visit",
]
