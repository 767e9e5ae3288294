"""Gifts: the beneficiary gets access and never sees who paid, or what."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money, PayWhatYouWant
from digistore.errors import AccessRequired, AlreadyOwned, Forbidden, Invalid, NotFound
from digistore.events import Event, GiftReceived, OrderPaid
from digistore.orders import Checkout
from digistore.users import User
from tests.conftest import Shop


def friend_of(shop: Shop, name: str = "friend") -> User:
    return shop.store.users.register(f"{name}@example.com")


def waiting(shop: Shop) -> list[str]:
    return [str(one.kind) for one in shop.store.payments.needing_action(shop.operator)]


def holder(checkout: Checkout) -> str:
    return checkout.order.lines[0].beneficiary_id


def test_the_beneficiary_gets_access_and_the_buyer_does_not(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    checkout = shop.checkout(book, gift_to=friend)
    assert not shop.store.entitlements.check(friend, book)
    shop.deliver(shop.sandbox.pay(checkout))
    assert shop.store.entitlements.check(friend, book)
    assert not shop.store.entitlements.check(shop.buyer, book)
    assert shop.buy(book).order.lines[0].beneficiary_id == shop.buyer.id


def test_the_beneficiary_never_sees_price_or_payer(shop: Shop) -> None:
    book = shop.product(price=PayWhatYouWant(minimum=Money("1.00", "USD")))
    friend = friend_of(shop)
    order = shop.buy(book, gift_to=friend, pay=Money("31.17", "USD")).order
    store = shop.store
    for call in (store.orders.get, store.orders.receipt, store.orders.cancel):
        with pytest.raises(NotFound):
            call(friend, order)
    with pytest.raises(NotFound):
        store.payments.request_refund(friend, order.lines[0], reason="not mine to ask")
    assert list(store.orders.my_orders(friend)) == []
    (mine,) = store.entitlements.my_products(friend)
    told = mine.model_dump_json()
    assert shop.buyer.id not in told
    assert "3117" not in told


def test_a_gift_is_told_of_by_an_event_that_names_no_payer(shop: Shop) -> None:
    told: list[Event] = []
    for kind in (GiftReceived, OrderPaid):
        shop.store.on(kind, told.append, name="host")
    book, friend = shop.product(), friend_of(shop)
    shop.buy(book, gift_to=friend)
    shop.store.run_due()
    shop.store.run_due()
    (gift,) = (one for one in told if isinstance(one, GiftReceived))
    assert (gift.user_id, gift.product_id) == (friend.id, book.id)
    assert shop.buyer.id not in gift.model_dump_json()
    shop.buy(shop.product("mine"))
    shop.store.run_due()
    assert sum(isinstance(one, GiftReceived) for one in told) == 1


def test_an_address_becomes_a_guest_once_however_often_it_is_clicked(shop: Shop) -> None:
    book = shop.product()
    first = shop.checkout(book, gift_to="New@Example.com")
    second = shop.checkout(book, gift_to="new@example.com ")
    assert (first.order.id, first.url) == (second.order.id, second.url)
    assert shop.count("users", "guest_email = 'new@example.com'") == 1


def test_an_address_never_tells_whether_somebody_has_an_account(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    shop.buy(book, friend)
    checkout = shop.buy(book, gift_to="friend@example.com")
    assert holder(checkout) != friend.id
    assert checkout.order.lines[0].outcome is None


def test_a_gift_to_a_users_of_the_host_makes_them_known(shop: Shop) -> None:
    book, host = shop.product(), HostUser("host-7", "ada@example.com")
    shop.buy(book, gift_to=host)
    assert shop.store.entitlements.check(host, book)


@pytest.mark.parametrize("given", ["usr_nobody", "", "not an address@", 7, SYSTEM])
def test_a_gift_to_nobody_is_named(shop: Shop, given: object) -> None:
    with pytest.raises(Invalid) as caught:
        shop.checkout(shop.product(), gift_to=given)
    assert set(caught.value.fields) == {"gift_to"}
    assert shop.count("orders") == 0


def test_a_quote_writes_nobody(shop: Shop) -> None:
    book, before = shop.product(), shop.count("users")
    quote = shop.store.orders.quote(shop.buyer, [book], gift_to="new@example.com")
    assert quote.total == Money("29.00", "USD")
    assert shop.count("users") == before


def test_a_gift_of_what_somebody_has_waits_and_is_never_returned_by_itself(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    own = shop.buy(book, friend)
    gift = shop.buy(book, gift_to=friend)
    order = shop.store.orders.get(shop.buyer, gift.order)
    assert order.lines[0].outcome == "standby"
    assert waiting(shop) == ["gift_standby"]
    assert shop.count("refunds") == 0
    shop.store.payments.refund(shop.seller, own.order, reason="asked for")
    assert shop.store.entitlements.check(friend, book)  # the gift steps in


def test_an_operator_gives_back_a_gift_that_waits(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    shop.buy(book, friend)
    gift = shop.buy(book, gift_to=friend)
    (action,) = shop.store.payments.needing_action(shop.operator)
    shop.store.payments.resolve(shop.operator, action, choice="refund", reason="had it")
    assert (
        shop.count(
            "refunds",
            f"payment_id IN (SELECT id FROM digistore_payments WHERE order_id = '{gift.order.id}')",
        )
        == 1
    )
    assert shop.store.entitlements.check(friend, book)


def test_a_gift_never_blocks_an_own_purchase_nor_the_other_way(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    gift = shop.checkout(book, gift_to=friend)
    own = shop.checkout(book)
    theirs = shop.checkout(book, friend)
    assert len({one.order.id for one in (gift, own, theirs)}) == 3
    for checkout in (gift, own):
        shop.deliver(shop.sandbox.pay(checkout))
    with pytest.raises(AlreadyOwned):
        shop.checkout(book, friend, metadata={"again": True})


def test_a_gift_may_be_free_and_bear_a_discount(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    shop.store.orders.add_discount(shop.seller, "GIFT", percent=100)
    checkout = shop.checkout(book, gift_to=friend, discount="GIFT")
    assert checkout.url is None
    assert shop.store.entitlements.check(friend, book)


def test_the_beneficiary_asks_for_help_and_the_giver_cannot(shop: Shop) -> None:
    book, friend = shop.product(), friend_of(shop)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="One hour."
    )
    shop.buy(book, gift_to=friend)
    terms: dict[str, Any] = {
        "kind": "setup",
        "subject": "Help",
        "body": "?",
        "return_url": "https://a.example",
    }
    assert shop.store.support.request(friend, book, **terms).checkout.url
    with pytest.raises(AccessRequired):
        shop.store.support.request(shop.buyer, book, **terms)


def test_a_gift_to_somebody_disabled_is_to_nobody(shop: Shop) -> None:
    guest = shop.store.users.guest("old@example.com")
    shop.store.users.claim_verified(SYSTEM, friend_of(shop), "old@example.com")
    with pytest.raises(Invalid):
        shop.checkout(shop.product(), gift_to=guest)
    with pytest.raises(Forbidden):
        shop.checkout(shop.product("b"), guest)
