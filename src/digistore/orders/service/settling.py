"""What orders ask of payments, handed in by the store: no arrow points that way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.gateways import GatewayProfile, PaymentSnapshot


@dataclass(frozen=True, slots=True)
class GivenBack:
    """A refund of the covering payment, amounts in minor units.

    *state* is ``pending``, ``succeeded`` or ``failed``. *lines* says of each line how much of it
    went back and what tax is in that; it is empty where nobody has said so yet, and where all of
    it is more than the lines cost.
    """

    id: str
    state: str
    amount: int
    assigned: bool
    at: datetime
    lines: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Takings:
    """What covers an order, amounts in minor units; *tax* is the gateway's own.

    *gateway* is its configured name, ``free`` or ``external``, of which *account* is the method.
    """

    gateway: str
    account: str
    captured: int
    tax: int
    received_at: datetime
    refunds: tuple[GivenBack, ...] = ()

    @property
    def returned(self) -> int:
        """What is back, or on its way back."""
        return sum(one.amount for one in self.refunds if one.state != "failed")


class Settling(Protocol):
    """What becomes of an order's money."""

    async def settle(self, snapshot: PaymentSnapshot, ticket: int, cause: str) -> None:
        """Take in what a gateway says of one checkout."""

    async def settle_free(self, tx: Transaction, order_id: str, actor: str) -> None:
        """Record a payment of zero and open what it covers, in the order's own transaction."""

    async def close(self, order_id: str, actor: str, cause: str, *, cancel: bool) -> None:
        """End an open order that its gateway can no longer have paid."""

    async def takings(self, reader: Database | Reader, order_id: str) -> Takings | None:
        """Return what covers an order and what went back of it, ``None`` if nothing does."""

    async def customer_at(self, profile: GatewayProfile, buyer_id: str) -> str | None:
        """Return what a gateway has called a buyer when they last paid, ``None`` if never."""
