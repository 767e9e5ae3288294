"""Several at once: of one wish there is one order, whoever clicks how often."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

from digistore import SYSTEM, AsyncStore, DigistoreError, Money, Product, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout
from digistore.testing import check_invariants
from digistore.users import User
from tests.conftest import RETURN, SECRET

MANY = 6


def open_store(template: Path, folder: Path, sandbox: SandboxGateway) -> Store:
    shutil.copy(template, folder / "shop.db")
    return Store.open(
        f"sqlite:///{folder}/shop.db",
        files=f"file://{folder}/files",
        gateways=[sandbox],
        secret=SECRET,
    )


def a_sale(store: Store, price: str = "29.00") -> tuple[User, Product]:
    product = store.catalog.add_product(SYSTEM, title="Book", price=Money(price, "USD"))
    store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    return store.users.register("ada@example.com"), store.catalog.put_on_sale(SYSTEM, product)


def at_once(*calls: Callable[[], Checkout]) -> tuple[list[Checkout], list[DigistoreError]]:
    """Make all calls at a barrier, each in a thread of its own."""
    begin = threading.Barrier(len(calls))
    made, refused = list[Checkout](), list[DigistoreError]()

    def work(call: Callable[[], Checkout]) -> None:
        begin.wait(60)
        try:
            made.append(call())
        except DigistoreError as error:
            refused.append(error)

    threads = [threading.Thread(target=work, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made, refused


def test_clicks_at_once_are_one_order_with_one_url(template: Path, tmp_path: Path) -> None:
    sandbox = SandboxGateway()
    with open_store(template, tmp_path, sandbox) as store:
        buyer, book = a_sale(store)
        made, refused = at_once(
            *[lambda: store.orders.checkout(buyer, [book], return_url=RETURN)] * MANY
        )
        assert refused == []
        assert len({(checkout.order.id, checkout.url) for checkout in made}) == 1
        keys = {call.key for call in sandbox.calls if call.method == "create_checkout"}
        assert len(keys) == 1
        check_invariants(store)


def test_different_wishes_at_once_leave_one_that_can_be_paid(
    template: Path, tmp_path: Path
) -> None:
    sandbox = SandboxGateway()
    with open_store(template, tmp_path, sandbox) as store:
        buyer, book = a_sale(store)
        made, _ = at_once(
            *(
                lambda number=number: store.orders.checkout(
                    buyer, [book], return_url=RETURN, metadata={"tab": number}
                )
                for number in range(MANY)
            )
        )
        assert made
        states = [str(order.state) for order in store.orders.my_orders(buyer)]
        assert states.count("open") == 1
        assert set(states) <= {"open", "canceled"}
        check_invariants(store)


def test_what_is_free_is_taken_once_at_once(template: Path, tmp_path: Path) -> None:
    with open_store(template, tmp_path, SandboxGateway()) as store:
        buyer, book = a_sale(store, "0")
        made, refused = at_once(
            *[lambda: store.orders.checkout(buyer, [book], return_url=RETURN)] * MANY
        )
        assert [checkout.order.state for checkout in made] == ["paid"]
        assert {error.code for error in refused} == {"already_owned"}
        assert len(refused) == MANY - 1
        check_invariants(store)


def test_tasks_that_click_at_once_get_one_order(template: Path, tmp_path: Path) -> None:
    sandbox = SandboxGateway()
    with open_store(template, tmp_path, sandbox) as store:
        buyer, book = a_sale(store)

    async def whole() -> list[Checkout]:
        async with AsyncStore.open(
            f"sqlite:///{tmp_path}/shop.db",
            files=f"file://{tmp_path}/files",
            gateways=[sandbox],
            secret=SECRET,
        ) as other:
            clicks = (other.orders.checkout(buyer, [book], return_url=RETURN) for _ in range(MANY))
            return await asyncio.gather(*clicks)

    made = asyncio.run(whole())
    assert len({(checkout.order.id, checkout.url) for checkout in made}) == 1
