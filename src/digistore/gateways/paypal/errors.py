"""PayPal's refusals in ours: whether something was done decides which one it is.

Kept are PayPal's issue and the debug id, by which its support finds a call; never a whole reply, in
which a buyer's address may stand.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    DigistoreError,
    GatewayConfigError,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
    NotRefundable,
)
from digistore.gateways.paypal.transport import Reply

_TOO_MANY, _NOT_FOUND, _CONFLICT, _SERVER = 429, 404, 409, 500
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")
_LONGEST_WORD = 100

# Where the same request id is at work still, or was: nobody knows what became of it.
# https://developer.paypal.com/api/rest/reference/idempotency
_AT_WORK = frozenset({"PREVIOUS_REQUEST_IN_PROGRESS"})
_SPENT = frozenset({"DUPLICATE_REQUEST_ID"})
# https://developer.paypal.com/api/rest/reference/orders/v2/errors/
_AMOUNT = frozenset(
    {
        "CANNOT_BE_ZERO_OR_NEGATIVE",
        "CURRENCY_NOT_SUPPORTED",
        "CURRENCY_NOT_SUPPORTED_FOR_COUNTRY",
        "DECIMALS_NOT_SUPPORTED",
        "DECIMAL_PRECISION",
        "INVALID_CURRENCY_CODE",
        "MAX_VALUE_EXCEEDED",
    }
)
# https://developer.paypal.com/api/payments/v2/errors/refund_amount_exceeded and its neighbours
_NOT_REFUNDABLE: Mapping[str, str] = {
    "CAPTURE_FULLY_REFUNDED": "nothing_left",
    "REFUND_AMOUNT_EXCEEDED": "above_what_is_left",
    "MAX_NUMBER_OF_REFUNDS_EXCEEDED": "too_many_refunds",
    "REFUND_TIME_LIMIT_EXCEEDED": "too_late",
    "REFUND_NOT_ALLOWED": "refused",
    "PARTIAL_REFUND_NOT_ALLOWED": "only_in_full",
    "REFUND_CAPTURE_CURRENCY_MISMATCH": "other_currency",
    "CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED": "in_dispute",
    "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK": "in_dispute",
    "REFUND_FAILED_INSUFFICIENT_FUNDS": "insufficient_funds",
    "PENDING_CAPTURE": "not_paid",
    "INVALID_CAPTURE_STATUS": "not_paid",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What PayPal said when it said no, without the words in which it did."""

    status: int
    name: str | None
    issue: str | None
    debug_id: str | None

    @property
    def code(self) -> str | None:
        """PayPal's most exact word for it."""
        return self.issue or self.name

    @property
    def told(self) -> str:
        """What of it may stand in a message."""
        named = (self.code, self.debug_id and f"debug id {self.debug_id}")
        return ", ".join(part for part in named if part) or f"status {self.status}"


def refusal_of(reply: Reply) -> Refusal:
    """Read a reply that is no success, whatever it holds."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    said: dict[str, Any] = found if isinstance(found, dict) else {}
    details = said.get("details")
    first = details[0] if isinstance(details, list) and details else None
    issue = first.get("issue") if isinstance(first, dict) else None
    return Refusal(
        status=reply.status,
        name=_word(said.get("name") or said.get("error")),
        issue=_word(issue),
        debug_id=_word(said.get("debug_id") or reply.headers.get("paypal-debug-id")),
    )


def translate(reply: Reply, about: str, ref: str = "") -> DigistoreError:
    """Return our error for a reply that is no success.

    Args:
        reply: what PayPal answered.
        about: the noun that was asked about: ``checkout``, ``capture``, ``payment``, ``refund``,
            ``dispute`` or ``list``.
        ref: its id.
    """
    refusal = refusal_of(reply)
    status, code = refusal.status, refusal.code
    spent = {refusal.name, refusal.issue} & _SPENT
    busy = {refusal.name, refusal.issue} & _AT_WORK
    if status < 400 or status >= _SERVER or status == _CONFLICT or busy or spent:  # noqa: PLR2004
        return _unavailable(refusal, spent=bool(spent))
    if status == _TOO_MANY:
        return GatewayRateLimited(f"too many requests: {refusal.told}", provider_code=code)
    if status in {401, 403}:
        message = f"PayPal refuses the client, or what it may do about a {about}: {refusal.told}"
        return GatewayConfigError(message, provider_code=code)
    return _no(refusal, about, ref)


def no_answer(why: str) -> GatewayUnavailable:
    """Return the error for a call without an answer."""
    return GatewayUnavailable(f"no answer from PayPal that tells what it did: {why}")


def _unavailable(refusal: Refusal, *, spent: bool) -> GatewayUnavailable:
    error = no_answer(refusal.told)
    error.provider_code = refusal.code
    error.key_is_spent = spent
    return error


def _no(refusal: Refusal, about: str, ref: str) -> DigistoreError:
    code = refusal.code or ""
    reasons: tuple[tuple[bool, Callable[[], DigistoreError]], ...] = (
        (
            code in _AMOUNT and about == "checkout",
            lambda: AmountNotSupported(f"PayPal cannot take this amount: {refusal.told}"),
        ),
        (
            code in _NOT_REFUNDABLE and about == "refund",
            lambda: NotRefundable(_NOT_REFUNDABLE[code]),
        ),
        (refusal.status == _NOT_FOUND, lambda: CheckoutNotFound(about, ref)),
    )
    for fits, make in reasons:
        if fits:
            return make()
    return GatewayRejected(f"PayPal says no: {refusal.told}", provider_code=refusal.code)


def _word(found: object) -> str | None:
    """Return a word of PayPal's for programs; what looks like prose, or a secret, is none."""
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_WORD:
        return None
    return found if _PLAIN.issuperset(found) else None
