"""Messages on their way: in order or not, once or twice, under two ids, late, or never."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from digistore.errors import Invalid

Endpoint: TypeAlias = str | Callable[[bytes, Mapping[str, str]], object]
Event: TypeAlias = dict[str, Any]

_PATIENCE = 30  # seconds that an endpoint has to reply
_OK = 200


@dataclass(frozen=True, slots=True)
class Wire:
    """How messages travel.

    Args:
        shuffle: a seed; ``None`` keeps the order in which things happened.
        duplicate: how often each event is sent.
        retell: of how many events the same fact is told once more, under another id.
        delay: how many events are held back until the next delivery.
        lose: how many events are never sent.

    Raises:
        Invalid: *duplicate* is below 1, or another number below 0.
    """

    shuffle: int | None = None
    duplicate: int = 1
    retell: int = 0
    delay: int = 0
    lose: int = 0

    def __post_init__(self) -> None:
        """Refuse numbers that mean nothing."""
        if self.duplicate < 1 or min(self.retell, self.delay, self.lose) < 0:
            message = "send each event once or more often; retell, delay and lose none or some"
            raise Invalid(message, fields={"duplicate": "too_small"})

    def chosen(self, what: str, events: list[Event], count: int) -> set[str]:
        """Choose the ids of *count* events by lot; the seed says which."""
        drawn = sorted(events, key=lambda event: _lot(what, self.shuffle, event["id"]))
        return {event["id"] for event in drawn[:count]}

    def arrange(self, events: list[Event]) -> list[Event]:
        """Repeat and shuffle what is sent."""
        sent = [(copy, event) for event in events for copy in range(self.duplicate)]
        if self.shuffle is not None:
            sent.sort(key=lambda message: _lot(self.shuffle, message[0], message[1]["id"]))
        return [event for _, event in sent]


class Delivery(NamedTuple):
    """One message and the status that the endpoint replied."""

    event_id: str
    type: str
    status: int

    @property
    def acknowledged(self) -> bool:
        """Whether the provider would send it no more."""
        return _OK <= self.status < 300  # noqa: PLR2004 - 2xx


def send(to: Endpoint, event: Event, type_: str, body: bytes, headers: dict[str, str]) -> Delivery:
    """Send one message, and return what the endpoint replied."""
    headers["Content-Type"] = "application/json; charset=utf-8"
    answered = _post(to, body, headers) if isinstance(to, str) else to(body, headers)
    status = getattr(answered, "status", answered)  # such as that of a WebhookOutcome
    return Delivery(event["id"], type_, status if isinstance(status, int) else _OK)


def _post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_PATIENCE)
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


def _lot(*parts: object) -> str:
    text = json.dumps([str(part) for part in parts])
    return hashlib.sha256(text.encode()).hexdigest()
