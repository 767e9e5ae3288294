"""The sandbox as a world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime

from digistore.gateways import DisputeState, PaymentGateway
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import Ending
from digistore.money import Money
from digistore.testing.clock import FrozenClock
from digistore.testing.gateways.world import (
    Fault,
    SignedEvent,
    Strange,
    Variant,
    World,
    cannot,
)

_ASKED_WITH_KEY = {"create_checkout", "refund"}
_ENDINGS: Mapping[DisputeState, Ending] = {
    DisputeState.WON: "won",
    DisputeState.LOST: "lost",
    DisputeState.PREVENTED: "prevented",
    DisputeState.CLOSED: "closed",
}


class SandboxWorld(World):
    """The sandbox, which is provider and gateway at once."""

    webhook_secret = "the secret of the sandbox"  # noqa: S105  of tests
    spare_secret = "another secret of the sandbox"  # noqa: S105  of tests
    secrets = (webhook_secret,)

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.sandbox = SandboxGateway(clock=self.clock, webhook_secret=self.webhook_secret)
        self.gateway: PaymentGateway = self.sandbox

    def pay(self, checkout_id: str, amount: Money | None = None) -> None:
        self.sandbox.pay(checkout_id, amount=amount)

    def owed(self, checkout_id: str) -> Money:
        return self.sandbox.look_up(checkout_id).total

    def delay(self, checkout_id: str) -> None:
        self.sandbox.pay(checkout_id, "delayed")

    def clear(self, checkout_id: str, *, ok: bool = True) -> None:
        self.sandbox.clear(checkout_id, ok=ok)

    def decline(self, checkout_id: str) -> None:
        self.sandbox.pay(checkout_id, "declined")

    def refund(self, checkout_id: str, amount: Money | None = None) -> None:
        self.sandbox.dashboard_refund(checkout_id, amount)

    def fail_refund(self, checkout_id: str) -> None:
        self.sandbox.fail_refund(checkout_id)

    def dispute(self, checkout_id: str, state: DisputeState) -> None:
        if not self.sandbox.look_up(checkout_id).disputes or state is DisputeState.OPEN:
            self.sandbox.open_dispute(checkout_id, warning=state is DisputeState.WARNING)
        if state in _ENDINGS:
            self.sandbox.close_dispute(checkout_id, _ENDINGS[state])

    def events(self, checkout_id: str) -> Sequence[SignedEvent]:
        return self.sandbox.deliver(checkout_id)

    def sign(self, body: bytes, at: datetime | None = None) -> dict[str, str]:
        return self.sandbox.sign(body, at=at)

    def fault(self, fault: Fault, times: int = 1) -> None:
        if fault == "malformed":
            cannot("replies, so none that is cut in half")
        self.sandbox.fail_next(fault, times)

    @property
    def sent(self) -> Sequence[str]:
        """The idempotency key of each request so far."""
        calls = self.sandbox.calls
        return [call.key if call.method in _ASKED_WITH_KEY else "" for call in calls]

    def strange(self, what: Strange) -> SignedEvent:
        body, headers = self.sandbox.foreign_event()
        changes = {
            "namespace": {},
            "mode": {"livemode": True},
            "account": {"account": "acct_of_somebody"},
            "type": {"type": "customer.created"},
        }
        if what == "namespace":
            return body, headers
        changed = json.dumps(json.loads(body) | changes[what]).encode()
        return changed, self.sign(changed)

    def another(self, variant: Variant) -> PaymentGateway:
        if variant.timeout or variant.wrong_key or variant.retries or variant.tax:
            cannot("network, key or tax")
        secrets = variant.webhook_secrets
        return SandboxGateway(
            clock=self.clock,
            webhook_secret=self.webhook_secret if secrets is None else secrets,
            tolerance=variant.tolerance,
        )
