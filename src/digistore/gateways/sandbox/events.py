"""Facts as messages: each fact becomes two events, as real providers tell each thing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from digistore.clock import EPOCH, to_micros
from digistore.errors import MalformedEvent
from digistore.gateways.sandbox import names
from digistore.gateways.sandbox.world import Checkout, Fact, Kind
from digistore.gateways.strict_json import read_object

TYPES: Mapping[Kind, tuple[str, str]] = {
    Kind.PAID: ("checkout.paid", "payment.succeeded"),
    Kind.PENDING: ("checkout.pending", "payment.pending"),
    Kind.DECLINED: ("checkout.declined", "checkout.attempted"),
    Kind.FAILED: ("checkout.failed", "payment.failed"),
    Kind.EXPIRED: ("checkout.expired", "checkout.closed"),
    Kind.REFUND_PENDING: ("refund.pending", "payment.refund_pending"),
    Kind.REFUND_SUCCEEDED: ("refund.succeeded", "payment.refunded"),
    Kind.REFUND_FAILED: ("refund.failed", "payment.refund_failed"),
    Kind.DISPUTE_WARNING: ("dispute.warning", "payment.dispute_warning"),
    Kind.DISPUTE_OPEN: ("dispute.opened", "payment.disputed"),
    Kind.DISPUTE_WON: ("dispute.won", "payment.dispute_won"),
    Kind.DISPUTE_LOST: ("dispute.lost", "payment.dispute_lost"),
    Kind.DISPUTE_PREVENTED: ("dispute.prevented", "payment.dispute_prevented"),
    Kind.DISPUTE_CLOSED: ("dispute.closed", "payment.dispute_closed"),
}
KNOWN_TYPES = frozenset(event_type for pair in TYPES.values() for event_type in pair)

_BEFORE_PAYMENT = frozenset({Kind.DECLINED, Kind.EXPIRED})
_LONGEST_TEXT = 200  # characters
_LAST_SECOND = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True, slots=True)
class Message:
    """What the body of an event says; nothing of it is checked against the world."""

    id: str
    type: str
    created: datetime
    livemode: bool
    account: str
    checkout_id: str | None
    payment_id: str | None
    reference: str | None
    digest: str


def event_id(checkout: Checkout, fact: Fact, event_type: str) -> str:
    """Return the id of the event: the same fact told again has it again.

    The time is in it, so that a sandbox that forgot all gives no old id to a new body.
    """
    moment = to_micros(fact.at)
    return names.EVENT + names.digest(checkout.id, fact.number, fact.about, event_type, moment)


def event_body(checkout: Checkout, fact: Fact, event_type: str) -> bytes:
    """Write an event down; one id never gets two bodies, whatever happens to the checkout later.

    As at real providers, only what is about a checkout names it; the rest names the payment.
    """
    noun = event_type.partition(".")[0]
    about: dict[str, str | None] = {"object": noun, "id": fact.about}
    if noun == "checkout":
        about["checkout"] = checkout.id
    if fact.kind not in _BEFORE_PAYMENT:
        about["payment"] = checkout.own_payment_id
    if fact.about == checkout.id:
        about["reference"] = checkout.reference
    event = {
        "id": event_id(checkout, fact, event_type),
        "object": "event",
        "type": event_type,
        "created": int(fact.at.timestamp()),
        "livemode": False,
        "data": {"object": about},
    }
    return json.dumps(event, separators=(",", ":")).encode()


def read_event(body: bytes) -> Message:
    """Read an event strictly.

    Raises:
        MalformedEvent: it is not one, whatever else it may be.
    """
    event = read_object(body)
    data = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    if event.get("object") != "event" or not isinstance(about, dict):
        raise MalformedEvent("the body is signed, but it holds no event")
    return Message(
        id=_text(event, "id"),
        type=_text(event, "type"),
        created=_time(event.get("created")),
        livemode=_flag(event.get("livemode", False)),
        account=_optional_text(event, "account") or "",
        checkout_id=_optional_text(about, "checkout"),
        payment_id=_optional_text(about, "payment"),
        reference=_optional_text(about, "reference"),
        digest=hashlib.sha256(body).hexdigest(),
    )


def _text(found: dict[str, Any], name: str) -> str:
    # Lone surrogates and control characters are not printable: no database ever sees them.
    text = found.get(name)
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT or not text.isprintable():
        raise MalformedEvent(f"{name} must be printable text of 1 to {_LONGEST_TEXT} characters")
    return text


def _optional_text(found: dict[str, Any], name: str) -> str | None:
    value = found.get(name)  # of any type, so it may not even be hashable
    return None if value is None or value == "" else _text(found, name)


def _time(seconds: object) -> datetime:
    if type(seconds) is not int or not 0 <= seconds <= _LAST_SECOND:
        raise MalformedEvent("created must be whole seconds since 1970")
    return EPOCH + timedelta(seconds=seconds)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise MalformedEvent("livemode must be true or false")
    return value
