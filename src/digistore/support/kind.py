"""Support lines: a request opens with its payment, and ends with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select

from digistore.audit import Change, head
from digistore.database import (
    AnyRow,
    Call,
    Database,
    Prepared,
    Reader,
    changing,
)
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.holding import HELD, HOLDING, keep, read_fact, reads_of
from digistore.entitlements.rules import decide, refusal
from digistore.entitlements.tables import purchased_products
from digistore.errors import AccessRequired
from digistore.events import SupportCanceled, SupportPaid, SupportReopened
from digistore.ids import EventId, ProductId, SupportRequestId, UserId
from digistore.orders.kinds import Cause, Draft, Heard, Outcome, SoldLine
from digistore.orders.tables import order_lines
from digistore.outbox import announce
from digistore.settings import Effect
from digistore.support.models import SupportState
from digistore.support.rules import After, Told, after_money
from digistore.support.tables import support_facts, support_requests

EVENTS = {Told.PAID: SupportPaid, Told.REOPENED: SupportReopened, Told.CANCELED: SupportCanceled}
ACTION = "support_without_access"


_LINES = select(order_lines.c.id).where(order_lines.c.order_id == bindparam("order_id"))
_MINE = support_requests.c.order_line_id.in_(_LINES)
# A statement of its own: what waits for a lock reads its row again, and nothing else.
_LOCK = Prepared(select(support_requests.c.id).where(_MINE).with_for_update())
_REQUESTS = Prepared(
    select(
        support_requests,
        head("support_request", support_requests.c.id, support_requests.c.version),
    ).where(_MINE)
)
_FACTS = Prepared(
    select(support_facts)
    .join(support_requests, support_requests.c.id == support_facts.c.grant_id)
    .where(_MINE)
    .order_by(support_facts.c.sequence)
)
_LIVE = Prepared(
    select(purchased_products.c.user_id, purchased_products.c.product_id).where(
        HOLDING.in_(HELD), purchased_products.c.live_key == 1
    )
)


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

    def reads(self, order_id: str) -> Sequence[Call]:
        """Lock the holdings and requests, then read facts, requests, and what is live."""
        lock, *_ = reads_of(order_id)
        own = (_LOCK, _FACTS, _REQUESTS, _LIVE)
        return [lock, *(read.given(order_id=order_id) for read in own)]

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
        _, _, facts, requests, live_rows = rows
        live = {(row.user_id, row.product_id) for row in live_rows}
        outcomes: dict[str, Outcome] = {}
        writes: list[Call] = []
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
            writes += [keep(support_facts, fact) for fact in fresh]
            if (after.state, after.resume) != (request.state, request.resume_state):
                writes += _move(request, line, after, now, new_id, actor)
                told = {"state": str(after.state)}
                changes.append(Change("support_request", request.id, request.version + 1, told))
        heads = {("support_request", row.id, row.version): row.head for row in requests}
        return Heard(outcomes, writes, changes, heads, actions)


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
) -> list[Call]:
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
    moved = [changing(support_requests, tuple(values)).given(id_=request.id, **values)]
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
