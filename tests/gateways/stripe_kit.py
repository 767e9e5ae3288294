"""What the tests of the Stripe gateway share: the gateway over a double, and requests of a shop."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

from digistore.blocking import run
from digistore.gateways import (
    CheckoutLine,
    CheckoutRef,
    CheckoutRequest,
    PaymentSnapshot,
    RefundRequest,
    RefundSnapshot,
)
from digistore.gateways.stripe import StripeGateway
from digistore.money import Money
from digistore.testing import FrozenClock
from digistore.testing.stripe import StripeDouble

KEY = "sk_test_51ForTestsAlone"
SECRET = "whsec_ForTestsAlone1234"
OTHER_SECRET = "whsec_AnotherForTests12"
SHOP = "shop"
PRICE = Money("29.00", "EUR")


def a_gateway(**changed: Any) -> StripeGateway:
    """A gateway that asks nobody: for all that needs no HTTP."""
    given: dict[str, Any] = {"api_key": KEY, "webhook_secrets": SECRET, "namespace": SHOP}
    return StripeGateway(**(given | changed))


def over(double: StripeDouble, clock: FrozenClock, **changed: Any) -> StripeGateway:
    """A gateway that asks *double*; without retries, which take their time."""
    given: dict[str, Any] = {
        "api_key": double.api_key,
        "webhook_secrets": double.webhook_secret,
        "namespace": SHOP,
        "api_base": double.url,
        "retries": 0,
        "clock": clock,
    }
    return StripeGateway(**(given | changed))


def a_request(now: datetime, name: str = "att_1", total: Money = PRICE) -> CheckoutRequest:
    return CheckoutRequest(
        reference=name,
        namespace=SHOP,
        lines=(CheckoutLine("The Book", total),),
        total=total,
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/back",
        expires_at=now + timedelta(hours=12),
        idempotency_key=f"co:{name}",
        customer_email="buyer@example.com",
        metadata={"order": "ord_1"},
    )


def a_refund(of: PaymentSnapshot, money: Money, name: str = "ref_1") -> RefundRequest:
    assert of.payment_id is not None
    return RefundRequest(of.payment_id, money, name, f"rf:{name}", reason="not as described")


def signature(body: bytes, at: datetime, secret: str = SECRET, sent: str | None = None) -> str:
    """One signature of Stripe's, worked out here by the rules of its documentation."""
    moment = str(int(at.timestamp())) if sent is None else sent
    told = hmac.new(secret.encode(), moment.encode() + b"." + body, hashlib.sha256)
    return told.hexdigest()


def signed(body: bytes, at: datetime, secret: str = SECRET) -> dict[str, str]:
    return {
        "Stripe-Signature": f"t={int(at.timestamp())},v1={signature(body, at, secret)}",
    }


def an_event(
    event_type: str = "checkout.session.completed",
    about: dict[str, Any] | None = None,
    **changed: Any,
) -> dict[str, Any]:
    """An event as Stripe sends it, as far as anybody reads it."""
    session = {
        "id": "cs_test_1",
        "object": "checkout.session",
        "payment_intent": "pi_1",
        "metadata": {"digistore_ns": SHOP, "digistore_ref": "att_1"},
    }
    event = {
        "id": "evt_1",
        "object": "event",
        "api_version": "2026-10-28.test",
        "created": 1_772_366_400,
        "livemode": False,
        "type": event_type,
        "data": {"object": session if about is None else about},
    }
    return event | changed


def body_of(event: object) -> bytes:
    return json.dumps(event).encode()


class World:
    """A gateway over a double, with the clock that both go by."""

    def __init__(self, double: StripeDouble, gateway: StripeGateway, clock: FrozenClock) -> None:
        self.double = double
        self.gateway = gateway
        self.clock = clock

    def request(self, name: str = "att_1", total: Money = PRICE) -> CheckoutRequest:
        return a_request(self.clock(), name, total)

    def opened(self, name: str = "att_1", total: Money = PRICE) -> PaymentSnapshot:
        return run(self.gateway.create_checkout(self.request(name, total)))

    def now(self, checkout: PaymentSnapshot) -> PaymentSnapshot:
        return run(self.gateway.fetch(CheckoutRef(checkout.checkout_id)))

    def paid(self, name: str = "att_1", total: Money = PRICE) -> PaymentSnapshot:
        checkout = self.opened(name, total)
        self.double.pay(checkout)
        return self.now(checkout)

    def refund(self, of: PaymentSnapshot, money: Money, name: str = "ref_1") -> RefundSnapshot:
        return run(self.gateway.refund(a_refund(of, money, name)))

    def sent(self, method: str, path: str) -> list[dict[str, Any]]:
        """The parameters of all requests of that kind, un-nested."""
        return [
            dict(one.parameters)
            for one in self.double.requests
            if (one.method, one.path) == (method, path)
        ]
