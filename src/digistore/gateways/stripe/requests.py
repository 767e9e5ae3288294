"""What is sent to Stripe: the parameters of a session and of a refund, and nothing by accident.

A repeat must send the very same parameters, so they follow from the request and the settings
alone, never from the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from digistore.errors import AmountNotSupported, ConfigError, GatewayRejected, Invalid
from digistore.gateways.port import JSON, CheckoutLine, CheckoutRequest, RefundRequest
from digistore.gateways.stripe.money import to_wire
from digistore.gateways.stripe.names import marks
from digistore.money import Money

EXTRAS: Final = frozenset(
    {
        "allowed_payment_method_types",
        "billing_address_collection",
        "branding_settings",
        "consent_collection",
        "custom_fields",
        "custom_text",
        "excluded_payment_method_types",
        "locale",
        "name_collection",
        "origin_context",
        "payment_method_configuration",
        "payment_method_options",
        "phone_number_collection",
        "submit_type",
        "tax_id_collection",
        "wallet_options",
    }
)
"""What a host may add to sessions: how they look and what they ask, never what they cost."""

_MOST_LINES = 100
_LONGEST_TITLE = 250
_MOST_MARKS, _LONGEST_KEY, _LONGEST_VALUE = 50, 40, 500  # https://docs.stripe.com/api/metadata
_TOLD_REASONS = frozenset({"duplicate"})  # "fraudulent" would block the buyer's card


def check_extra(extra: Mapping[str, JSON]) -> None:
    """Make sure that a host's own parameters change no amount and no mark of ours.

    Raises:
        ConfigError: one of them might.
    """
    strange = _strange(extra)
    if strange:
        message = f"extra may not set {', '.join(strange)}; it may set {', '.join(sorted(EXTRAS))}"
        raise ConfigError(message)


def _strange(extra: Mapping[str, JSON]) -> list[str]:
    return sorted(str(name) for name in extra.keys() - EXTRAS)


def session_params(
    request: CheckoutRequest, tax_behavior: str | None, extra: Mapping[str, JSON]
) -> dict[str, Any]:
    """Return the parameters of the Checkout Session for *request*.

    Raises:
        AmountNotSupported: a line cannot be written without rounding.
        GatewayRejected: too many lines, metadata that does not fit, or an extra that might change
            an amount or a mark of ours.
    """
    if _strange(request.extra):
        message = f"extra may not set {', '.join(_strange(request.extra))}"
        raise GatewayRejected(message, provider_code="extra")
    metadata = _metadata(request)
    lines = [line for line in request.lines if line.total]
    if len(lines) > _MOST_LINES:
        message = f"Stripe takes {_MOST_LINES} lines at most"
        raise GatewayRejected(message, provider_code="lines")
    params: dict[str, Any] = {
        "mode": "payment",
        "line_items": [_line(line, tax_behavior) for line in lines],
        "client_reference_id": request.reference,
        "metadata": metadata,
        "payment_intent_data": {"metadata": metadata},  # Stripe does not copy it
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": int(request.expires_at.timestamp()),
        "adaptive_pricing": {"enabled": False},
        **_buyer(request, taxed=tax_behavior is not None),
    }
    if tax_behavior is not None:
        params["automatic_tax"] = {"enabled": True}
    return {**params, **extra, **request.extra}


def refund_params(request: RefundRequest, namespace: str) -> dict[str, Any]:
    """Return the parameters of a refund; *request.reason*, a person's words, is not sent.

    Raises:
        AmountNotSupported: the amount cannot be written without rounding.
    """
    params = {
        "payment_intent": request.payment_id,
        "amount": _on_the_wire(request.money),
        "metadata": marks(namespace, request.reference),
    }
    return params | ({"reason": request.reason} if request.reason in _TOLD_REASONS else {})


def _line(line: CheckoutLine, tax_behavior: str | None) -> dict[str, Any]:
    price: dict[str, Any] = {
        "currency": line.total.currency.lower(),
        "unit_amount": _on_the_wire(line.total),
        "product_data": {"name": line.title[:_LONGEST_TITLE]},
    }
    if tax_behavior is not None:
        price["tax_behavior"] = tax_behavior
    return {"price_data": price, "quantity": 1}


def _buyer(request: CheckoutRequest, *, taxed: bool) -> dict[str, Any]:
    if request.customer_ref is not None:
        # Tax follows from where the buyer is now, not from what was known of them.
        update: dict[str, Any] = {"customer_update": {"address": "auto"}} if taxed else {}
        return {"customer": request.customer_ref, **update}
    known = {} if request.customer_email is None else {"customer_email": request.customer_email}
    return {"customer_creation": "always", **known}


def _metadata(request: CheckoutRequest) -> dict[str, str]:
    own = {f"digistore_{name}": value for name, value in request.metadata.items()}
    metadata = own | marks(request.namespace, request.reference)
    fits = len(metadata) <= _MOST_MARKS and all(
        len(name) <= _LONGEST_KEY and len(value) <= _LONGEST_VALUE
        for name, value in metadata.items()
    )
    if not fits:
        message = "Stripe takes 50 metadata of 40 and 500 characters at most"
        raise GatewayRejected(message, provider_code="metadata")
    return metadata


def _on_the_wire(money: Money) -> int:
    try:
        return to_wire(money)
    except Invalid as error:
        raise AmountNotSupported(str(error)) from error
