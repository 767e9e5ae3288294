"""Support lines: a request opens with its payment, and ends with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, insert, select, tuple_, update

from digistore.audit import Change
from digistore.database import AnyRow, Database, Reader
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.holding import fact_row, lock, read_fact
from digistore.entitlements.rules import decide, refusal
from digistore.entitlements.tables import purchased_products
from digistore.errors import AccessRequired
from digistore.events import SupportCanceled, SupportPaid, SupportReopened
from digistore.ids import EventId, ProductId, SupportRequestId, UserId
from digistore.orders.kinds import Cause, Draft, Heard, Outcome, SoldLine
from digistore.outbox import announce
from digistore.settings import Effect
from digistore.support.models import SupportState
from digistore.support.rules import After, Told, after_money
from digistore.support.tables import support_facts, support_requests

EVENTS = {Told.PAID: SupportPaid, Told.REOPENED: SupportReopened, Told.CANCELED: SupportCanceled}
ACTION = "support_without_access"


class SupportLines:
    """The line kind that sells help with a product one holds."""

    async def admit(self, reader: Database | Reader, buyer_id: str, line: Draft) -> None:
        """Refuse help with a product that the buyer cannot open now (D9).

        Raises:
            AccessRequired: with the reason.
        """
        rows = await reader.rows(
            select(purchased_products.c.state).where(
                purchased_products.c.user_id == buyer_id,
                purchased_products.c.product_id == line.product_id,
            )
        )
        states = [AccessState(row.state) for row in rows]
        if AccessState.LIVE not in states:
            raise AccessRequired(line.product_id, refusal(states))

    def reads(self, lines: Sequence[SoldLine]) -> Sequence[Executable]:
        """Lock the holdings, then read requests, their facts, and what is live."""
        pairs = sorted({(line.beneficiary_id, line.product_id) for line in lines})
        mine = support_requests.c.order_line_id.in_([line.id for line in lines])
        requests = select(support_requests).where(mine).with_for_update()
        facts = (
            select(support_facts)
            .join(support_requests, support_requests.c.id == support_facts.c.grant_id)
            .where(mine)
            .order_by(support_facts.c.sequence)
        )
        holder = tuple_(purchased_products.c.user_id, purchased_products.c.product_id)
        live = select(purchased_products.c.user_id, purchased_products.c.product_id).where(
            holder.in_(pairs), purchased_products.c.live_key == 1
        )
        return [lock(pairs), requests, facts, live]

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
        """Append what is new to each request and say what it becomes."""
        _, requests, facts, live_rows = rows
        live = {(row.user_id, row.product_id) for row in live_rows}
        outcomes: dict[str, Outcome] = {}
        writes: list[Executable] = []
        changes: list[Change] = []
        actions: list[tuple[str, str]] = []
        by_line = {line.id: line for line in lines}
        for request in requests:
            line = by_line[request.order_line_id]
            known = [read_fact(row._mapping) for row in facts if row.grant_id == request.id]
            fresh = _fresh(request.id, known, [one for one in causes if one.line_id == line.id])
            policy = line.policy.model_copy(update={"partial_refund": Effect.KEEP})
            worth = decide([*known, *fresh], policy).state
            after = after_money(
                SupportState(request.state),
                SupportState(request.resume_state) if request.resume_state else None,
                worth,
                access_live=(line.beneficiary_id, line.product_id) in live,
                order_closed=any(one.kind == "order" for one in causes),
            )
            if after.outcome is not None:
                outcomes[line.id] = after.outcome
            waits = SupportState(request.state) in {SupportState.UNPAID, SupportState.CANCELED}
            if after.outcome is Outcome.HELD and waits and worth is AccessState.LIVE:
                actions.append((ACTION, line.id))
            if fresh:
                writes.append(insert(support_facts).values([fact_row(fact) for fact in fresh]))
            if (after.state, after.resume) != (request.state, request.resume_state):
                writes += _move(request, line, after, now, new_id, actor)
                told = {"state": str(after.state)}
                changes.append(Change("support_request", request.id, request.version + 1, told))
        return Heard(outcomes, writes, changes, actions)


def _fresh(request_id: str, known: Sequence[Fact], causes: Sequence[Cause]) -> list[Fact]:
    seen = {fact.key for fact in known}
    fresh = []
    for cause in causes:
        if cause.kind == "order":
            continue
        fact = Fact(
            grant_id=request_id,
            about=cause.about,
            kind=FactKind(cause.kind),
            state=FactState(cause.state),
            amount=cause.amount,
            at=cause.at,
            ticket=cause.ticket,
            actor=cause.actor,
            reason=cause.reason,
        )
        if fact.key not in seen:
            seen.add(fact.key)
            fresh.append(fact)
    return fresh


def _move(
    request: AnyRow,
    line: SoldLine,
    after: After,
    now: datetime,
    new_id: Callable[[str], str],
    actor: str,
) -> list[Executable]:
    values: dict[str, object] = {
        "state": after.state,
        "resume_state": after.resume,
        "version": request.version + 1,
    }
    if Told.PAID in after.told:
        values |= {
            "payment_id": line.payment_id,
            "covered_total": line.order_total,
            "paid_at": now,
        }
    moved: list[Executable] = [
        update(support_requests).where(support_requests.c.id == request.id).values(**values)
    ]
    for told in after.told:
        event = EVENTS[told](
            id=EventId(new_id("evt")),
            at=now,
            actor=actor,
            request_id=SupportRequestId(request.id),
            product_id=ProductId(request.product_id),
            customer_id=UserId(request.customer_id),
        )
        moved.append(announce(event, str(request.version + 1)))
    return moved
