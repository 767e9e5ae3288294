"""What the tests of the suite say: requests of a shop, and what must be there for a test."""

from __future__ import annotations

from datetime import timedelta

import pytest

from digistore.blocking import run
from digistore.gateways import (
    Cap,
    CheckoutLine,
    CheckoutRef,
    CheckoutRequest,
    Hint,
    PaymentSnapshot,
    RefundRequest,
    RefundSnapshot,
)
from digistore.money import Money
from digistore.testing.gateways.world import World

HOUR = timedelta(hours=1)


def needs(world: World, *caps: Cap) -> None:
    """Skip a test whose flags the gateway has not got, visibly."""
    missing = [str(cap) for cap in caps if cap not in world.gateway.profile.capabilities]
    if missing:
        pytest.skip(f"the gateway has no {', '.join(missing)}")


def a_request(world: World, name: str = "att_1", total: Money | None = None) -> CheckoutRequest:
    """Return a shop's request for a checkout."""
    owed = world.price if total is None else total
    return CheckoutRequest(
        reference=name,
        namespace=world.namespace,
        lines=(CheckoutLine("Async Python", owed),),
        total=owed,
        success_url="https://shop.example/thanks",
        cancel_url="https://shop.example/back",
        expires_at=world.clock() + 12 * HOUR,
        idempotency_key=f"co:{name}",
        customer_email="buyer@example.com",
        metadata={"order": "ord_1"},
    )


def a_refund(
    world: World, of: PaymentSnapshot, amount: Money | None = None, name: str = "ref_1"
) -> RefundRequest:
    """Return a shop's request to give money back, by default all of it."""
    assert of.payment_id is not None, "what is refunded has a payment"
    money = world.price if amount is None else amount
    return RefundRequest(of.payment_id, money, name, f"rf:{name}")


def opened(world: World, name: str = "att_1", total: Money | None = None) -> PaymentSnapshot:
    """Open a checkout."""
    return run(world.gateway.create_checkout(a_request(world, name, total)))


def paid(world: World, name: str = "att_1", total: Money | None = None) -> PaymentSnapshot:
    """Open a checkout and pay it."""
    checkout = opened(world, name, total)
    world.pay(checkout.checkout_id)
    return now_of(world, checkout)


def now_of(world: World, checkout: PaymentSnapshot) -> PaymentSnapshot:
    """Ask the gateway what became of a checkout."""
    return run(world.gateway.fetch(CheckoutRef(checkout.checkout_id)))


def given_back(
    world: World, of: PaymentSnapshot, amount: Money | None = None, name: str = "ref_1"
) -> RefundSnapshot:
    """Give money back."""
    return run(world.gateway.refund(a_refund(world, of, amount, name)))


def polled(world: World, hours: float = 1) -> list[Hint]:
    """Return what the gateway lists since some hours ago, all pages."""
    found: list[Hint] = []
    since, cursor = world.clock() - hours * HOUR, None
    while True:
        page = run(world.gateway.poll(since, cursor))
        found += page.hints
        if page.cursor is None:
            return found
        cursor = page.cursor


def parts(price: Money) -> tuple[Money, Money]:
    """Return a part of *price*, and the rest."""
    part = Money.from_minor(price.amount // 3, price.currency)
    return part, price - part
