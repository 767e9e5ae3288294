"""Webhooks on their way: what no endpoint has acknowledged is due again."""

from __future__ import annotations

import json
from collections.abc import Collection

from digistore.testing.loopback.wire import Delivery, Endpoint, Wire, send
from digistore.testing.paypal.signing import Signer
from digistore.testing.paypal.world import Object, World


class Postman:
    """Sends what no endpoint has acknowledged yet."""

    def __init__(self, world: World, signer: Signer) -> None:
        self._world = world
        self._signer = signer

    def sign(self, event: Object) -> tuple[bytes, dict[str, str]]:
        """Return what would be sent now."""
        body = json.dumps(event, indent=2).encode()
        return body, self._signer.sign(body, self._world.clock())

    def deliver(
        self, to: Endpoint, events: list[Object], types: Collection[str] | None, wire: Wire
    ) -> list[Delivery]:
        """Send *events*; what is not acknowledged is due again, as is what was held back."""
        late = wire.chosen("delay", events, wire.delay)
        due = [event for event in events if event["id"] not in late]
        lost = wire.chosen("lose", due, wire.lose)
        unheard = {
            event["id"] for event in due if types is not None and event["event_type"] not in types
        }
        sent = [event for event in due if event["id"] not in lost | unheard]
        retold = wire.chosen("retell", sent, wire.retell)
        again = [self._world.retell(event) for event in sent if event["id"] in retold]
        self._settle(lost | unheard)
        deliveries = [self._send(to, event) for event in wire.arrange([*sent, *again])]
        self._settle({one.event_id for one in deliveries if one.acknowledged})
        return deliveries

    def _send(self, to: Endpoint, event: Object) -> Delivery:
        body, headers = self.sign(event)
        return send(to, event, event["event_type"], body, headers)

    def _settle(self, event_ids: set[str]) -> None:
        with self._world.lock:
            outgoing = self._world.outgoing
            self._world.outgoing = [one for one in outgoing if one not in event_ids]
