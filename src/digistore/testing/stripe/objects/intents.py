"""Payment Intents: the attempt of a buyer to pay a session."""

from __future__ import annotations

from typing import Any

from digistore.testing.stripe.errors import not_modelled
from digistore.testing.stripe.lists import page
from digistore.testing.stripe.objects.metadata import checked_metadata, merge_metadata
from digistore.testing.stripe.world import Account, Object

URL = "/v1/payment_intents"

_SAID_BACK = (
    "application_fee_amount",
    "description",
    "on_behalf_of",
    "receipt_email",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def begin(account: Account, session: Object, method: str) -> Object:
    """Make the intent of a session, or return the one that a declined card has left."""
    known = account.get(session["payment_intent"] or "")
    if known is not None:
        return known
    asked = account.checkouts[session["id"]].intent_data
    said: dict[str, Any] = {name: asked[name] for name in _SAID_BACK if name in asked}
    intent = account.add(
        "payment_intent",
        amount=session["amount_total"],
        amount_capturable=0,
        amount_details={"tip": {}},
        amount_received=0,
        capture_method=asked.get("capture_method", "automatic_async"),
        client_secret=None,
        confirmation_method="automatic",
        currency=session["currency"],
        customer=session["customer"],
        metadata=checked_metadata(asked.get("metadata")),
        payment_method_options={method: {}},
        payment_method_types=session["payment_method_types"],
        status="requires_payment_method",
        transfer_data=asked.get("transfer_data"),
        **said,
    )
    intent["client_secret"] = f"{intent['id']}_secret_{account.world.ids.next()}"
    session["payment_intent"] = intent["id"]
    account.tell("payment_intent.created", intent)
    return intent


def retrieve(account: Account, _: Object, intent_id: str) -> Object:
    """Answer GET /v1/payment_intents/{id}."""
    return account.find("payment_intent", intent_id, "intent")


def update(account: Account, params: Object, intent_id: str) -> Object:
    """Answer POST /v1/payment_intents/{id}: metadata and description."""
    intent = retrieve(account, {}, intent_id)
    for other in sorted(params.keys() - {"metadata", "description", "expand"}):
        raise not_modelled(other, other)
    intent["metadata"] = merge_metadata(intent["metadata"], params.get("metadata"))
    intent["description"] = params.get("description", intent["description"]) or None
    return intent


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/payment_intents."""
    customer = params.get("customer")
    return page(
        account, "payment_intent", params, URL, lambda one: customer in {None, one["customer"]}
    )
