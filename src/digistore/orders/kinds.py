"""What a line can be, as the money sees it: the seam between payments and what they open.

A line kind says whether a line may be sold, what it needs to read, and what follows from what
became of the money. The last two are pure, so that settling is two batches and one decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from digistore.audit import Change, Heads
from digistore.database import Database, Reader, Statement
from digistore.settings import AccessPolicy, Effect


class Kind(StrEnum):
    """What a line sells."""

    PRODUCT = "product"
    SUPPORT = "support"


class Outcome(StrEnum):
    """What a paid line came to."""

    OPENED = "opened"
    STANDBY = "standby"
    HELD = "held"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Draft:
    """A line before it is sold; amounts in minor units of the order's currency.

    *tax* is worked out on the price less the discount, and *tax_added* to it or contained in it.
    """

    kind: Kind
    product_id: str
    beneficiary_id: str
    title: str
    unit_price: int
    allow_repeat: bool = False
    discount: int = 0
    tax: int = 0
    tax_added: bool = False
    tax_rate: str | None = None
    tax_reason: str = "none"

    @property
    def total(self) -> int:
        """What is to be paid for it."""
        return self.unit_price - self.discount + (self.tax if self.tax_added else 0)


@dataclass(frozen=True, slots=True)
class SoldLine:
    """A line as settling sees it; *payment_id* is the covering payment, if there is one."""

    id: str
    order_id: str
    kind: Kind
    product_id: str
    buyer_id: str
    beneficiary_id: str
    total: int
    order_total: int
    allow_repeat: bool
    policy: AccessPolicy
    payment_id: str | None


@dataclass(frozen=True, slots=True)
class Cause:
    """What became of money that concerns a line; *kind* and *state* are words of facts."""

    line_id: str
    about: str
    kind: str
    state: str
    amount: int
    at: datetime
    ticket: int = 0
    access: Effect | None = None
    actor: str = "system"
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What follows: the outcome of each line, all writes, audited changes, and open questions.

    *heads* are the audit rows before the changes; *actions* are (kind, subject) of what an
    operator must decide.
    """

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    writes: Sequence[Statement] = ()
    changes: Sequence[Change] = ()
    heads: Heads = field(default_factory=dict)
    actions: Sequence[tuple[str, str]] = ()


class LineKind(Protocol):
    """What the slice that owns a kind of line offers."""

    async def admit(self, reader: Database | Reader, buyer_id: str, line: Draft) -> None:
        """Refuse a line that must not be sold now, by the error that says why."""

    def reads(self, order_id: str) -> Sequence[Statement]:
        """Return the statements, locks first, whose rows ``heard`` needs.

        They run under the order's lock, together with it.
        """

    def heard(
        self,
        lines: Sequence[SoldLine],
        causes: Sequence[Cause],
        rows: Sequence[Sequence[Any]],
        *,
        now: datetime,
        new_id: Callable[[str], str],
        actor: str,
    ) -> Heard:
        """Say what follows from *causes*, of which those heard before change nothing."""
