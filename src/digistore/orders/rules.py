"""Pure decisions about orders: prices, fingerprints, addresses to return to."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from urllib.parse import quote, urlsplit

from digistore.canonical import canonical_sha256
from digistore.catalog import PayWhatYouWant, Price, Product
from digistore.errors import Invalid
from digistore.money import Money
from digistore.orders.kinds import Draft
from digistore.orders.models import Billing, Consent, OrderState

MOST_ITEMS = 100
LONGEST_URL = 2048
REFERENCE = "{reference}"
IN_FLIGHT = (OrderState.OPEN, OrderState.PROCESSING)


def unit_price(price: Price, pay: Money | None) -> Money:
    """Return what a product costs; *pay* is what the buyer names where they may.

    Raises:
        Invalid: *pay* for a fixed price, none or out of bounds for pay-what-you-want.
    """
    if isinstance(price, Money):
        if pay is not None:
            raise Invalid(
                "this price is fixed; pay is for pay-what-you-want", fields={"pay": "fixed_price"}
            )
        return price
    if pay is None:
        raise Invalid(
            "name what you pay for this product: pay=Money(...)", fields={"pay": "missing"}
        )
    return _within(price, pay)


def _within(price: PayWhatYouWant, pay: Money) -> Money:
    if not isinstance(pay, Money) or pay.currency != price.minimum.currency:
        raise Invalid(f"pay is Money in {price.minimum.currency}", fields={"pay": "currency"})
    if pay < price.minimum or (price.maximum is not None and pay > price.maximum):
        raise Invalid("pay is out of bounds", fields={"pay": "out_of_bounds"})
    return pay


def one_shop(products: Sequence[Product]) -> tuple[str | None, str]:
    """Return the seller and the currency that all *products* share.

    Raises:
        Invalid: none or too many, one twice, two currencies, two sellers.
    """
    if not 1 <= len(products) <= MOST_ITEMS:
        raise Invalid(
            f"an order has 1 to {MOST_ITEMS} items",
            fields={"items": "empty" if not products else "too_many"},
        )
    if len({product.id for product in products}) != len(products):
        raise Invalid("an order has each product once", fields={"items": "twice"})
    if len({product.currency for product in products}) != 1:
        raise Invalid("an order has one currency", fields={"currency": "mixed"})
    if len({product.seller_id for product in products}) != 1:
        raise Invalid("an order has one seller", fields={"seller": "mixed"})
    return products[0].seller_id, products[0].currency


def request_fingerprint(
    drafts: Iterable[Draft],
    currency: str,
    gateway: str | None,
    billing: Billing | None,
    consents: Sequence[Consent],
    metadata: Mapping[str, object],
    extra: Sequence[str],
) -> str:
    """Return what tells one wish from another: a repeat of it is the same order.

    When the buyer agreed and where they return to play no part.
    """
    content = {
        "lines": [
            [
                *(d.kind, d.product_id, d.beneficiary_id, d.unit_price, d.allow_repeat),
                *(d.tax, d.tax_added, d.tax_rate, d.tax_reason),
            ]
            for d in drafts
        ],
        "currency": currency,
        "gateway": gateway,
        "billing": billing.model_dump(mode="json") if billing else None,
        "consents": sorted([c.kind, c.text, c.locale] for c in consents),
        "metadata": dict(metadata),
        "extra": list(extra),
    }
    return _sha256(content)


def snapshot_fingerprint(order: Mapping[str, object], lines: Iterable[Sequence[object]]) -> str:
    """Return what must never change of an order: amounts, policy, billing, consents, lines (I14).

    Args:
        order: currency, subtotal, discount, tax, total, tax_inclusive, policy, billing, consents.
        lines: of each line the columns of ``LINE_SNAPSHOT``.
    """
    return _sha256({"order": dict(order), "lines": [list(line) for line in lines]})


SNAPSHOT = (
    "currency",
    "subtotal",
    "discount",
    "tax",
    "total",
    "tax_inclusive",
    "policy",
    "billing",
    "consents",
)
LINE_SNAPSHOT = (
    "id",
    "kind",
    "product_id",
    "beneficiary_id",
    "title",
    "unit_price",
    "discount",
    "tax",
    "tax_rate",
    "tax_reason",
    "total",
)


def _sha256(content: object) -> str:
    return canonical_sha256(content).hex()


def named_in(url: str, reference: str) -> str:
    """Return a return address with the *reference* of its checkout where it asks for it.

    Frameworks that build addresses write braces as ``%7B`` and ``%7D``.
    """
    return url.replace(REFERENCE, reference).replace(quote(REFERENCE), reference)


def checked_url(url: str, field: str, hosts: Collection[str]) -> str:
    """Return *url* if a customer may be sent there.

    Raises:
        Invalid: not absolute http or https, credentials, control characters, or a host that the
            settings do not allow.
    """
    usable = (
        isinstance(url, str)
        and len(url) <= LONGEST_URL
        and url.isascii()
        and url.isprintable()
        and not set(url) & set(" \\")
    )
    try:
        parts = urlsplit(url) if usable else None
        known = parts is not None and (parts.port or True)
    except ValueError:
        parts, known = None, False
    if (
        parts is None
        or not known
        or parts.scheme not in {"http", "https"}
        or not parts.hostname
        or "@" in parts.netloc
    ):
        raise Invalid(
            f"{field} is an absolute http(s) address without credentials", fields={field: "invalid"}
        )
    if hosts and parts.hostname not in hosts:
        raise Invalid(
            f"{field} leads to a host that the settings do not allow",
            fields={field: "host_not_allowed"},
        )
    return url


def checked_consents(consents: Sequence[Consent], required: Collection[str]) -> tuple[Consent, ...]:
    """Return *consents* if the required kinds are among them.

    Raises:
        Invalid: one is missing, or one kind stands there twice.
    """
    if not all(isinstance(consent, Consent) for consent in consents):
        raise Invalid(
            "consents are Consent(kind, text, accepted_at, locale)", fields={"consents": "invalid"}
        )
    kinds = [consent.kind for consent in consents]
    if len(set(kinds)) != len(kinds):
        raise Invalid("each kind of consent is given once", fields={"consents": "twice"})
    missing = sorted(set(required) - set(kinds))
    if missing:
        raise Invalid(f"consent is needed: {', '.join(missing)}", fields={"consents": "missing"})
    return tuple(consents)


def has_expired(expires_at: datetime, now: datetime) -> bool:
    """Say whether an order can no longer be paid by its own time."""
    return now >= expires_at
