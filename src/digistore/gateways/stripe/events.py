"""Stripe's events: which are worth hearing, and where they say to look."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from digistore.clock import EPOCH
from digistore.errors import MalformedEvent
from digistore.gateways.port import GatewayEvent, Hint, Whose
from digistore.gateways.strict_json import read_object
from digistore.gateways.stripe.names import reference_of, whose
from digistore.gateways.stripe.snapshots import Object, id_of

_ABOUT_SESSIONS: Final = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
)
_ABOUT_INTENTS: Final = (
    "payment_intent.succeeded",
    "payment_intent.processing",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
)
_ABOUT_REVERSALS: Final = (
    "charge.refunded",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    "radar.early_fraud_warning.created",
)
EVENTS: Final = (*_ABOUT_SESSIONS, *_ABOUT_INTENTS, *_ABOUT_REVERSALS)
"""The types to register a webhook endpoint for; all others are ignored."""

# It counts deliveries, so it changes from one to the next of the same event.
_DELIVERIES_LEFT: Final = re.compile(rb'"pending_webhooks":\s*[0-9]+')
_LONGEST_TEXT = 255  # characters of an id, https://docs.stripe.com/upgrades#backward-compatible
_LAST_SECOND = 253_402_300_799  # the end of the year 9999


def read_event(body: bytes, namespace: str) -> GatewayEvent:
    """Read a signed body strictly.

    Raises:
        MalformedEvent: it is no event, whatever else it may be.
    """
    event = read_object(body)
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if event.get("object") != "event" or not isinstance(about, dict):
        raise MalformedEvent("the body is signed, but it holds no event")
    event_type = _text(event, "type")
    known = event_type in EVENTS
    return GatewayEvent(
        id=_text(event, "id"),
        type=event_type,
        created=_time(event.get("created")),
        livemode=_flag(event.get("livemode")),
        account=_optional_text(event, "account") or "",
        known=known,
        hint=hint_of(event_type, about, namespace) if known else Hint(Whose.UNKNOWN),
        digest=_digest(body),
        api_version=_optional_text(event, "api_version"),
    )


def _digest(body: bytes) -> str:
    """Return the sha256 of what an event says, whichever of its deliveries this is."""
    changing = _DELIVERIES_LEFT.search(body, body.rfind(b'"pending_webhooks"'))
    if changing is None:
        return hashlib.sha256(body).hexdigest()
    said = hashlib.sha256(body[: changing.start()])
    said.update(body[changing.end() :])
    return said.hexdigest()


def hint_of(event_type: str, about: Object, namespace: str) -> Hint:
    """Say where the object of an event of a known type tells to look.

    Raises:
        MalformedEvent: an id is no text.
    """
    if event_type in _ABOUT_SESSIONS:
        return session_hint(about, namespace)
    if event_type in _ABOUT_INTENTS:
        owner = whose(about, namespace, unmarked=Whose.FOREIGN)
        return Hint(owner, payment_id=_text(about, "id"), reference=_ours(about, owner))
    payment_id = id_of(about.get("payment_intent"))
    if payment_id is None:  # a charge without an intent is not of a Checkout Session
        return Hint(Whose.FOREIGN)
    # Dashboard refunds and disputes bear no mark: our rows, or the payment's own, decide.
    return Hint(
        whose(about, namespace, unmarked=Whose.UNKNOWN), payment_id=_checked(payment_id, "intent")
    )


def session_hint(session: Object, namespace: str) -> Hint:
    """Return the hint of a Checkout Session.

    Raises:
        MalformedEvent: an id is no text.
    """
    owner = whose(session, namespace, unmarked=Whose.FOREIGN)
    payment_id = id_of(session.get("payment_intent"))
    return Hint(
        owner,
        checkout_id=_text(session, "id"),
        payment_id=None if payment_id is None else _checked(payment_id, "intent"),
        reference=_ours(session, owner),
    )


def merged(hints: Iterable[Hint]) -> tuple[Hint, ...]:
    """Return one hint for each payment, or checkout that has none, with all that is known of it."""
    found: dict[str, Hint] = {}
    for hint in hints:
        key = hint.payment_id or hint.checkout_id or ""
        known = found.get(key, hint)
        found[key] = Hint(
            Whose.OURS if Whose.OURS in {known.whose, hint.whose} else hint.whose,
            checkout_id=known.checkout_id or hint.checkout_id,
            payment_id=hint.payment_id,
            reference=known.reference or hint.reference,
        )
    return tuple(found.values())


def _ours(about: Object, owner: Whose) -> str | None:
    reference = reference_of(about) if owner is Whose.OURS else None
    return None if reference is None else _checked(reference, "reference")


def _text(found: Mapping[str, Any], name: str) -> str:
    return _checked(found.get(name), name)


def _checked(text: object, name: str) -> str:
    # Control characters are not printable: no database and no log ever sees them.
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT or not text.isprintable():
        raise MalformedEvent(f"{name} must be printable text of 1 to {_LONGEST_TEXT} characters")
    return text


def _optional_text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    return None if value is None or value == "" else _checked(value, name)


def _time(seconds: object) -> datetime:
    if type(seconds) is not int or not 0 <= seconds <= _LAST_SECOND:
        raise MalformedEvent("created must be whole seconds since 1970")
    return EPOCH + timedelta(seconds=seconds)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise MalformedEvent("livemode must be true or false")
    return value
