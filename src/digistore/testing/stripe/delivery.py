"""Webhooks on their way: what no endpoint has acknowledged is due again."""

from __future__ import annotations

import json
from collections.abc import Collection

from digistore.testing.loopback.wire import Delivery, Endpoint, Wire, send
from digistore.testing.stripe.signing import Signer
from digistore.testing.stripe.world import Object, World


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
        return send(to, event, event["type"], body, headers)

    def _settle(self, event_ids: set[str]) -> None:
        with self._world.lock:
            for event_id in event_ids:
                self._world.event(event_id)[1]["pending_webhooks"] = 0
            outgoing = self._world.outgoing
            self._world.outgoing = [one for one in outgoing if one not in event_ids]
