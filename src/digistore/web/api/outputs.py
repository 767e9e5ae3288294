"""What the JSON API tells: each field by name, so that nothing new gets out by itself.

The host's ``metadata``, whom an order is shared with and who works on a request stay inside.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from digistore.catalog import OfferAction, ProductStatus
from digistore.entitlements.facts import AccessState
from digistore.orders import OrderState
from digistore.orders.kinds import Kind, Outcome
from digistore.orders.receipts.models import DocumentKind
from digistore.payments.models import ConfirmState
from digistore.support import SupportState


class Told(BaseModel):
    """Something that is told; made of a public model by its attributes."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True)


class MoneyTold(Told):
    """An amount in minor units of an ISO 4217 currency."""

    amount: int
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]


class PayWhatYouWantTold(Told):
    """A price that the buyer names within bounds."""

    minimum: MoneyTold
    suggested: MoneyTold | None
    maximum: MoneyTold | None


PriceTold = MoneyTold | PayWhatYouWantTold


class CategoryTold(Told):
    """A shelf."""

    id: str
    slug: str
    name: str
    parent_id: str | None
    position: int


class CategoriesTold(Told):
    """All shelves."""

    items: tuple[CategoryTold, ...]


class ProductTold(Told):
    """A product; ``description`` is its seller's own Markdown: clean it before you show it."""

    id: str
    slug: str
    seller_id: str | None
    title: str
    summary: str
    description: str
    price: PriceTold
    status: ProductStatus
    categories: tuple[str, ...]
    created_at: datetime
    updated_at: datetime


class ProductsTold(Told):
    """A page of products."""

    items: tuple[ProductTold, ...]
    next: str | None


class OfferTold(Told):
    """What this visitor can do with a product now."""

    product_id: str
    action: OfferAction
    price: PriceTold
    reason: str
    purchase_id: str | None
    order_id: str | None


class SupportOfferTold(Told):
    """What one kind of help costs and covers."""

    id: str
    product_id: str
    kind: str
    price: MoneyTold
    scope: str


class SupportOffersTold(Told):
    """All help with one product."""

    items: tuple[SupportOfferTold, ...]


class QuoteLineTold(Told):
    """What one item would cost."""

    kind: Kind
    product_id: str
    title: str
    unit_price: MoneyTold
    discount: MoneyTold
    tax: MoneyTold
    tax_rate: str | None
    tax_reason: str
    total: MoneyTold


class QuoteTold(Told):
    """What an order would cost now."""

    lines: tuple[QuoteLineTold, ...]
    subtotal: MoneyTold
    discount: MoneyTold
    tax: MoneyTold
    tax_inclusive: bool
    total: MoneyTold
    gateway: str | None


class OrderLineTold(QuoteLineTold):
    """One thing on an order."""

    id: str
    outcome: Outcome | None


class OrderTold(Told):
    """An order of one's own."""

    id: str
    state: OrderState
    lines: tuple[OrderLineTold, ...]
    subtotal: MoneyTold
    discount: MoneyTold
    tax: MoneyTold
    total: MoneyTold
    tax_inclusive: bool
    livemode: bool
    created_at: datetime
    expires_at: datetime
    paid_at: datetime | None


class OrdersTold(Told):
    """A page of orders, newest first."""

    items: tuple[OrderTold, ...]
    next: str | None


class CheckoutTold(Told):
    """An order and where to pay it; ``url`` is null when nothing is to be paid."""

    order: OrderTold
    url: str | None


class ConfirmationTold(Told):
    """What became of an order."""

    state: ConfirmState
    order: OrderTold


class CorrectionTold(Told):
    """A credit note or debit note."""

    number: str
    kind: DocumentKind
    issued_at: datetime
    paid: MoneyTold


class ReceiptTold(Told):
    """The receipt of a paid order; ``number`` is null until it is drawn."""

    number: str | None
    order: OrderTold
    buyer_name: str | None
    buyer_email: str | None
    paid_at: datetime
    method: str
    refunded: MoneyTold
    net: MoneyTold
    corrections: tuple[CorrectionTold, ...]


class RefundRequestTold(Told):
    """What was asked for, and since when."""

    id: str
    order_id: str | None
    reason: str | None
    created_at: datetime


class PurchaseTold(Told):
    """Access to a product, for life."""

    id: str
    product_id: str
    order_id: str
    acquired_at: datetime
    state: AccessState


class LatestTold(Told):
    """What a purchase opens now."""

    id: str
    version: str
    published_at: datetime


class OwnedProductTold(Told):
    """One entry of My Products."""

    purchase: PurchaseTold
    product: ProductTold
    latest: LatestTold | None
    updated_since_download: bool


class OwnedProductsTold(Told):
    """A page of My Products, newest purchase first."""

    items: tuple[OwnedProductTold, ...]
    next: str | None


class FileTold(Told):
    """One file; ``size`` in bytes, ``sha256`` in hex, both null of a file made for each buyer."""

    id: str
    release_id: str
    name: str
    media_type: str
    size: int | None
    sha256: str | None


class FilesTold(Told):
    """All files of a release."""

    items: tuple[FileTold, ...]


class LinkTold(Told):
    """A short-lived address; ask for a fresh one whenever a page is shown."""

    url: str
    expires_at: datetime
    release_id: str
    files: tuple[FileTold, ...]


class EligibilityTold(Told):
    """Whether help can be asked for with one purchase, or why not."""

    purchase: PurchaseTold
    eligible: bool
    reason: str
    offers: tuple[SupportOfferTold, ...]


class EligibilitiesTold(Told):
    """Every purchase."""

    items: tuple[EligibilityTold, ...]


class SupportMessageTold(Told):
    """What somebody wrote."""

    id: str
    by_staff: bool
    body: str
    at: datetime


class SupportRequestTold(Told):
    """A request of one's own."""

    id: str
    purchased_product_id: str
    product_id: str
    kind: str
    subject: str
    body: str
    price: MoneyTold
    scope: str
    state: SupportState
    on_hold: bool
    money_back: bool
    order_id: str
    first_response_at: datetime | None
    resolved_at: datetime | None
    created_at: datetime
    messages: tuple[SupportMessageTold, ...]


class SupportRequestsTold(Told):
    """A page of requests, newest first."""

    items: tuple[SupportRequestTold, ...]
    next: str | None


class SupportCheckoutTold(Told):
    """A request and the checkout that pays for it."""

    request: SupportRequestTold
    checkout: CheckoutTold


class ErrorTold(Told):
    """Why it was not done: ``code`` is stable, ``message`` says what to do."""

    model_config = ConfigDict(frozen=True, extra="allow")

    code: str
    message: str


class ProblemTold(Told):
    """What every answer of 400 and above says."""

    error: ErrorTold
