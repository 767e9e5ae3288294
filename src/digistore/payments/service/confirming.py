"""The return page's door: asking the gateway when the buyer is back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from digistore.blocking import port
from digistore.errors import CheckoutNotFound, GatewayRateLimited, GatewayUnavailable
from digistore.gateways import PaymentGateway
from digistore.orders import Order, OrderState
from digistore.orders.writes import ask_now, take_ticket
from digistore.payments.models import ConfirmState

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.payments.service.settle import Settle

FETCH_EVERY = timedelta(seconds=2)


class Confirmer:
    """Asks about one order, but not at every reload of a page."""

    def __init__(
        self, database: Database, gateways: Mapping[str, PaymentGateway], settle: Settle
    ) -> None:
        """Ask *gateways* by name; settle what they say."""
        self._database = database
        self._gateways = gateways
        self._settle = settle

    async def ask(self, order_id: str, params: Mapping[str, str]) -> None:
        """Ask what became of an order's live checkout, if it was not asked just now."""
        row = await self._database.transact(lambda tx: ask_now(tx, order_id, FETCH_EVERY))
        if row is None or row.gateway not in self._gateways:
            return
        gateway = self._gateways[row.gateway]
        ticket = await self._database.transact(lambda tx: take_ticket(tx, row.id))
        try:
            snapshot = await port(gateway.resume(row.checkout_id, params))
        except (GatewayUnavailable, GatewayRateLimited, CheckoutNotFound):
            return  # the answer is what is known; webhook and reconcile go on
        await self._settle.settle(snapshot, ticket, "confirm")


def confirm_state(order: Order) -> ConfirmState:
    """Return what a return page says of an order."""
    if order.state is OrderState.PAID:
        return ConfirmState.PAID
    waiting = order.state is OrderState.PROCESSING
    return ConfirmState.ON_ITS_WAY if waiting else ConfirmState.TRY_AGAIN
