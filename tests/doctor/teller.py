"""The words that the story is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from digistore import SYSTEM, Money
from digistore.catalog import Product
from digistore.orders import Checkout, OrderLine
from digistore.support import SupportCheckout
from digistore.users import User
from tests.conftest import RETURN, Shop


class Teller:
    """A shop, and the ids of what happened in it by the names that the story gives them."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.store = shop.store
        self.ids: dict[str, str] = {}
        self.buyers = self._people()

    def buy(
        self,
        name: str,
        *items: Product,
        buyer: User | None = None,
        pay_now: bool = True,
        **terms: Any,
    ) -> tuple[User, Checkout]:
        """Have somebody buy *items*, and remember the ids of what comes of it as *name*."""
        who = buyer or next(self.buyers)
        checkout = self.store.orders.checkout(who, list(items), return_url=RETURN, **terms)
        if pay_now and checkout.url is not None:
            self.deliver(self.shop.sandbox.pay(checkout))
        if pay_now:
            self.note(name, checkout)
        return who, checkout

    def note(self, name: str, checkout: Checkout) -> None:
        """Remember the ids of an order, its first line, payment and purchase."""
        order = checkout.order.id
        self.ids |= {f"{name}_order": order, f"{name}_line": checkout.order.lines[0].id}
        for noun, table, where in (
            ("payment", "payments", "cover_key = 1"),
            ("purchase", "purchased_products", f"order_line_id = '{checkout.order.lines[0].id}'"),
        ):
            found = self.shop.rows(
                f"SELECT id FROM digistore_{table} WHERE order_id = '{order}' AND {where}"
            )
            if found:
                self.ids[f"{name}_{noun}"] = found[0][0]

    def ask(self, buyer: User, product: Product, subject: str) -> SupportCheckout:
        return self.store.support.request(
            buyer, product, kind="setup", subject=subject, body="How?", return_url=RETURN
        )

    def record(self, checkout: Checkout, amount: Money) -> None:
        self.store.payments.record(
            SYSTEM,
            checkout.order,
            amount=amount,
            method="bank_transfer",
            reference=f"tx {checkout.order.id}",
            received_at=self.shop.clock(),
        )

    def deliver(self, signed: tuple[bytes, dict[str, str]]) -> None:
        self.shop.deliver(signed)

    def attempt_of(self, checkout: Checkout) -> str:
        return self.one(
            f"SELECT id FROM digistore_payment_attempts WHERE order_id = '{checkout.order.id}'"
        )

    def dispute_of(self, checkout: Checkout) -> str:
        return self.one(
            "SELECT d.id FROM digistore_disputes d JOIN digistore_payments p"
            f" ON p.id = d.payment_id WHERE p.order_id = '{checkout.order.id}'"
        )

    def purchase_of(self, line: OrderLine) -> str:
        return self.one(
            f"SELECT id FROM digistore_purchased_products WHERE order_line_id = '{line.id}'"
        )

    def one(self, sql: str) -> str:
        return str(self.shop.rows(sql)[0][0])

    def _people(self) -> Iterator[User]:
        number = 0
        while True:
            number += 1
            yield self.store.users.guest(f"guest{number}@example.com")
