"""Killed at any point of a checkout, a settle or a refund, the shop comes to the same end.

The process dies by SIGKILL before each statement, before each commit, and before and after each
call of the gateway. Whoever starts it again finds one checkout, one grant, one refund.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from digistore.blocking import run
from digistore.errors import NotRefundable
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import RETURN, Shop
from tests.extent import extent
from tests.payments.asking import access, action, events, given_back
from tests.payments.dying import OPERATIONS, Victims, open_shop
from tests.payments.end_state import end_state
from tests.payments.test_assigning import orphan

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Scene:
    """A shop at rest in a folder, just before an operation, and what that is about."""

    folder: Path
    about: dict[str, Any]

    def copy(self, name: str) -> Path:
        folder = self.folder.parent / name
        shutil.copytree(self.folder, folder)
        return folder


def reopened(folder: Path, minutes: int) -> Shop:
    """The shop as it is found after a restart."""
    shop = Shop.__new__(Shop)
    shop.clock = FrozenClock()
    shop.clock.go(minutes=minutes)
    shop.sandbox = SandboxGateway(folder / "world.json", clock=shop.clock)
    shop.store = open_shop(folder, shop.sandbox, shop.clock)
    return shop


def a_checkout(shop: Shop) -> dict[str, Any]:
    return {"buyer": shop.buyer.id, "book": shop.product().id}


def a_payment(shop: Shop) -> dict[str, Any]:
    book = shop.product()
    checkout = shop.checkout(book)
    body, headers = shop.sandbox.pay(checkout)
    return {
        "buyer": shop.buyer.id,
        "book": book.id,
        "order": checkout.order.id,
        "body": body.decode(),
        "headers": headers,
    }


def a_purchase(shop: Shop) -> dict[str, Any]:
    book = shop.product()
    bought = shop.buy(book)
    return {
        "buyer": shop.buyer.id,
        "book": book.id,
        "order": bought.order.id,
        "checkout": bought.url,
    }


def an_orphan(shop: Shop) -> dict[str, Any]:
    book = shop.product()
    checkout = shop.checkout(book)
    orphan(shop)
    return {
        "buyer": shop.buyer.id,
        "book": book.id,
        "order": checkout.order.id,
        "action": action(shop, "orphan").id,
    }


BEFORE: dict[str, Callable[[Shop], dict[str, Any]]] = {
    "checkout": a_checkout,
    "webhook": a_payment,
    "confirm": a_payment,
    "reconcile": a_payment,
    "refund": a_purchase,
    "assign": an_orphan,
}


@pytest.fixture(params=OPERATIONS)
def scene(request: pytest.FixtureRequest, template: Path, tmp_path: Path) -> Scene:
    folder = tmp_path / "before"
    folder.mkdir()
    shutil.copy(template, folder / "shop.db")
    clock = FrozenClock()
    sandbox = SandboxGateway(folder / "world.json", clock=clock)
    with open_shop(folder, sandbox, clock) as store:
        about = BEFORE[request.param](Shop(store, sandbox, clock))
    return Scene(folder, {"operation": request.param, **about})


@pytest.fixture
def victims() -> Iterator[Victims]:
    with Victims() as found:
        yield found


def come_to_rest(shop: Shop) -> None:
    """Nobody tells anything: the shop asks by itself until nothing is due."""
    for _ in range(2):
        shop.store.run_due()
        shop.clock.go(minutes=31)


def go_on(shop: Shop, about: dict[str, Any]) -> None:
    """Do after a restart what people do: ask again, pay, and leave the rest to the shop."""
    operation = about["operation"]
    if operation == "checkout":
        again = shop.store.orders.checkout(
            about["buyer"], [about["book"]], return_url=RETURN, idempotency_key="once"
        )
        shop.sandbox.pay(again)
    come_to_rest(shop)
    if operation == "refund":  # the operator does not know whether it was done
        if given_back(shop, about["checkout"]):
            with pytest.raises(NotRefundable, match="nothing_left"):
                OPERATIONS["refund"](shop.store, about)
        else:
            OPERATIONS["refund"](shop.store, about)
    if operation == "assign":
        OPERATIONS["assign"](shop.store, about)
    come_to_rest(shop)


def the_end(shop: Shop, about: dict[str, Any]) -> dict[str, Any]:
    """What became of the shop, and of the world outside it."""
    check_invariants(shop.store)
    hints = run(shop.sandbox.poll(FrozenClock()())).hints
    ids = sorted(str(hint.checkout_id) for hint in hints)
    outside = [shop.sandbox.look_up(one) for one in ids]
    return {
        "access": access(shop, about["book"], about["buyer"]),
        "shop": end_state(shop.rows),
        "told": Counter(events(shop)),
        "checkouts": len(outside),
        "refunds": [[one.told.money.amount for one in each.refunds] for each in outside],
    }


def test_killed_anywhere_it_comes_to_the_same_end(scene: Scene, victims: Victims) -> None:
    operation = scene.about["operation"]
    whole = scene.copy("whole")
    assert victims.run(whole, operation, 0, scene.about) == 0
    undisturbed = reopened(whole, 2)
    go_on(undisturbed, scene.about)
    expected = the_end(undisturbed, scene.about)
    undisturbed.store.close()
    assert expected["access"] == ("revoked" if operation == "refund" else "live")
    for at in count(1, extent(11, 1)):
        folder = scene.copy(str(at))
        ended = victims.run(folder, operation, at, scene.about)
        if ended == 0:
            break
        assert ended == -9
        point = (folder / "point").read_text(encoding="utf-8")
        shop = reopened(folder, 2)
        check_invariants(shop.store)
        go_on(shop, scene.about)
        assert the_end(shop, scene.about) == expected, f"killed at {point}"
        shop.store.close()
        shutil.rmtree(folder)
    assert at > 10  # it did pass by many points
