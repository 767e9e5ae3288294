"""The check that every test of money ends with finds what it is there to find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.payments.asking import record, usd
from tests.payments.books import unbalanced
from tests.payments.memory import MemoryShop, connection_of


@pytest.fixture
def mended() -> Iterator[MemoryShop]:
    """A shop whose books are spoiled in the test, and mended when it is over."""
    shop = MemoryShop.open()
    shop.buy(shop.product())
    record(shop, shop.checkout(shop.product("Short")), usd("1.00"))
    saved = shop.save()
    yield shop
    shop.load(saved)


SPOILED = {
    "money appears": "UPDATE digistore_payments SET captured = captured + 1 WHERE cover_key = 1",
    "a fraction": "UPDATE digistore_payments SET fee = -1",
    "a refund of nothing": "UPDATE digistore_payments SET own_refunds = 1",
    "a question is lost": "DELETE FROM digistore_payment_actions",
    "a line grows": "UPDATE digistore_order_lines SET total = total + 1",
    "paid by nobody": "UPDATE digistore_orders SET state = 'paid'",
}


def test_sound_books_balance(mended: MemoryShop) -> None:
    assert unbalanced(connection_of(mended.store)) == []


@pytest.mark.parametrize("spoil", SPOILED)
def test_spoiled_books_do_not_balance(mended: MemoryShop, spoil: str) -> None:
    connection = connection_of(mended.store)
    connection.execute("PRAGMA ignore_check_constraints = ON")
    connection.execute(SPOILED[spoil])
    connection.execute("PRAGMA ignore_check_constraints = OFF")
    assert unbalanced(connection) != []
