"""Offers of help, requests for it, and what is written in them."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from pydantic import Field, field_validator

from digistore.entitlements import PurchasedProduct
from digistore.fields import Metadata, Model
from digistore.ids import (
    OrderId,
    OrderLineId,
    ProductId,
    PurchasedProductId,
    RefundId,
    SupportOfferId,
    SupportRequestId,
    UserId,
)
from digistore.money import Money
from digistore.orders import Checkout


class SupportState(StrEnum):
    """Where a request stands; *on hold* lies over it and is no state."""

    UNPAID = "unpaid"
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    WAITING = "waiting"
    RESOLVED = "resolved"
    CLOSED = "closed"
    CANCELED = "canceled"


class SupportOffer(Model):
    """What one kind of help costs, and what it covers, published before it is bought."""

    id: SupportOfferId
    product_id: ProductId
    kind: str
    price: Money
    scope: str


class SupportMessage(Model):
    """What somebody wrote in a request."""

    id: str
    author_id: UserId | None
    by_staff: bool
    body: str
    at: datetime


class SupportRequest(Model):
    """Help with one purchase: bought on its own, never free.  ``price`` is a snapshot.

    ``on_hold`` says that a dispute or suspended access stops the work; ``money_back`` that what
    was paid for it has gone back.
    """

    id: SupportRequestId
    purchased_product_id: PurchasedProductId
    product_id: ProductId
    customer_id: UserId
    kind: str
    subject: str
    body: str
    price: Money
    scope: str
    state: SupportState
    on_hold: bool = False
    money_back: bool = False
    order_id: OrderId
    order_line_id: OrderLineId
    assignee_id: UserId | None = None
    first_response_at: datetime | None = None
    resolved_at: datetime | None = None
    created_at: datetime
    metadata: Metadata = Field(default_factory=dict)
    messages: tuple[SupportMessage, ...] = ()

    @field_validator("price")
    @classmethod
    def _never_free(cls, price: Money) -> Money:
        if price.amount <= 0:
            raise ValueError("support is never free: waive it by a recorded refund (D9)")
        return price


class SupportCheckout(Model):
    """A request and the checkout that pays for it."""

    request: SupportRequest
    checkout: Checkout


class RecordedRefund(Protocol):
    """What a waiver gives back: a refund as payments records it."""

    @property
    def id(self) -> RefundId:
        """The refund's id."""

    @property
    def amount(self) -> Money:
        """What goes back."""


class Eligibility(Model):
    """Whether help can be asked for with one purchase; if so, what each kind costs.

    ``reason`` is ``eligible``, ``no_offers``, or the state of the purchase.
    """

    purchase: PurchasedProduct
    eligible: bool
    reason: str
    offers: tuple[SupportOffer, ...] = ()


SupportRequestRef: TypeAlias = SupportRequest | str
