"""What is sent to PayPal: the body of an order and of a refund, and nothing by accident.

A repeat must send the very same body, so it follows from the request and the settings alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from digistore.errors import AmountNotSupported, ConfigError, GatewayRejected, Invalid
from digistore.gateways.paypal.money import to_wire
from digistore.gateways.paypal.names import LONGEST, mark
from digistore.gateways.port import JSON, CheckoutLine, CheckoutRequest, RefundRequest
from digistore.money import Money

EXTRAS: Final = frozenset({"brand_name", "landing_page", "locale", "payment_method_preference"})
"""What a host may say of PayPal's pages: how they look and how to pay, never what it costs.

https://developer.paypal.com/docs/api/orders/v2/#definition-paypal_wallet_experience_context
"""

RETIRE: Final[list[dict[str, Any]]] = [{"op": "replace", "path": "/intent", "value": "AUTHORIZE"}]
"""What ends an order: PayPal captures none whose intent is another one, whoever asks."""

_LONGEST_KEY = 108  # characters of a PayPal-Request-Id
_LONGEST_TITLE = 127
_LONGEST_EMAIL = 254


def check_extra(extra: Mapping[str, JSON]) -> None:
    """Make sure that a host's own parameters change no amount and no mark of ours.

    Raises:
        ConfigError: one of them might.
    """
    strange = sorted(str(name) for name in extra.keys() - EXTRAS)
    if strange:
        message = f"extra may not set {', '.join(strange)}; it may set {', '.join(sorted(EXTRAS))}"
        raise ConfigError(message)


def order_body(request: CheckoutRequest, extra: Mapping[str, JSON]) -> dict[str, Any]:
    """Return the body of the order for *request*; metadata has no place at PayPal and stays here.

    Raises:
        AmountNotSupported: a line cannot be written without rounding.
        GatewayRejected: a mark that does not fit, or parameters that are not a host's to set.
    """
    if request.extra.keys() - EXTRAS:
        message = f"an order's extra may set {', '.join(sorted(EXTRAS))}"
        raise GatewayRejected(message, provider_code="extra")
    custom_id = mark(request.namespace, request.reference)
    if len(custom_id) > LONGEST:
        message = f"PayPal takes marks of {LONGEST} characters at most"
        raise GatewayRejected(message, provider_code="reference")
    total = _on_the_wire(request.total)
    unit: dict[str, Any] = {
        "custom_id": custom_id,
        "invoice_id": request.reference,  # PayPal takes no second payment for the same one
        "amount": {**total, "breakdown": {"item_total": total}},
        "items": [_item(line) for line in request.lines if line.total],
    }
    body = {
        "intent": "CAPTURE",
        "purchase_units": [unit],
        "payment_source": {"paypal": _wallet(request, extra)},
    }
    # PayPal answers a known key with the order of before, whatever is asked for now; so the order
    # itself bears what it was made of.
    unit["reference_id"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return body


def refund_body(request: RefundRequest, namespace: str) -> dict[str, Any]:
    """Return the body of a refund; *request.reason*, a person's words, is not sent.

    Raises:
        AmountNotSupported: the amount cannot be written without rounding.
    """
    return {
        "amount": _on_the_wire(request.money),
        "custom_id": mark(namespace, request.reference),
        "invoice_id": request.reference,
    }


def key_of(text: str) -> str:
    """Return a ``PayPal-Request-Id`` for an idempotency key of any length."""
    return text if len(text) <= _LONGEST_KEY else hashlib.sha256(text.encode()).hexdigest()


def capture_key(order: Mapping[str, Any]) -> str:
    """Return the key under which an approved order is captured.

    All who capture the same approval share it.  After a decline the buyer approves anew, which
    changes ``update_time``: the answer of before must not be told again.
    """
    return key_of(f"capture:{order.get('id')}:{order.get('update_time')}")


def _wallet(request: CheckoutRequest, extra: Mapping[str, JSON]) -> dict[str, Any]:
    wallet: dict[str, Any] = {
        "experience_context": {
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            **extra,
            **request.extra,
            "return_url": request.success_url,
            "cancel_url": request.cancel_url,
        }
    }
    email = request.customer_email
    if email is not None and len(email) <= _LONGEST_EMAIL:
        wallet["email_address"] = email
    return wallet


def _item(line: CheckoutLine) -> dict[str, Any]:
    return {
        "name": line.title[:_LONGEST_TITLE],
        "quantity": "1",
        "unit_amount": _on_the_wire(line.total),
        "category": "DIGITAL_GOODS",
    }


def _on_the_wire(money: Money) -> dict[str, str]:
    try:
        return to_wire(money)
    except Invalid as error:
        raise AmountNotSupported(str(error)) from error
