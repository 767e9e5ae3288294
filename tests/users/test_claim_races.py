"""One code is taken once, and money that comes meanwhile finds its way, whoever is faster."""

from __future__ import annotations

import threading
from pathlib import Path

from digistore import SYSTEM, DigistoreError
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import check_invariants
from tests.conftest import RETURN
from tests.orders.test_races import a_sale, open_store

MANY = 8


def test_one_code_typed_by_many_at_once_is_taken_by_one(template: Path, tmp_path: Path) -> None:
    with open_store(template, tmp_path, SandboxGateway()) as store:
        _, book = a_sale(store, "0")
        store.orders.checkout(store.users.guest("g@example.com"), [book], return_url=RETURN)
        people = [store.users.register(f"u{number}@example.com") for number in range(MANY)]
        code = store.users.start_claim("g@example.com")
        begin, told = threading.Barrier(MANY), list[str]()

        def claim(number: int) -> None:
            begin.wait(60)
            try:
                store.users.claim(people[number], "g@example.com", code)
                told.append("claimed")
            except DigistoreError as error:
                told.append(error.code)

        threads = [threading.Thread(target=claim, args=(number,)) for number in range(MANY)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(told) == ["claimed", *["invalid"] * (MANY - 1)]
        assert sum(bool(store.entitlements.check(one, book)) for one in people) == 1
        check_invariants(store)


def test_a_payment_and_a_claim_at_once_end_in_one_place(template: Path, tmp_path: Path) -> None:
    sandbox = SandboxGateway()
    with open_store(template, tmp_path, sandbox) as store:
        buyer, book = a_sale(store)
        for number in range(5):
            address = f"g{number}@example.com"
            checkout = store.orders.checkout(
                buyer, [book], return_url=RETURN, gift_to=address, allow_repeat=True
            )
            friend, signed = store.users.register(address), sandbox.pay(checkout)
            begin = threading.Barrier(2)

            def pay() -> None:
                begin.wait(60)  # noqa: B023  joined below
                store.payments.handle_webhook("sandbox", *signed)  # noqa: B023

            def claim() -> None:
                begin.wait(60)  # noqa: B023
                store.users.claim_verified(SYSTEM, friend, address)  # noqa: B023

            threads = [threading.Thread(target=one) for one in (pay, claim)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert store.entitlements.check(friend, book)
        check_invariants(store)
