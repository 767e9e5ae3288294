"""The return page's door: the gateway is asked, seldom enough, and the answer is never a guess."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import SYSTEM
from digistore.errors import Forbidden, GatewayUnavailable, NotFound
from digistore.gateways.sandbox.controls import FaultName
from digistore.payments import ConfirmState
from tests.conftest import Shop
from tests.payments.asking import access, calls, state, usd


def confirm(shop: Shop, checkout: Any, actor: Any = None) -> str:
    told = shop.store.payments.confirm(actor or shop.buyer, checkout.order)
    assert told.order.id == checkout.order.id
    return str(told.state)


def test_the_return_page_alone_opens_access(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)  # its message is lost
    assert confirm(shop, checkout) == "paid"
    assert access(shop, book) == "live"
    assert shop.count("provider_events") == 0


def test_it_says_what_became_of_the_money(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    assert confirm(shop, checkout) == "try_again"  # the buyer looked and did not pay
    shop.sandbox.pay(checkout, "declined")
    shop.clock.go(seconds=2)
    assert confirm(shop, checkout) == "try_again"
    shop.sandbox.pay(checkout, "delayed")
    shop.clock.go(seconds=2)
    assert confirm(shop, checkout) == "on_its_way"
    shop.sandbox.clear(checkout)
    shop.clock.go(seconds=2)
    assert confirm(shop, checkout) == "paid"


def test_delayed_money_that_never_comes_is_to_be_tried_again(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.sandbox.pay(checkout, "delayed")
    assert confirm(shop, checkout) == "on_its_way"
    shop.sandbox.clear(checkout, ok=False)
    shop.clock.go(seconds=2)
    assert confirm(shop, checkout) == "try_again"
    assert state(shop, checkout) == "open"


def test_an_order_that_ended_is_to_be_tried_again(shop: Shop) -> None:
    canceled, expired = shop.checkout(shop.product("A")), shop.checkout(shop.product("B"))
    shop.store.orders.cancel(shop.buyer, canceled.order)
    shop.clock.go(hours=13)
    shop.store.payments.reconcile()
    assert (state(shop, canceled), state(shop, expired)) == ("canceled", "expired")
    assert confirm(shop, canceled) == confirm(shop, expired) == "try_again"


def test_a_page_that_is_loaded_again_and_again_asks_every_two_seconds(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    for _ in range(5):
        confirm(shop, checkout)
    assert len(calls(shop, "resume")) == 1
    shop.clock.go(seconds=1.9)
    confirm(shop, checkout)
    assert len(calls(shop, "resume")) == 1
    shop.clock.go(seconds=0.1)
    confirm(shop, checkout)
    assert len(calls(shop, "resume")) == 2


def test_what_is_paid_is_not_asked_about(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    assert confirm(shop, checkout) == "paid"
    assert calls(shop, "resume") == []


def test_what_costs_nothing_is_paid(shop: Shop) -> None:
    checkout = shop.checkout(shop.product(price=usd("0")))
    assert checkout.url is None
    assert confirm(shop, checkout) == "paid"
    assert shop.sandbox.calls == ()


def test_the_buyer_operators_and_the_host_may_ask_nobody_else(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    for actor in (shop.buyer, shop.operator, SYSTEM):
        assert confirm(shop, checkout, actor) == "paid"
    with pytest.raises(NotFound):
        confirm(shop, checkout, shop.store.users.register("stranger@example.com"))
    with pytest.raises(Forbidden):  # who may see the order, but is not its buyer
        confirm(shop, checkout, shop.seller)
    with pytest.raises(NotFound):
        shop.store.payments.confirm(SYSTEM, "ord_unknown")


def test_while_the_gateway_is_down_it_says_what_is_known(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    faults: tuple[FaultName, ...] = ("timeout", "server_error", "rate_limit", "lost_reply")
    for fault in faults:
        shop.clock.go(seconds=2)
        shop.sandbox.fail_next(fault, method="resume")
        assert confirm(shop, checkout) == "try_again"
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    shop.sandbox.clear(checkout)
    for fault in faults:
        shop.clock.go(seconds=2)
        shop.sandbox.fail_next(fault, method="resume")
        assert confirm(shop, checkout) == "on_its_way"
    shop.clock.go(seconds=2)
    assert confirm(shop, checkout) == "paid"
    assert access(shop, book) == "live"


def test_an_order_whose_checkout_nobody_knows_is_to_be_tried_again(shop: Shop) -> None:
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as caught:
        shop.checkout(shop.product())
    told = shop.store.payments.confirm(shop.buyer, str(caught.value.order_id))
    assert told.state is ConfirmState.TRY_AGAIN
    assert calls(shop, "resume") == []


def test_what_the_page_hands_over_is_no_authority(shop: Shop) -> None:
    """W6: references and states that a client names are ignored."""
    cheap, dear = shop.buy(shop.product("Cheap")), shop.checkout(shop.product("Dear"))
    params = {"checkout": shop.sandbox.look_up(cheap).id, "state": "paid", "amount": "2900"}
    told = shop.store.payments.confirm(shop.buyer, dear.order, params=params)
    assert told.state is ConfirmState.TRY_AGAIN


def test_a_return_address_names_its_checkout_and_confirm_takes_that_name(shop: Shop) -> None:
    made = shop.store.orders.checkout(
        shop.buyer,
        [shop.product()],
        return_url="https://shop.example/back/{reference}",
        cancel_url="https://shop.example/stop?%7Breference%7D",
    )
    found = shop.sandbox.look_up(made)
    (reference,) = shop.rows("SELECT id FROM digistore_payment_attempts")[0]
    assert found.success_url == f"https://shop.example/back/{reference}"
    assert found.cancel_url == f"https://shop.example/stop?{reference}"
    shop.sandbox.pay(made)
    for who in (SYSTEM, shop.buyer):
        assert shop.store.payments.confirm(who, reference).state == "paid"
    with pytest.raises(NotFound):
        shop.store.payments.confirm(SYSTEM, "att_unknown")
    with pytest.raises(NotFound):
        shop.store.payments.confirm(shop.store.users.register("eve@example.com"), reference)
