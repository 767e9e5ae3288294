"""PayPal's events: which are worth hearing, and where they say to look."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from digistore.errors import MalformedEvent
from digistore.gateways.paypal.names import reference_of, whose
from digistore.gateways.paypal.snapshots import Object, dict_of, moment, unit_of
from digistore.gateways.port import GatewayEvent, Hint, Whose
from digistore.gateways.strict_json import read_object

# https://developer.paypal.com/api/rest/webhooks/event-names/
_ABOUT_ORDERS: Final = (
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.ORDER.COMPLETED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
)
_ABOUT_CAPTURES: Final = (
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.PENDING",
)
_ABOUT_REFUNDS: Final = (
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
)
_ABOUT_DISPUTES: Final = (
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "CUSTOMER.DISPUTE.UPDATED",
)
EVENTS: Final = (*_ABOUT_ORDERS, *_ABOUT_CAPTURES, *_ABOUT_REFUNDS, *_ABOUT_DISPUTES)
"""The types to register a webhook for; all others are ignored."""

_LONGEST_TEXT = 255  # characters of an id
_CAPTURE = re.compile(r"https?://[^?#]*/v[0-9]/payments/captures?/(?P<id>[A-Za-z0-9]{1,50})")


def read_event(body: bytes, namespace: str, *, livemode: bool) -> GatewayEvent:
    """Read a signed body strictly; its mode is that of the webhook that it was signed for.

    Raises:
        MalformedEvent: it is no event, whatever else it may be.
    """
    event = read_object(body)
    about = event.get("resource")
    if not isinstance(about, dict):
        raise MalformedEvent("the body is signed, but it holds no event")
    event_type = _text(event, "event_type")
    known = event_type in EVENTS
    created = moment(event.get("create_time"))
    if created is None:
        raise MalformedEvent("create_time must be a time with its zone")
    return GatewayEvent(
        id=_text(event, "id"),
        type=event_type,
        created=created,
        livemode=livemode,
        account="",
        known=known,
        hint=hint_of(event_type, about, namespace) if known else Hint(Whose.UNKNOWN),
        digest=hashlib.sha256(body).hexdigest(),
        api_version=_optional_text(event, "resource_version"),
    )


def hints_of(event_type: str, about: Object, namespace: str) -> tuple[Hint, ...]:
    """Say everywhere that the resource of an event of a known type tells to look.

    Raises:
        MalformedEvent: an id is no text.
    """
    if event_type in _ABOUT_DISPUTES:
        return _dispute_hints(about, namespace)
    return (hint_of(event_type, about, namespace),)


def hint_of(event_type: str, about: Object, namespace: str) -> Hint:
    """Say where the resource of an event of a known type tells to look first.

    A message has one hint, so the other payments of a dispute about several are found by ``poll``.

    Raises:
        MalformedEvent: an id is no text.
    """
    for types, read in _READERS:
        if event_type in types:
            return read(about, namespace)
    return Hint(Whose.UNKNOWN)


def _order_hint(order: Object, namespace: str) -> Hint:
    told = "order_id" if "order_id" in order else "id"
    # An approval that is taken back is told without the order; the order itself says whose it is.
    unmarked = Whose.FOREIGN if unit_of(order) else Whose.UNKNOWN
    mark = unit_of(order).get("custom_id")
    owner = whose(mark, namespace, unmarked=unmarked)
    return Hint(owner, checkout_id=_text(order, told), reference=_ours(mark, owner))


def _capture_hint(capture: Object, namespace: str) -> Hint:
    mark = capture.get("custom_id")
    owner = whose(mark, namespace, unmarked=Whose.FOREIGN)
    ids = dict_of(dict_of(capture.get("supplementary_data")).get("related_ids"))
    return Hint(
        owner,
        checkout_id=_optional_text(ids, "order_id"),
        payment_id=_text(capture, "id"),
        reference=_ours(mark, owner),
    )


def _refund_hint(refund: Object, namespace: str) -> Hint:
    # One that was made in PayPal's own pages bears no mark, or that of its capture: our rows know.
    owner = whose(refund.get("custom_id"), namespace, unmarked=Whose.UNKNOWN)
    links = refund.get("links")
    for link in links if isinstance(links, list) else ():
        href = link.get("href") if isinstance(link, dict) and link.get("rel") == "up" else None
        found = _CAPTURE.fullmatch(href) if isinstance(href, str) else None
        if found is not None:
            return Hint(owner, payment_id=found["id"])
    return Hint(Whose.FOREIGN)  # not of a captured order


def _dispute_hint(dispute: Object, namespace: str) -> Hint:
    return _dispute_hints(dispute, namespace)[0]


def _dispute_hints(dispute: Object, namespace: str) -> tuple[Hint, ...]:
    """Return a hint for each payment that a dispute is about, at least one, ours first."""
    listed = dispute.get("disputed_transactions")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    hints = [_transaction_hint(one, namespace) for one in found]
    ours_first = [
        hint for wanted in (Whose.OURS, Whose.UNKNOWN) for hint in hints if hint.whose is wanted
    ]
    return tuple(dict.fromkeys(ours_first)) or (Hint(Whose.FOREIGN),)


def _transaction_hint(transaction: Object, namespace: str) -> Hint:
    owner = whose(transaction.get("custom"), namespace, unmarked=Whose.UNKNOWN)
    if owner is Whose.FOREIGN:  # its id is nobody's business here
        return Hint(Whose.FOREIGN)
    return Hint(owner, payment_id=_optional_text(transaction, "seller_transaction_id"))


_READERS: Final[tuple[tuple[tuple[str, ...], Callable[[Object, str], Hint]], ...]] = (
    (_ABOUT_ORDERS, _order_hint),
    (_ABOUT_CAPTURES, _capture_hint),
    (_ABOUT_REFUNDS, _refund_hint),
    (_ABOUT_DISPUTES, _dispute_hint),
)


def _ours(mark: object, owner: Whose) -> str | None:
    return reference_of(mark) if owner is Whose.OURS else None


def _text(found: Mapping[str, Any], name: str) -> str:
    text = found.get(name)
    # Control characters are not printable: no database and no log ever sees them.
    if not isinstance(text, str) or not 0 < len(text) <= _LONGEST_TEXT or not text.isprintable():
        raise MalformedEvent(f"{name} must be printable text of 1 to {_LONGEST_TEXT} characters")
    return text


def _optional_text(found: Mapping[str, Any], name: str) -> str | None:
    return None if found.get(name) in (None, "") else _text(found, name)
