"""One code is taken once, and money that comes meanwhile finds its way, whoever is faster."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from digistore import SYSTEM
from digistore.errors import Invalid
from digistore.payments import WebhookOutcome
from digistore.users import User
from tests.conftest import RETURN
from tests.extent import extent
from tests.orders.test_races import a_product
from tests.races import MANY, Race

pytestmark = pytest.mark.long

ROUNDS = extent(2, 150)


def claims(address: str, code: str, who: User, store: Any) -> Any:
    return store.users.claim(who, address, code)


def test_one_code_typed_by_many_at_once_is_taken_by_one(race: Race) -> None:
    book = a_product(race.store, "0")
    for number in range(ROUNDS):
        address = f"g{number}@example.com"
        race.store.orders.checkout(race.store.users.guest(address), [book], return_url=RETURN)
        people = [
            race.store.users.register(f"u{number}-{each}@example.com") for each in range(MANY)
        ]
        code = race.store.users.start_claim(address)
        told = race.at_once(*(partial(claims, address, code, who) for who in people))
        assert sum(isinstance(one, Invalid) for one in told) == MANY - 1, told
        assert sum(bool(race.store.entitlements.check(one, book)) for one in people) == 1


def test_a_payment_and_a_claim_at_once_end_in_one_place(race: Race) -> None:
    book = a_product(race.store)
    buyer = race.store.users.register("ada@example.com")
    for number in range(ROUNDS):
        address = f"g{number}@example.com"
        checkout = race.store.orders.checkout(
            buyer, [book], return_url=RETURN, gift_to=address, allow_repeat=True
        )
        friend, signed = race.store.users.register(address), race.sandbox.pay(checkout)
        heard, claimed = race.at_once(
            lambda store: store.payments.handle_webhook("sandbox", *signed),  # noqa: B023
            lambda store: store.users.claim_verified(SYSTEM, friend, address),  # noqa: B023
        )
        assert isinstance(heard, WebhookOutcome), heard
        assert heard.status == 200
        assert not isinstance(claimed, Exception), claimed
        assert race.store.entitlements.check(friend, book)
