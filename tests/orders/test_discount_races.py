"""The last use of a discount is taken once, whoever comes at the same moment."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from digistore import SYSTEM, Product
from digistore.orders import Checkout
from digistore.users import User
from tests.conftest import RETURN
from tests.extent import extent
from tests.orders.test_races import a_product
from tests.races import MANY, Race

pytestmark = pytest.mark.long


def buys(code: str, book: Product, buyer: User, store: Any) -> Any:
    return store.orders.checkout(buyer, [book], return_url=RETURN, discount=code)


def take(race: Race, code: str, buyers: int, limit: int) -> None:
    """Let *buyers* take a discount that has *limit* uses."""
    book = a_product(race.store)
    discount = race.store.orders.add_discount(SYSTEM, code, percent=100, max_uses=limit)
    people = [race.store.users.guest(f"{code}{number}@example.com") for number in range(buyers)]
    told = race.at_once(*(partial(buys, code, book, one) for one in people))
    taken = [one.order for one in told if isinstance(one, Checkout)]
    assert {(order.state, order.total.amount) for order in taken} == {("paid", 0)}
    assert len(taken) == limit
    refused = [one.code for one in told if not isinstance(one, Checkout)]
    assert refused == ["invalid"] * (buyers - limit)
    assert race.store.orders.retire_discount(SYSTEM, discount).used == limit


def test_GHSA_9rh9_hf3w_9fgg_fifty_buyers_at_once_take_a_discount_of_ten_exactly_ten_times(
    race: Race,
) -> None:
    take(race, "TEN", 50, 10)


def test_the_last_use_is_taken_once(race: Race) -> None:
    for number in range(extent(2, 150)):
        take(race, f"LAST{number}", MANY, 1)
