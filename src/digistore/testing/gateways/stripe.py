"""The Stripe double as a world, with a Stripe gateway over it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Self

from digistore.blocking import run
from digistore.gateways import DisputeState, PaymentGateway
from digistore.gateways.stripe import StripeGateway
from digistore.money import ISO_EXPONENTS, Money
from digistore.testing.clock import FrozenClock
from digistore.testing.gateways.world import About, Fault, SignedEvent, Strange, Variant, World
from digistore.testing.loopback.faults import FaultName
from digistore.testing.stripe import StripeDouble
from digistore.testing.stripe.money import THREE_DECIMAL, ZERO_DECIMAL

NAMESPACE = "contract"
TAX_PERCENT = 19

_FAULTS: Mapping[Fault, FaultName] = {
    "timeout": "drop_before",
    "lost_reply": "drop_after",
    "server_error": "error_500",
    "rate_limit": "rate_limit",
    "malformed": "malformed",
}
_STATUSES: Mapping[DisputeState, str] = {
    DisputeState.WARNING: "warning_under_review",
    DisputeState.OPEN: "needs_response",
    DisputeState.WON: "won",
    DisputeState.LOST: "lost",
    DisputeState.PREVENTED: "prevented",
    DisputeState.CLOSED: "warning_closed",
}
_STRANGE: Mapping[Strange, Mapping[str, object]] = {
    "namespace": {},
    "mode": {"livemode": True},
    "account": {"account": "acct_ofSomebody"},
    "type": {"type": "customer.created"},
}


class StripeWorld(World):
    """A `StripeDouble` that listens while the world is entered, and a gateway without retries.

    Args:
        double: which class of doubles it is over.
    """

    spare_secret = "whsec_anotherSecretOfTheDouble"  # noqa: S105  of tests
    packages = ("stripe",)

    def __init__(self, double: type[StripeDouble] = StripeDouble) -> None:
        self.clock = FrozenClock()
        self.double = double(clock=self.clock)
        self.double.tax_percent = Decimal(TAX_PERCENT)
        self.webhook_secret = self.double.webhook_secret
        self.secrets = (self.double.api_key, self.double.restricted_key, self.webhook_secret)
        self._made: list[StripeGateway] = []

    def __enter__(self) -> Self:
        self.double.open()
        self.gateway: PaymentGateway = self.another(Variant())
        return self

    def __exit__(self, *_: object) -> None:
        for gateway in self._made:
            run(gateway.close())
        self.double.close()

    def pay(self, checkout_id: str, amount: Money | None = None) -> None:
        self.double.pay(checkout_id, amount=None if amount is None else on_the_wire(amount))

    def owed(self, checkout_id: str) -> Money:
        session = self.double.look_up(checkout_id)
        return off_the_wire(session["amount_total"], session["currency"])

    def delay(self, checkout_id: str) -> None:
        self.double.pay(checkout_id, "delayed")

    def clear(self, checkout_id: str, *, ok: bool = True) -> None:
        self.double.clear(checkout_id, ok=ok)

    def decline(self, checkout_id: str) -> None:
        self.double.pay(checkout_id, "declined")

    def refund(self, checkout_id: str, amount: Money | None = None) -> None:
        wire = None if amount is None else on_the_wire(amount)
        self.double.dashboard_refund(checkout_id, wire)

    def fail_refund(self, checkout_id: str) -> None:
        self.double.fail_refund(checkout_id)

    def dispute(self, checkout_id: str, state: DisputeState) -> None:
        if not self._objects("dispute", checkout_id):
            self.double.open_dispute(checkout_id, warning=state is DisputeState.WARNING)
        self.double.move_dispute(checkout_id, _STATUSES[state])

    def events(self, checkout_id: str) -> Sequence[SignedEvent]:
        return self.double.events(checkout_id)

    def sign(self, body: bytes, at: datetime | None = None) -> dict[str, str]:
        return self.double.sign(body, at=at)

    def fault(self, fault: Fault, times: int = 1) -> None:
        self.double.fail_next(_FAULTS[fault], times)

    @property
    def sent(self) -> Sequence[str]:
        """The idempotency key of each request so far."""
        return [request.key or "" for request in self.double.requests]

    def strange(self, what: Strange) -> SignedEvent:
        body, headers = self.double.foreign_event()
        if what == "namespace":
            return body, headers
        changed = json.dumps(json.loads(body) | _STRANGE[what]).encode()
        return changed, self.sign(changed)

    def hold(self) -> None:
        self.double.fail_next("slow")

    def release(self) -> None:
        self.double.release()

    def confuse(self, checkout_id: str, about: About) -> None:
        if about == "payment":
            found = self._objects("checkout.session", checkout_id)
            found[0] |= {"payment_status": "a_new_word", "a_new_field": {"deep": [1]}}
            return
        for one in self._objects(about, checkout_id):
            one |= {"status": "a_new_word", "a_new_field": {"deep": [1]}}

    def another(self, variant: Variant) -> PaymentGateway:
        secrets = variant.webhook_secrets
        changed: dict[str, Any] = {} if variant.retries else {"retries": 0}
        if variant.timeout is not None:
            changed["timeout"] = variant.timeout
        gateway = StripeGateway(
            self.double.restricted_key if variant.wrong_key else self.double.api_key,
            self.webhook_secret if secrets is None else secrets,
            namespace=NAMESPACE,
            tolerance=variant.tolerance,
            tax_behavior=variant.tax,
            api_base=self.double.url,
            clock=self.clock,
            **changed,
        )
        self._made.append(gateway)
        return gateway

    def _objects(self, kind: str, checkout_id: str) -> list[dict[str, Any]]:
        own = self.double._world.own  # noqa: SLF001  the double's own half
        session = own.get(checkout_id) or {}
        if kind == "checkout.session":
            return [session]
        intent = session["payment_intent"]
        return [one for one in own.all(kind) if one["payment_intent"] == intent]


def on_the_wire(money: Money) -> int:
    """Return an amount in the smallest unit that Stripe has, by the double's own table."""
    places = _places(money.currency) - ISO_EXPONENTS[money.currency]
    amount = Decimal(money.amount).scaleb(places)
    assert amount == int(amount), f"{money} has no whole amount at Stripe"
    return int(amount)


def off_the_wire(amount: int, currency: str) -> Money:
    """Return the money that Stripe means, by the double's own table."""
    code = currency.upper()
    minor = Decimal(amount).scaleb(ISO_EXPONENTS[code] - _places(code))
    assert minor == int(minor), f"{amount} {currency} at Stripe is no whole amount"
    return Money.from_minor(int(minor), code)


def _places(currency: str) -> int:
    code = currency.lower()
    return 0 if code in ZERO_DECIMAL else 3 if code in THREE_DECIMAL else 2
