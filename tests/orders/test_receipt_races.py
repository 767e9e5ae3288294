"""Receipts drawn by many at once: numbers 1 to n, whoever is interrupted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from digistore import SYSTEM, Money, Store
from digistore.blocking import run
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout
from digistore.orders.receipts import issuing
from digistore.testing import check_invariants
from tests.conftest import RETURN, Shop
from tests.orders.test_races import open_store

MANY = 20


def some_checkouts(store: Store) -> list[Checkout]:
    product = store.catalog.add_product(SYSTEM, title="Book", price=Money("29.00", "USD"))
    store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    store.catalog.put_on_sale(SYSTEM, product)
    buyers = [store.users.register(f"buyer{number}@example.com") for number in range(MANY)]
    return [store.orders.checkout(buyer, [product], return_url=RETURN) for buyer in buyers]


def all_at_once(calls: list[Callable[[], Any]]) -> None:
    begin, failed = threading.Barrier(len(calls)), list[BaseException]()

    def work(call: Callable[[], Any]) -> None:
        begin.wait(60)
        try:
            call()
        except BaseException as error:  # noqa: BLE001  told to the test, which ends the thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def numbers(store: Store, checkouts: list[Checkout]) -> list[str | None]:
    return sorted((store.orders.receipt(SYSTEM, one.order).number for one in checkouts), key=str)


EXPECTED = [f"TEST-R-{number:06d}" for number in range(1, MANY + 1)]


def test_twenty_threads_settle_twenty_orders_and_the_numbers_have_no_gap(
    template: Path, tmp_path: Path
) -> None:
    sandbox = SandboxGateway()
    with open_store(template, tmp_path, sandbox) as store:
        checkouts = some_checkouts(store)
        told = [sandbox.pay(one) for one in checkouts]

        def settle(signed: tuple[bytes, dict[str, str]]) -> None:
            store.payments.handle_webhook("sandbox", *signed)
            store.run_due()

        all_at_once([lambda one=one: settle(one) for one in told])  # type: ignore[misc]
        store.run_due()  # what another one had leased when its own round ended
        assert numbers(store, checkouts) == EXPECTED
        check_invariants(store)


def test_of_one_order_there_is_one_receipt_whoever_draws_it(template: Path, tmp_path: Path) -> None:
    sandbox = SandboxGateway()
    with open_store(template, tmp_path, sandbox) as store:
        (checkout, *_) = some_checkouts(store)
        store.payments.handle_webhook("sandbox", *sandbox.pay(checkout))
        book = store._shop.orders.receipts
        all_at_once([lambda: run(book.issue(checkout.order.id))] * 8)
        assert store.orders.receipt(SYSTEM, checkout.order).number == EXPECTED[0]
        check_invariants(store)


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
