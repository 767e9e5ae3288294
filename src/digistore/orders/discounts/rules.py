"""Pure decisions about discounts: what one takes off, and the one answer for all that take none."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from digistore.errors import DigistoreError, Invalid
from digistore.money import Money
from digistore.orders.kinds import Draft, Kind
from digistore.users.tries import Limit

CODE = r"^[A-Z0-9][A-Z0-9_-]{2,39}$"
_CODE = re.compile(CODE)
WHOLE = 10_000  # basis points
GUESSES = Limit("discount", most=20, window=timedelta(hours=1))


@dataclass(frozen=True, slots=True)
class Offer:
    """A discount as a checkout sees it; no *products* means all of its owner's."""

    id: str
    kind: Kind
    basis_points: int | None
    amount: int | None
    currency: str | None
    products: Collection[str]
    starts_at: datetime | None
    ends_at: datetime | None
    max_uses: int | None
    max_uses_per_customer: int | None
    used: int

    def is_valid_at(self, now: datetime) -> bool:
        """Say whether it can be redeemed at this time, if uses are left."""
        begun = self.starts_at is None or self.starts_at <= now
        return begun and (self.ends_at is None or now < self.ends_at)


class Unusable(DigistoreError):
    """Within a checkout: this discount takes nothing off."""

    def __init__(self) -> None:
        """Give no reason: nobody outside is told one."""
        super().__init__("this discount takes nothing off")


def not_usable() -> Invalid:
    """Return the one answer for codes that are unknown, over, used up or somebody else's."""
    return Invalid("this discount cannot be used here", fields={"discount": "not_usable"})


def normal_code(code: object) -> str:
    """Return what a code is compared by: without regard to case and spaces around it.

    Raises:
        Unusable: no code at all.
    """
    text = code.strip().upper() if isinstance(code, str) else ""
    if not _CODE.fullmatch(text):
        raise Unusable
    return text


def discounted(drafts: Sequence[Draft], offer: Offer, currency: str) -> list[Draft]:
    """Return *drafts* with what *offer* takes off, spread over the lines in its scope.

    Percentages are rounded half up, once for the order; the parts go by largest remainder, so no
    line falls below zero.

    Raises:
        Unusable: it takes nothing off, is of another currency or kind of line, or would make a
            support line free (D9).
    """
    weights = [draft.unit_price if _in_scope(draft, offer) else 0 for draft in drafts]
    off = _amount(offer, sum(weights), currency)
    if off == 0:
        raise Unusable
    parts = Money.from_minor(off, currency).allocate(weights)
    reduced = [
        replace(draft, discount=part.amount) for draft, part in zip(drafts, parts, strict=True)
    ]
    if any(d.kind is Kind.SUPPORT and d.unit_price == d.discount for d in reduced):
        raise Unusable
    return reduced


def _in_scope(draft: Draft, offer: Offer) -> bool:
    return draft.kind is offer.kind and (not offer.products or draft.product_id in offer.products)


def _amount(offer: Offer, subtotal: int, currency: str) -> int:
    if offer.basis_points is not None:
        return (subtotal * offer.basis_points * 2 + WHOLE) // (WHOLE * 2)
    if offer.currency != currency or offer.amount is None:
        return 0
    return min(offer.amount, subtotal)
