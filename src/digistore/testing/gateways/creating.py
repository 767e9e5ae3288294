"""Points 5 to 8: how a checkout is opened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from digistore.blocking import run
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    GatewayKeyConflict,
    GatewayRejected,
)
from digistore.gateways import Cap, CheckoutLine, CheckoutRef, PaymentRef, PayState, Whose
from digistore.money import ISO_EXPONENTS, Money
from digistore.testing.gateways.words import a_request, needs, now_of, opened, paid, parts
from digistore.testing.gateways.world import World


class CreateContract:
    """How a checkout is opened."""

    def test_05_a_new_checkout_is_open_and_echoes_what_was_asked(self, world: World) -> None:
        profile = world.gateway.profile
        checkout = opened(world)
        for told in (checkout, now_of(world, checkout)):
            assert (told.state, told.whose) == (PayState.OPEN, Whose.OURS)
            assert (told.reference, told.total, told.captured) == ("att_1", world.price, None)
            assert (told.gateway, told.livemode) == (profile.name, profile.livemode)
            assert told.account == profile.account
            assert told.checkout_id == checkout.checkout_id
            assert not told.refunds
            assert not told.disputes
            assert told.url

    def test_05_lines_come_to_the_total(self, world: World) -> None:
        part, rest = parts(world.price)
        zero = Money.zero(world.price.currency)
        lines = (
            CheckoutLine("Async Python", part),
            CheckoutLine("A gift — nothing to pay", zero),
            CheckoutLine("Ü" * 300, rest),
        )
        checkout = run(world.gateway.create_checkout(replace(a_request(world), lines=lines)))
        assert checkout.total == world.price == world.owed(checkout.checkout_id)

    def test_05_what_is_not_there_is_not_found(self, world: World) -> None:
        for ref in (CheckoutRef("cs_of_nobody"), PaymentRef("pi_of_nobody")):
            with pytest.raises(CheckoutNotFound):
                run(world.gateway.fetch(ref))

    def test_05_a_payment_leads_to_its_checkout(self, world: World) -> None:
        opened(world, "att_0")
        checkout = opened(world)
        world.pay(checkout.checkout_id)
        paid(world, "att_2")
        told = now_of(world, checkout)
        assert told.payment_id
        assert run(world.gateway.fetch(PaymentRef(told.payment_id))) == told

    def test_05_a_buyer_is_known_again(self, world: World) -> None:
        needs(world, Cap.CUSTOMERS)
        known = paid(world).customer_ref
        assert known
        request = replace(a_request(world, "att_2"), customer_ref=known, customer_email=None)
        again = run(world.gateway.create_checkout(request))
        world.pay(again.checkout_id)
        assert now_of(world, again).customer_ref == known

    def test_05_a_customer_who_is_gone_is_told_by_that_name(self, world: World) -> None:
        needs(world, Cap.CUSTOMERS)
        request = replace(a_request(world), customer_ref="cus_of_nobody", customer_email=None)
        with pytest.raises(GatewayRejected) as caught:
            run(world.gateway.create_checkout(request))
        assert caught.value.provider_code == "customer_missing"

    def test_06_the_same_key_and_request_give_the_same_checkout(self, world: World) -> None:
        needs(world, Cap.IDEMPOTENT)
        first = opened(world)
        assert opened(world) == first
        assert world.keys == ["co:att_1"] * 2

    def test_06_another_key_gives_another_checkout(self, world: World) -> None:
        one, other = opened(world), opened(world, "att_2")
        assert one.checkout_id != other.checkout_id
        assert now_of(world, one).reference == "att_1"

    def test_07_the_same_key_with_another_request_is_a_conflict(self, world: World) -> None:
        needs(world, Cap.IDEMPOTENT)
        first, request = opened(world), a_request(world)
        dearer = replace(
            a_request(world, total=world.price + world.price), idempotency_key="co:att_1"
        )
        elsewhere = replace(request, success_url="https://shop.example/other")
        for other in (dearer, elsewhere):
            with pytest.raises(GatewayKeyConflict):
                run(world.gateway.create_checkout(other))
        assert now_of(world, first).total == world.price

    def test_08_what_cannot_be_paid_is_refused_before_anything_is_sent(self, world: World) -> None:
        for money in unpayable(world):
            with pytest.raises(AmountNotSupported) as caught:
                run(world.gateway.create_checkout(a_request(world, total=money)))
            rules = world.gateway.profile.money
            assert all(rules.reason(near) is None for near in caught.value.nearest)
        assert not world.sent


def unpayable(world: World) -> list[Money]:
    """Return amounts that a gateway says it cannot take: zero, and one past each of its bounds."""
    rules, currency = world.gateway.profile.money, world.price.currency
    found = [Money.zero(currency)]
    found += [Money.from_minor(least - 1, code) for code, least in rules.minimum.items() if least]
    found += [Money.from_minor(most + 1, code) for code, most in rules.maximums.items()]
    for code, step in rules.steps.items():
        least = max(rules.minimum.get(code, 1), 1000 * step)
        found.append(Money.from_minor(-(-least // step) * step + 1, code))
    if rules.currencies is not None:
        found += [Money.from_minor(1000, code) for code in ISO_EXPONENTS.keys() - rules.currencies]
    return found
