"""Public ids: a type prefix and a time-ordered 128-bit value in shortuuid's alphabet.

They sort by the time they were made, are never a secret and never an authority.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import NewType
from uuid import UUID

import shortuuid

from digistore.clock import to_micros
from digistore.errors import NotFound

UserId = NewType("UserId", str)
CategoryId = NewType("CategoryId", str)
ProductId = NewType("ProductId", str)
ReleaseId = NewType("ReleaseId", str)
ReleaseFileId = NewType("ReleaseFileId", str)
SupportOfferId = NewType("SupportOfferId", str)
OrderId = NewType("OrderId", str)
OrderLineId = NewType("OrderLineId", str)
PaymentId = NewType("PaymentId", str)
RefundId = NewType("RefundId", str)
ClaimId = NewType("ClaimId", str)
DiscountId = NewType("DiscountId", str)
ReceiptId = NewType("ReceiptId", str)
DisputeId = NewType("DisputeId", str)
ActionId = NewType("ActionId", str)
PurchasedProductId = NewType("PurchasedProductId", str)
SupportRequestId = NewType("SupportRequestId", str)
ShortURLId = NewType("ShortURLId", str)
EventId = NewType("EventId", str)

_ALPHABET = shortuuid.ShortUUID()
_RANDOM_BITS = 80


def id_text(noun: str, ref: object, model: type[object]) -> str:
    """Return the id behind a way of naming a *noun*: its *model*, or the id itself.

    Raises:
        NotFound: something else was given; the message says what.
    """
    found = getattr(ref, "id", None) if isinstance(ref, model) else ref
    if isinstance(found, str) and "\0" in found:  # no id has one, and PostgreSQL takes none
        raise NotFound(noun)
    if not isinstance(found, str):
        raise NotFound(noun, hint=f"pass the {noun} or its id, not {type(ref).__name__}")
    return found


def new_id(prefix: str, now: datetime) -> str:
    """Return a fresh id such as ``prd_22hXcMAKMsYxHyCDtdWrQB``.

    The value is 48 bits of milliseconds, then 80 random bits (RFC 9562, section 5.7, without
    its version bits), so ids of one prefix sort by time.
    """
    milliseconds = to_micros(now) // 1000
    value = (milliseconds << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    return f"{prefix}_{_ALPHABET.encode(UUID(int=value))}"
