"""What tests of money ask: of the shop, of its database, and of the sandbox behind it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from digistore import SYSTEM, Money, Product
from digistore.orders import Checkout, Order
from digistore.payments import Action
from tests.conftest import Shop

RECEIVED = datetime(2026, 1, 1, 11, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(amount, "USD")


def order_of(shop: Shop, checkout: Checkout) -> Order:
    """The order of a checkout as it stands now."""
    return shop.store.orders.get(SYSTEM, checkout.order.id)


def state(shop: Shop, checkout: Checkout) -> str:
    return str(order_of(shop, checkout).state)


def access(shop: Shop, product: Product | str, user: Any = None) -> str:
    """``live``, or why not."""
    return shop.store.entitlements.check(user or shop.buyer, product).reason


def waiting(shop: Shop) -> list[str]:
    """The kinds of what waits for an operator, oldest first."""
    return [str(action.kind) for action in shop.store.payments.needing_action(shop.operator)]


def action(shop: Shop, kind: str) -> Action:
    """The one open entry of this kind."""
    (found,) = (a for a in shop.store.payments.needing_action(shop.operator) if a.kind == kind)
    return found


def calls(shop: Shop, method: str) -> list[str]:
    """The keys of the calls of one method of the gateway."""
    return [call.key for call in shop.sandbox.calls if call.method == method]


def given_back(shop: Shop, checkout: Checkout | str) -> list[tuple[int, str]]:
    """What the gateway has given back, in minor units, and what became of it."""
    refunds = shop.sandbox.look_up(checkout).refunds
    return [(refund.told.money.amount, str(refund.told.state)) for refund in refunds]


def on_lines(shop: Shop) -> list[tuple[str, int]]:
    """What all refunds take from each line, by title."""
    return shop.rows(
        "SELECT l.title, SUM(r.amount) FROM digistore_refund_lines r"
        " JOIN digistore_order_lines l ON l.id = r.order_line_id GROUP BY l.id ORDER BY l.title"
    )


def events(shop: Shop) -> list[str]:
    """The types of all events so far, in their order."""
    return [row[0] for row in shop.rows("SELECT type FROM digistore_events ORDER BY rowid")]


def record(
    shop: Shop, bought: Checkout | Order, amount: Money, reference: str = "transfer 1"
) -> Any:
    """Money comes by bank transfer."""
    return shop.store.payments.record(
        shop.operator,
        bought if isinstance(bought, Order) else bought.order,
        amount=amount,
        method="bank_transfer",
        reference=reference,
        received_at=RECEIVED,
    )
