"""The events of the last 30 days, as the API lists them."""

from __future__ import annotations

from digistore.testing.stripe.errors import BadParameters
from digistore.testing.stripe.lists import page
from digistore.testing.stripe.world import EVENTS_REACH_BACK, Account, Object

URL = "/v1/events"

_MOST_TYPES = 20


def retrieve(account: Account, _: Object, event_id: str) -> Object:
    """Answer GET /v1/events/{id}."""
    return account.find("event", event_id, "id")


def list_all(account: Account, params: Object, _: str) -> Object:
    """Answer GET /v1/events; what is older than 30 days is gone."""
    if "type" in params and "types" in params:
        message = "You may only specify one of these parameters: type, types."
        raise BadParameters(message, param="type")
    types: list[str] = params.get("types", [params["type"]] if "type" in params else [])
    if len(types) > _MOST_TYPES:
        message = f"Array types exceeded maximum {_MOST_TYPES} allowed elements."
        raise BadParameters(message, param="types")
    oldest = account.now - EVENTS_REACH_BACK.total_seconds()
    delivered = params.get("delivery_success")

    def keep(event: Object) -> bool:
        told = delivered in {None, event["pending_webhooks"] == 0}
        return told and event["created"] > oldest and _is_meant(event["type"], types)

    return page(account, "event", params, URL, keep)


def _is_meant(event_type: str, types: list[str]) -> bool:
    return not types or any(
        event_type.startswith(one.removesuffix("*")) if one.endswith("*") else event_type == one
        for one in types
    )
