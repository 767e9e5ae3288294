"""Two at once: through the public API, at a barrier, on one file; no error reaches the caller."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from digistore import SYSTEM, Money, Product, Store, User
from digistore.entitlements import PurchasedProduct
from digistore.errors import AlreadyOwned, InvalidTransition, NotRefundable, PaymentInFlight
from digistore.gateways.sandbox import SandboxGateway
from digistore.orders import Checkout
from digistore.testing import check_invariants
from tests.conftest import RETURN, SECRET

pytestmark = pytest.mark.long

ROUNDS = 100


def at_once(*calls: Callable[[], object]) -> list[object]:
    """Make *calls* at the same moment, each in a thread; return what each returned or raised."""
    barrier = threading.Barrier(len(calls))
    results: list[object] = [AssertionError("did not run")] * len(calls)

    def make(number: int, call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            results[number] = call()
        except Exception as error:  # noqa: BLE001  it is looked at below
            results[number] = error

    threads = [
        threading.Thread(target=make, args=(number, call)) for number, call in enumerate(calls)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


class Races:
    """A shop on a file with a product, and a new buyer for each round."""

    def __init__(self, store: Store, rival: Store, sandbox: SandboxGateway) -> None:
        self.store = store
        self.rival = rival
        self.sandbox = sandbox
        self.book = self.product("Book")
        self.extra = self.product("Extra")

    def product(self, title: str) -> Product:
        product = self.store.catalog.add_product(SYSTEM, title=title, price=Money("29.00", "USD"))
        self.store.catalog.release(SYSTEM, product, version="1", files={"a.txt": b"a"})
        return self.store.catalog.put_on_sale(SYSTEM, product)

    def buyers(self) -> Iterator[User]:
        for number in range(ROUNDS):
            yield self.store.users.register(f"b{number}@example.com")

    def checkout(self, store: Store, buyer: User, *products: Product) -> Checkout:
        return store.orders.checkout(buyer, list(products), return_url=RETURN)

    def paid(self, buyer: User, *products: Product) -> Checkout:
        checkout = self.checkout(self.store, buyer, *products)
        self.store.payments.handle_webhook("sandbox", *self.sandbox.pay(checkout))
        return checkout

    def live(self, buyer: User) -> list[PurchasedProduct]:
        return [owned.purchase for owned in self.store.entitlements.my_products(buyer)]


@pytest.fixture(params=["one store", "two stores"])
def races(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Iterator[Races]:
    path = tmp_path / "shop.db"
    shutil.copy(template, path)
    sandbox = SandboxGateway()
    stores = [
        Store.open(
            f"sqlite:///{path}", files=f"file://{tmp_path}/files", gateways=[sandbox], secret=SECRET
        )
        for _ in range(1 if request.param == "one store" else 2)
    ]
    yield Races(stores[0], stores[-1], sandbox)
    check_invariants(stores[0])
    for store in stores:
        store.close()


def no_error(results: Sequence[object]) -> None:
    assert not [one for one in results if isinstance(one, Exception)], results


def test_two_threads_deliver_one_payment_and_it_opens_access_once(races: Races) -> None:
    for number, buyer in enumerate(races.buyers()):
        checkout = races.checkout(races.store, buyer, races.book)
        races.sandbox.pay(checkout)
        first, second = races.sandbox.deliver(checkout)[:2]  # one fact under two event ids
        told = (first, first) if number % 2 else (first, second)
        results = at_once(
            partial(races.store.payments.handle_webhook, "sandbox", *told[0]),
            partial(races.rival.payments.handle_webhook, "sandbox", *told[1]),
        )
        no_error(results)
        assert len(races.live(buyer)) == 1


def test_webhook_return_page_and_reconcile_meet_and_open_access_once(races: Races) -> None:
    for buyer in races.buyers():
        checkout = races.checkout(races.store, buyer, races.book)
        signed = races.sandbox.pay(checkout)
        results = at_once(
            partial(races.store.payments.handle_webhook, "sandbox", *signed),
            partial(races.rival.payments.confirm, buyer, checkout.order),
        )
        no_error(results)
        assert len(races.live(buyer)) == 1


def test_a_double_click_is_one_order_and_one_checkout_at_the_gateway(races: Races) -> None:
    for buyer in races.buyers():
        results = at_once(
            partial(races.checkout, races.store, buyer, races.book),
            partial(races.checkout, races.rival, buyer, races.book),
        )
        no_error(results)
        made = {(one.order.id, one.url) for one in results if isinstance(one, Checkout)}
        assert len(made) == 1
        assert len(races.store.orders.my_orders(buyer)) == 1


def test_two_checkouts_of_one_product_never_open_access_twice(races: Races) -> None:
    """One with the book, one with the book and more; what can be paid of them is paid at once."""
    for buyer in races.buyers():
        made = at_once(
            partial(races.checkout, races.store, buyer, races.book),
            partial(races.checkout, races.rival, buyer, races.book, races.extra),
        )
        right = (Checkout, AlreadyOwned, PaymentInFlight, InvalidTransition)
        assert not [one for one in made if not isinstance(one, right)], made
        for one in made:
            if isinstance(one, Checkout):
                state = races.sandbox.look_up(one).state
                if state == "open":
                    races.sandbox.pay(one)
        deliveries = [
            partial(store.payments.handle_webhook, "sandbox", *signed)
            for one in made
            if isinstance(one, Checkout)
            for signed, store in zip(
                races.sandbox.deliver(one), (races.store, races.rival), strict=False
            )
        ]
        no_error(at_once(*deliveries))
        books = [one for one in races.live(buyer) if one.product_id == races.book.id]
        assert len(books) == 1
    races.store.run_due()


def test_two_refunds_at_once_give_back_what_was_paid_and_no_more(races: Races) -> None:
    for buyer in races.buyers():
        order = races.paid(buyer, races.book).order
        results = at_once(
            partial(races.store.payments.refund, SYSTEM, order, reason="one"),
            partial(races.rival.payments.refund, SYSTEM, order, reason="two"),
        )
        losers = [one for one in results if isinstance(one, Exception)]
        assert [type(one) for one in losers] == [NotRefundable]
        receipt = races.store.orders.receipt(buyer, order)
        assert receipt.refunded == Money("29.00", "USD")
        assert races.live(buyer) == []


def test_a_refund_meets_a_settle_and_money_and_access_agree(races: Races) -> None:
    for buyer in races.buyers():
        checkout = races.checkout(races.store, buyer, races.book)
        paid = races.sandbox.pay(checkout)
        back = races.sandbox.dashboard_refund(checkout)
        no_error(
            at_once(
                partial(races.store.payments.handle_webhook, "sandbox", *paid),
                partial(races.rival.payments.handle_webhook, "sandbox", *back),
            )
        )
        assert races.live(buyer) == []
        assert races.store.orders.receipt(buyer, checkout.order).net == Money("0.00", "USD")


def test_a_revocation_meets_a_second_purchase_and_the_second_steps_in(races: Races) -> None:
    for buyer in races.buyers():
        races.paid(buyer, races.book)
        [first] = races.live(buyer)
        second = races.store.orders.checkout(
            buyer, [races.book], return_url=RETURN, allow_repeat=True
        )
        signed = races.sandbox.pay(second)
        no_error(
            at_once(
                partial(races.store.entitlements.revoke, SYSTEM, first, reason="shared"),
                partial(races.rival.payments.handle_webhook, "sandbox", *signed),
            )
        )
        [live] = races.live(buyer)
        assert live.order_id == second.order.id


def test_eight_threads_settle_one_payment_once(races: Races) -> None:
    for buyer in list(races.buyers())[:20]:
        checkout = races.checkout(races.store, buyer, races.book)
        signed = races.sandbox.pay(checkout)
        deliveries = [signed, *races.sandbox.deliver(checkout)]
        stores = (races.store, races.rival)
        calls = [
            partial(
                stores[n % 2].payments.handle_webhook, "sandbox", *deliveries[n % len(deliveries)]
            )
            for n in range(8)
        ]
        no_error(at_once(*calls))
        assert len(races.live(buyer)) == 1
