"""Purchases and access, as hosts and customers see them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from digistore.catalog import Product
from digistore.entitlements.facts import AccessState
from digistore.fields import Metadata, Model
from digistore.ids import OrderId, OrderLineId, ProductId, PurchasedProductId, ReleaseId, UserId


class PurchasedProduct(Model):
    """Access, not a transaction: for life, and always to the latest release (D5, D6)."""

    id: PurchasedProductId
    product_id: ProductId
    user_id: UserId
    order_id: OrderId
    order_line_id: OrderLineId
    acquired_at: datetime
    state: AccessState


class LatestRelease(Model):
    """What a live purchase opens now."""

    id: ReleaseId
    version: str
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a user may open a product; its truth value says it, ``reason`` says why.

    ``reason`` is ``live``, or ``not_purchased``, ``suspended``, ``standby`` or ``revoked``.
    """

    granted: bool
    reason: str
    purchase: PurchasedProduct | None = None
    latest: LatestRelease | None = None

    def __bool__(self) -> bool:
        """Return whether access is granted."""
        return self.granted


class OwnedProduct(Model):
    """One entry of My Products."""

    purchase: PurchasedProduct
    product: Product
    latest: LatestRelease | None = None
    updated_since_download: bool = False
    metadata: Metadata


class ExplainedFact(Model):
    """A fact that was heard of a purchase; ``deciding`` marks those that decided its state."""

    at: datetime
    kind: str
    state: str
    amount: int
    about: str
    actor: str
    reason: str | None = None
    deciding: bool


class ExplainedPurchase(Model):
    """One purchase, what it is worth and why."""

    purchase: PurchasedProduct
    worth: AccessState | None
    facts: tuple[ExplainedFact, ...]


class Explanation(Model):
    """Why a user has access to a product, or has not; ``text`` says it in sentences."""

    granted: bool
    reason: str
    text: str
    purchases: tuple[ExplainedPurchase, ...]


PurchaseRef: TypeAlias = PurchasedProduct | str
