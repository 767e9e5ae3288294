"""Checkout Sessions of one-time payments: the rules of their making, and their life."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from digistore.testing.stripe import money
from digistore.testing.stripe.errors import BadParameters, invalid, not_modelled
from digistore.testing.stripe.lists import page, page_of
from digistore.testing.stripe.objects import tax
from digistore.testing.stripe.objects.metadata import checked_metadata, merge_metadata
from digistore.testing.stripe.objects.prices import check_items, make_items
from digistore.testing.stripe.world import Account, Checkout, Object

URL = "/v1/checkout/sessions"

_SHORTEST, _LONGEST = timedelta(minutes=30), timedelta(hours=24)
_LONGEST_REFERENCE = 200
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
_SAID_BACK = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_creation",
    "customer_email",
    "excluded_payment_method_types",
    "locale",
    "origin_context",
    "submit_type",
    "success_url",
)
_ONLY_IN_NEWER = ("allowed_payment_method_types",)
_MODELLED = {
    *_SAID_BACK,
    *_ONLY_IN_NEWER,
    "adaptive_pricing",
    "automatic_tax",
    "currency",
    "customer_update",
    "expand",
    "expires_at",
    "invoice_creation",
    "line_items",
    "metadata",
    "mode",
    "payment_intent_data",
    "payment_method_types",
    "ui_mode",
}
_MODELLED_OF_INTENTS = frozenset(
    {
        "application_fee_amount",
        "capture_method",
        "description",
        "metadata",
        "on_behalf_of",
        "receipt_email",
        "statement_descriptor",
        "statement_descriptor_suffix",
        "transfer_data",
        "transfer_group",
    }
)


def create(account: Account, params: Object, _: str) -> Object:
    """Answer POST /v1/checkout/sessions."""
    _check_modelled(params)
    _check_buyer(account, params)
    _check_urls(params)
    expires_at = _expires_at(account, params)
    metadata = checked_metadata(params.get("metadata"))
    tax.check(params)
    total, currency = check_items(account, params)
    if total:  # nothing to pay is possible, a little is not
        money.check_amount(total, currency, "line_items")
    _check_intent(account, params.get("payment_intent_data", {}), total)
    items = make_items(account, params)
    said: dict[str, Any] = {name: params[name] for name in _SAID_BACK if name in params}
    said |= {name: params[name] for name in _ONLY_IN_NEWER if name in params}
    session = account.add(
        "checkout.session",
        adaptive_pricing=params.get("adaptive_pricing", {"enabled": False}),
        amount_subtotal=total,
        amount_total=total,
        automatic_tax=tax.asked_for(params),
        currency=currency,
        custom_fields=[],
        custom_text=dict.fromkeys(_TEXTS),
        expires_at=expires_at,
        invoice_creation=_NO_INVOICE,
        metadata=metadata,
        mode="payment",
        payment_method_collection="if_required",
        payment_method_types=params.get("payment_method_types", ["card"]),
        payment_status="unpaid",
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status="open",
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode=params.get("ui_mode", _HOSTED),
        **{"customer_creation": "if_required"} | said,
    )
    session["url"] = account.world.checkout_url(session["id"])
    account.checkouts[session["id"]] = Checkout(items, params.get("payment_intent_data", {}))
    return session


def retrieve(account: Account, _: Object, session_id: str) -> Object:
    """Answer GET /v1/checkout/sessions/{id}."""
    return account.find("checkout.session", session_id, "session")


def update(account: Account, params: Object, session_id: str) -> Object:
    """Answer POST /v1/checkout/sessions/{id}."""
    session = retrieve(account, {}, session_id)
    for other in sorted(params.keys() - {"metadata", "expand"}):
        raise not_modelled(other, other)
    session["metadata"] = merge_metadata(session["metadata"], params.get("metadata"))
    return session


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/checkout/sessions."""
    wanted = {
        name: params[name]
        for name in ("customer", "payment_intent", "status", "payment_link", "subscription")
        if name in params
    }
    email = params.get("customer_details", {}).get("email")

    def keep(session: Object) -> bool:
        details = session["customer_details"] or {}
        told = details.get("email") or session["customer_email"]
        same = all(session[name] == value for name, value in wanted.items())
        return same and email in {None, told}

    return page(account, "checkout.session", params, URL, keep)


def expire(account: Account, _: Object, session_id: str) -> Object:
    """Answer POST /v1/checkout/sessions/{id}/expire: only an open one can be."""
    session = retrieve(account, {}, session_id)
    if session["status"] != "open":
        message = (
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout '
            f"Session has a status of {session['status']}."
        )
        raise invalid(message)
    end(account, session)
    return session


def list_items(account: Account, params: Object, session_id: str) -> Object:
    """Answer GET /v1/checkout/sessions/{id}/line_items."""
    retrieve(account, {}, session_id)
    return page_of(items_of(account, session_id), params, f"{URL}/{session_id}/line_items")


def items_of(account: Account, session_id: str) -> list[Object]:
    """Return the line items of a session, in the order in which they were asked for."""
    return account.checkouts[session_id].items


def end(account: Account, session: Object, at: int | None = None) -> None:
    """Let an open session expire *at* that time (now): nobody can pay it any more."""
    session |= {"status": "expired", "url": None}
    intent = account.get(session["payment_intent"] or "")
    if intent is not None:
        intent |= {
            "status": "canceled",
            "canceled_at": account.now if at is None else at,
            "cancellation_reason": "automatic",
        }
        account.tell("payment_intent.canceled", intent, at=at)
    account.tell("checkout.session.expired", session, at=at)


def let_time_pass(account: Account) -> None:
    """Let all open sessions expire whose time has come."""
    now = account.now
    over = [
        session
        for session in account.all("checkout.session")
        if session["status"] == "open" and now >= session["expires_at"]
    ]
    for session in sorted(over, key=lambda session: session["expires_at"]):
        end(account, session, session["expires_at"])


def _check_modelled(params: Object) -> None:
    mode = params.get("mode")
    if mode is None:
        message = "Missing required param: mode."
        raise BadParameters(message, code="parameter_missing", param="mode")
    if mode != "payment":
        raise not_modelled(f"the mode {mode}", "mode")
    if params.get("ui_mode", _HOSTED) != _HOSTED:
        raise not_modelled(f"the ui_mode {params['ui_mode']}", "ui_mode")
    for switch, off in _OFF.items():
        if params.get(switch, off) != off:
            raise not_modelled(switch, switch)
    for other in sorted(params.keys() - _MODELLED):
        raise not_modelled(other, other)
    for other in sorted(params.get("payment_intent_data", {}).keys() - _MODELLED_OF_INTENTS):
        name = f"payment_intent_data[{other}]"
        raise not_modelled(name, name)


def _check_buyer(account: Account, params: Object) -> None:
    if "customer" in params and "customer_email" in params:
        message = "You may only specify one of these parameters: customer, customer_email."
        raise invalid(message, param="customer")
    if "customer" in params:
        account.find("customer", params["customer"], "customer")
        if "customer_creation" in params:
            message = "`customer_creation` cannot be used with `customer`."
            raise invalid(message, param="customer_creation")
    elif "customer_update" in params:
        message = "`customer_update` can only be used with `customer`."
        raise invalid(message, param="customer_update")
    email = params.get("customer_email")
    if email is not None and not _EMAIL.fullmatch(email):
        message = f"Invalid email address: {email}"
        raise BadParameters(message, code="email_invalid", param="customer_email")
    reference = params.get("client_reference_id", "x")
    if not 1 <= len(reference) <= _LONGEST_REFERENCE:
        message = f"client_reference_id must be 1 to {_LONGEST_REFERENCE} characters long."
        raise BadParameters(message, param="client_reference_id")


def _check_urls(params: Object) -> None:
    if "success_url" not in params:
        message = "Missing required param: success_url."
        raise BadParameters(message, code="parameter_missing", param="success_url")
    for name in ("success_url", "cancel_url"):
        if name in params and not _is_a_url(params[name]):
            raise BadParameters("Not a valid URL", code="url_invalid", param=name)


def _is_a_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.netloc)


def _expires_at(account: Account, params: Object) -> int:
    longest = account.now + int(_LONGEST.total_seconds())
    expires_at: int = params.get("expires_at", longest)
    if expires_at < account.now + _SHORTEST.total_seconds():
        message = (
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session creation."
        )
        raise invalid(message, param="expires_at")
    if expires_at > longest:
        message = (
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation."
        )
        raise invalid(message, param="expires_at")
    return expires_at


def _check_intent(account: Account, data: Object, total: int) -> None:
    checked_metadata(data.get("metadata"), "payment_intent_data[metadata]")
    if data.get("capture_method", "automatic_async") == "manual":
        raise not_modelled("manual capture", "payment_intent_data[capture_method]")
    transfer, fee = data.get("transfer_data"), data.get("application_fee_amount")
    if transfer is not None:
        name = "payment_intent_data[transfer_data][destination]"
        account.find("account", transfer["destination"], name)
    if fee is None:
        return
    name = "payment_intent_data[application_fee_amount]"
    if transfer is None and not account.connected:
        message = "Can only apply an application_fee_amount when the charge has a destination."
        raise invalid(message, param=name)
    if transfer is not None and "amount" in transfer:
        message = "You cannot pass both application_fee_amount and transfer_data[amount]."
        raise invalid(message, param=name)
    if not 0 <= fee <= total:
        message = "The application fee cannot be greater than the charge."
        raise invalid(message, param=name)


_HOSTED = "hosted_page"
_TEXTS = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
_OFF: dict[str, object] = {"allow_promotion_codes": False, "invoice_creation": {"enabled": False}}
_NO_INVOICE: Object = {
    "enabled": False,
    "invoice_data": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": None,
        "metadata": {},
        "rendering_options": None,
    },
}
