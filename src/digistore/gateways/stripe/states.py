"""Stripe's words for where things stand, in ours; a word that is new here is read cautiously."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, TypeVar

from digistore.gateways.port import DisputeState, PayState, RefundState

T = TypeVar("T")

logger = logging.getLogger("digistore.gateways.stripe")

# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-status
INTENT_STATES: Mapping[str, PayState] = {
    "processing": PayState.PENDING,
    "requires_action": PayState.PENDING,
    "requires_confirmation": PayState.PENDING,
    "requires_capture": PayState.PENDING,
    "succeeded": PayState.PENDING,  # its session does not say so yet
    "requires_payment_method": PayState.FAILED,
    "canceled": PayState.FAILED,
}
# https://docs.stripe.com/api/refunds/object#refund_object-status
REFUND_STATES: Mapping[str, RefundState] = {
    "pending": RefundState.PENDING,
    "requires_action": RefundState.PENDING,
    "succeeded": RefundState.SUCCEEDED,
    "failed": RefundState.FAILED,
    "canceled": RefundState.CANCELED,
}
# https://docs.stripe.com/api/disputes/object#dispute_object-status
DISPUTE_STATES: Mapping[str, DisputeState] = {
    "warning_needs_response": DisputeState.WARNING,
    "warning_under_review": DisputeState.WARNING,
    "warning_closed": DisputeState.CLOSED,
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "appeal_needs_response": DisputeState.OPEN,
    "appeal_under_review": DisputeState.OPEN,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
    "prevented": DisputeState.PREVENTED,
}


def pay_state(session: Mapping[str, Any]) -> PayState:
    """Say where a Checkout Session with its expanded payment intent stands.

    A card that was declined inside an open session ends nothing: the buyer may try another.
    """
    match session.get("status"):
        case "open":
            return PayState.OPEN
        case "expired":
            return PayState.EXPIRED
        case "complete":
            return _completed(session)
        case other:
            return _cautious("status of a session", other, PayState.PENDING)


def refund_state(status: object) -> RefundState:
    """Say where a refund stands."""
    return _known(REFUND_STATES, status, "status of a refund", RefundState.PENDING)


def dispute_state(status: object) -> DisputeState:
    """Say where a dispute stands; only what is known to end well, or without money, does."""
    return _known(DISPUTE_STATES, status, "status of a dispute", DisputeState.OPEN)


def _completed(session: Mapping[str, Any]) -> PayState:
    intent, status = session.get("payment_intent"), session.get("payment_status")
    if status == "no_payment_required" and intent is None:
        return PayState.PAID
    if not isinstance(intent, Mapping):
        return _cautious("intent of a completed session", type(intent).__name__, PayState.PENDING)
    if status in ("paid", "no_payment_required"):  # it may be anything, so it is not hashed
        return PayState.PAID
    if status != "unpaid":
        return _cautious("payment_status of a session", status, PayState.PENDING)
    return _known(INTENT_STATES, intent.get("status"), "status of an intent", PayState.PENDING)


def _known(states: Mapping[str, T], status: object, what: str, cautious: T) -> T:
    found = states.get(status) if isinstance(status, str) else None
    return _cautious(what, status, cautious) if found is None else found


def _cautious(what: str, found: object, read_as: T) -> T:
    logger.warning("stripe: unknown %s: %.40r, read as %s", what, found, read_as)
    return read_as
