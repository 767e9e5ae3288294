"""What help costs and covers: published before it is bought, never free."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from digistore import SYSTEM
from digistore.errors import Forbidden, Invalid, NotFound
from tests.conftest import Shop
from tests.past import connection_to
from tests.payments.asking import usd
from tests.support.desk import SCOPE, SETUP, ask, bought, offer


def test_offers_are_shown_to_everybody_cheapest_first(shop: Shop) -> None:
    book = shop.product()
    offer(shop, book, "setup")
    offer(shop, book, "product_issue", usd("9.00"))
    for visitor in (None, shop.buyer, shop.seller, SYSTEM):
        shown = shop.store.support.offers(visitor, book)
        assert [(one.kind, one.price) for one in shown] == [
            ("product_issue", usd("9.00")),
            ("setup", SETUP),
        ]


def test_a_new_offer_takes_the_place_of_the_old_one(shop: Shop) -> None:
    book = shop.product()
    old = offer(shop, book)
    new = offer(shop, book, price=usd("39.00"))
    assert shop.store.support.offers(None, book) == (new,)
    assert old.id != new.id
    assert shop.count("support_offers") == 2  # what was once offered stays in the books


def test_help_is_never_free(shop: Shop) -> None:
    """D9, and the database says it again."""
    book = shop.product()
    wrong: tuple[Any, ...] = (usd("0"), usd("-1"), 49, 49.0, True, "49.00", None)
    for price in wrong:
        with pytest.raises(Invalid) as caught:
            offer(shop, book, price=price)
        assert caught.value.fields == {"price": "not_positive"}
    assert shop.store.support.offers(None, book) == ()
    offer(shop, book)
    target = getattr(shop.store, "_target", shop.store)
    with (
        connection_to(target._shop.database) as connection,
        pytest.raises(IntegrityError, match="digistore_support_offers_never_free"),
    ):
        connection.exec_driver_sql("UPDATE digistore_support_offers SET price = 0")


def test_kind_and_scope_are_checked(shop: Shop) -> None:
    book = shop.product()
    for field, value in (
        ("kind", "Set up"),
        ("kind", ""),
        ("kind", "x" * 41),
        ("scope", ""),
        ("scope", "x" * 2001),
        ("scope", "a\0b"),
    ):
        given: dict[str, Any] = {"kind": "setup", "scope": SCOPE, field: value}
        with pytest.raises(Invalid) as caught:
            shop.store.support.offer(shop.seller, book, price=SETUP, **given)
        assert set(caught.value.fields) == {field}


def test_only_who_sells_the_product_offers_help_with_it(shop: Shop) -> None:
    book, house = shop.product(), shop.product("The house's", seller=SYSTEM)
    other = shop.new_seller("other@example.com")
    for actor in (shop.buyer, other):
        with pytest.raises(Forbidden):
            shop.store.support.offer(actor, book, kind="setup", price=SETUP, scope=SCOPE)
    with pytest.raises(Forbidden):
        shop.store.support.offer(shop.seller, house, kind="setup", price=SETUP, scope=SCOPE)
    for staff in (shop.operator, SYSTEM):
        made = shop.store.support.offer(staff, house, kind="setup", price=SETUP, scope=SCOPE)
        assert made.product_id == house.id
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=usd("1"))
    for visitor in (None, other):
        with pytest.raises(NotFound):
            shop.store.support.offers(visitor, draft)


def test_every_purchase_says_whether_help_is_to_be_had_and_what_it_costs(shop: Shop) -> None:
    """Not hidden but shown, with the reason (Astoundify/donkey#38)."""
    helped, without = bought(shop, "Helped"), shop.product("Without")
    shop.clock.go(minutes=1)
    shop.buy(without)
    disputed, refunded = shop.product("Disputed"), shop.product("Refunded")
    for product in (disputed, refunded):
        offer(shop, product)
        shop.clock.go(minutes=1)
        checkout = shop.buy(product)
        if product is disputed:
            shop.deliver(shop.sandbox.open_dispute(checkout))
        else:
            shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    shop.product("Never bought")
    shown = shop.store.support.eligibility(shop.buyer)
    assert [(one.purchase.product_id, one.eligible, one.reason) for one in shown] == [
        (helped.id, True, "eligible"),
        (without.id, False, "no_offers"),
        (disputed.id, False, "suspended"),
        (refunded.id, False, "revoked"),
    ]
    assert [offer.price for offer in shown[0].offers] == [SETUP]
    assert all(one.offers == () for one in shown[1:])
    assert shop.store.support.eligibility(shop.store.users.register("new@example.com")) == ()


def test_a_kind_that_is_not_offered_any_more_is_refused_by_name(shop: Shop) -> None:
    book = bought(shop)
    with pytest.raises(Invalid) as caught:
        ask(shop, book, kind="deployment")
    assert caught.value.fields == {"kind": "not_offered"}
