"""Points 31 and 32: every currency, and what is found without webhooks."""

from __future__ import annotations

import pytest

from digistore.blocking import run
from digistore.errors import Invalid
from digistore.gateways import Cap, DisputeState, PayState
from digistore.money import ISO_EXPONENTS, Money
from digistore.testing.gateways.words import given_back, needs, now_of, opened, paid, polled
from digistore.testing.gateways.world import World

ODD = 123_456_789  # every digit another: no shift and no rounding goes unseen
CROWD = 120  # more than providers list at once


class MoneyContract:
    """Every currency, and what is found without webhooks."""

    def test_31_every_currency_makes_the_round_trip(self, world: World) -> None:
        rules = world.gateway.profile.money
        wrong = []
        for currency in sorted(rules.currencies or ISO_EXPONENTS):
            price = _payable(world, currency)
            checkout = opened(world, f"att_{currency}", price)
            owed = world.owed(checkout.checkout_id)
            world.pay(checkout.checkout_id)
            told = now_of(world, checkout)
            if {checkout.total, owed, told.captured} != {price}:
                wrong.append((currency, price, checkout.total, owed, told.captured))
        assert not wrong

    def test_31_a_refund_in_every_currency_is_of_that_amount(self, world: World) -> None:
        needs(world, Cap.REFUND)
        for currency in sorted(_one_of_each_exponent(world)):
            price = _payable(world, currency)
            checkout = paid(world, f"att_{currency}", price)
            assert given_back(world, checkout, price, f"ref_{currency}").money == price
            assert [one.money for one in now_of(world, checkout).refunds] == [price]

    def test_32_poll_finds_what_was_paid(self, world: World) -> None:
        needs(world, Cap.POLL)
        checkout = opened(world)
        world.pay(checkout.checkout_id)
        told = now_of(world, checkout)
        assert told.state is PayState.PAID
        assert _found(world, {told.checkout_id, told.payment_id})

    def test_32_poll_finds_refunds_and_disputes_of_old_payments(self, world: World) -> None:
        needs(world, Cap.POLL, Cap.REFUND, Cap.DISPUTES)
        one, other = paid(world), paid(world, "att_2")
        world.clock.go(days=8)
        world.refund(one.checkout_id)
        world.dispute(other.checkout_id, DisputeState.OPEN)
        assert _found(world, {one.checkout_id, one.payment_id})
        assert _found(world, {other.checkout_id, other.payment_id})

    def test_32_poll_finds_all_of_many(self, world: World) -> None:
        needs(world, Cap.POLL)
        names = [f"att_{number}" for number in range(CROWD)]
        wanted = [paid(world, name) for name in names]
        hints = polled(world)
        found = {hint.checkout_id for hint in hints} | {hint.payment_id for hint in hints}
        assert not [one for one in wanted if not {one.checkout_id, one.payment_id} & found]

    def test_32_a_cursor_of_somebody_else_is_refused(self, world: World) -> None:
        needs(world, Cap.POLL)
        for cursor in ("", "x y", "events:../../v1/refunds", "-1"):
            with pytest.raises(Invalid):
                run(world.gateway.poll(world.clock(), cursor))


def _found(world: World, ids: set[str | None]) -> bool:
    hints = polled(world)
    return any({hint.checkout_id, hint.payment_id} & (ids - {None}) for hint in hints)


def _payable(world: World, currency: str) -> Money:
    rules = world.gateway.profile.money
    odd = Money.from_minor(min(ODD, rules.maximums.get(currency, rules.maximum)), currency)
    return odd if rules.reason(odd) is None else rules.nearest(odd)[0]


def _one_of_each_exponent(world: World) -> set[str]:
    rules = world.gateway.profile.money
    taken = sorted(rules.currencies or ISO_EXPONENTS)
    kinds = {(ISO_EXPONENTS[code], rules.steps.get(code, 1)): code for code in taken}
    return set(kinds.values())
