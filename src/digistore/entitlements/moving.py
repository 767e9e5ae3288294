"""Letting purchases become another's, one live one per product at most (D8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from digistore.audit import Change, record
from digistore.entitlements.facts import AccessState
from digistore.entitlements.holding import (
    StoredGrant,
    facts_of,
    grants_of,
    lock,
    stored_grants,
)
from digistore.entitlements.service.commands import Ask
from digistore.entitlements.tables import purchased_products
from digistore.orders.kinds import Outcome
from digistore.orders.writes import set_outcome

if TYPE_CHECKING:
    from digistore.database import Transaction


class MovePurchases:
    """Moves what people hold; the transaction holds the locks of their orders."""

    def __init__(self, ask: Ask) -> None:
        """Put money that found its place taken before an operator by *ask*."""
        self._ask = ask

    async def __call__(self, tx: Transaction, people: Sequence[str], to: str, actor: str) -> None:
        """Make *to* the holder; who has the place keeps it, the others wait as standby."""
        rows = await tx.rows(
            select(purchased_products.c.product_id)
            .where(purchased_products.c.user_id.in_(people))
            .distinct()
        )
        if not rows:
            return
        pairs = {(one, row.product_id) for row in rows for one in (*people, to)}
        _, grants, facts = await tx.batch([lock(pairs), grants_of(pairs), facts_of(pairs)])
        held = sorted(stored_grants(grants, facts), key=lambda grant: grant.sequence)
        live = AccessState.LIVE
        taken = {one.product_id for one in held if one.user_id == to and one.state is live}
        changes, late = [], list[StoredGrant]()
        for grant in (one for one in held if one.user_id != to):
            waits = grant.state is live and grant.product_id in taken
            if grant.state is live:
                taken.add(grant.product_id)
            if waits:
                late.append(grant)
            changes.append(await _move(tx, grant, to, waits=waits))
        await record(tx, actor, "claim", changes)
        for grant in late:
            await self._ask(tx, grant.order_id, grant.order_line_id, actor)


async def _move(tx: Transaction, grant: StoredGrant, to: str, *, waits: bool) -> Change:
    version = grant.version + 1
    values: dict[str, object] = {"user_id": to, "version": version}
    told: dict[str, str | int | bool | None] = {"holder": to}
    if waits:
        values |= {"state": AccessState.STANDBY, "live_key": None, "epoch": grant.epoch + 1}
        told |= {"state": AccessState.STANDBY}
        await tx.rows(set_outcome(grant.order_line_id, Outcome.STANDBY))
    await tx.rows(
        update(purchased_products).where(purchased_products.c.id == grant.id).values(values)
    )
    return Change("purchase", grant.id, version, told)
