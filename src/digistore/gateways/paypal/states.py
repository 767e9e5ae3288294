"""PayPal's words for where things stand, in ours; a word that is new here is read cautiously."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from digistore.gateways.port import DisputeState, PayState, RefundState

T = TypeVar("T")

logger = logging.getLogger("digistore.gateways.paypal")

# https://developer.paypal.com/docs/api/orders/v2/#definition-order_status
ORDER_STATES: Mapping[str, PayState] = {
    "CREATED": PayState.OPEN,
    "SAVED": PayState.OPEN,
    "PAYER_ACTION_REQUIRED": PayState.OPEN,
    "APPROVED": PayState.OPEN,  # the buyer agreed; the money comes by the capture
    "VOIDED": PayState.EXPIRED,
}
# https://developer.paypal.com/docs/api/payments/v2/#definition-capture_status
CAPTURE_STATES: Mapping[str, PayState] = {
    "COMPLETED": PayState.PAID,
    "PARTIALLY_REFUNDED": PayState.PAID,
    "REFUNDED": PayState.PAID,
    "PENDING": PayState.PENDING,
    "DECLINED": PayState.FAILED,
    "FAILED": PayState.FAILED,
}
# https://developer.paypal.com/docs/api/payments/v2/#definition-refund_status
REFUND_STATES: Mapping[str, RefundState] = {
    "PENDING": RefundState.PENDING,
    "COMPLETED": RefundState.SUCCEEDED,
    "FAILED": RefundState.FAILED,
    "CANCELLED": RefundState.CANCELED,
}
# https://developer.paypal.com/docs/api/customer-disputes/v1/#definition-dispute_outcome
OUTCOMES: Mapping[str, DisputeState] = {
    "RESOLVED_BUYER_FAVOUR": DisputeState.LOST,
    "ACCEPTED": DisputeState.LOST,
    "RESOLVED_SELLER_FAVOUR": DisputeState.WON,
    "DENIED": DisputeState.WON,
    "RESOLVED_WITH_PAYOUT": DisputeState.CLOSED,  # PayPal paid the buyer out of its own pocket
    "CANCELED_BY_BUYER": DisputeState.CLOSED,
    "NONE": DisputeState.CLOSED,  # another dispute goes on in its place
}
_UNRESOLVED = frozenset(
    {
        "OPEN",
        "WAITING_FOR_BUYER_RESPONSE",
        "WAITING_FOR_SELLER_RESPONSE",
        "UNDER_REVIEW",
        "OTHER",
    }
)


def pay_state(order: Mapping[str, Any], capture: Mapping[str, Any] | None) -> PayState:
    """Say where an order stands, whose decisive capture is *capture*."""
    if capture is not None and order.get("status") == "COMPLETED":
        return _known(CAPTURE_STATES, capture.get("status"), "capture", PayState.PENDING)
    state = _known(ORDER_STATES, order.get("status"), "order", PayState.PENDING)
    retired = order.get("intent") == "AUTHORIZE"
    return PayState.EXPIRED if retired and state is PayState.OPEN else state


def refund_state(status: object) -> RefundState:
    """Say where a refund stands."""
    return _known(REFUND_STATES, status, "refund", RefundState.PENDING)


def dispute_state(dispute: Mapping[str, Any]) -> DisputeState:
    """Say where a dispute stands; only what is known to end well, or without money, does.

    In the stage of inquiry buyer and seller talk, and no bank or PayPal has been asked to decide:
    https://developer.paypal.com/disputes/disputes-lifecycle
    """
    status = dispute.get("status")
    if status == "RESOLVED":
        outcome = dispute.get("dispute_outcome")
        code = outcome.get("outcome_code") if isinstance(outcome, Mapping) else None
        return _known(OUTCOMES, code, "outcome of a dispute", DisputeState.OPEN)
    if status not in _UNRESOLVED:
        return _cautious("dispute", status, DisputeState.OPEN)
    inquiry = dispute.get("dispute_life_cycle_stage") == "INQUIRY"
    return DisputeState.WARNING if inquiry else DisputeState.OPEN


def _known(states: Mapping[str, T], status: object, what: str, cautious: T) -> T:
    found = states.get(status) if isinstance(status, str) else None
    return _cautious(what, status, cautious) if found is None else found


def _cautious(what: str, found: object, read_as: T) -> T:
    logger.warning("paypal: unknown status of a %s: %.40r, read as %s", what, found, read_as)
    return read_as
