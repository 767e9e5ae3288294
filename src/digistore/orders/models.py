"""Orders and what stands on them: every price, name and policy is a snapshot."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from digistore.fields import Country, Given, Line, Metadata, Model, Ref, Text, Time, Title
from digistore.ids import OrderId, OrderLineId, ProductId, UserId
from digistore.money import Money
from digistore.orders.kinds import Kind, Outcome


class OrderState(StrEnum):
    """Where an order stands; refunded and disputed are derived amounts, never states."""

    OPEN = "open"
    PROCESSING = "processing"
    PAID = "paid"
    EXPIRED = "expired"
    CANCELED = "canceled"


class Billing(Given):
    """Who pays, as it stands on the receipt; ``country`` is ISO 3166-1 alpha-2.

    Raises:
        Invalid: a field cannot be used.
    """

    name: Title
    country: Country
    email: Line | None = None
    company: Line | None = None
    address: Annotated[Text, Field(max_length=1000)] | None = None
    tax_id: Ref | None = None
    evidence: tuple[Line, ...] = Field(default=(), max_length=5)


class Consent(Given):
    """What the buyer agreed to.

    *kind* is ``terms``, ``immediate_access`` or ``immediate_service``.

    Raises:
        Invalid: a field cannot be used.
    """

    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,39}$")]
    text: Annotated[Text, Field(min_length=1, max_length=10_000)]
    accepted_at: Time
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{2,35}$")]


class OrderLine(Model):
    """One thing on an order; access and refunds hang on lines, never on whole orders."""

    id: OrderLineId
    order_id: OrderId
    kind: Kind
    product_id: ProductId
    beneficiary_id: UserId
    title: str
    unit_price: Money
    discount: Money
    tax: Money
    tax_rate: str | None = None
    tax_reason: str = "none"
    total: Money
    outcome: Outcome | None = None


class Order(Model):
    """A wish to buy, kept whatever becomes of its payment (D13).

    ``short_url_id`` and ``clicked_at`` say which link brought the buyer: the last one clicked
    before payment.
    """

    id: OrderId
    buyer_id: UserId
    seller_id: UserId | None = None
    state: OrderState
    lines: tuple[OrderLine, ...]
    currency: str
    subtotal: Money
    discount: Money
    tax: Money
    total: Money
    tax_inclusive: bool
    billing: Billing | None = None
    consents: tuple[Consent, ...] = ()
    metadata: Metadata = Field(default_factory=dict)
    livemode: bool
    self_purchase: bool = False
    late: bool = False
    short_url_id: str | None = None
    clicked_at: datetime | None = None
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None = None


class Checkout(Model):
    """An order and where to pay it; ``url`` is ``None`` when nothing is to be paid."""

    order: Order
    url: str | None


class QuoteLine(Model):
    """What one item would cost."""

    kind: Kind
    product_id: ProductId
    title: str
    unit_price: Money
    discount: Money
    tax: Money
    tax_rate: str | None = None
    tax_reason: str = "none"
    total: Money


class Quote(Model):
    """What an order would cost now; nothing is reserved.

    *tax* is contained in *total*, and where *tax_inclusive* in the prices as well.
    """

    lines: tuple[QuoteLine, ...]
    subtotal: Money
    discount: Money
    tax: Money
    tax_inclusive: bool = True
    total: Money
    gateway: str | None


OrderRef: TypeAlias = Order | str
