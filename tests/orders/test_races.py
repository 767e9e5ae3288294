"""Several at once: of one wish there is one order, whoever clicks how often."""

from __future__ import annotations

from typing import Any

import pytest

from digistore import SYSTEM, Money, Product, Store
from digistore.errors import AlreadyOwned
from digistore.orders import Checkout
from digistore.users import User
from tests.conftest import RETURN
from tests.extent import extent
from tests.races import MANY, Race

pytestmark = pytest.mark.long

ROUNDS = extent(2, 150)


def a_product(store: Store, price: str = "29.00") -> Product:
    product = store.catalog.add_product(SYSTEM, title="Book", price=Money(price, "USD"))
    store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    return store.catalog.put_on_sale(SYSTEM, product)


def clicks(buyer: User, product: Product, **kwargs: Any) -> Any:
    return lambda store: store.orders.checkout(buyer, [product], return_url=RETURN, **kwargs)


def test_clicks_at_once_are_one_order_with_one_url(race: Race) -> None:
    book = a_product(race.store)
    for number in range(ROUNDS):
        buyer = race.store.users.register(f"buyer{number}@example.com")
        made = race.at_once(*[clicks(buyer, book)] * MANY)
        assert len({(checkout.order.id, checkout.url) for checkout in made}) == 1
    keys = {call.key for call in race.sandbox.calls if call.method == "create_checkout"}
    assert len(keys) == ROUNDS


def test_clicks_at_once_under_one_key_are_one_order(race: Race) -> None:
    book = a_product(race.store)
    for number in range(ROUNDS):
        buyer = race.store.users.register(f"buyer{number}@example.com")
        made = race.at_once(*[clicks(buyer, book, idempotency_key="form-7")] * MANY)
        assert len({(checkout.order.id, checkout.url) for checkout in made}) == 1


def test_different_wishes_at_once_leave_one_that_can_be_paid(race: Race) -> None:
    book = a_product(race.store)
    for number in range(ROUNDS):
        buyer = race.store.users.register(f"buyer{number}@example.com")
        made = race.at_once(*(clicks(buyer, book, metadata={"tab": tab}) for tab in range(MANY)))
        assert any(isinstance(one, Checkout) for one in made), made
        states = [str(order.state) for order in race.store.orders.my_orders(buyer)]
        assert states.count("open") == 1
        assert set(states) <= {"open", "canceled"}


def test_what_is_free_is_taken_once_at_once(race: Race) -> None:
    book = a_product(race.store, "0")
    for number in range(ROUNDS):
        buyer = race.store.users.register(f"buyer{number}@example.com")
        told = race.at_once(*[clicks(buyer, book)] * MANY)
        made = [one for one in told if isinstance(one, Checkout)]
        assert [checkout.order.state for checkout in made] == ["paid"]
        assert sum(isinstance(one, AlreadyOwned) for one in told) == MANY - 1, told


def test_friends_who_give_each_other_presents_at_once_both_can(race: Race) -> None:
    book = a_product(race.store)
    for number in range(ROUNDS):
        one, other = (
            race.store.users.register(f"{name}{number}@example.com") for name in ("ada", "bob")
        )
        made = race.at_once(
            *[clicks(one, book, gift_to=other.id), clicks(other, book, gift_to=one.id)] * 2
        )
        assert len({checkout.order.id for checkout in made}) == 2, made
