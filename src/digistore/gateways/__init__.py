"""The port to payment providers, and the sandbox that stands in for one.

An adapter translates; it decides nothing and stores nothing. What a provider says comes in as one
shape, :class:`PaymentSnapshot`, whichever way it came; no provider object gets past the adapter.
"""

from digistore.gateways.port import (
    Cap,
    CheckoutLine,
    CheckoutRef,
    CheckoutRequest,
    DisputeSnapshot,
    DisputeState,
    GatewayEvent,
    GatewayProfile,
    Hint,
    HintPage,
    MoneyRules,
    PaymentGateway,
    PaymentRef,
    PaymentSnapshot,
    PayState,
    RefundRequest,
    RefundSnapshot,
    RefundState,
    Split,
    Whose,
)

__all__ = [
    "Cap",
    "CheckoutLine",
    "CheckoutRef",
    "CheckoutRequest",
    "DisputeSnapshot",
    "DisputeState",
    "GatewayEvent",
    "GatewayProfile",
    "Hint",
    "HintPage",
    "MoneyRules",
    "PayState",
    "PaymentGateway",
    "PaymentRef",
    "PaymentSnapshot",
    "RefundRequest",
    "RefundSnapshot",
    "RefundState",
    "Split",
    "Whose",
]
