"""What becomes of a request when its money, or the money of its product, goes or comes back."""

from __future__ import annotations

import pytest

from digistore import SYSTEM, Effect
from digistore.errors import Forbidden, InvalidTransition, NotRefundable
from tests.conftest import Shop
from tests.payments.asking import access, given_back, usd, waiting
from tests.support.desk import (
    SETUP,
    ask,
    bought,
    brought_to,
    checkout_of,
    now,
    offer,
    opened,
    support_events,
)


def test_all_of_its_money_back_ends_a_request_and_a_failed_refund_resumes_it(shop: Shop) -> None:
    book = bought(shop)
    for state in ("open", "in_progress", "waiting"):
        request = brought_to(shop, book, state)
        shop.store.payments.refund(shop.seller, request.order_id, reason="x")
        found = now(shop, request)
        assert (found.state, found.money_back) == ("canceled", True)
        with pytest.raises(InvalidTransition):
            shop.store.support.reply(shop.buyer, request, "And now?")
        shop.deliver(shop.sandbox.fail_refund(checkout_of(shop, request)))
        found = now(shop, request)
        assert (found.state, found.money_back) == (state, False)
    told = support_events(shop)
    assert (told.count("SupportCanceled"), told.count("SupportReopened")) == (3, 3)


def test_a_dispute_puts_a_request_on_hold_and_its_end_decides(shop: Shop) -> None:
    request = brought_to(shop, bought(shop), "waiting")
    where = checkout_of(shop, request)
    shop.deliver(shop.sandbox.open_dispute(where))
    found = now(shop, request)
    assert (found.state, found.on_hold) == ("waiting", True)
    shop.deliver(shop.sandbox.close_dispute(where, "won"))
    assert now(shop, request).on_hold is False
    for ending, state in (("lost", "canceled"), ("won", "waiting"), ("prevented", "canceled")):
        shop.deliver(shop.sandbox.close_dispute(where, ending))  # type: ignore[arg-type]
        assert (now(shop, request).state, now(shop, request).on_hold) == (state, False), ending
    assert waiting(shop) == []


def test_part_of_its_money_back_changes_nothing(shop: Shop) -> None:
    request = opened(shop, bought(shop))
    shop.store.payments.refund(
        shop.seller, request.order_id, amount=usd("10"), reason="x", access=Effect.REVOKE
    )
    assert (now(shop, request).state, now(shop, request).money_back) == ("open", False)


def test_of_a_resolved_request_only_a_flag_changes(shop: Shop) -> None:
    request = brought_to(shop, bought(shop), "resolved")
    shop.store.payments.refund(shop.seller, request.order_id, reason="x")
    found = now(shop, request)
    assert (found.state, found.money_back) == ("resolved", True)
    with pytest.raises(InvalidTransition, match="refunded"):
        shop.store.support.reopen(shop.buyer, request)
    shop.deliver(shop.sandbox.fail_refund(checkout_of(shop, request)))
    assert now(shop, request).money_back is False
    shop.deliver(shop.sandbox.open_dispute(checkout_of(shop, request)))
    found = now(shop, request)
    assert (found.state, found.on_hold) == ("resolved", False)
    shop.deliver(shop.sandbox.close_dispute(checkout_of(shop, request), "lost"))
    assert (now(shop, request).state, now(shop, request).money_back) == ("resolved", True)


def test_a_waiver_is_a_recorded_refund_and_never_a_zero_price(shop: Shop) -> None:
    """D9."""
    book = bought(shop)
    request = opened(shop, book)
    back = shop.store.support.waive(shop.seller, request, reason="it was a bug of ours")
    assert back.amount == SETUP
    found = now(shop, request)
    assert (found.state, found.price) == ("canceled", SETUP)
    assert given_back(shop, checkout_of(shop, request)) == [(4900, "succeeded")]
    assert access(shop, book) == "live"  # D11: the product does not depend on it
    with pytest.raises(NotRefundable):
        shop.store.support.waive(shop.seller, request, reason="again")
    with pytest.raises(NotRefundable):
        shop.store.support.waive(shop.seller, ask(shop, book, "Unpaid").request, reason="x")
    resolved = brought_to(shop, book, "resolved")
    shop.store.support.waive(SYSTEM, resolved, reason="took too long")
    assert (now(shop, resolved).state, now(shop, resolved).money_back) == ("resolved", True)


def test_who_only_helps_gives_no_money_back(shop: Shop) -> None:
    helper = shop.store.users.register("helper@example.com")
    request = opened(shop, bought(shop))
    shop.store.support.assign(shop.seller, request, assignee=helper)
    for actor in (helper, shop.buyer):
        with pytest.raises(Forbidden):
            shop.store.support.waive(actor, request, reason="be nice")
    assert shop.count("refunds") == 0


def test_a_paid_request_stays_when_access_goes_and_is_on_hold_while_suspended(shop: Shop) -> None:
    book = shop.product()
    offer(shop, book)
    bought_by = shop.buy(book)
    request = opened(shop, book)
    shop.deliver(shop.sandbox.open_dispute(bought_by))
    assert (now(shop, request).state, now(shop, request).on_hold) == ("open", True)
    shop.deliver(shop.sandbox.close_dispute(bought_by, "won"))
    assert now(shop, request).on_hold is False
    shop.store.payments.refund(shop.seller, bought_by.order, reason="x")
    assert (access(shop, book), now(shop, request).state) == ("revoked", "open")


def test_refunding_help_leaves_product_and_other_requests_alone(shop: Shop) -> None:
    """D10, D11."""
    book = bought(shop)
    first, second = opened(shop, book, "One"), opened(shop, book, "Two")
    shop.store.payments.refund(shop.seller, first.order_id, reason="x")
    assert (now(shop, first).state, now(shop, second).state) == ("canceled", "open")
    assert access(shop, book) == "live"
    assert shop.store.downloads.files(shop.buyer, book)
