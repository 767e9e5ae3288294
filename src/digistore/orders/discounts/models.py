"""A discount as its seller sees it, and what it is made of."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, TypeAlias

from pydantic import Field, StringConstraints

from digistore.fields import Input, Model, Time
from digistore.ids import DiscountId, ProductId, UserId
from digistore.money import Money
from digistore.orders.kinds import Kind

MOST_PRODUCTS = 100
MOST_USES = 1_000_000_000

Uses: TypeAlias = Annotated[int, Field(ge=1, le=MOST_USES)]


class Discount(Model):
    """A code with what it takes off: *percent* or *amount*, never both.

    *products* is its scope; none means all that the seller (or the house) sells of this *kind*.
    """

    id: DiscountId
    code: str
    seller_id: UserId | None
    kind: Kind
    percent: Decimal | None = None
    amount: Money | None = None
    products: tuple[ProductId, ...] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    max_uses: int | None = None
    max_uses_per_customer: int | None = None
    used: int
    over_limit: int
    retired_at: datetime | None = None
    created_at: datetime


DiscountRef: TypeAlias = Discount | str


class DiscountInput(Input):
    """What a caller says of a new discount."""

    code: Annotated[str, StringConstraints(pattern=r"^[A-Z0-9][A-Z0-9_-]{2,39}$")]
    percent: Annotated[Decimal, Field(gt=0, le=100, decimal_places=2)] | None = None
    kind: Kind
    starts_at: Time | None = None
    ends_at: Time | None = None
    max_uses: Uses | None = None
    max_uses_per_customer: Uses | None = None
