"""A shop in which something of everything has happened, for tests that speak SQL."""

from __future__ import annotations

import shutil
from pathlib import Path

from digistore import Money, Store
from digistore.gateways.sandbox import SandboxGateway
from digistore.short_urls import Visit
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import RETURN, SECRET, Shop


def tell_history(template: Path, folder: Path) -> Path:
    """Make a shop in *folder* and let it live; return its database."""
    path = Path(shutil.copy(template, folder / "shop.db"))
    clock = FrozenClock()
    sandbox = SandboxGateway(clock=clock)
    with Store.open(
        f"sqlite:///{path}", files="memory://", gateways=[sandbox], secret=SECRET, clock=clock
    ) as store:
        _live(Shop(store, sandbox, clock))
        check_invariants(store)
    return path


def _live(shop: Shop) -> None:
    catalog = shop.store.catalog
    book, course = shop.product("Book"), shop.product("Course", Money("9.00", "USD"))
    beta = catalog.release(
        shop.seller, book, version="0.9", files={"old.pdf": b"old"}, channel="beta"
    )
    catalog.yank(shop.seller, beta, reason="too early")
    catalog.release(shop.seller, book, version="2.0", files={"new.pdf": b"new"}, publish=False)
    shop.buy(book)
    shop.buy(book, allow_repeat=True)  # waits as standby
    shop.checkout(course, idempotency_key="click")  # stays open
    help_with = shop.store.support
    help_with.offer(shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="1 h")
    paid, unpaid = (
        help_with.request(
            shop.buyer, book, kind="setup", subject=subject, body="Help!", return_url=RETURN
        )
        for subject in ("One", "Two")
    )
    assert unpaid.request.state == "unpaid"
    shop.deliver(shop.sandbox.pay(paid))
    shop.deliver(shop.sandbox.open_dispute(paid.checkout))
    shop.deliver(shop.sandbox.close_dispute(paid.checkout, "won"))
    refunded = shop.buy(course, shop.store.users.register("other@example.com"))
    shop.store.payments.refund(shop.operator, refunded.order, reason="a gesture")
    link = shop.store.short_urls.shorten(shop.operator, "https://shop.example/")
    shop.store.short_urls.resolve(link.code, Visit("GET", {}, "203.0.113.7"))
    shop.store.run_due()  # issues receipts and a credit note
