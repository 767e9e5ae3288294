"""The ledger of facts: the port, and its two implementations.

The entitlement engine is :func:`~digistore.entitlements.rules.decide` and
:func:`~digistore.entitlements.rules.choose` over this port: it runs on SQL, in memory, or on
whatever a host already has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from digistore.entitlements.facts import Fact
from digistore.entitlements.holding import fact_row, read_fact
from digistore.entitlements.tables import entitlement_facts, purchased_products

if TYPE_CHECKING:
    from digistore.database import Transaction


class EntitlementLedger(Protocol):
    """An append-only log of facts about grants."""

    async def append(self, fact: Fact) -> bool:
        """Keep *fact*; ``False`` if it is known, which changes nothing."""

    async def facts(self, grant_id: str) -> Sequence[Fact]:
        """Return the facts of one grant in the order in which they were kept."""

    async def grants(self, holder: str, product: str) -> Sequence[str]:
        """Return the ids of a holder's grants of a product, by their first fact."""


class SqlLedger:
    """The ledger in the shop's database, bound to one transaction."""

    def __init__(self, tx: Transaction) -> None:
        """Keep facts in *tx*; they last if it commits."""
        self._tx = tx

    async def append(self, fact: Fact) -> bool:
        """Keep *fact*; ``False`` if it is known, which changes nothing."""
        key = ["grant_id", "about", "state", "amount", "ticket"]
        statement = (
            insert(entitlement_facts)
            .values(fact_row(fact))
            .on_conflict_do_nothing(index_elements=key)
            .returning(entitlement_facts.c.sequence)
        )
        return await self._tx.first(statement) is not None

    async def facts(self, grant_id: str) -> Sequence[Fact]:
        """Return the facts of one grant in the order in which they were kept."""
        statement = (
            select(entitlement_facts)
            .where(entitlement_facts.c.grant_id == grant_id)
            .order_by(entitlement_facts.c.sequence)
        )
        return [read_fact(row._mapping) for row in await self._tx.rows(statement)]

    async def grants(self, holder: str, product: str) -> Sequence[str]:
        """Return the ids of a holder's grants of a product, by their first fact."""
        statement = (
            select(entitlement_facts.c.grant_id)
            .join(purchased_products, purchased_products.c.id == entitlement_facts.c.grant_id)
            .where(purchased_products.c.user_id == holder)
            .where(purchased_products.c.product_id == product)
            .order_by(entitlement_facts.c.sequence)
        )
        return list(dict.fromkeys(row.grant_id for row in await self._tx.rows(statement)))


class MemoryLedger:
    """The ledger in memory; *holders* says whose each grant is: (holder, product)."""

    def __init__(self, holders: dict[str, tuple[str, str]]) -> None:
        """Keep facts about the grants of *holders*."""
        self._holders = holders
        self._facts: dict[tuple[str, str, str, int, int], Fact] = {}

    async def append(self, fact: Fact) -> bool:
        """Keep *fact*; ``False`` if it is known, which changes nothing."""
        known = fact.key in self._facts
        self._facts.setdefault(fact.key, fact)
        return not known

    async def facts(self, grant_id: str) -> Sequence[Fact]:
        """Return the facts of one grant in the order in which they were kept."""
        return [fact for fact in self._facts.values() if fact.grant_id == grant_id]

    async def grants(self, holder: str, product: str) -> Sequence[str]:
        """Return the ids of a holder's grants of a product, by their first fact."""
        told = dict.fromkeys(fact.grant_id for fact in self._facts.values())
        return [grant for grant in told if self._holders[grant] == (holder, product)]
