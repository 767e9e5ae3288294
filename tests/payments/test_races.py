"""Two and eight at once, through the public API: one purchase, no money lost, no error.

Each race is run many times, by threads and by tasks, on SQLite and on PostgreSQL. What a loser may
be told is a business error that is named at the race; nothing else comes through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from digistore import Money, Store
from digistore.catalog import Product
from digistore.errors import InvalidTransition, NotRefundable, PaymentInFlight
from digistore.gateways.sandbox.controls import SignedEvent
from digistore.orders import Checkout
from digistore.payments import WebhookOutcome
from digistore.testing import FrozenClock
from digistore.users import User
from tests.conftest import RETURN, Shop
from tests.extent import extent
from tests.races import MANY, Race

pytestmark = pytest.mark.long

ROUNDS = extent(2, 150)
FEWER = extent(1, 150)  # of what is close to another race, or is run by eight
PRICE = Money("29.00", "USD")
PART = Money("20.00", "USD")


class Rivals(Shop):
    """A shop whose operations are run at once."""

    def __init__(self, race: Race, clock: FrozenClock) -> None:
        super().__init__(race.store, race.sandbox, clock)
        self.at_once = race.at_once
        self.book = self.product("Book", PRICE)
        self.course = self.product("Course", Money("15.00", "USD"))
        self.buyers = 0

    def new_buyer(self) -> User:
        self.buyers += 1
        return self.store.users.register(f"buyer{self.buyers}@example.com")

    # What is run.

    def hears(self, event: SignedEvent) -> Callable[[Store], WebhookOutcome]:
        return lambda store: store.payments.handle_webhook("sandbox", *event)

    def buys(self, buyer: User, *products: Product) -> Callable[[Store], Checkout]:
        return lambda store: store.orders.checkout(buyer, list(products), return_url=RETURN)

    def refunds(
        self, checkout: Checkout, amount: Money | None = None, key: str | None = None
    ) -> Callable[[Store], Any]:
        return lambda store: store.payments.refund(
            self.operator, checkout.order, amount=amount, reason="as asked", idempotency_key=key
        )

    # What must have come of it.

    def states(self, buyer: User, product: Product | None = None) -> list[str]:
        """The states of a buyer's purchases of the book."""
        found = self.rows(
            "SELECT state FROM digistore_purchased_products"
            f" WHERE user_id = '{buyer.id}' AND product_id = '{(product or self.book).id}'"
        )
        return sorted(state for (state,) in found)

    def order_state(self, checkout: Checkout) -> str:
        return str(self.store.orders.get(self.operator, checkout.order).state)

    def back_at_bank(self, checkout: Checkout) -> int:
        """What the bank has given back of a checkout, in minor units."""
        told = [refund.told for refund in self.sandbox.look_up(checkout).refunds]
        return sum(one.money.amount for one in told if one.state in {"pending", "succeeded"})


@pytest.fixture
def rivals(race: Race, clock: FrozenClock) -> Rivals:
    return Rivals(race, clock)


def statuses(outcomes: Sequence[Any]) -> set[int]:
    """The statuses that a provider got; an error here is one that nobody should see."""
    assert all(isinstance(outcome, WebhookOutcome) for outcome in outcomes), outcomes
    return {outcome.status for outcome in outcomes}


# Deliveries of one payment.


@pytest.mark.parametrize(("threads", "rounds"), [(2, ROUNDS), (MANY, FEWER)])
def test_one_event_delivered_at_once_opens_once(rivals: Rivals, threads: int, rounds: int) -> None:
    for _ in range(rounds):
        buyer = rivals.new_buyer()
        event = rivals.sandbox.pay(rivals.checkout(rivals.book, buyer))
        outcomes = rivals.at_once(*[rivals.hears(event)] * threads)
        assert statuses(outcomes) == {200}
        assert rivals.states(buyer) == ["live"]
    assert rivals.count("payments") == rounds


@pytest.mark.parametrize(("threads", "rounds"), [(2, ROUNDS), (MANY, FEWER)])
def test_two_events_of_one_payment_open_once(rivals: Rivals, threads: int, rounds: int) -> None:
    for _ in range(rounds):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)
        rivals.sandbox.pay(checkout)
        events = rivals.sandbox.deliver(checkout)
        assert len(events) == 2
        outcomes = rivals.at_once(*map(rivals.hears, events * (threads // 2)))
        assert statuses(outcomes) == {200}
        assert rivals.states(buyer) == ["live"]
    assert rivals.count("payments") == rounds
    assert rivals.count("entitlement_facts") == rounds


def test_webhook_return_page_and_reconcile_open_once(rivals: Rivals) -> None:
    for _ in range(FEWER):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)
        event = rivals.sandbox.pay(checkout)
        heard, confirmed, _ = rivals.at_once(
            rivals.hears(event),
            lambda store: store.payments.confirm(buyer, checkout.order),  # noqa: B023
            lambda store: store.payments.reconcile(),
        )
        assert statuses([heard]) == {200}
        assert confirmed.state in {"paid", "try_again"}
        assert rivals.states(buyer) == ["live"]
        rivals.clock.go(hours=2)  # so that the next poll does not ask about this one again
    assert rivals.count("payments") == FEWER


# Checkouts at once.


@pytest.mark.parametrize(("threads", "rounds"), [(2, ROUNDS), (MANY, FEWER)])
def test_a_double_click_is_one_order_and_one_checkout(
    rivals: Rivals, threads: int, rounds: int
) -> None:
    for _ in range(rounds):
        buyer = rivals.new_buyer()
        made = rivals.at_once(*[rivals.buys(buyer, rivals.book)] * threads)
        assert len({checkout.order.id for checkout in made}) == 1, made
        assert len({checkout.url for checkout in made}) == 1
        assert made[0].url is not None
    assert rivals.count("orders") == rounds
    assert rivals.count("payment_attempts") == rounds
    assert len(rivals.sandbox.deliver()) == 0
    keys = {call.key for call in rivals.sandbox.calls if call.method == "create_checkout"}
    assert len(keys) == rounds


def test_of_two_different_orders_of_one_product_one_can_be_paid(rivals: Rivals) -> None:
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        made = rivals.at_once(
            rivals.buys(buyer, rivals.book), rivals.buys(buyer, rivals.book, rivals.course)
        )
        checkouts = [one for one in made if isinstance(one, Checkout)]
        assert checkouts
        assert all(
            isinstance(one, Checkout | PaymentInFlight | InvalidTransition) for one in made
        ), made
        for checkout in checkouts:
            if checkout.url is not None:
                try:
                    event = rivals.sandbox.pay(checkout)
                except InvalidTransition:
                    continue  # it was ended in favour of the other one
                rivals.deliver(event)
        assert rivals.states(buyer) == ["live"]


# Two paid purchases of one product.


def test_a_purchase_restored_beside_a_second_one_that_is_paid(rivals: Rivals) -> None:  # D8
    """The first is suspended, so the buyer may buy again; then both are good at once."""
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        first = rivals.buy(rivals.book, buyer)
        rivals.deliver(rivals.sandbox.open_dispute(first))
        second = rivals.checkout(rivals.book, buyer)
        outcomes = rivals.at_once(
            rivals.hears(rivals.sandbox.close_dispute(first, "won")),
            rivals.hears(rivals.sandbox.pay(second)),
        )
        assert statuses(outcomes) == {200}
        assert rivals.states(buyer) == ["live", "standby"]
        rivals.clock.go(hours=2)
    # Money of the one that waits is on its way back, or somebody has been asked.
    asked = rivals.count("payment_actions", "kind = 'standby_paid'")
    assert asked + rivals.count("refunds", "key LIKE 'rf:dup:lin%'") == ROUNDS


def test_an_operator_restores_a_purchase_beside_a_second_one(rivals: Rivals) -> None:  # D8
    for _ in range(FEWER):
        buyer = rivals.new_buyer()
        rivals.buy(rivals.book, buyer)
        purchase = rivals.store.entitlements.check(buyer, rivals.book).purchase
        assert purchase is not None
        rivals.store.entitlements.revoke(rivals.operator, purchase, reason="by mistake")
        second = rivals.checkout(rivals.book, buyer)
        restored, heard = rivals.at_once(
            partial(restore, rivals.operator, purchase.id),
            rivals.hears(rivals.sandbox.pay(second)),
        )
        assert statuses([heard]) == {200}
        assert restored.state in {"live", "standby"}
        assert rivals.states(buyer) == ["live", "standby"]


def restore(operator: User, purchase_id: str, store: Store) -> Any:
    return store.entitlements.restore(operator, purchase_id, reason="it was a mistake")


def revoke(operator: User, purchase_id: str, store: Store) -> Any:
    return store.entitlements.revoke(operator, purchase_id, reason="found out")


def test_a_purchase_revoked_beside_a_second_one_that_is_paid(rivals: Rivals) -> None:  # D7
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        rivals.buy(rivals.book, buyer)
        purchase = rivals.store.entitlements.check(buyer, rivals.book).purchase
        assert purchase is not None
        second = rivals.checkout(rivals.book, buyer, allow_repeat=True)
        revoked, heard = rivals.at_once(
            partial(revoke, rivals.operator, purchase.id),
            rivals.hears(rivals.sandbox.pay(second)),
        )
        assert statuses([heard]) == {200}
        assert revoked.state == "revoked"
        assert rivals.states(buyer) == ["live", "revoked"]


def test_a_revocation_against_money_that_comes_back(rivals: Rivals) -> None:
    for number in range(ROUNDS):
        buyer = rivals.new_buyer()
        checkout = rivals.buy(rivals.book, buyer)
        purchase = rivals.store.entitlements.check(buyer, rivals.book).purchase
        assert purchase is not None
        rivals.deliver(rivals.sandbox.open_dispute(checkout))
        event = rivals.sandbox.close_dispute(checkout, "won" if number % 2 else "lost")
        revoked, heard = rivals.at_once(
            partial(revoke, rivals.operator, purchase.id), rivals.hears(event)
        )
        assert statuses([heard]) == {200}
        assert revoked.state == "revoked"
        assert rivals.states(buyer) == ["revoked"]


def test_two_payments_of_one_order_cover_it_once(rivals: Rivals) -> None:
    """A bank transfer is recorded while a delayed payment arrives."""
    for number in range(FEWER):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)
        rivals.deliver(rivals.sandbox.pay(checkout, "delayed"))
        event = rivals.sandbox.clear(checkout)
        recorded, heard = rivals.at_once(
            lambda store: store.payments.record(
                rivals.operator,
                checkout.order,  # noqa: B023
                amount=PRICE,
                method="bank_transfer",
                reference=str(number),  # noqa: B023
                received_at=rivals.clock(),
            ),
            rivals.hears(event),
        )
        assert statuses([heard]) == {200}
        assert recorded.disposition in {"covering", "duplicate"}
        assert rivals.states(buyer) == ["live"]
    assert rivals.count("payments", "cover_key = 1") == FEWER
    assert rivals.count("payments", "disposition = 'duplicate'") == FEWER
    rivals.store.run_due(limit=1000)
    duplicates = rivals.count("payments", "disposition = 'duplicate' AND gateway = 'sandbox'")
    asked = rivals.count("payment_actions", "kind = 'duplicate' AND open_key = 1")
    assert duplicates + asked == FEWER
    back = rivals.count("refunds", "key LIKE 'rf:dup:pay%' AND state = 'succeeded'")
    assert back == duplicates


# Refunds at once.


@pytest.mark.parametrize("amount", [None, PART], ids=["all of it", "more than half"])
def test_two_refunds_at_once_give_back_one(rivals: Rivals, amount: Money | None) -> None:
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        checkout = rivals.buy(rivals.book, buyer)
        answers = rivals.at_once(*[rivals.refunds(checkout, amount)] * 2)
        losers = [one for one in answers if isinstance(one, NotRefundable)]
        assert len(losers) == 1, answers
        expected = (amount or PRICE).amount
        assert rivals.back_at_bank(checkout) == expected
        assert len(rivals.sandbox.look_up(checkout).refunds) == 1
        assert rivals.states(buyer) == ["live" if amount else "revoked"]
    assert rivals.count("refunds") == ROUNDS


def test_a_refund_asked_for_twice_at_once_under_one_key_is_one(rivals: Rivals) -> None:
    part = Money("5.00", "USD")
    for _ in range(ROUNDS):
        checkout = rivals.buy(rivals.book, rivals.new_buyer())
        one, other = rivals.at_once(*[rivals.refunds(checkout, part, "form-7")] * 2)
        assert one.id == other.id
        assert rivals.back_at_bank(checkout) == part.amount
    assert rivals.count("refunds") == ROUNDS


def test_eight_refunds_at_once_never_give_back_more_than_was_captured(rivals: Rivals) -> None:
    for _ in range(FEWER):
        buyer = rivals.new_buyer()
        checkout = rivals.buy(rivals.book, buyer)
        answers = rivals.at_once(*[rivals.refunds(checkout, Money("5.00", "USD"))] * MANY)
        losers = [one for one in answers if isinstance(one, NotRefundable)]
        assert len(losers) == 3, answers
        assert rivals.back_at_bank(checkout) == 2500


def test_a_refund_against_the_payment_that_settles(rivals: Rivals) -> None:
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)
        event = rivals.sandbox.pay(checkout)
        refunded, heard = rivals.at_once(rivals.refunds(checkout), rivals.hears(event))
        assert statuses([heard]) == {200}
        if isinstance(refunded, NotRefundable):
            assert refunded.reason == "not_paid"
            assert (rivals.back_at_bank(checkout), rivals.states(buyer)) == (0, ["live"])
        else:
            assert (rivals.back_at_bank(checkout), rivals.states(buyer)) == (2900, ["revoked"])


def test_a_refund_against_one_at_the_dashboard(rivals: Rivals) -> None:
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        checkout = rivals.buy(rivals.book, buyer)
        event = rivals.sandbox.dashboard_refund(checkout, PART)
        refunded, heard = rivals.at_once(rivals.refunds(checkout), rivals.hears(event))
        assert statuses([heard]) == {200}
        if isinstance(refunded, NotRefundable):  # it asked for all, as it had not heard yet
            assert (rivals.back_at_bank(checkout), rivals.states(buyer)) == (2000, ["live"])
        else:
            assert (rivals.back_at_bank(checkout), rivals.states(buyer)) == (2900, ["revoked"])


def test_a_refund_against_a_dispute_is_never_both(rivals: Rivals) -> None:
    for _ in range(FEWER):
        buyer = rivals.new_buyer()
        checkout = rivals.buy(rivals.book, buyer)
        event = rivals.sandbox.open_dispute(checkout)
        refunded, heard = rivals.at_once(rivals.refunds(checkout), rivals.hears(event))
        assert statuses([heard]) == {200}
        assert isinstance(refunded, NotRefundable)  # the bank says no, or we know already
        assert (rivals.back_at_bank(checkout), rivals.states(buyer)) == (0, ["suspended"])


def test_a_refund_for_a_duplicate_is_sent_once(rivals: Rivals) -> None:
    """By two rounds of ``run_due`` at once."""
    for number in range(FEWER):
        checkout = rivals.checkout(rivals.book, rivals.new_buyer())
        rivals.deliver(rivals.sandbox.pay(checkout, "delayed"))
        rivals.store.payments.record(
            rivals.operator,
            checkout.order,
            amount=PRICE,
            method="bank_transfer",
            reference=str(number),
            received_at=rivals.clock(),
        )
        rivals.deliver(rivals.sandbox.clear(checkout))
        rivals.at_once(lambda store: store.run_due(), lambda store: store.run_due())
        assert rivals.back_at_bank(checkout) == 2900
        assert len(rivals.sandbox.look_up(checkout).refunds) == 1
        rivals.clock.go(hours=2)


def test_one_decision_of_two_operators_is_carried_out_once(rivals: Rivals) -> None:
    for _ in range(FEWER):
        checkout = rivals.checkout(rivals.book, rivals.new_buyer())
        rivals.deliver(rivals.sandbox.pay(checkout, amount=Money("1.00", "USD")))
        (action,) = rivals.store.payments.needing_action(rivals.operator)
        answers = rivals.at_once(
            *[
                lambda store: store.payments.resolve(
                    rivals.operator,
                    action,  # noqa: B023
                    choice="refund",
                    reason="too little",
                )
            ]
            * 2
        )
        assert [answer.choice for answer in answers] == ["refund", "refund"]
        assert rivals.back_at_bank(checkout) == 100


# The end of a checkout against its payment.


def test_what_was_paid_is_never_canceled(rivals: Rivals) -> None:
    for _ in range(FEWER):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)
        event = rivals.sandbox.pay(checkout)
        canceled, heard = rivals.at_once(
            lambda store: store.orders.cancel(buyer, checkout.order),  # noqa: B023
            rivals.hears(event),
        )
        assert statuses([heard]) == {200}
        assert isinstance(canceled, InvalidTransition)
        assert (rivals.order_state(checkout), rivals.states(buyer)) == ("paid", ["live"])


def test_a_buyer_who_pays_while_it_is_canceled_is_not_cheated(rivals: Rivals) -> None:
    """Either the bank took the money, and the order is paid, or it did not, and it is canceled."""
    for _ in range(ROUNDS):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)

        def pay(store: Store, checkout: Checkout = checkout) -> WebhookOutcome:
            return store.payments.handle_webhook("sandbox", *rivals.sandbox.pay(checkout))

        canceled, paid = rivals.at_once(
            lambda store: store.orders.cancel(buyer, checkout.order),  # noqa: B023
            pay,
        )
        assert isinstance(paid, InvalidTransition) or statuses([paid]) == {200}
        if isinstance(paid, InvalidTransition):
            assert canceled.state == "canceled"
            assert (rivals.order_state(checkout), rivals.states(buyer)) == ("canceled", [])
        else:
            assert isinstance(canceled, InvalidTransition)
            assert (rivals.order_state(checkout), rivals.states(buyer)) == ("paid", ["live"])


def test_what_was_paid_in_time_never_expires(rivals: Rivals) -> None:
    for _ in range(FEWER):
        buyer = rivals.new_buyer()
        checkout = rivals.checkout(rivals.book, buyer)
        event = rivals.sandbox.pay(checkout)
        rivals.clock.go(hours=13)
        again = (event[0], rivals.sandbox.sign(event[0]))
        heard, _ = rivals.at_once(rivals.hears(again), lambda store: store.payments.reconcile())
        assert statuses([heard]) == {200}
        assert (rivals.order_state(checkout), rivals.states(buyer)) == ("paid", ["live"])
