"""What the JSON API takes: strict, bounded, nothing unknown; no field names an address to go to."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from digistore.fields import AsciiKey, Country, Line, Name, Reason, Ref, Text, Title
from digistore.money import Money
from digistore.paging import LARGEST_PAGE, LONGEST_CURSOR
from digistore.tokens import LONGEST


class Given(BaseModel):
    """A JSON object, strictly."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Asked(BaseModel):
    """A query string, where all is text; what nobody asked for is left alone."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


Cursor = Annotated[str, StringConstraints(max_length=LONGEST_CURSOR)]


class Nothing(Given):
    """An empty object."""


class NoQuery(Asked):
    """Nothing is asked for."""


class PageQuery(Asked):
    """Which piece of a list; ``after`` is the ``next`` of the piece before."""

    after: Cursor | None = None
    limit: int = Field(default=20, ge=1, le=LARGEST_PAGE)


class ProductsQuery(PageQuery):
    """Which products."""

    text: Line | None = None
    category: Ref | None = None
    seller: Ref | None = None
    sort: Literal["newest", "title", "price"] = "newest"


class FilesQuery(Asked):
    """Of which release; by default of the latest."""

    release: Ref | None = None


class BillingInput(Given):
    """Who pays, as a buyer types it; what proves where they are is for the host to say."""

    name: Title
    country: Country
    email: Line | None = None
    company: Line | None = None
    address: Annotated[Text, Field(max_length=1000)] | None = None
    tax_id: Ref | None = None


class ConsentInput(Given):
    """What a buyer agrees to, now."""

    kind: Name
    text: Annotated[Text, Field(min_length=1, max_length=10_000)]
    locale: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{2,35}$")]


class QuoteInput(Given):
    """What somebody would like to buy; ``pay`` is what they name where they may."""

    items: tuple[Ref, ...] = Field(min_length=1, max_length=100)
    discount: Line | None = None
    pay: Money | None = None
    gift_to: Annotated[str, Field(max_length=254, pattern="@")] | None = None
    billing: BillingInput | None = None


class CheckoutInput(QuoteInput):
    """An order; the same ``idempotency_key`` is the same order, ``click`` is a link's ``cid``."""

    gateway: Ref | None = None
    consents: tuple[ConsentInput, ...] = Field(default=(), max_length=10)
    click: Annotated[str, Field(max_length=LONGEST)] | None = None
    idempotency_key: AsciiKey | None = None
    allow_repeat: bool = False


class ConfirmInput(Given):
    """What stood in the address that the buyer came back to."""

    params: dict[Annotated[str, Field(max_length=100)], Line] = Field(
        default_factory=dict, max_length=20
    )


class RefundRequestInput(Given):
    """Why the money is to go back, and of which line if not of all."""

    reason: Reason
    line: Ref | None = None


class LinkInput(Given):
    """Which file of which release, and for how many seconds; by default all of the latest."""

    file: Title | None = None
    release: Ref | None = None
    expires_in: int | None = Field(default=None, ge=60, le=604_800)


class SupportInput(Given):
    """A request for help, to be paid by its own checkout."""

    kind: Name
    subject: Title
    body: Reason
    gateway: Ref | None = None
    discount: Line | None = None
    billing: BillingInput | None = None
    consents: tuple[ConsentInput, ...] = Field(default=(), max_length=10)
    click: Annotated[str, Field(max_length=LONGEST)] | None = None
    idempotency_key: AsciiKey | None = None


class ReplyInput(Given):
    """What is said in a request."""

    body: Reason
