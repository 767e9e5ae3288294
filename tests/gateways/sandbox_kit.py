"""What the tests of the sandbox share: a clock that stands still, and requests of a shop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

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
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import SignedEvent
from digistore.money import Money

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRICE = Money("29.00", "USD")


class FrozenClock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass(frozen=True)
class Order:
    id: str


@dataclass(frozen=True)
class ShopCheckout:
    """What a shop's ``Checkout`` looks like."""

    order: Order
    url: str | None


@dataclass(frozen=True)
class ShopSupportCheckout:
    """What a shop's ``SupportCheckout`` looks like."""

    request: str
    checkout: ShopCheckout


def a_request(name: str = "att_1", total: Money = PRICE) -> CheckoutRequest:
    return CheckoutRequest(
        reference=name,
        namespace="shop",
        lines=(CheckoutLine("Async Python", total),),
        total=total,
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/back",
        expires_at=NOON + timedelta(hours=12),
        idempotency_key=f"co:{name}",
        customer_email="buyer@example.com",
        metadata={"order": "ord_1"},
    )


def a_refund(of: PaymentSnapshot, money: Money, name: str = "ref_1") -> RefundRequest:
    payment_id = of.payment_id
    assert payment_id is not None
    return RefundRequest(payment_id, money, name, f"rf:{name}", reason="not as described")


def opened(sandbox: SandboxGateway, name: str = "att_1", total: Money = PRICE) -> PaymentSnapshot:
    return run(sandbox.create_checkout(a_request(name, total)))


def paid(sandbox: SandboxGateway, name: str = "att_1", total: Money = PRICE) -> PaymentSnapshot:
    checkout = opened(sandbox, name, total)
    sandbox.pay(checkout)
    return now_of(sandbox, checkout)


def now_of(sandbox: SandboxGateway, checkout: PaymentSnapshot) -> PaymentSnapshot:
    return run(sandbox.fetch(CheckoutRef(checkout.checkout_id)))


def refund(
    sandbox: SandboxGateway, of: PaymentSnapshot, money: Money, name: str = "ref_1"
) -> RefundSnapshot:
    return run(sandbox.refund(a_refund(of, money, name)))


def heard(sandbox: SandboxGateway, event: SignedEvent) -> GatewayEvent:
    return run(sandbox.parse_event(*event))


def other(request: CheckoutRequest, field: str) -> CheckoutRequest:
    """Make *request* ask for something else in one field."""
    changes = {
        "reference": replace(request, reference="att_other"),
        "total": a_request(request.reference, PRICE + Money("1", "USD")),
        "success_url": replace(request, success_url="https://shop.example/other"),
        "expires_at": replace(request, expires_at=request.expires_at + timedelta(seconds=1)),
        "customer_email": replace(request, customer_email=None),
        "metadata": replace(request, metadata={"order": "ord_2"}),
        "extra": replace(request, extra={"locale": "de"}),
        "lines": replace(request, lines=(CheckoutLine("Sync Python", request.total),)),
    }
    return replace(changes[field], idempotency_key=request.idempotency_key)
