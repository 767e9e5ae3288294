"""Asking a gateway for the truth, by every door in the same way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.blocking import port
from digistore.gateways import Cap, CheckoutRef, PaymentGateway, PaymentRef, PaymentSnapshot
from digistore.orders.tables import orders, payment_attempts

if TYPE_CHECKING:
    from digistore.database import Database


class Asker:
    """Asks gateways by name; where money moves only if the shop takes it, it is taken here too."""

    def __init__(self, database: Database, gateways: Mapping[str, PaymentGateway]) -> None:
        """Ask *gateways*."""
        self._database = database
        self._gateways = gateways

    async def ask(self, gateway_name: str, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        """Return what a gateway knows; an approved checkout of an open order is captured first.

        A buyer who approves does not always come back, so that a message, or reconciliation, may
        be the first to know.  A checkout that was replaced, or whose order was given up, is left
        alone: nobody wants its money any more.

        Raises:
            CheckoutNotFound: the gateway does not know it.
        """
        gateway = self._gateways[gateway_name]
        captures = Cap.CAPTURE_ON_RETURN in gateway.profile.capabilities
        if captures and isinstance(ref, CheckoutRef) and await self._is_wanted(gateway_name, ref):
            return await port(gateway.resume(ref.id, {}))
        return await port(gateway.fetch(ref))

    async def _is_wanted(self, gateway_name: str, ref: CheckoutRef) -> bool:
        statement = (
            select(payment_attempts.c.id)
            .join(orders, orders.c.id == payment_attempts.c.order_id)
            .where(
                payment_attempts.c.gateway == gateway_name,
                payment_attempts.c.checkout_id == ref.id,
                payment_attempts.c.live_key == 1,
                orders.c.state == "open",
            )
        )
        return await self._database.first(statement) is not None
