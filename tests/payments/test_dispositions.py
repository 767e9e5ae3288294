"""Money that fits no order: it is never dropped and never opens anything until somebody decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from digistore import Money, Product
from digistore.blocking import run
from digistore.errors import GatewayUnavailable, InvalidTransition, NotRefundable
from digistore.gateways import CheckoutLine, CheckoutRequest
from digistore.orders import Checkout
from digistore.payments.book import Book
from digistore.payments.reading import read_told
from tests.conftest import RETURN, Shop
from tests.payments.asking import (
    access,
    action,
    calls,
    events,
    given_back,
    order_of,
    record,
    state,
    usd,
    waiting,
)
from tests.payments.rules.books import a_payment

NewShop = Callable[..., Shop]


def paid(shop: Shop, product: Product, amount: Money | None = None) -> Checkout:
    """An order for which *amount* was taken."""
    checkout = shop.checkout(product)
    shop.deliver(shop.sandbox.pay(checkout, amount=amount))
    return checkout


def decide(shop: Shop, kind: str, choice: str) -> Any:
    found = action(shop, kind)
    return shop.store.payments.resolve(shop.operator, found, choice=choice, reason="looked at it")


def dispositions(shop: Shop) -> list[str]:
    return [
        row[0] for row in shop.rows("SELECT disposition FROM digistore_payments ORDER BY rowid")
    ]


# Too little, too much, another currency.


def test_one_unit_short_opens_nothing_and_is_not_lost(shop: Shop) -> None:
    book = shop.product()
    checkout = paid(shop, book, usd("28.99"))
    assert (state(shop, checkout), access(shop, book)) == ("open", "not_purchased")
    assert waiting(shop) == ["underpaid"]
    assert dispositions(shop) == ["underpaid"]
    decide(shop, "underpaid", "refund")
    assert given_back(shop, checkout) == [(2899, "succeeded")]
    assert waiting(shop) == []


def test_an_order_that_was_paid_short_can_be_paid_again_in_full(shop: Shop) -> None:
    book = shop.product()
    short = paid(shop, book, usd("1.00"))
    again = shop.checkout(book)
    assert again.order.id == short.order.id
    assert again.url != short.url
    shop.deliver(shop.sandbox.pay(again))
    assert access(shop, book) == "live"
    assert sorted(dispositions(shop)) == ["covering", "underpaid"]
    decide(shop, "underpaid", "refund")
    assert access(shop, book) == "live"  # what opened nothing closes nothing
    assert given_back(shop, again) == []


def test_another_currency_opens_nothing(shop: Shop) -> None:
    book = shop.product()
    checkout = paid(shop, book, Money("29.00", "EUR"))
    assert (access(shop, book), waiting(shop)) == ("not_purchased", ["wrong_currency"])
    decide(shop, "wrong_currency", "refund")
    assert given_back(shop, checkout) == [(2900, "succeeded")]


def test_a_surplus_opens_and_is_asked_about(shop: Shop) -> None:
    book = shop.product()
    checkout = paid(shop, book, usd("30.50"))
    assert (access(shop, book), waiting(shop)) == ("live", ["overpaid"])
    decide(shop, "overpaid", "refund")
    assert given_back(shop, checkout) == [(150, "succeeded")]
    assert access(shop, book) == "live"
    assert shop.store.payments.refund(shop.seller, checkout.order, reason="x").amount == usd("29")
    assert access(shop, book) == "revoked"


def test_a_surplus_can_be_kept_and_goes_back_with_the_rest(shop: Shop) -> None:
    book = shop.product()
    checkout = paid(shop, book, usd("30.00"))
    decide(shop, "overpaid", "keep")
    assert (given_back(shop, checkout), waiting(shop)) == ([], [])
    shop.store.payments.refund(shop.seller, checkout.order, reason="all of it")
    assert given_back(shop, checkout) == [(3000, "succeeded")]
    assert access(shop, book) == "revoked"


# Twice for one order.


def test_a_second_payment_of_an_order_goes_back_by_itself(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    record(shop, checkout, usd("29.00"))  # the buyer was impatient
    assert access(shop, book) == "live"
    shop.deliver(shop.sandbox.clear(checkout))
    assert sorted(dispositions(shop)) == ["covering", "duplicate"]
    assert given_back(shop, checkout) == []  # from the round, not from the webhook
    for _ in range(2):
        shop.store.run_due()
    assert given_back(shop, checkout) == [(2900, "succeeded")]
    assert access(shop, book) == "live"
    assert events(shop).count("DuplicateReturned") == 1
    assert waiting(shop) == []


def test_a_second_payment_is_asked_about_where_the_host_wants_that(shop_with: NewShop) -> None:
    shop = shop_with(duplicates="ask")
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    record(shop, checkout, usd("29.00"))
    shop.deliver(shop.sandbox.clear(checkout))
    shop.store.run_due()
    assert (given_back(shop, checkout), waiting(shop)) == ([], ["duplicate"])
    decide(shop, "duplicate", "refund")
    assert given_back(shop, checkout) == [(2900, "succeeded")]


def test_a_second_transfer_is_always_asked_about(shop: Shop) -> None:
    """No call can give it back."""
    checkout = shop.checkout(shop.product())
    record(shop, checkout, usd("29.00"))
    record(shop, checkout, usd("29.00"), "transfer 2")
    shop.store.run_due()
    assert waiting(shop) == ["duplicate"]
    assert calls(shop, "refund") == []
    decide(shop, "duplicate", "keep")
    assert waiting(shop) == []


# Two orders of one product (D8).


def second_order(shop: Shop, book: Product) -> tuple[Checkout, Checkout]:
    """Two paid orders: the second was made while the first was disputed."""
    first = shop.buy(book)
    shop.deliver(shop.sandbox.open_dispute(first))
    second = shop.checkout(book)
    shop.deliver(shop.sandbox.close_dispute(first, "won"))
    shop.deliver(shop.sandbox.pay(second))
    return first, second


def purchases(shop: Shop) -> list[str]:
    return [
        row[0] for row in shop.rows("SELECT state FROM digistore_purchased_products ORDER BY rowid")
    ]


def test_money_for_what_is_owned_goes_back_once(shop: Shop) -> None:
    book = shop.product()
    first, second = second_order(shop, book)
    assert purchases(shop) == ["live", "standby"]
    assert order_of(shop, second).lines[0].outcome == "standby"
    assert given_back(shop, second) == []
    for _ in range(3):
        shop.store.run_due()
        shop.clock.go(hours=1)
    assert given_back(shop, second) == [(2900, "succeeded")]
    assert (purchases(shop), access(shop, book)) == (["live", "revoked"], "live")
    assert given_back(shop, first) == []
    assert events(shop).count("DuplicateReturned") == 1


def test_a_duplicate_that_steps_in_keeps_its_money(shop: Shop) -> None:
    """Its refund was on the list already: it is not sent."""
    book = shop.product()
    first, second = second_order(shop, book)
    shop.store.payments.refund(shop.seller, first.order, reason="he asked")
    assert purchases(shop) == ["revoked", "live"]
    assert order_of(shop, second).lines[0].outcome == "opened"
    for _ in range(2):
        shop.store.run_due()
        shop.clock.go(hours=1)
    assert given_back(shop, second) == []
    assert access(shop, book) == "live"
    assert waiting(shop) == []
    assert shop.count("refunds", "state = 'rejected' AND key LIKE 'rf:dup:%'") == 1
    assert events(shop).count("DuplicateReturned") == 0


def test_a_host_can_be_asked_about_money_for_what_is_owned(shop_with: NewShop) -> None:
    shop = shop_with(duplicates="ask")
    book = shop.product()
    _, second = second_order(shop, book)
    shop.store.run_due()
    assert (given_back(shop, second), waiting(shop)) == ([], ["standby_paid"])
    decide(shop, "standby_paid", "refund")
    assert given_back(shop, second) == [(2900, "succeeded")]
    assert purchases(shop) == ["live", "revoked"]


def test_a_standby_that_keeps_its_money_waits(shop_with: NewShop) -> None:
    shop = shop_with(duplicates="ask")
    book = shop.product()
    first, second = second_order(shop, book)
    decide(shop, "standby_paid", "keep")
    assert purchases(shop) == ["live", "standby"]
    shop.store.payments.refund(shop.seller, first.order, reason="he asked")
    assert purchases(shop) == ["revoked", "live"]
    assert given_back(shop, second) == []


def test_what_is_bought_twice_on_purpose_is_kept_without_a_question(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    second = shop.buy(book, allow_repeat=True)
    shop.store.run_due()
    assert purchases(shop) == ["live", "standby"]
    assert (given_back(shop, second), waiting(shop)) == ([], [])


def test_a_purchase_whose_place_was_taken_waits_and_is_asked_about(shop: Shop) -> None:
    book = shop.product()
    first = shop.buy(book)
    shop.deliver(shop.sandbox.open_dispute(first))
    shop.buy(book)  # allowed, while it is suspended
    assert purchases(shop) == ["suspended", "live"]
    shop.deliver(shop.sandbox.close_dispute(first, "won"))
    assert purchases(shop) == ["standby", "live"]
    assert waiting(shop) == ["standby_paid"]
    assert given_back(shop, first) == []
    decide(shop, "standby_paid", "refund")
    assert given_back(shop, first) == [(2900, "succeeded")]
    assert (purchases(shop), access(shop, book)) == (["revoked", "live"], "live")


# Too late, and out of nowhere.


def late(shop: Shop, book: Product) -> Checkout:
    """A canceled order for which a transfer comes in."""
    checkout = shop.checkout(book)
    shop.store.orders.cancel(shop.buyer, checkout.order)
    record(shop, checkout, usd("29.00"))
    return checkout


def test_money_for_a_canceled_order_waits(shop: Shop) -> None:
    book = shop.product()
    checkout = late(shop, book)
    assert (state(shop, checkout), access(shop, book)) == ("canceled", "not_purchased")
    assert (waiting(shop), dispositions(shop)) == (["late"], ["late"])


def test_late_money_can_be_accepted(shop: Shop) -> None:
    book = shop.product()
    checkout = late(shop, book)
    decide(shop, "late", "accept")
    order = order_of(shop, checkout)
    assert (order.state, order.late, access(shop, book)) == ("paid", True, "live")
    assert (waiting(shop), dispositions(shop)) == ([], ["covering"])


def test_late_money_for_what_was_bought_meanwhile_waits_beside_it(shop: Shop) -> None:
    book = shop.product()
    checkout = late(shop, book)
    shop.buy(book)
    decide(shop, "late", "accept")
    assert purchases(shop) == ["live", "standby"]
    assert waiting(shop) == ["standby_paid"]
    assert state(shop, checkout) == "paid"


def test_late_money_can_be_sent_back(shop: Shop) -> None:
    book = shop.product()
    checkout = late(shop, book)
    shop.store.payments.record_refund(
        shop.operator,
        checkout.order,
        reference="transfer back",
        returned_at=shop.clock(),
        reason="too late",
    )
    assert (waiting(shop), state(shop, checkout)) == ([], "canceled")
    assert access(shop, book) == "not_purchased"


def test_cancelling_what_was_paid_meanwhile_reveals_the_payment(shop: Shop) -> None:
    """The gateway is asked first; what it knows wins, also where its first answer was lost."""
    book, other = shop.product("A"), shop.product("B")
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    with pytest.raises(InvalidTransition):
        shop.store.orders.cancel(shop.buyer, checkout.order)
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as caught:
        shop.checkout(other)
    hints = run(shop.sandbox.poll(shop.clock() - timedelta(hours=1))).hints
    (unheard,) = (one.checkout_id for one in hints if one.payment_id is None)
    shop.sandbox.pay(str(unheard))
    with pytest.raises(InvalidTransition):
        shop.store.orders.cancel(shop.buyer, str(caught.value.order_id))
    assert (access(shop, book), access(shop, other)) == ("live", "live")
    assert (waiting(shop), dispositions(shop)) == ([], ["covering", "covering"])


def orphan(shop: Shop) -> str:
    """Pay a checkout in our name that this database has never heard of, as after a restore."""
    made = CheckoutRequest(
        reference="att_of_yesterday",
        namespace="digistore",
        lines=(CheckoutLine("Async Python", usd("29.00")),),
        total=usd("29.00"),
        success_url=RETURN,
        cancel_url=RETURN,
        expires_at=shop.clock() + timedelta(hours=1),
        idempotency_key="co:att_of_yesterday",
    )
    checkout_id = run(shop.sandbox.create_checkout(made)).checkout_id
    shop.deliver(shop.sandbox.pay(checkout_id))
    return checkout_id


def test_money_without_an_order_is_kept_and_goes_back(shop: Shop) -> None:
    checkout_id = orphan(shop)
    assert (waiting(shop), dispositions(shop)) == (["orphan"], ["orphan"])
    found = action(shop, "orphan")
    assert found.order_id is None
    assert (
        shop.store.payments.needing_action(shop.seller).items == ()
    )  # nobody's but the operator's
    decide(shop, "orphan", "refund")
    (refund,) = shop.sandbox.look_up(checkout_id).refunds
    assert refund.told.money == usd("29.00")
    assert (waiting(shop), dispositions(shop)) == ([], ["orphan"])


def test_money_without_an_order_is_asked_about_once(shop: Shop) -> None:
    checkout_id = orphan(shop)
    for signed in shop.sandbox.deliver(checkout_id):
        shop.deliver(signed)
    shop.store.payments.reconcile()
    assert (waiting(shop), shop.count("payments")) == (["orphan"], 1)
    decide(shop, "orphan", "keep")
    shop.deliver(shop.sandbox.dashboard_refund(checkout_id))
    assert shop.count("refunds", "origin = 'gateway'") == 1


def test_a_bank_may_want_money_back_that_has_no_order(shop: Shop) -> None:
    checkout_id = orphan(shop)
    shop.deliver(shop.sandbox.open_dispute(checkout_id))
    found = action(shop, "orphan")
    with pytest.raises(NotRefundable, match="in_dispute"):
        shop.store.payments.resolve(shop.operator, found, choice="refund", reason="x")
    shop.deliver(shop.sandbox.close_dispute(checkout_id, "lost"))
    assert shop.rows("SELECT state FROM digistore_disputes") == [("lost",)]
    with pytest.raises(NotRefundable, match="nothing_left"):
        shop.store.payments.resolve(shop.operator, found, choice="refund", reason="x")
    decide(shop, "orphan", "keep")
    assert waiting(shop) == []


@pytest.mark.parametrize("kind_of_store", ["PostgreSQL-Store", "PostgreSQL-AsyncStore"])
def test_D4_what_is_stored_is_read_once_the_order_is_locked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank transfer is recorded just before the lock; what was read earlier is old by then."""
    checkout = shop.checkout(shop.product())
    told = shop.sandbox.pay(checkout)
    inner = getattr(shop.store, "_target", shop.store)._shop.payments
    once = [checkout.order.id]

    def received(book: Book) -> None:
        terms: dict[str, Any] = {"gateway": "external", "account": "bank_transfer", "ref": "7"}
        terms |= {"id": book.new_id("pay"), "order_id": checkout.order.id, "checkout_id": None}
        book.payments.append(a_payment(**terms, created_at=book.now, received_at=book.now))

    async def overtaken(*about: Any) -> Any:
        found = await read_told(*about)
        if once:
            await inner._settle.apply(once.pop(), None, received, "system", "record")
        return found

    monkeypatch.setattr("digistore.payments.service.settle.read_told", overtaken)
    assert shop.deliver(told).status == 200
    rows = shop.rows("SELECT gateway, disposition FROM digistore_payments ORDER BY gateway")
    assert rows == [("external", "covering"), ("sandbox", "duplicate")]
