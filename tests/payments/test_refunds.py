"""Giving money back: never more than came, never twice, and access follows the money."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import SYSTEM, Effect, Money
from digistore.errors import (
    Forbidden,
    GatewayConfigError,
    IdempotencyConflict,
    Invalid,
    NotFound,
    NotRefundable,
)
from digistore.gateways.sandbox.controls import FaultName
from digistore.orders import Checkout
from tests.conftest import RETURN, OpenStore, Shop
from tests.payments.asking import (
    access,
    action,
    calls,
    events,
    given_back,
    on_lines,
    usd,
    waiting,
)


def refund(shop: Shop, what: Any, amount: str | None = None, **kwargs: Any) -> Any:
    money = None if amount is None else usd(amount)
    return shop.store.payments.refund(shop.seller, what, amount=money, reason="asked", **kwargs)


def three_lines(shop: Shop, *prices: str) -> Checkout:
    """A paid order of the products A, B, C."""
    titles = ("A", "B", "C")
    items = [shop.product(t, price=usd(p)) for t, p in zip(titles, prices, strict=False)]
    checkout = shop.store.orders.checkout(shop.buyer, items, return_url=RETURN)
    shop.deliver(shop.sandbox.pay(checkout))
    return checkout


def states(shop: Shop) -> list[str]:
    return [row[0] for row in shop.rows("SELECT state FROM digistore_refunds ORDER BY rowid")]


def test_all_of_the_money_back_closes_access(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    made = refund(shop, checkout.order)
    assert (made.amount, made.state, made.reason) == (usd("29.00"), "succeeded", "asked")
    assert access(shop, book) == "revoked"
    assert given_back(shop, checkout) == [(2900, "succeeded")]
    receipt = shop.store.orders.receipt(shop.buyer, checkout.order)
    assert (receipt.refunded, receipt.net) == (usd("29.00"), usd("0"))
    assert sorted(events(shop)[-2:]) == ["AccessRevoked", "RefundSucceeded"]


def test_part_of_the_money_back_keeps_access(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    assert refund(shop, checkout.order, "28.99").amount == usd("28.99")
    assert access(shop, book) == "live"
    assert refund(shop, checkout.order).amount == usd("0.01")  # what is left
    assert access(shop, book) == "revoked"
    assert on_lines(shop) == [("Async Python", 2900)]


def test_a_partial_refund_can_be_said_to_close_access(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    refund(shop, checkout.order, "1.00", access=Effect.REVOKE)
    assert access(shop, book) == "revoked"
    other = shop.product("Other")
    refund(shop, shop.buy(other).order, "1.00", access=Effect.KEEP)
    assert access(shop, other) == "live"
    with pytest.raises(Invalid) as caught:
        refund(shop, checkout.order, "1.00", access=Effect.SUSPEND)
    assert caught.value.fields == {"access": "unknown"}


def test_a_refund_of_one_line_leaves_the_others(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    first, second = checkout.order.lines
    made = refund(shop, first)
    assert made.amount == usd("10.00")
    assert access(shop, first.product_id) == "revoked"
    assert access(shop, second.product_id) == "live"
    with pytest.raises(NotRefundable) as caught:
        refund(shop, first.id, "0.01")
    assert caught.value.left == usd("0")
    assert refund(shop, checkout.order).amount == usd("20.00")


def test_refunds_of_an_order_are_split_without_losing_a_unit(shop: Shop) -> None:
    """Largest remainder by what is left on each line; the last one ends at exactly zero."""
    checkout = three_lines(shop, "10.00", "10.00", "10.00")
    refund(shop, checkout.order, "10.00")
    assert on_lines(shop) == [("A", 334), ("B", 333), ("C", 333)]
    refund(shop, checkout.order.lines[1], "6.00")
    assert on_lines(shop) == [("A", 334), ("B", 933), ("C", 333)]
    refund(shop, checkout.order, "0.01")
    assert (
        on_lines(shop) == [("A", 335), ("B", 933), ("C", 333)]
        or sum(amount for _, amount in on_lines(shop)) == 1601
    )
    refund(shop, checkout.order)
    assert on_lines(shop) == [("A", 1000), ("B", 1000), ("C", 1000)]
    assert given_back(shop, checkout)[-1] == (1399, "succeeded")


def test_nobody_gets_more_than_what_is_left(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    with pytest.raises(NotRefundable, match="above_what_is_left") as caught:
        refund(shop, checkout.order, "29.01")
    assert caught.value.left == usd("29.00")
    refund(shop, checkout.order, "20.00")
    with pytest.raises(NotRefundable) as caught:
        refund(shop, checkout.order, "9.01")
    assert caught.value.left == usd("9.00")
    refund(shop, checkout.order)
    with pytest.raises(NotRefundable, match="nothing_left"):
        refund(shop, checkout.order)
    assert given_back(shop, checkout) == [(2000, "succeeded"), (900, "succeeded")]


def test_what_was_not_paid_is_not_refundable(shop: Shop) -> None:
    open_order = shop.checkout(shop.product("A"))
    pending = shop.checkout(shop.product("B"))
    shop.deliver(shop.sandbox.pay(pending, "delayed"))
    canceled = shop.checkout(shop.product("C"))
    shop.store.orders.cancel(shop.buyer, canceled.order)
    free = shop.checkout(shop.product("D", price=usd("0")))
    for checkout in (open_order, pending, canceled, free):
        with pytest.raises(NotRefundable):
            refund(shop, checkout.order)
    assert shop.count("refunds") == 0
    assert calls(shop, "refund") == []


def test_nothing_is_refundable_while_a_dispute_is_open(shop: Shop) -> None:
    """The money would be lost twice (antiwork/gumroad#4372)."""
    checkout = shop.buy(shop.product())
    shop.deliver(shop.sandbox.open_dispute(checkout, usd("1.00")))
    with pytest.raises(NotRefundable, match="in_dispute") as caught:
        refund(shop, checkout.order, "1.00")
    assert caught.value.left == usd("0")
    assert (shop.count("refunds"), calls(shop, "refund")) == (0, [])
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    assert refund(shop, checkout.order).amount == usd("29.00")


def test_what_a_bank_took_is_not_left(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    shop.deliver(shop.sandbox.open_dispute(checkout, usd("9.00")))
    shop.deliver(shop.sandbox.close_dispute(checkout, "lost"))
    with pytest.raises(NotRefundable) as caught:
        refund(shop, checkout.order, "20.01")
    assert caught.value.left == usd("20.00")


def test_amounts_are_money_above_zero_in_the_currency_of_the_payment(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    wrong: tuple[Any, ...] = (usd("0"), usd("-1"), 1, 1.0, True, "1.00", float("nan"))
    for amount in wrong:
        with pytest.raises(Invalid) as caught:
            shop.store.payments.refund(shop.seller, checkout.order, amount=amount, reason="x")
        assert caught.value.fields == {"amount": "not_positive"}
    euro = Money("1.00", "EUR")
    with pytest.raises(Invalid) as caught:
        shop.store.payments.refund(shop.seller, checkout.order, amount=euro, reason="x")
    assert caught.value.fields == {"amount": "currency"}
    assert shop.count("refunds") == 0


def test_money_on_its_way_back_closes_access_already(shop: Shop) -> None:
    shop.sandbox.refunds_pend = True
    book = shop.product()
    checkout = shop.buy(book)
    assert refund(shop, checkout.order).state == "pending"
    assert access(shop, book) == "revoked"
    shop.deliver(shop.sandbox.clear_refund(checkout))
    assert states(shop) == ["succeeded"]
    assert access(shop, book) == "revoked"


def test_a_pending_refund_is_finished_without_a_message(shop: Shop) -> None:
    shop.sandbox.refunds_pend = True
    checkout = shop.buy(shop.product())
    refund(shop, checkout.order)
    shop.sandbox.clear_refund(checkout)
    shop.clock.go(hours=2)
    shop.store.payments.reconcile()
    assert states(shop) == ["succeeded"]


def test_a_refund_that_fails_later_gives_access_back(shop: Shop) -> None:
    """Be it on its way, or told to have succeeded."""
    for number, pends in enumerate((True, False)):
        shop.sandbox.refunds_pend = pends
        book = shop.product(f"Pends: {pends}")
        checkout = shop.buy(book)
        refund(shop, checkout.order)
        assert access(shop, book) == "revoked"
        shop.deliver(shop.sandbox.fail_refund(checkout))
        assert states(shop)[-1] == "failed"
        assert access(shop, book) == "live"
        assert waiting(shop) == ["refund_failed"] * (number + 1)
        assert events(shop).count("RefundFailed") == number + 1
        assert refund(shop, checkout.order).amount == usd("29.00")  # nothing is reserved now


def test_a_failed_refund_is_tried_again_as_another_one(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    refund(shop, checkout.order, "5.00")
    shop.deliver(shop.sandbox.fail_refund(checkout))
    shop.store.payments.resolve(
        shop.operator, action(shop, "refund_failed"), choice="retry", reason="card is new"
    )
    assert states(shop) == ["failed", "succeeded"]
    assert given_back(shop, checkout) == [(500, "failed"), (500, "succeeded")]
    assert on_lines_that_hold(shop) == 500
    assert waiting(shop) == []


def on_lines_that_hold(shop: Shop) -> int:
    return int(
        shop.rows(
            "SELECT SUM(l.amount) FROM digistore_refund_lines l JOIN digistore_refunds r"
            " ON r.id = l.refund_id WHERE r.state = 'succeeded'"
        )[0][0]
    )


def test_a_retry_never_gives_back_more_than_its_lines_have_left(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    first, _ = checkout.order.lines
    refund(shop, first)
    shop.deliver(shop.sandbox.fail_refund(checkout))
    refund(shop, first, "7.00")
    shop.store.payments.resolve(
        SYSTEM, action(shop, "refund_failed"), choice="retry", reason="again"
    )
    assert given_back(shop, checkout)[1:] == [(700, "succeeded"), (300, "succeeded")]


def test_an_unknown_outcome_stays_unknown_and_moves_money_once(shop: Shop) -> None:
    faults: tuple[FaultName, ...] = ("timeout", "lost_reply", "server_error")
    made = {fault: shop.buy(shop.product(fault)) for fault in faults}
    for fault, checkout in made.items():
        shop.sandbox.fail_next(fault, method="refund")
        assert refund(shop, checkout.order).state == "unknown"
        assert access(shop, checkout.order.lines[0].product_id) == "live"  # it is never guessed
        with pytest.raises(NotRefundable, match="nothing_left"):  # its money is reserved
            refund(shop, checkout.order)
        shop.sandbox.fail_next(fault, method="refund")
    for _ in range(3):
        shop.clock.go(minutes=40)
        shop.store.payments.reconcile()
    assert states(shop) == ["succeeded"] * 3
    for checkout in made.values():
        assert access(shop, checkout.order.lines[0].product_id) == "revoked"
        assert given_back(shop, checkout) == [(2900, "succeeded")]
    assert len(set(calls(shop, "refund"))) == 3 < len(calls(shop, "refund"))


def test_a_lost_answer_is_learned_from_the_message_as_well(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.sandbox.fail_next("lost_reply", method="refund")
    refund(shop, checkout.order)
    for signed in shop.sandbox.deliver(checkout):
        shop.deliver(signed)
    assert states(shop) == ["succeeded"]  # not a second row of the gateway's own
    assert access(shop, book) == "revoked"
    shop.clock.go(minutes=10)
    shop.store.payments.reconcile()
    assert given_back(shop, checkout) == [(2900, "succeeded")]


def test_after_the_key_is_forgotten_the_gateway_is_only_asked(shop: Shop) -> None:
    """A key is kept for 24 hours: a repeat after that could pay twice."""
    done, lost = shop.buy(shop.product("A")), shop.buy(shop.product("B"))
    shop.sandbox.fail_next("lost_reply", method="refund")
    refund(shop, done.order)
    shop.sandbox.fail_next("timeout", method="refund")
    refund(shop, lost.order)
    shop.clock.go(hours=21)
    shop.store.payments.reconcile()
    assert len(calls(shop, "refund")) == 2
    assert states(shop) == ["succeeded", "rejected"]
    assert waiting(shop) == ["refund_failed"]
    assert (given_back(shop, done), given_back(shop, lost)) == ([(2900, "succeeded")], [])


def test_a_gateway_that_asks_to_wait_is_asked_later(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    shop.sandbox.fail_next("rate_limit", method="refund")
    assert refund(shop, checkout.order).state == "requested"
    shop.clock.go(minutes=2)
    shop.store.payments.reconcile()
    assert states(shop) == ["succeeded"]


def test_what_the_gateway_refuses_is_rejected_and_told(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.sandbox.dashboard_refund(checkout, usd("20.00"))  # we have not heard of it yet
    with pytest.raises(NotRefundable):
        refund(shop, checkout.order)
    assert states(shop) == ["rejected"]
    assert waiting(shop) == ["refund_failed"]
    assert access(shop, book) == "live"
    assert refund(shop, checkout.order, "9.00").state == "succeeded"


def test_a_refund_made_at_the_gateway_is_heard_of(shop: Shop) -> None:
    """By message, and by reconcile where that is lost."""
    heard, lost = shop.product("A"), shop.product("B")
    shop.deliver(shop.sandbox.dashboard_refund(shop.buy(heard)))
    checkout = shop.buy(lost)
    shop.sandbox.dashboard_refund(checkout)
    assert (access(shop, heard), access(shop, lost)) == ("revoked", "live")
    shop.store.payments.reconcile()
    assert access(shop, lost) == "revoked"
    assert shop.count("refunds", "origin = 'gateway'") == 2
    with pytest.raises(NotRefundable, match="nothing_left"):
        refund(shop, checkout.order)


def test_a_refund_of_all_lines_at_the_gateway_needs_nobody(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    shop.deliver(shop.sandbox.dashboard_refund(checkout))
    assert on_lines(shop) == [("A", 1000), ("B", 2000)]
    assert waiting(shop) == []
    assert [access(shop, one.product_id) for one in checkout.order.lines] == ["revoked"] * 2


def test_somebody_says_which_line_a_refund_at_the_gateway_was_for(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    first, second = checkout.order.lines
    shop.deliver(shop.sandbox.dashboard_refund(checkout, usd("10.00")))
    assert waiting(shop) == ["unassigned_reversal"]
    assert [access(shop, one.product_id) for one in (first, second)] == ["live"] * 2
    found = action(shop, "unassigned_reversal")
    resolve = shop.store.payments.resolve
    with pytest.raises(Invalid):  # which one?
        resolve(shop.operator, found, choice="assign", reason="asked the seller")
    with pytest.raises(Invalid):
        resolve(shop.operator, found, choice="assign", reason="x", lines=["lin_unknown"])
    resolve(shop.operator, found, choice="assign", reason="asked the seller", lines=[first])
    assert access(shop, first.product_id) == "revoked"
    assert access(shop, second.product_id) == "live"
    assert on_lines(shop) == [("A", 1000)]
    assert waiting(shop) == []


def test_lines_that_cost_less_cannot_have_been_meant(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    shop.deliver(shop.sandbox.dashboard_refund(checkout, usd("10.01")))
    found = action(shop, "unassigned_reversal")
    first, second = checkout.order.lines
    with pytest.raises(Invalid) as caught:
        shop.store.payments.resolve(
            shop.operator, found, choice="assign", reason="x", lines=[first]
        )
    assert caught.value.fields == {"lines": "too_small"}
    shop.store.payments.resolve(
        shop.operator, found, choice="assign", reason="x", lines=[first.id, second.id]
    )
    assert sum(amount for _, amount in on_lines(shop)) == 1001


def test_once_all_is_back_the_open_question_settles_itself(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    shop.deliver(shop.sandbox.dashboard_refund(checkout, usd("10.00")))
    assert waiting(shop) == ["unassigned_reversal"]
    shop.deliver(shop.sandbox.dashboard_refund(checkout))
    assert waiting(shop) == []
    assert on_lines(shop) == [("A", 1000), ("B", 2000)]


def test_sellers_of_the_product_operators_and_the_host_give_money_back(shop: Shop) -> None:
    other = shop.new_seller("other@example.com")
    stranger = shop.store.users.register("stranger@example.com")
    checkout = shop.buy(shop.product())
    give = shop.store.payments.refund
    for actor in (shop.seller, shop.operator, SYSTEM):
        give(actor, checkout.order, amount=usd("1.00"), reason="fine")
    with pytest.raises(Forbidden, match="request_refund"):
        give(shop.buyer, checkout.order, reason="mine")
    for nobody in (other, stranger):
        with pytest.raises(NotFound):
            give(nobody, checkout.order, reason="not mine")
        with pytest.raises(NotFound):
            give(nobody, checkout.order.lines[0], reason="not mine")
    house = shop.buy(shop.product("The house's", seller=SYSTEM))
    with pytest.raises(NotFound):
        give(shop.seller, house.order, reason="not mine either")
    assert give(shop.operator, house.order, reason="fine").state == "succeeded"


def test_a_buyer_asks_and_nothing_moves(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    ask = shop.store.payments.request_refund
    asked = ask(shop.buyer, checkout.order, reason="it is not for me")
    assert (asked.kind, asked.reason) == ("refund_requested", "it is not for me")
    assert ask(shop.buyer, checkout.order, reason="again") == asked  # asked twice: one entry
    assert waiting(shop) == ["refund_requested"]
    assert events(shop).count("RefundRequested") == 1
    assert access(shop, book) == "live"
    assert calls(shop, "refund") == []
    assert [a.id for a in shop.store.payments.needing_action(shop.seller)] == [asked.id]


def test_only_the_buyer_asks_and_only_for_what_is_paid(shop: Shop) -> None:
    checkout, unpaid = shop.buy(shop.product("A")), shop.checkout(shop.product("B"))
    for staff in (shop.seller, shop.operator):
        with pytest.raises(Forbidden):
            shop.store.payments.request_refund(staff, checkout.order, reason="x")
    with pytest.raises(NotFound):
        shop.store.payments.request_refund(
            shop.store.users.register("s@example.com"), checkout.order, reason="x"
        )
    with pytest.raises(NotRefundable):
        shop.store.payments.request_refund(shop.buyer, unpaid.order, reason="x")


def test_a_request_that_is_granted_gives_the_line_back_and_no_more(shop: Shop) -> None:
    checkout = three_lines(shop, "10.00", "20.00")
    first, second = checkout.order.lines
    refund(shop, first, "4.00")
    shop.store.payments.request_refund(shop.buyer, first, reason="all of it")
    shop.store.payments.resolve(
        shop.operator, action(shop, "refund_requested"), choice="refund", reason="fine"
    )
    assert given_back(shop, checkout) == [(400, "succeeded"), (600, "succeeded")]
    assert on_lines(shop) == [("A", 1000)]
    assert access(shop, second.product_id) == "live"


def test_a_request_that_is_refused_leaves_all_as_it_is(shop: Shop) -> None:
    book = shop.product()
    shop.store.payments.request_refund(shop.buyer, shop.buy(book).order, reason="please")
    shop.store.payments.resolve(
        shop.operator, action(shop, "refund_requested"), choice="keep", reason="too late"
    )
    assert (waiting(shop), access(shop, book), shop.count("refunds")) == ([], "live", 0)


def test_what_was_refused_may_be_asked_again(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    ask = shop.store.payments.request_refund
    for number, reason in enumerate(("please", "it broke", "it broke again"), start=1):
        asked = ask(shop.buyer, checkout.order, reason=reason)
        assert (asked.reason, asked.resolved_at) == (reason, None)
        assert waiting(shop) == ["refund_requested"]
        assert events(shop).count("RefundRequested") == number
        assert events(shop).count("ActionNeeded") == number
        shop.clock.go(minutes=1)
        shop.store.payments.resolve(shop.operator, asked, choice="keep", reason="too late")
    assert waiting(shop) == []


@pytest.mark.parametrize("fault", ["timeout", "lost_reply", "server_error", "rate_limit"])
def test_circlefin_arc_commerce_43_a_refund_that_is_asked_again_under_its_key_moves_once(
    shop: Shop, fault: FaultName
) -> None:
    checkout = shop.buy(shop.product())
    shop.sandbox.fail_next(fault, method="refund")
    first = refund(shop, checkout.order, "10.00", idempotency_key="form-7")
    again = refund(shop, checkout.order, "10.00", idempotency_key="form-7")
    shop.clock.go(hours=1)
    shop.store.run_due()
    assert again.id == first.id
    assert given_back(shop, checkout) == [(1000, "succeeded")]
    assert refund(shop, checkout.order, "10.00", idempotency_key="form-7").state == "succeeded"
    assert refund(shop, checkout.order, "10.00", idempotency_key="form-8").id != first.id


def test_a_key_of_a_refund_stands_for_one_amount_and_line_of_one_order(shop: Shop) -> None:
    checkout, other = three_lines(shop, "9.00", "9.00"), shop.buy(shop.product("Z"))
    first, second = checkout.order.lines
    made = refund(shop, first, idempotency_key="once")
    assert refund(shop, first, idempotency_key="once").id == made.id
    for what, amount in ((second, None), (first, "1.00"), (checkout.order, "1.00")):
        with pytest.raises(IdempotencyConflict):
            refund(shop, what, amount, idempotency_key="once")
    assert refund(shop, other.order, "1.00", idempotency_key="once").id != made.id
    assert given_back(shop, checkout) == [(900, "succeeded")]


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "\n", "\u00e9", 7])
def test_a_key_of_a_refund_is_printable_ascii(shop: Shop, key: Any) -> None:
    checkout = shop.buy(shop.product())
    with pytest.raises(Invalid):
        refund(shop, checkout.order, idempotency_key=key)
    assert states(shop) == []


def test_nothing_is_kept_of_a_refund_by_a_gateway_that_is_gone(
    shop: Shop, open_store: OpenStore
) -> None:
    """It raised, was kept all the same, and moved money when the gateway was back."""
    checkout = shop.buy(shop.product())
    without = open_store(gateways=[])
    for _ in range(2):
        with pytest.raises(GatewayConfigError, match="no gateway named sandbox"):
            without.payments.refund(shop.seller, checkout.order, amount=usd("10.00"), reason="x")
    assert states(shop) == []
    (sign,) = without.doctor().warnings
    assert sign.startswith("1 payments came by the gateway sandbox, which is not configured")
