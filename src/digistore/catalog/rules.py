"""Pure decisions about products: prices, slugs, which release is latest, what may follow what."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from packaging.version import InvalidVersion, Version

from digistore.catalog.models import (
    Offer,
    OfferAction,
    PayWhatYouWant,
    Price,
    Product,
    ProductStatus,
    ReleaseStatus,
)
from digistore.errors import Invalid
from digistore.ids import OrderId, PurchasedProductId
from digistore.money import Money

MOVES: Mapping[ProductStatus, frozenset[ProductStatus]] = {
    ProductStatus.DRAFT: frozenset({ProductStatus.ON_SALE}),
    ProductStatus.ON_SALE: frozenset({ProductStatus.WITHDRAWN}),
    ProductStatus.WITHDRAWN: frozenset({ProductStatus.ON_SALE}),
}
RELEASE_MOVES: Mapping[ReleaseStatus, frozenset[ReleaseStatus]] = {
    ReleaseStatus.DRAFT: frozenset({ReleaseStatus.PUBLISHED}),
    ReleaseStatus.PUBLISHED: frozenset({ReleaseStatus.YANKED}),
    ReleaseStatus.YANKED: frozenset(),
}


class Edition(NamedTuple):
    """What the order of releases depends on."""

    id: str
    version: str
    published_at: datetime


def latest(editions: Sequence[Edition]) -> Edition | None:
    """Return the latest of the published stable releases of one product.

    Versions that parse as PEP 440 are ordered by it. A version of another kind has no place in
    that order: it is latest from its publication until one that parses and is published later
    is the highest.
    """
    parsed = [(version, one) for one in editions if (version := _parse(one.version))]
    highest = max(parsed, key=lambda pair: (pair[0], *by_publication(pair[1])), default=None)
    others = [one for one in editions if _parse(one.version) is None]
    last = max(others, key=by_publication, default=None)
    found = [one for one in (highest and highest[1], last) if one is not None]
    return max(found, key=by_publication, default=None)


def by_publication(edition: Edition) -> tuple[datetime, str]:
    """Sort by time of publication."""
    return edition.published_at, edition.id


def _parse(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def checked_price(price: object) -> Price:
    """Return *price* if a product can have it.

    Raises:
        Invalid: negative, or no price at all.
    """
    if isinstance(price, PayWhatYouWant) or (isinstance(price, Money) and price.amount >= 0):
        return price
    raise Invalid(
        "a price is Money of zero or more, or PayWhatYouWant", fields={"price": "invalid"}
    )


def slug_of(title: str) -> str:
    """Return what *title* is called in an address: lower-case ASCII words and hyphens."""
    ascii_only = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii_only)[:60].strip("-") or "product"


def offer_of(
    product: Product,
    *,
    signed_in: bool,
    deliverable: bool,
    purchase_id: str | None,
    order_id: str | None,
) -> Offer:
    """Say what a visitor can do with *product*: what they own comes first, then what they owe."""
    if purchase_id is not None:
        action, reason = OfferAction.DOWNLOAD, "owned"
    elif order_id is not None:
        action, reason = OfferAction.IN_PROGRESS, "payment_on_its_way"
    elif product.status is not ProductStatus.ON_SALE:
        action, reason = OfferAction.UNAVAILABLE, "not_for_sale"
    elif not deliverable:
        action, reason = OfferAction.UNAVAILABLE, "nothing_to_deliver"
    elif not signed_in:
        action, reason = OfferAction.SIGN_IN, "sign_in"
    else:
        action, reason = OfferAction.BUY, "for_sale"
    return Offer(
        product_id=product.id,
        action=action,
        price=product.price,
        reason=reason,
        purchase_id=PurchasedProductId(purchase_id) if purchase_id else None,
        order_id=OrderId(order_id) if order_id else None,
    )
