"""What orders ask of payments, handed in by the store: no arrow points that way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from digistore.database import Transaction
    from digistore.gateways import GatewayProfile, PaymentSnapshot


class Settling(Protocol):
    """What becomes of an order's money."""

    async def settle(self, snapshot: PaymentSnapshot, ticket: int, cause: str) -> None:
        """Take in what a gateway says of one checkout."""

    async def settle_free(self, tx: Transaction, order_id: str, actor: str) -> None:
        """Record a payment of zero and open what it covers, in the order's own transaction."""

    async def close(self, order_id: str, actor: str, cause: str, *, cancel: bool) -> None:
        """End an open order that its gateway can no longer have paid."""

    async def customer_at(self, profile: GatewayProfile, buyer_id: str) -> str | None:
        """Return what a gateway has called a buyer when they last paid, ``None`` if never."""

    async def paid_by(self, order_id: str) -> tuple[str, int]:
        """Return the gateway of the covering payment and what went back, in minor units."""
