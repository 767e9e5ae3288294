"""What is sold: categories, products, releases, files, and what a visitor can do."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal, Self, TypeAlias

from pydantic import Field, model_validator

from digistore.fields import Given, Metadata, Model
from digistore.files import ScanResult
from digistore.ids import (
    CategoryId,
    OrderId,
    ProductId,
    PurchasedProductId,
    ReleaseFileId,
    ReleaseId,
    UserId,
)
from digistore.money import Money


class ProductStatus(StrEnum):
    """Whether a product can be bought; withdrawing stops sales and nothing else (D5)."""

    DRAFT = "draft"
    ON_SALE = "on_sale"
    WITHDRAWN = "withdrawn"


class ReleaseStatus(StrEnum):
    """Whether a release is offered; a yanked one can still be fetched by name."""

    DRAFT = "draft"
    PUBLISHED = "published"
    YANKED = "yanked"


class Channel(StrEnum):
    """Who a release is for: the latest is always a stable one."""

    STABLE = "stable"
    BETA = "beta"


class ProductCategory(Model):
    """A shelf; a product may stand on several."""

    id: CategoryId
    slug: str
    name: str
    parent_id: CategoryId | None = None
    position: int = 0


class PayWhatYouWant(Given):
    """A price that the buyer names within bounds, all in one currency.

    Raises:
        Invalid: the bounds are below zero, out of order, or of several currencies.
    """

    minimum: Money
    suggested: Money | None = None
    maximum: Money | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.minimum, self.maximum
        for other in (self.suggested, high):
            if other is not None and other.currency != low.currency:
                raise ValueError("the bounds of a price share one currency")
        if low.amount < 0 or (high is not None and high < low):
            raise ValueError("minimum is zero or more, and maximum is not below it")
        if self.suggested is not None and not (low <= self.suggested <= (high or self.suggested)):
            raise ValueError("suggested lies within the bounds")
        return self


Price: TypeAlias = Money | PayWhatYouWant


class Product(Model):
    """What everything starts from; it needs no user, order or payment to exist (D1)."""

    id: ProductId
    slug: str
    seller_id: UserId | None = None
    title: str
    summary: str = ""
    description: str = ""
    price: Price
    status: ProductStatus
    categories: tuple[CategoryId, ...] = ()
    metadata: Metadata = Field(default_factory=dict)
    created_at: datetime
    updated_at: datetime

    @property
    def currency(self) -> str:
        """ISO 4217 code of the price."""
        return (self.price if isinstance(self.price, Money) else self.price.minimum).currency


class ReleaseFile(Model):
    """One file of a release; ``sha256`` in hex, ``size`` in bytes.

    ``scan`` is what a scanner says of it. ``personal`` is the recipe by which each buyer gets a
    file of their own, made of this one.
    """

    id: ReleaseFileId
    release_id: ReleaseId
    name: str
    media_type: str
    size: int
    sha256: str
    scan: ScanResult = ScanResult.CLEAN
    personal: str | None = None


class Release(Model):
    """A version of a product; ``files`` are shown only to those who may fetch them."""

    id: ReleaseId
    product_id: ProductId
    version: str
    channel: Channel
    notes: str = ""
    status: ReleaseStatus
    is_latest: bool = False
    published_at: datetime | None = None
    yank_reason: str | None = None
    files: tuple[ReleaseFile, ...] = ()


class OfferAction(StrEnum):
    """What a visitor can do with a product now."""

    SIGN_IN = "sign_in"
    BUY = "buy"
    IN_PROGRESS = "in_progress"
    DOWNLOAD = "download"
    UNAVAILABLE = "unavailable"


class Offer(Model):
    """What a product page shows this visitor; ``reason`` is a stable word."""

    product_id: ProductId
    action: OfferAction
    price: Price
    reason: str
    purchase_id: PurchasedProductId | None = None
    order_id: OrderId | None = None


ProductRef: TypeAlias = Product | str
ReleaseRef: TypeAlias = Release | str
ProductSort: TypeAlias = Literal["newest", "title", "price"]
