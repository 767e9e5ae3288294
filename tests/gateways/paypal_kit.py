"""What the tests of the PayPal gateway share: the gateway over a double, and requests of a shop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from digistore.blocking import run
from digistore.gateways import (
    CheckoutLine,
    CheckoutRef,
    CheckoutRequest,
    GatewayEvent,
    PaymentSnapshot,
    RefundRequest,
    RefundSnapshot,
)
from digistore.gateways.paypal import PayPalGateway
from digistore.gateways.sandbox.controls import SignedEvent
from digistore.money import Money
from digistore.testing import FrozenClock
from digistore.testing.paypal import PayPalDouble

CLIENT = "AClientForTestsAlone1234"
SECRET = "ESecretForTestsAlone1234"
WEBHOOK = "1JE4291016473214C"
SHOP = "shop"
PRICE = Money("29.00", "EUR")


def a_gateway(**changed: Any) -> PayPalGateway:
    """A gateway that asks nobody: for all that needs no HTTP."""
    given: dict[str, Any] = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "webhook_id": WEBHOOK,
        "namespace": SHOP,
        "live": False,
    }
    return PayPalGateway(**(given | changed))


def over(double: PayPalDouble, clock: FrozenClock, **changed: Any) -> PayPalGateway:
    """A gateway that asks *double*; without retries, which take their time."""
    given: dict[str, Any] = {
        "client_id": double.client_id,
        "client_secret": double.client_secret,
        "webhook_id": double.webhook_id,
        "api_base": double.url,
        "retries": 0,
        "clock": clock,
    }
    return a_gateway(**(given | changed))


@contextmanager
def a_world(**changed: Any) -> Iterator[tuple[PayPalDouble, PayPalGateway, FrozenClock]]:
    clock = FrozenClock()
    with PayPalDouble(clock=clock) as double:
        gateway = over(double, clock, **changed)
        yield double, gateway, clock
        run(gateway.close())


def a_request(now: datetime, name: str = "att_1", total: Money = PRICE) -> CheckoutRequest:
    return CheckoutRequest(
        reference=name,
        namespace=SHOP,
        lines=(CheckoutLine("The Book", total),),
        total=total,
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/back",
        expires_at=now + timedelta(hours=2),
        idempotency_key=f"co:{name}",
        customer_email="buyer@example.com",
        metadata={"order": "ord_1"},
    )


def opened(
    gateway: PayPalGateway, clock: FrozenClock, name: str = "att_1", total: Money = PRICE
) -> PaymentSnapshot:
    return run(gateway.create_checkout(a_request(clock(), name, total)))


def paid(
    world: tuple[PayPalDouble, PayPalGateway, FrozenClock],
    name: str = "att_1",
    total: Money = PRICE,
    outcome: Any = "paid",
) -> PaymentSnapshot:
    """A checkout that its buyer approved and the shop captured."""
    double, gateway, clock = world
    checkout = opened(gateway, clock, name, total)
    double.pay(checkout, outcome)
    return resumed(gateway, checkout)


def resumed(gateway: PayPalGateway, checkout: PaymentSnapshot) -> PaymentSnapshot:
    return run(gateway.resume(checkout.checkout_id, {}))


def now_of(gateway: PayPalGateway, checkout: PaymentSnapshot) -> PaymentSnapshot:
    return run(gateway.fetch(CheckoutRef(checkout.checkout_id)))


def expired(gateway: PayPalGateway, checkout: PaymentSnapshot) -> PaymentSnapshot:
    return run(gateway.expire(checkout.checkout_id))


def a_refund(of: PaymentSnapshot, money: Money, name: str = "ref_1") -> RefundRequest:
    payment_id = of.payment_id
    assert payment_id is not None
    return RefundRequest(payment_id, money, name, f"rf:{name}", reason="not as described")


def refund(
    gateway: PayPalGateway, of: PaymentSnapshot, money: Money = PRICE, name: str = "ref_1"
) -> RefundSnapshot:
    return run(gateway.refund(a_refund(of, money, name)))


def heard(gateway: PayPalGateway, event: SignedEvent) -> GatewayEvent:
    return run(gateway.parse_event(*event))
