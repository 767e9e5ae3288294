"""Paid help after the purchase: what it costs, each request for it, and the conversation.

It owns offers, requests and messages. It must never be free, never be needed for downloads or
updates, and never outlive the money that paid for it.
"""

from digistore.support.kind import SupportLines
from digistore.support.models import (
    Eligibility,
    RecordedRefund,
    SupportCheckout,
    SupportMessage,
    SupportOffer,
    SupportRequest,
    SupportRequestRef,
    SupportState,
)
from digistore.support.service import AsyncSupport, Support

__all__ = [
    "AsyncSupport",
    "Eligibility",
    "RecordedRefund",
    "Support",
    "SupportCheckout",
    "SupportLines",
    "SupportMessage",
    "SupportOffer",
    "SupportRequest",
    "SupportRequestRef",
    "SupportState",
]
