"""What is known of a grant, one fact at a time, and what access can be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from digistore.settings import Effect


class FactKind(StrEnum):
    """What a fact is about."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"
    OPERATOR = "operator"


class FactState(StrEnum):
    """What a fact says of it."""

    SUCCEEDED = "succeeded"
    PENDING = "pending"
    FAILED = "failed"
    CANCELED = "canceled"
    WARNING = "warning"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"
    CLOSED = "closed"
    UNASSIGNED = "unassigned"  # lost, but nobody has said yet which lines
    REVOKED = "revoked"
    RESTORED = "restored"


class AccessState(StrEnum):
    """What a grant is worth, or holds."""

    LIVE = "live"
    SUSPENDED = "suspended"
    STANDBY = "standby"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that is known of a grant; ``amount`` in minor units of its order's currency.

    ``about`` names the payment, refund or dispute; of a dispute the highest ``ticket`` has the
    last word; ``access`` is what this one refund was said to do.
    """

    grant_id: str
    about: str
    kind: FactKind
    state: FactState
    amount: int
    at: datetime
    ticket: int = 0
    access: Effect | None = None
    actor: str = "system"
    reason: str | None = None

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        """What tells this fact from others: told again, it is the same."""
        return self.grant_id, self.about, self.state, self.amount, self.ticket


@dataclass(frozen=True, slots=True)
class Decision:
    """What a grant is worth (``None``: nothing was paid) and the facts that decided it."""

    state: AccessState | None
    because: tuple[Fact, ...]
