"""Stripe's errors in ours: whether something was done decides which one it is.

The SDK's exceptions end here: they hold whole replies, in which a buyer's address may stand.  Kept
are Stripe's code, the parameter and the request's id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    DigistoreError,
    GatewayConfigError,
    GatewayKeyConflict,
    GatewayRateLimited,
    GatewayRejected,
    GatewayUnavailable,
    NotRefundable,
)

if TYPE_CHECKING:
    import stripe

_TOO_MANY = 429
_CONFLICT = 409
_SERVER = 500
_PLAIN = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.[]"
_LONGEST_WORD = 100

# https://docs.stripe.com/error-codes
_AMOUNT = frozenset({"amount_too_small", "amount_too_large", "invalid_charge_amount"})
_NOT_REFUNDABLE: Mapping[str, str] = {
    "charge_already_refunded": "nothing_left",
    "charge_disputed": "in_dispute",
    "payment_intent_unexpected_state": "not_paid",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """What Stripe said when it said no, without the words in which it did."""

    status: int | None
    type: str | None
    code: str | None
    param: str | None
    request_id: str | None
    replayed: bool

    @property
    def told(self) -> str:
        """What of it may stand in a message."""
        parts = (self.code or self.type, self.param and f"parameter {self.param}")
        named = (*parts, self.request_id and f"request {self.request_id}")
        return ", ".join(part for part in named if part) or f"status {self.status}"


def refusal_of(error: stripe.StripeError) -> Refusal:
    """Read an exception of the SDK."""
    body = error.json_body if isinstance(error.json_body, dict) else {}
    found = body.get("error")
    said: dict[str, Any] = found if isinstance(found, dict) else {}
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    return Refusal(
        status=error.http_status,
        type=_word(said.get("type")),
        code=_word(said.get("code")),
        param=_word(said.get("param")),
        request_id=_word(headers.get("request-id")),
        replayed=headers.get("idempotent-replayed") == "true",
    )


def translate(error: stripe.StripeError, about: str, ref: str = "") -> DigistoreError:
    """Return our error for one of the SDK.

    Args:
        error: what the SDK raised.
        about: the noun that was asked about: ``checkout``, ``payment`` or ``refund``.
        ref: its id.
    """
    refusal = refusal_of(error)
    status, code = refusal.status, refusal.code
    if status is None or status < 400 or status >= _SERVER or status == _CONFLICT:  # noqa: PLR2004
        # No answer, one that cannot be read, or the same key still at work.
        return _unavailable(refusal)
    if status == _TOO_MANY or code == "rate_limit":
        return GatewayRateLimited(f"too many requests: {refusal.told}", provider_code=code)
    if status in {401, 403}:
        message = f"Stripe refuses the key, its mode or the account: {refusal.told}"
        return GatewayConfigError(message, provider_code=code)
    if refusal.type == "idempotency_error":
        message = f"this idempotency key was sent with another request: {refusal.told}"
        return GatewayKeyConflict(message, provider_code=code)
    return _no(refusal, about, ref)


def _unavailable(refusal: Refusal) -> GatewayUnavailable:
    message = f"no answer from Stripe that tells what it did: {refusal.told}"
    error = GatewayUnavailable(message, provider_code=refusal.code)
    # A failure that is told again for the same key stays what it is: repeating cannot help.
    error.key_is_spent = refusal.replayed and (refusal.status or 0) >= _SERVER
    return error


def _no(refusal: Refusal, about: str, ref: str) -> DigistoreError:
    code, param = refusal.code or "", refusal.param or ""
    reasons: tuple[tuple[bool, Callable[[], DigistoreError]], ...] = (
        (code in _AMOUNT and about == "checkout", lambda: _amount(refusal)),
        (
            code in _NOT_REFUNDABLE and about == "refund",
            lambda: NotRefundable(_NOT_REFUNDABLE[code]),
        ),
        # What is more than is left has no code of its own.
        (
            param == "amount" and about == "refund",
            lambda: NotRefundable("above_what_is_left"),
        ),
        (
            code == "resource_missing" and param != "customer",
            lambda: CheckoutNotFound(about, ref),
        ),
        (
            code == "resource_missing",
            lambda: GatewayRejected(f"Stripe: {refusal.told}", provider_code="customer_missing"),
        ),
    )
    for fits, make in reasons:
        if fits:
            return make()
    return GatewayRejected(f"Stripe says no: {refusal.told}", provider_code=refusal.code)


def _amount(refusal: Refusal) -> AmountNotSupported:
    return AmountNotSupported(f"Stripe cannot take this amount: {refusal.told}")


def _word(found: object) -> str | None:
    """Return a word of Stripe's for programs; what looks like prose, or a secret, is none."""
    if not isinstance(found, str) or not 0 < len(found) <= _LONGEST_WORD:
        return None
    return found if all(letter in _PLAIN for letter in found) else None
