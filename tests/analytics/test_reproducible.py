"""Figures are reproducible (I35): after any history rollups, facts and a bookkeeper agree."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from digistore import Money
from digistore.errors import InvalidTransition, NotRefundable
from digistore.orders import Checkout
from digistore.testing import check_invariants
from tests.analytics.bookkeeper import booked, expected
from tests.analytics.story import (
    BOT,
    HUMAN,
    accept_late,
    answers,
    as_imported,
    buy_help,
    click,
    close_all,
    closed_days,
    customer,
    download,
    fail_refund,
    forget_closed_days,
    link,
    pay_a_canceled_order,
    pay_elsewhere,
    refund,
    stored_figures,
    usd,
)
from tests.payments.memory import MemoryShop

PRICES = {
    "seller": (usd("29.00"), Money("15.00", "EUR"), Money.zero("USD")),
    "rival": (usd("10.00"), Money("900", "JPY")),
    "operator": (usd("5.00"),),
}


class BusyShop(RuleBasedStateMachine):
    """Two sellers and the house sell, help, give back and close days in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.shop: MemoryShop
        self.bought: list[tuple[Any, Any, Checkout]] = []  # buyer, product, checkout
        self.transfers: list[Checkout] = []
        self.people = 0

    @initialize()
    def open(self) -> None:
        shop = self.shop = MemoryShop.open(link_hosts=frozenset({"shop.example"}))
        self.rival = shop.new_seller("rival@example.com")
        owners = {"seller": shop.seller, "rival": self.rival, "operator": shop.operator}
        self.products = [
            shop.product(f"{name} {price}", price=price, seller=owners[name])
            for name, prices in PRICES.items()
            for price in prices
        ]
        self.links = [link(shop, owner) for owner in owners.values()]

    @rule(which=st.integers(0, 5), own=st.booleans())
    def buy(self, which: int, *, own: bool) -> None:
        product = self.products[which]
        mine = own and not any(
            buyer == self.shop.seller and p == product for buyer, p, _ in self.bought
        )
        buyer = self.shop.seller if mine else self.somebody()
        self.bought.append((buyer, product, self.shop.buy(product, buyer)))

    @rule(which=st.integers(0, 5), imported=st.booleans())
    def transfer(self, which: int, *, imported: bool) -> None:
        product, buyer = self.products[which], self.somebody()
        checkout = self.shop.checkout(product, buyer)
        if checkout.url is None:
            return
        pay_elsewhere(self.shop, checkout, self.shop.clock() - timedelta(days=20))
        if imported:
            as_imported(self.shop, checkout)
        else:
            self.transfers.append(checkout)

    @precondition(lambda self: self.transfers)
    @rule(data=st.data(), days=st.integers(-30, 30))
    def give_back_elsewhere(self, data: st.DataObject, days: int) -> None:
        checkout = data.draw(st.sampled_from(self.transfers))
        self.transfers.remove(checkout)
        self.shop.store.payments.record_refund(
            self.shop.operator,
            checkout.order,
            reference=checkout.order.id,
            returned_at=self.shop.clock() + timedelta(days=days),
            reason="a gesture",
        )

    @precondition(lambda self: self.bought)
    @rule(data=st.data())
    def help(self, data: st.DataObject) -> None:
        buyer, product, checkout = data.draw(st.sampled_from(self.bought))
        if self.shop.store.entitlements.check(buyer, product):
            price = Money.from_minor(5000, checkout.order.currency)
            asked = buy_help(self.shop, product, price, buyer)
            self.bought.append((buyer, product, asked.checkout))

    @precondition(lambda self: self.bought)
    @rule(data=st.data(), part=st.booleans(), pends=st.booleans())
    def give_back(self, data: st.DataObject, *, part: bool, pends: bool) -> None:
        _, _, checkout = data.draw(st.sampled_from(self.bought))
        self.shop.sandbox.refunds_pend = pends
        amount = Money.from_minor(100, checkout.order.currency) if part else None
        try:
            refund(self.shop, checkout.order, None if amount is None else str(amount.decimal))
        except NotRefundable:
            return

    @precondition(lambda self: self.bought)
    @rule(data=st.data(), ok=st.booleans())
    def hear_of_a_refund(self, data: st.DataObject, *, ok: bool) -> None:
        _, _, checkout = data.draw(st.sampled_from(self.bought))
        if checkout.url is None or not self.shop.sandbox.look_up(checkout).refunds:
            return
        try:
            if ok:
                self.shop.deliver(self.shop.sandbox.clear_refund(checkout))
            else:
                fail_refund(self.shop, checkout)
        except InvalidTransition:
            return

    @rule(days=st.integers(0, 5))
    def accept_late_money(self, days: int) -> None:
        checkout = self.shop.checkout(self.products[0], self.somebody())
        pay_a_canceled_order(self.shop, checkout, back=usd("4.00"))
        self.shop.clock.go(days=days)
        self.shop.store.run_due()
        accept_late(self.shop)

    @precondition(lambda self: self.bought)
    @rule(data=st.data())
    def fetch(self, data: st.DataObject) -> None:
        buyer, product, _ = data.draw(st.sampled_from(self.bought))
        if self.shop.store.entitlements.check(buyer, product):
            download(self.shop, buyer, product)

    @rule(which=st.integers(0, 2), human=st.booleans())
    def follow(self, which: int, *, human: bool) -> None:
        click(self.shop, self.links[which], HUMAN if human else BOT)

    @rule(hours=st.integers(1, 60))
    def wait(self, hours: int) -> None:
        self.shop.clock.go(hours=hours)

    @rule(limit=st.integers(1, 3))
    def close(self, limit: int) -> None:
        self.shop.store.run_due(limit)

    @invariant()
    def everybody_is_told_what_a_bookkeeper_would_say(self) -> None:
        for actor, seller in (
            (self.shop.seller, self.shop.seller),
            (self.rival, self.rival),
            (self.shop.operator, None),
        ):
            assert answers(self.shop, actor) == expected(self.shop, seller)

    @invariant()
    def rollups_are_the_sums_of_the_facts_of_their_days(self) -> None:
        days = set(closed_days(self.shop))
        facts = {key: value for key, value in booked(self.shop).items() if key[0] in days}
        assert stored_figures(self.shop) == facts

    def teardown(self) -> None:
        if not hasattr(self, "shop"):
            return
        shop = self.shop
        shop.clock.go(days=9)
        close_all(shop)
        from_rollups = answers(shop, shop.operator)
        forget_closed_days(shop)
        assert answers(shop, shop.operator) == from_rollups == expected(shop, None)
        check_invariants(shop.store)
        shop.store.close()

    def somebody(self) -> Any:
        self.people += 1
        return customer(self.shop, f"customer-{self.people}")


TestBusyShop = BusyShop.TestCase
TestBusyShop.settings = settings(
    max_examples=10,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
