"""The PayPal double as a world, with a PayPal gateway over it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Self

from jsonschema import Draft202012Validator

from digistore.blocking import run
from digistore.gateways import DisputeState, PaymentGateway
from digistore.gateways.paypal import PayPalGateway
from digistore.money import Money
from digistore.testing.clock import FrozenClock
from digistore.testing.gateways.world import (
    About,
    Fault,
    SignedEvent,
    Strange,
    Variant,
    World,
    cannot,
)
from digistore.testing.loopback.faults import FaultName
from digistore.testing.paypal import PayPalDouble, schemas
from digistore.testing.paypal.api import TOKEN_PATH
from digistore.testing.paypal.controls import Ending

NAMESPACE = "contract"
KEYS_LIVE = timedelta(hours=72)  # so that a shop with the usual settings can be opened over it

_FAULTS: Mapping[Fault, FaultName] = {
    "timeout": "drop_before",
    "lost_reply": "drop_after",
    "server_error": "error_500",
    "rate_limit": "rate_limit",
    "malformed": "malformed",
}
_STAGES: Mapping[DisputeState, str] = {
    DisputeState.WARNING: "INQUIRY",
    DisputeState.OPEN: "CHARGEBACK",
}
_ENDINGS: Mapping[DisputeState, Ending] = {
    DisputeState.WON: "won",
    DisputeState.LOST: "lost",
    DisputeState.CLOSED: "closed",
}


class PayPalWorld(World):
    """A `PayPalDouble` that listens while the world is entered, and a gateway without retries.

    The buyers of this world come back, so that what they approved is captured.
    """

    longest_tolerance = 7 * 24 * 3600
    packages = ("cryptography",)

    def __init__(self) -> None:
        self.clock = FrozenClock()
        self.double = PayPalDouble(clock=self.clock)
        self.webhook_secret = self.double.webhook_id
        self.spare_secret = "1JE4291016473214C"  # noqa: S105 - no secret at PayPal, but of its form
        self.secrets = (self.double.client_id, self.double.client_secret, self.webhook_secret)

    def __enter__(self) -> Self:
        self.double.open()
        self.gateway: PaymentGateway = self.another(Variant())
        return self

    def __exit__(self, *_: object) -> None:
        self.double.close()

    def pay(self, checkout_id: str, amount: Money | None = None) -> None:
        arrives = None if amount is None else str(amount.decimal)
        self.double.pay(checkout_id, amount=arrives)
        self._come_back(checkout_id)

    def owed(self, checkout_id: str) -> Money:
        told = self.double.look_up(checkout_id)["purchase_units"][0]["amount"]
        return Money(Decimal(told["value"]), told["currency_code"])

    def delay(self, checkout_id: str) -> None:
        self.double.pay(checkout_id, "delayed")
        self._come_back(checkout_id)

    def clear(self, checkout_id: str, *, ok: bool = True) -> None:
        self.double.clear(checkout_id, ok=ok)

    def decline(self, checkout_id: str) -> None:
        self.double.pay(checkout_id, "declined")
        self._come_back(checkout_id)
        self.clock.go(seconds=1)  # nobody chooses another way to pay within the same one

    def approve(self, checkout_id: str) -> Mapping[str, str]:
        self.double.pay(checkout_id)
        payer = self.double.look_up(checkout_id)["payer"]["payer_id"]
        return {"token": checkout_id, "PayerID": payer}

    def refund(self, checkout_id: str, amount: Money | None = None) -> None:
        self.double.dashboard_refund(checkout_id, None if amount is None else str(amount.decimal))

    def fail_refund(self, checkout_id: str) -> None:
        self.double.fail_refund(checkout_id)

    def dispute(self, checkout_id: str, state: DisputeState) -> None:
        if state is DisputeState.PREVENTED:
            cannot("disputes that are prevented")
        if not self._objects("dispute", checkout_id):
            self.double.open_dispute(checkout_id, warning=state is DisputeState.WARNING)
        elif state in _STAGES:
            self.double.move_dispute(checkout_id, _STAGES[state])
        if state in _ENDINGS:
            self.double.close_dispute(checkout_id, _ENDINGS[state])

    def events(self, checkout_id: str) -> Sequence[SignedEvent]:
        return self.double.events(checkout_id)

    def sign(self, body: bytes, at: datetime | None = None) -> dict[str, str]:
        return self.double.sign(body, at=at)

    def fault(self, fault: Fault, times: int = 1) -> None:
        self.double.fail_next(_FAULTS[fault], times)

    @property
    def sent(self) -> Sequence[str]:
        """The request ids so far; access tokens are asked for without any."""
        return [one.key or "" for one in self.double.requests if one.path != TOKEN_PATH]

    def strange(self, what: Strange) -> SignedEvent:
        if what in {"mode", "account"}:
            cannot(f"word for the {what} in its messages: each webhook has one")
        body, headers = self.double.foreign_event()
        if what == "namespace":
            return body, headers
        changed = json.dumps(json.loads(body) | {"event_type": "BILLING.PLAN.CREATED"}).encode()
        return changed, self.sign(changed)

    def hold(self) -> None:
        self.double.fail_next("slow")

    def release(self) -> None:
        self.double.release()

    def confuse(self, checkout_id: str, about: About) -> None:
        for one in self._objects(about, checkout_id):
            one |= {"status": "A_NEW_WORD", "a_new_field": {"deep": [1]}}

    def invented(self) -> Sequence[str]:
        world = self.double._world  # noqa: SLF001  the double's own half
        told = [
            *((schemas.ORDER, order) for order in world.orders.values()),
            *((schemas.CAPTURE, capture) for _, capture in world.captures.values()),
            *((schemas.REFUND, refund) for _, refund in world.refunds.values()),
            *((schemas.DISPUTE, dispute) for _, dispute in world.disputes.values()),
            *((schemas.EVENT, event) for event in world.events.values()),
        ]
        return [
            error.message
            for schema, reply in told
            for error in Draft202012Validator(schema).iter_errors(reply)
        ]

    def another(self, variant: Variant) -> PaymentGateway:
        if variant.tax is not None:
            cannot("tax of its own")
        ids = variant.webhook_secrets
        changed: dict[str, Any] = {} if variant.retries else {"retries": 0}
        if variant.timeout is not None:
            changed["timeout"] = variant.timeout
        return PayPalGateway(
            self.double.client_id,
            "E" + "0" * 40 if variant.wrong_key else self.double.client_secret,
            self.webhook_secret if ids is None else ids,
            namespace=NAMESPACE,
            live=False,
            tolerance=variant.tolerance,
            key_ttl=KEYS_LIVE,
            api_base=self.double.url,
            clock=self.clock,
            **changed,
        )

    def _come_back(self, checkout_id: str) -> None:
        run(self.gateway.resume(checkout_id, {"token": checkout_id}))

    def _objects(self, about: About, checkout_id: str) -> list[dict[str, Any]]:
        world = self.double._world  # noqa: SLF001  the double's own half
        order = world.orders[checkout_id]
        if about == "payment":
            return [order]
        captured = {ref for ref, (of, _) in world.captures.items() if of == checkout_id}
        kept = world.refunds if about == "refund" else world.disputes
        return [one for ref, one in kept.values() if ref in captured]
