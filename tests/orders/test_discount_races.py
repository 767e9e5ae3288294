"""The last use of a discount is taken once, whoever comes at the same moment."""

from __future__ import annotations

import threading
from pathlib import Path

from digistore import SYSTEM, DigistoreError, Money, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import OrderState
from digistore.testing import check_invariants
from tests.conftest import RETURN
from tests.orders.test_races import open_store

BUYERS, LIMIT = 50, 10


def test_GHSA_9rh9_hf3w_9fgg_fifty_buyers_at_once_take_a_discount_of_ten_exactly_ten_times(
    template: Path, tmp_path: Path
) -> None:
    with open_store(template, tmp_path, SandboxGateway()) as store:
        product = store.catalog.add_product(SYSTEM, title="Book", price=Money("29.00", "USD"))
        store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
        book = store.catalog.put_on_sale(SYSTEM, product)
        discount = store.orders.add_discount(SYSTEM, "TEN", percent=100, max_uses=LIMIT)
        buyers = [store.users.guest(f"b{number}@example.com") for number in range(BUYERS)]
        begin, codes = threading.Barrier(BUYERS), list[str]()

        def buy(store: Store, number: int) -> None:
            begin.wait(60)
            try:
                order = store.orders.checkout(
                    buyers[number], [book], return_url=RETURN, discount="TEN"
                ).order
                codes.append(str(order.state))
            except DigistoreError as error:
                codes.append(error.code)

        threads = [threading.Thread(target=buy, args=(store, n)) for n in range(BUYERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) == ["invalid"] * (BUYERS - LIMIT) + ["paid"] * LIMIT
        assert store.orders.retire_discount(SYSTEM, discount).used == LIMIT
        paid = [
            order
            for who in buyers
            for order in store.orders.my_orders(who)
            if order.state is OrderState.PAID
        ]
        assert {order.total.amount for order in paid} == {0}
        assert len(paid) == LIMIT
        check_invariants(store)
