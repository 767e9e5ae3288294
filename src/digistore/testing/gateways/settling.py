"""Points 9, 10, 17 to 19, 25, 30, 32 and 36 in a shop of either colour: what opens access."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import get_args

import pytest

from digistore.blocking import run
from digistore.errors import GatewayUnavailable, NotRefundable
from digistore.gateways import Cap, DisputeState, PaymentGateway
from digistore.money import Money
from digistore.testing.gateways.shop import ContractShop
from digistore.testing.gateways.words import a_request, needs, parts
from digistore.testing.gateways.world import Fault, Strange, Tax, Variant, World

LOST: tuple[Fault, ...] = ("timeout", "lost_reply")
TRIES = 4


class SettleContract:
    """What opens access in a shop, and what does not."""

    @pytest.fixture(params=["Store", "AsyncStore"])
    def shop(
        self, request: pytest.FixtureRequest, world: World, tmp_path: Path
    ) -> Iterator[ContractShop]:
        """A shop of either colour over the gateway, sound in the end."""
        shop = ContractShop(world, tmp_path / "shop.db", awaited=request.param == "AsyncStore")
        yield shop
        shop.close()

    @pytest.mark.parametrize("fault", LOST)
    def test_09_a_checkout_whose_reply_was_lost_is_continued(
        self, shop: ContractShop, fault: Fault
    ) -> None:
        shop.world.fault(fault)
        with pytest.raises(GatewayUnavailable):
            shop.checkout()
        checkout_id = shop.opened()
        assert len(set(shop.world.keys)) == 1
        shop.world.pay(checkout_id)
        shop.hears_all(checkout_id)
        assert shop.has_access()

    def test_12_a_checkout_that_failed_at_the_provider_is_continued(
        self, shop: ContractShop
    ) -> None:
        """Providers may tell the same failure again for the same key, so another has to be used."""
        shop.world.fault("server_error")
        for _ in range(TRIES):
            try:
                checkout_id = shop.opened()
                break
            except GatewayUnavailable:
                shop.reconciles()
        shop.world.pay(checkout_id)
        shop.hears_all(checkout_id)
        assert shop.has_access()
        assert shop.count("purchased_products") == shop.count("payments") == 1

    def test_12_a_refund_that_failed_at_the_provider_is_made_once(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.REFUND)
        checkout = shop.checkout()
        checkout_id = shop.gateway.opened[-1].checkout_id
        shop.world.pay(checkout_id)
        shop.hears_all(checkout_id)
        shop.world.fault("server_error")
        for _ in range(TRIES):
            with suppress(NotRefundable):  # it is on its way, or was made by then
                shop.ask(
                    lambda store: store.payments.refund(shop.seller, checkout.order, reason="late")
                )
            shop.reconciles()
        shop.hears_all(checkout_id)
        made = [row[0] for row in shop.settled()["refunds"] if row[1] == "succeeded"]
        assert made == [shop.world.price.amount]
        assert not shop.has_access()

    def test_17_paid_opens_and_is_told_once(self, shop: ContractShop) -> None:
        checkout_id = shop.opened()
        assert not shop.has_access()
        shop.world.pay(checkout_id)
        for _ in range(2):
            shop.hears_all(checkout_id)
            assert shop.has_access()
        assert shop.count("purchased_products") == shop.count("payments") == 1
        assert shop.settled()["payment_actions"] == []

    def test_17_completed_but_unpaid_opens_nothing(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.DELAYED)
        checkout_id = shop.opened()
        shop.world.delay(checkout_id)
        shop.hears_all(checkout_id)
        assert not shop.has_access()
        assert shop.settled()["orders"][0][0] == "processing"
        shop.world.clear(checkout_id)
        shop.hears_all(checkout_id)
        assert shop.has_access()

    def test_18_delayed_money_that_never_comes_opens_nothing(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.DELAYED)
        checkout_id = shop.opened()
        shop.world.delay(checkout_id)
        shop.world.clear(checkout_id, ok=False)
        shop.hears_all(checkout_id)
        assert not shop.has_access()
        assert shop.settled()["orders"][0][0] == "open"

    def test_19_a_dispute_closes_and_a_won_one_opens_again(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.DISPUTES)
        checkout_id = shop.opened()
        shop.world.pay(checkout_id)
        for state, access in (
            (DisputeState.OPEN, False),
            (DisputeState.WON, True),
            (DisputeState.LOST, False),
        ):
            shop.world.dispute(checkout_id, state)
            shop.hears_all(checkout_id)
            assert shop.has_access() is access, state

    def test_25_reconcile_alone_applies_a_refund_at_the_provider(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.REFUND, Cap.POLL)
        checkout_id = shop.opened()
        shop.world.pay(checkout_id)
        shop.reconciles()
        assert shop.has_access()
        shop.world.refund(checkout_id)
        shop.reconciles()
        assert not shop.has_access()
        before = shop.settled()
        shop.hears_all(checkout_id)
        shop.reconciles()
        assert shop.settled() == before
        assert len(before["refunds"]) == 1

    def test_25_a_shops_own_refund_is_not_recorded_again(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.REFUND, Cap.PARTIAL_REFUND)
        checkout, part = shop.checkout(), parts(shop.world.price)[0]
        checkout_id = shop.gateway.opened[-1].checkout_id
        shop.world.pay(checkout_id)
        shop.hears_all(checkout_id)
        shop.ask(
            lambda store: store.payments.refund(
                shop.seller, checkout.order, amount=part, reason="late"
            )
        )
        shop.hears_all(checkout_id)
        assert [row[0] for row in shop.settled()["refunds"]] == [part.amount]
        assert shop.settled()["payments"][0][4:6] == (part.amount, 0)

    @pytest.mark.parametrize("fault", LOST)
    def test_10_a_refund_whose_reply_was_lost_is_made_once(
        self, shop: ContractShop, fault: Fault
    ) -> None:
        needs(shop.world, Cap.REFUND)
        checkout = shop.checkout()
        checkout_id = shop.gateway.opened[-1].checkout_id
        shop.world.pay(checkout_id)
        shop.hears_all(checkout_id)
        shop.world.fault(fault)
        shop.ask(lambda store: store.payments.refund(shop.seller, checkout.order, reason="late"))
        shop.reconciles()
        shop.hears_all(checkout_id)
        (refund,) = shop.settled()["refunds"]
        assert refund[:2] == (shop.world.price.amount, "succeeded")
        assert not shop.has_access()

    @pytest.mark.parametrize("what", get_args(Strange))
    def test_30_what_is_not_for_this_shop_changes_nothing(
        self, shop: ContractShop, what: Strange
    ) -> None:
        shop.opened()
        before = shop.settled()
        outcome = shop.hears(shop.world.strange(what))
        assert outcome.status == 200  # noqa: PLR2004  else it is sent for days
        assert shop.settled() == before
        assert shop.count("provider_events") == 0

    def test_32_without_webhooks_reconcile_finds_what_was_paid(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.POLL)
        checkout_id = shop.opened()
        shop.reconciles()
        assert not shop.has_access()
        shop.world.pay(checkout_id)
        shop.reconciles()
        assert shop.has_access()

    def test_32_without_webhooks_reconcile_finds_disputes(self, shop: ContractShop) -> None:
        needs(shop.world, Cap.POLL, Cap.DISPUTES)
        checkout_id = shop.opened()
        shop.world.pay(checkout_id)
        shop.reconciles()
        shop.world.clock.go(days=3)
        shop.world.dispute(checkout_id, DisputeState.LOST)
        shop.reconciles()
        assert not shop.has_access()

    def test_36_one_unit_less_is_underpaid(self, shop: ContractShop) -> None:
        checkout_id = shop.opened()
        shop.world.pay(checkout_id, shop.world.price - one_unit(shop.world))
        shop.hears_all(checkout_id)
        assert not shop.has_access()
        assert [kind for kind, _ in shop.settled()["payment_actions"]] == ["underpaid"]


class TaxContract:
    """Point 36: tax that the gateway itself works out."""

    @pytest.mark.parametrize("tax", get_args(Tax))
    def test_36_tax_of_the_gateway_covers_all_the_same(
        self, world: World, tmp_path: Path, tax: Tax
    ) -> None:
        gateway = world.another(Variant(tax=tax))
        owed, price = _with_tax(world, gateway), world.price
        assert (owed > price) is (tax == "exclusive")
        shop = ContractShop(world, tmp_path / "shop.db", gateway=gateway)
        checkout_id = shop.opened()
        world.pay(checkout_id)
        shop.hears_all(checkout_id)
        assert shop.has_access()
        ((_, disposition, captured, told, *_),) = shop.settled()["payments"]
        assert (disposition, captured) == ("covering", owed.amount)
        assert told
        if tax == "exclusive":
            assert told == owed.amount - price.amount
        assert shop.settled()["payment_actions"] == []
        shop.close()

    @pytest.mark.parametrize("tax", get_args(Tax))
    def test_36_with_tax_one_unit_less_is_underpaid(
        self, world: World, tmp_path: Path, tax: Tax
    ) -> None:
        gateway = world.another(Variant(tax=tax))
        owed = _with_tax(world, gateway)
        shop = ContractShop(world, tmp_path / "shop.db", gateway=gateway)
        checkout_id = shop.opened()
        world.pay(checkout_id, owed - one_unit(world))
        shop.hears_all(checkout_id)
        assert not shop.has_access()
        assert shop.settled()["payments"][0][1] == "underpaid"
        shop.close()


def _with_tax(world: World, gateway: PaymentGateway) -> Money:
    """Return what a checkout comes to once the provider knows the buyer's tax."""
    assert Cap.TAX in gateway.profile.capabilities
    checkout = run(gateway.create_checkout(a_request(world, "att_before")))
    world.pay(checkout.checkout_id)
    return world.owed(checkout.checkout_id)


def one_unit(world: World) -> Money:
    """Return the least that an amount can differ by."""
    step = world.gateway.profile.money.steps.get(world.price.currency, 1)
    return Money.from_minor(step, world.price.currency)
