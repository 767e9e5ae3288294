"""A whole shop, its buyers, sellers and operators, a bank and a bad network, in any order.

After each step every statement of the doctor finds nothing, and nobody has access that the bank
has no money for. When all is quiet, access, money, refunds and disputes are exactly what a second
opinion makes of the bank's books alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from random import Random
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from digistore import Money
from digistore.catalog import Product
from digistore.errors import (
    AccessRequired,
    AlreadyOwned,
    GatewayRateLimited,
    GatewayUnavailable,
    Invalid,
    InvalidTransition,
    NotForSale,
    NotRefundable,
    PaymentInFlight,
)
from digistore.gateways.sandbox.controls import Ending, FaultName, Outcome, SignedEvent
from digistore.payments import Choice
from digistore.settings import AccessPolicy, Effect
from digistore.testing import check_invariants
from digistore.users import User
from tests.acceptance.oracle import Oracle
from tests.conftest import RETURN
from tests.extent import extent
from tests.payments.end_state import end_state
from tests.payments.memory import MemoryShop, Saved, broken_promises

pytestmark = pytest.mark.long

UNANSWERED = (GatewayUnavailable, GatewayRateLimited)
ANY = st.integers(0, 99)
"""Which of the things that are there: the number is taken modulo how many there are."""
TOLD = st.sampled_from(["once", "never", "by both events"])
Told = Literal["never", "once", "by both events"]
PARTS = st.sampled_from([None, Money("5.00", "USD"), Money("15.00", "USD"), Money("29.00", "USD")])
SENT = st.sampled_from(
    [None] * 9 + [Money("1.00", "USD"), Money("99.00", "USD"), Money("29.00", "EUR")]
)
POLICIES = st.builds(
    AccessPolicy,
    partial_refund=st.sampled_from([Effect.KEEP, Effect.REVOKE]),
    dispute_warning=st.sampled_from([Effect.KEEP, Effect.SUSPEND]),
    dispute_opened=st.sampled_from([Effect.SUSPEND, Effect.KEEP]),
    dispute_lost=st.sampled_from([Effect.REVOKE, Effect.KEEP]),
)


class World:
    """The people and products of every example: made once, copied into each."""

    def __init__(self) -> None:
        shop = MemoryShop.open()
        self.seller, self.operator = shop.seller, shop.operator
        other = shop.new_seller("other@example.com")
        self.buyers = [shop.buyer, shop.store.users.register("second@example.com"), other]
        book = shop.product("Book", Money("29.00", "USD"))
        course = shop.product("Course", Money("15.00", "USD"))
        leaflet = shop.product("Leaflet", Money("0.00", "USD"), seller=other)
        self.products = [book, course, leaflet]
        self.baskets: list[list[Product]] = [[book], [course], [leaflet], [book, course]]
        shop.store.support.offer(
            self.seller, book, kind="setup", price=Money("49.00", "USD"), scope="one hour"
        )
        self.saved: Saved = shop.save()


@cache
def world() -> World:
    return World()


class WholeShop(RuleBasedStateMachine):
    """Whatever comes to anybody's mind; what a rule may be refused with is named at it."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[str, str] = {}
        self.sound = True

    @initialize(
        policy=st.just(AccessPolicy()) | POLICIES,
        duplicates=st.sampled_from(["refund", "ask"]),
        sold=st.lists(st.tuples(ANY, ANY), max_size=4),
    )
    def open(self, policy: AccessPolicy, duplicates: str, sold: Sequence[tuple[int, int]]) -> None:
        self.world = world()
        self.duplicates = duplicates
        self.shop = MemoryShop.on(self.world.saved, access=policy, duplicates=duplicates)
        self.shop.seller, self.shop.operator = self.world.seller, self.world.operator
        self.store, self.sandbox = self.shop.store, self.shop.sandbox
        self.oracle = Oracle(self.shop.rows, self.sandbox, policy, self.words)
        for who, what in sold:
            self.buy_at_once(self.buyer(who), self.basket(what))

    def teardown(self) -> None:
        if hasattr(self, "shop"):
            if self.sound:
                self.come_to_rest()
            self.store.close()

    # What there is.

    def buyer(self, number: int) -> User:
        return self.world.buyers[number % len(self.world.buyers)]

    def column(self, sql: str) -> list[Any]:
        return [row[0] for row in self.shop.rows(sql)]

    def one(self, number: int, sql: str) -> Any:
        """Pick one of what a statement finds, ``None`` if there is nothing."""
        found = self.column(f"{sql} ORDER BY rowid")
        return found[number % len(found)] if found else None

    def checkout_at_bank(self, number: int) -> str | None:
        found: str | None = self.one(
            number,
            "SELECT checkout_id FROM digistore_payment_attempts WHERE checkout_id IS NOT NULL",
        )
        return found

    def basket(self, number: int) -> list[Product]:
        return self.world.baskets[number % len(self.world.baskets)]

    def paid_at_bank(self, number: int) -> str | None:
        known = self.column(
            "SELECT checkout_id FROM digistore_payment_attempts WHERE checkout_id IS NOT NULL"
            " ORDER BY rowid"
        )
        paid = [one for one in known if self.sandbox.look_up(one).captured is not None]
        return paid[number % len(paid)] if paid else None

    def order(self, number: int) -> str | None:
        found: str | None = self.one(number, "SELECT id FROM digistore_orders")
        return found

    def hear(self, event: SignedEvent, told: Told) -> None:
        """Let the shop hear of what just happened, or not yet."""
        if told == "never":
            return
        outcome = self.shop.deliver(event)
        assert outcome.status in {200, 503}
        if told == "by both events":
            for twin in self.sandbox.deliver()[-2:]:
                self.shop.deliver(twin)

    # Buyers.

    @rule(who=ANY, what=ANY, again=st.booleans(), twice=st.booleans())
    def checkout(self, who: int, what: int, again: bool, twice: bool) -> None:
        buyer, basket = self.buyer(who), self.basket(what)
        owned = any(self.store.entitlements.check(buyer, product) for product in basket)

        def ask() -> tuple[str, str | None]:
            made = self.store.orders.checkout(buyer, basket, return_url=RETURN, allow_repeat=again)
            return made.order.id, made.url

        with suppress(PaymentInFlight, NotForSale, *UNANSWERED):
            try:
                first = ask()
                if twice and first[1] is not None:
                    assert ask() == first
            except AlreadyOwned:
                assert not again
                # What was paid may have been heard of only now, as an older order was ended.
                assert owned or any(
                    self.store.entitlements.check(buyer, product) for product in basket
                )

    @rule(who=ANY, what=ANY, again=st.booleans(), told=TOLD)
    def buy(self, who: int, what: int, again: bool, told: Told) -> None:
        self.buy_at_once(self.buyer(who), self.basket(what), again=again, told=told)

    def buy_at_once(
        self, buyer: User, basket: list[Product], *, again: bool = False, told: Told = "once"
    ) -> None:
        """Go all the way, as most buyers do."""
        with suppress(AlreadyOwned, PaymentInFlight, NotForSale, *UNANSWERED):
            made = self.store.orders.checkout(buyer, basket, return_url=RETURN, allow_repeat=again)
            if made.url is not None:
                with suppress(InvalidTransition):  # it was abandoned, and the shop has not heard
                    self.hear(self.sandbox.pay(made), told)

    @rule(
        which=ANY,
        outcome=st.sampled_from(["paid", "delayed", "declined"]),
        amount=SENT,
        told=TOLD,
    )
    def pay(self, which: int, outcome: Outcome, amount: Money | None, told: Told) -> None:
        checkout = self.checkout_at_bank(which)
        if checkout is not None:
            with suppress(InvalidTransition):
                self.hear(self.sandbox.pay(checkout, outcome, amount=amount), told)

    @rule(which=ANY, asks=st.booleans())
    def come_back(self, which: int, asks: bool) -> None:
        order = self.order(which)
        if order is None:
            return
        buyer = self.one(0, f"SELECT buyer_id FROM digistore_orders WHERE id = '{order}'")
        self.store.payments.confirm(buyer, order)
        if asks:
            with suppress(NotRefundable):
                self.store.payments.request_refund(buyer, order, reason="not for me")

    @rule(which=ANY)
    def cancel(self, which: int) -> None:
        order = self.order(which)
        if order is not None:
            with suppress(PaymentInFlight, InvalidTransition, *UNANSWERED):
                self.store.orders.cancel(self.world.operator, order)

    # The bank.

    @rule(which=ANY, how=st.sampled_from(["arrives", "fails", "walks away"]), told=TOLD)
    def end_a_checkout(self, which: int, how: str, told: Told) -> None:
        checkout = self.checkout_at_bank(which)
        if checkout is not None:
            with suppress(InvalidTransition):
                if how == "walks away":
                    self.hear(self.sandbox.abandon(checkout), told)
                else:
                    self.hear(self.sandbox.clear(checkout, how == "arrives"), told)

    @rule(which=ANY, amount=PARTS, told=TOLD)
    def refund_at_the_dashboard(self, which: int, amount: Money | None, told: Told) -> None:
        checkout = self.paid_at_bank(which)
        if checkout is not None:
            with suppress(NotRefundable):
                self.hear(self.sandbox.dashboard_refund(checkout, amount), told)

    @rule(which=ANY, ok=st.booleans(), told=TOLD)
    def end_a_refund(self, which: int, ok: bool, told: Told) -> None:
        refund = self.one(which, "SELECT ref FROM digistore_refunds WHERE ref LIKE 're_%'")
        if refund is not None:
            end = self.sandbox.clear_refund if ok else self.sandbox.fail_refund
            with suppress(InvalidTransition):
                self.hear(end(refund), told)

    @rule(which=ANY, amount=PARTS, warning=st.booleans(), told=TOLD)
    def dispute(self, which: int, amount: Money | None, warning: bool, told: Told) -> None:
        checkout = self.paid_at_bank(which)
        if checkout is not None:
            with suppress(Invalid):
                self.hear(self.sandbox.open_dispute(checkout, amount, warning=warning), told)

    @rule(which=ANY, ending=st.sampled_from(["won", "lost", "prevented", "closed"]), told=TOLD)
    def decide_a_dispute(self, which: int, ending: Ending, told: Told) -> None:
        dispute = self.one(which, "SELECT ref FROM digistore_disputes")
        if dispute is not None:
            self.hear(self.sandbox.close_dispute(dispute, ending), told)

    # The wire.

    @rule(which=ANY, times=st.integers(1, 2))
    def deliver(self, which: int, times: int) -> None:
        events = self.sandbox.deliver()
        if events:
            for _ in range(times):
                self.shop.deliver(events[which % len(events)])

    @rule(
        fault=st.sampled_from(["timeout", "lost_reply", "server_error", "rate_limit"]),
        method=st.sampled_from([None, "create_checkout", "fetch", "expire", "refund", "poll"]),
    )
    def fail_next(self, fault: FaultName, method: str | None) -> None:
        self.sandbox.fail_next(fault, method=method)

    @rule(minutes=st.sampled_from([1, 1, 30, 30, 60 * 13, 60 * 49]), works=st.booleans())
    def wait(self, minutes: int, works: bool) -> None:
        self.shop.clock.go(minutes=minutes)
        if works:
            self.store.run_due()

    # Sellers and operators.

    @rule(
        which=ANY,
        of_a_line=st.booleans(),
        amount=PARTS,
        access=st.sampled_from([None, None, Effect.KEEP, Effect.REVOKE]),
        pends=st.booleans(),
    )
    def refund(
        self,
        which: int,
        of_a_line: bool,
        amount: Money | None,
        access: Effect | None,
        pends: bool,
    ) -> None:
        self.sandbox.refunds_pend = pends
        table = "order_lines" if of_a_line else "orders"
        what = self.one(which, f"SELECT id FROM digistore_{table}")
        if what is not None:
            with suppress(NotRefundable):
                self.store.payments.refund(
                    self.world.operator, what, amount=amount, reason="as asked", access=access
                )

    @rule(which=ANY, enough=st.booleans())
    def record_a_transfer(self, which: int, enough: bool) -> None:
        order = self.order(which)
        if order is None:
            return
        total = self.one(0, f"SELECT total FROM digistore_orders WHERE id = '{order}'")
        amount = Money.from_minor(max(1, total - (not enough)), "USD")
        with suppress(*UNANSWERED):
            self.store.payments.record(
                self.world.operator,
                order,
                amount=amount,
                method="bank_transfer",
                reference=f"{order} {amount}",
                received_at=self.shop.clock(),
            )

    @rule(which=ANY, revoked=st.booleans())
    def decide_by_hand(self, which: int, revoked: bool) -> None:
        purchase = self.one(which, "SELECT id FROM digistore_purchased_products")
        if purchase is not None:
            say = self.store.entitlements.revoke if revoked else self.store.entitlements.restore
            say(self.world.operator, purchase, reason="by hand")
            self.words[purchase] = "revoked" if revoked else "live"

    @rule(which=ANY, how=ANY)
    def resolve(self, which: int, how: int) -> None:
        actions = self.store.payments.needing_action(self.world.operator).items
        if not actions:
            return
        action = actions[which % len(actions)]
        choice = action.choices[how % len(action.choices)]
        lines = self.column(
            f"SELECT id FROM digistore_order_lines WHERE order_id = '{action.order_id}'"
        )
        with suppress(NotRefundable, InvalidTransition, Invalid):
            self.store.payments.resolve(
                self.world.operator,
                action,
                choice=choice,
                reason="decided",
                lines=lines[how % len(lines) :] if choice is Choice.ASSIGN else None,
            )

    @rule(what=st.sampled_from(["release", "withdraw", "put on sale"]))
    def tend_the_shop(self, what: str) -> None:
        catalog, seller, course = self.store.catalog, self.world.seller, self.world.products[1]
        if what == "release":
            version = f"2.{self.column('SELECT count(*) FROM digistore_releases')[0]}"
            files = {"book.pdf": version.encode()}
            catalog.release(seller, course, version=version, files=files)
        elif what == "withdraw":
            catalog.withdraw(seller, course)
        else:
            catalog.put_on_sale(seller, course)

    # Help.

    @rule(who=ANY, subject=st.sampled_from(["How?", "Why?"]), pays=st.booleans(), told=TOLD)
    def ask_for_help(self, who: int, subject: str, pays: bool, told: Told) -> None:
        with suppress(AccessRequired, PaymentInFlight, *UNANSWERED):
            asked = self.store.support.request(
                self.buyer(who),
                self.world.products[0],
                kind="setup",
                subject=subject,
                body="?",
                return_url=RETURN,
            )
            if pays:
                with suppress(InvalidTransition):  # as above
                    self.hear(self.sandbox.pay(asked), told)

    @rule(
        which=ANY,
        what=st.sampled_from(["ask", "answer", "reply", "resolve", "reopen", "close", "waive"]),
    )
    def talk(self, which: int, what: str) -> None:
        request = self.one(which, "SELECT id FROM digistore_support_requests")
        if request is None:
            return
        support, seller = self.store.support, self.world.seller
        customer = support.get(seller, request).customer_id
        with suppress(InvalidTransition, AccessRequired, NotRefundable):
            match what:
                case "ask" | "answer":
                    support.reply(seller, request, "So?", ask=what == "ask")
                case "reply":
                    support.reply(customer, request, "So.")
                case "resolve":
                    support.resolve(seller, request)
                case "reopen":
                    support.reopen(customer, request)
                case "close":
                    support.close(customer, request)
                case "waive":
                    support.waive(seller, request, reason="our fault")

    # What always holds.

    @invariant()
    def no_promise_is_broken(self) -> None:
        if hasattr(self, "shop"):
            broken = broken_promises(self.store)
            self.sound = not broken
            assert broken == []

    @invariant()
    def nobody_opens_what_the_bank_has_no_money_for(self) -> None:  # D4
        if hasattr(self, "shop"):
            for order in self.oracle.orders():
                if order.covering is not None:
                    assert order.covering in self.oracle.sufficient(order)
            covered = "SELECT order_id FROM digistore_payments WHERE cover_key = 1"
            assert not self.column(
                f"SELECT id FROM digistore_purchased_products WHERE order_id NOT IN ({covered})"
            )

    # The end.

    def come_to_rest(self) -> None:
        """Deliver all there is, run all that is due, until nothing changes; then compare."""
        random = Random(0)
        before = None
        for _ in range(12):
            events = self.sandbox.deliver()
            for event in random.sample(events, len(events)):
                self.shop.deliver(event)
            self.shop.clock.go(hours=13)
            self.store.run_due()
            now = end_state(self.shop.rows)
            if now == before:
                break
            before = now
        else:
            raise AssertionError("the shop does not come to rest")
        check_invariants(self.store)
        self.oracle.check_paid()
        self.oracle.check_access()
        self.oracle.check_support()
        self.oracle.check_money(duplicates=self.duplicates)
        self.oracle.check_refunds()
        self.oracle.check_disputes()
        for buyer in self.world.buyers:
            for product in self.world.products:
                live = self.column(
                    "SELECT id FROM digistore_purchased_products WHERE live_key = 1"
                    f" AND user_id = '{buyer.id}' AND product_id = '{product.id}'"
                )
                assert bool(live) == bool(self.store.entitlements.check(buyer, product))


TestWholeShop = WholeShop.TestCase
TestWholeShop.settings = settings(
    max_examples=extent(15, 300),
    stateful_step_count=30,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
