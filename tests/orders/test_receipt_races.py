"""Receipts drawn by many at once: numbers 1 to n, whoever is interrupted."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from digistore import SYSTEM, AsyncStore, Store
from digistore.blocking import run
from digistore.orders import Checkout
from digistore.orders.receipts import issuing
from tests.conftest import RETURN, Shop
from tests.orders.test_races import a_product
from tests.races import Race

MANY = 20


def some_checkouts(store: Store) -> list[Checkout]:
    book = a_product(store)
    buyers = [store.users.register(f"buyer{number}@example.com") for number in range(MANY)]
    return [store.orders.checkout(buyer, [book], return_url=RETURN) for buyer in buyers]


def numbers(store: Store, checkouts: list[Checkout]) -> list[str | None]:
    return sorted((store.orders.receipt(SYSTEM, one.order).number for one in checkouts), key=str)


EXPECTED = [f"TEST-R-{number:06d}" for number in range(1, MANY + 1)]


def test_twenty_settle_twenty_orders_and_the_numbers_have_no_gap(race: Race) -> None:
    checkouts = some_checkouts(race.store)
    told = [race.sandbox.pay(one) for one in checkouts]
    heard = race.at_once(
        *(
            partial(lambda one, store: store.payments.handle_webhook("sandbox", *one), one)
            for one in told
        )
    )
    assert {one.status for one in heard} == {200}
    drawn = race.at_once(*[lambda store: store.run_due()] * 4)
    assert {report.failed for report in drawn} == {0}
    drawn.append(race.store.run_due())  # what another one had leased when its own round ended
    assert sum(report.receipts for report in drawn) == len(EXPECTED)
    assert numbers(race.store, checkouts) == EXPECTED


def test_of_one_order_there_is_one_receipt_whoever_draws_it(race: Race) -> None:
    (checkout, *_) = some_checkouts(race.store)
    race.store.payments.handle_webhook("sandbox", *race.sandbox.pay(checkout))

    async def draw(store: Any) -> None:
        await store._shop.orders.receipts.issue(checkout.order.id)

    race.at_once(
        *[lambda store: draw(store) if isinstance(store, AsyncStore) else run(draw(store))] * 8
    )
    assert race.store.orders.receipt(SYSTEM, checkout.order).number == EXPECTED[0]


def test_who_dies_between_number_and_document_leaves_no_gap(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number is drawn in the transaction that writes its document: it dies with it."""
    store_document = issuing._store
    deaths = iter([True, False, True])

    async def die(*args: Any, **kwargs: Any) -> None:
        if next(deaths, False):
            raise OSError
        await store_document(*args, **kwargs)

    checkouts = [shop.buy(shop.product(title)) for title in ("One", "Two", "Three")]
    monkeypatch.setattr(issuing, "_store", die)
    report = shop.store.run_due()
    assert (report.receipts, report.failed) == (1, 2)
    shop.clock.go(seconds=11)
    assert shop.store.run_due().receipts == 2
    assert numbers(shop.store, checkouts) == EXPECTED[:3]
