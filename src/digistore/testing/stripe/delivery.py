"""Webhooks on their way: in order or not, once or twice, under two ids, late, or never."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPSConnection
from typing import NamedTuple, TypeAlias
from urllib.parse import urlsplit

from digistore.errors import Invalid
from digistore.testing.stripe.signing import Signer
from digistore.testing.stripe.world import Object, World

Endpoint: TypeAlias = str | Callable[[bytes, Mapping[str, str]], object]

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

    def chosen(self, what: str, events: list[Object], count: int) -> set[str]:
        """Choose the ids of *count* events by lot; the seed says which."""
        drawn = sorted(events, key=lambda event: _lot(what, self.shuffle, event["id"]))
        return {event["id"] for event in drawn[:count]}

    def arrange(self, events: list[Object]) -> list[Object]:
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
        """Whether Stripe would send it no more."""
        return _OK <= self.status < 300  # noqa: PLR2004 - 2xx


class Postman:
    """Sends what no endpoint has acknowledged yet."""

    def __init__(self, world: World, signer: Signer) -> None:
        self._world = world
        self._signer = signer

    def body(self, event: Object) -> bytes:
        """Write an event as it is sent."""
        return json.dumps(event, indent=2).encode()

    def sign(self, event: Object) -> tuple[bytes, dict[str, str]]:
        """Return what would be sent now."""
        body = self.body(event)
        return body, self._signer.sign(body, self._world.clock())

    def deliver(
        self, to: Endpoint, events: list[Object], types: Collection[str] | None, wire: Wire
    ) -> list[Delivery]:
        """Send *events*; what is not acknowledged is due again, as is what was held back."""
        late = wire.chosen("delay", events, wire.delay)
        due = [event for event in events if event["id"] not in late]
        lost = wire.chosen("lose", due, wire.lose)
        unheard = {event["id"] for event in due if types is not None and event["type"] not in types}
        sent = [event for event in due if event["id"] not in lost | unheard]
        retold = wire.chosen("retell", sent, wire.retell)
        for event in [event for event in sent if event["id"] in retold]:
            account, _ = self._world.event(event["id"])
            sent.append(account.retell(event))
        self._settle(lost | unheard)
        deliveries = [self._send(to, event) for event in wire.arrange(sent)]
        self._settle({one.event_id for one in deliveries if one.acknowledged})
        return deliveries

    def _send(self, to: Endpoint, event: Object) -> Delivery:
        body, headers = self.sign(event)
        headers["Content-Type"] = "application/json; charset=utf-8"
        answered = _post(to, body, headers) if isinstance(to, str) else to(body, headers)
        status = getattr(answered, "status", answered)  # such as that of a WebhookOutcome
        return Delivery(event["id"], event["type"], status if isinstance(status, int) else _OK)

    def _settle(self, event_ids: set[str]) -> None:
        with self._world.lock:
            for event_id in event_ids:
                self._world.event(event_id)[1]["pending_webhooks"] = 0
            outgoing = self._world.outgoing
            self._world.outgoing = [one for one in outgoing if one not in event_ids]


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
