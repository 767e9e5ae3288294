"""Product lines: what money opens, suspends and closes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from digistore.audit import Change
from digistore.database import Call, Database, Reader
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.holding import (
    Moment,
    StoredGrant,
    derive,
    reads_of,
    stored_grants,
)
from digistore.entitlements.tables import purchased_products
from digistore.errors import AlreadyOwned
from digistore.events import GiftReceived
from digistore.ids import EventId, ProductId, PurchasedProductId, UserId
from digistore.orders.kinds import Cause, Draft, Heard, Outcome, SoldLine
from digistore.outbox import announce

OUTCOMES = {
    AccessState.LIVE: Outcome.OPENED,
    AccessState.STANDBY: Outcome.STANDBY,
    AccessState.SUSPENDED: Outcome.HELD,
    AccessState.REVOKED: Outcome.CLOSED,
}


class ProductLines:
    """The line kind that sells access to a product."""

    async def admit(self, reader: Database | Reader, buyer_id: str, line: Draft) -> None:
        """Refuse a product that its buyer has already.

        Only the buyer's own: of a gift it would tell what somebody else owns.

        Raises:
            AlreadyOwned: live access, unless the line allows a repeat.
        """
        if line.allow_repeat or line.beneficiary_id != buyer_id:
            return
        row = await reader.first(
            select(purchased_products.c.id).where(
                purchased_products.c.user_id == buyer_id,
                purchased_products.c.product_id == line.product_id,
                purchased_products.c.live_key == 1,
            )
        )
        if row is not None:
            raise AlreadyOwned(line.product_id, row.id)

    def reads(self, order_id: str) -> Sequence[Call]:
        """Lock the holdings, then read their grants and facts."""
        return reads_of(order_id)

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
        """Append what is new to each grant and derive its holding again."""
        _, grants, facts = rows
        stored = stored_grants(grants, facts)
        given: list[StoredGrant] = []
        by_line = {grant.order_line_id: grant for grant in stored}
        for line in lines:
            if line.payment_id is not None and line.id not in by_line:
                by_line[line.id] = _granted(line, new_id("pur"), line.payment_id)
                given += [by_line[line.id]] if line.beneficiary_id != line.buyer_id else []
        for cause in causes:
            if cause.line_id in by_line:
                grant = by_line[cause.line_id]
                grant.hear(_fact(grant.id, cause))
        outcomes: dict[str, Outcome] = {}
        writes: list[Call] = []
        changes: list[Change] = []
        moment = Moment(now, new_id, actor)
        for pair in sorted({(line.beneficiary_id, line.product_id) for line in lines}):
            held = [g for g in by_line.values() if (g.user_id, g.product_id) == pair]
            derived = derive(held, moment)
            outcomes |= {g.order_line_id: OUTCOMES[derived.states[g.id]] for g in held}
            writes += derived.writes
            changes += derived.changes
        writes += [_received(grant, moment) for grant in given]
        heads = {("purchase", row.id, row.version): row.head for row in grants}
        return Heard(outcomes, writes, changes, heads)


def _received(grant: StoredGrant, moment: Moment) -> Call:
    event = GiftReceived(
        id=EventId(moment.new_id("evt")),
        at=moment.now,
        actor="system",  # who paid is not theirs to know
        purchase_id=PurchasedProductId(grant.id),
        product_id=ProductId(grant.product_id),
        user_id=UserId(grant.user_id),
    )
    return announce(event, "received")


def _granted(line: SoldLine, grant_id: str, payment_id: str) -> StoredGrant:
    return StoredGrant(
        id=grant_id,
        product_id=line.product_id,
        user_id=line.beneficiary_id,
        order_id=line.order_id,
        order_line_id=line.id,
        payment_id=payment_id,
        covered_total=line.order_total,
        policy=line.policy,
    )


def _fact(grant_id: str, cause: Cause) -> Fact:
    return Fact(
        grant_id=grant_id,
        about=cause.about,
        kind=FactKind(cause.kind),
        state=FactState(cause.state),
        amount=cause.amount,
        at=cause.at,
        ticket=cause.ticket,
        access=cause.access,
        actor=cause.actor,
        reason=cause.reason,
    )
