"""Reconciliation: the third door, which alone leads to the same end as all the others.

There is no age after which something is forgotten: what is not final has a next check time.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.blocking import port
from digistore.database import AnyRow
from digistore.database.sets import filtering
from digistore.errors import CheckoutNotFound, DigistoreError, GatewayError, GatewayUnavailable
from digistore.gateways import Cap, CheckoutRef, Hint, PaymentGateway, Whose
from digistore.orders.service.starting import Starter, next_try
from digistore.orders.tables import orders, payment_attempts
from digistore.orders.writes import ask_again, take_ticket
from digistore.payments.models import ReconcileReport, WebhookResult
from digistore.payments.service.asking import Asker
from digistore.payments.service.refunds import UNSENT, Refunder
from digistore.payments.service.webhooks import Inbox, Stored, hint_from_json
from digistore.payments.tables import (
    disputes,
    payment_actions,
    payments,
    poll_marks,
    provider_events,
    refunds,
)

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.payments.service.settle import Settle

BATCH = 100
FIRST_LOOK = timedelta(days=30)
WAITING = (provider_events, payment_attempts, refunds, disputes)
"""What is not final: its rows say when they are looked at again."""
OVERLAP = timedelta(hours=1)  # what happened while the last poll ran is asked about again
logger = logging.getLogger("digistore.payments")

Progress = Callable[[str, int], None]


@dataclass(slots=True)
class Run:
    """One run: how far it may go and what it has done."""

    now: datetime
    limit: int
    progress: Progress | None
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, name: str) -> None:
        """Count one more of *name* and say so."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.progress is not None:
            self.progress(name, self.counts[name])


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over what a gateway says may have changed since *start*."""

    start: datetime
    cursor: str | None
    began_at: datetime


class Reconciler:
    """Asks about everything that is not final, in bounded batches; safe beside live traffic."""

    def __init__(
        self,
        database: Database,
        gateways: Mapping[str, PaymentGateway],
        settle: Settle,
        inbox: Inbox,
        refunder: Refunder,
        starter: Starter,
        asker: Asker,
    ) -> None:
        """Look behind every door of the shop."""
        self._database = database
        self._gateways = gateways
        self._settle = settle
        self._inbox = inbox
        self._refunder = refunder
        self._starter = starter
        self._asker = asker

    async def run(
        self, since: datetime | None, progress: Progress | None, limit: int
    ) -> ReconcileReport:
        """Do one run; every row is its own, so a bad one never stops the others."""
        run = Run(self._database.clock(), limit, progress)
        await self._each(run, "events", self._due_events, self._event)
        await self._each(run, "attempts", self._due_attempts, self._attempt)
        await self._each(run, "refunds", self._due_refunds, self._refund)
        await self._each(run, "disputes", self._due_disputes, self._dispute)
        for gateway in self._gateways.values():
            if Cap.POLL in gateway.profile.capabilities:
                await self._poll(run, gateway, since)
        await self._each(run, "expired", self._past_expiry, self._expire)
        return await self._report(run)

    async def _each(
        self,
        run: Run,
        name: str,
        due: Callable[[Run], Awaitable[Any]],
        work: Callable[[Any], Awaitable[None]],
    ) -> None:
        for row in await due(run):
            if await self._alone(run, partial(work, row)):
                run.count(name)

    async def _alone(self, run: Run, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except DigistoreError as error:
            logger.warning("reconcile: one is left for later: %s", error.code)
            run.count("failed")
            return False
        except Exception:
            logger.exception("reconcile: one cannot be worked")
            run.count("failed")
            return False
        return True

    async def _due_events(self, run: Run) -> Any:  # noqa: ANN401  rows
        return await self._database.rows(
            select(provider_events)
            .where(provider_events.c.status == "received")
            .where(provider_events.c.next_check_at <= run.now)
            .where(filtering(provider_events.c.gateway).in_(list(self._gateways)))
            .order_by(provider_events.c.next_check_at)
            .limit(run.limit)
        )

    async def _event(self, row: AnyRow) -> None:
        stored = Stored(row.id, row.gateway, hint_from_json(row.hint), None)
        outcome = await self._inbox.work(stored)
        if outcome.result is WebhookResult.STORED:
            raise GatewayUnavailable("what a message hints at cannot be asked about yet")

    async def _due_attempts(self, run: Run) -> Any:  # noqa: ANN401
        return await self._database.rows(
            select(payment_attempts)
            .where(payment_attempts.c.next_check_at <= run.now)
            .where(filtering(payment_attempts.c.gateway).in_(list(self._gateways)))
            .order_by(payment_attempts.c.next_check_at)
            .limit(run.limit)
        )

    async def _attempt(self, row: AnyRow) -> None:
        if row.state in {"creating", "unknown"}:
            await self._starter.finish(row)
            return
        ticket = await self._database.transact(lambda tx: _look_again(tx, row))
        if await self._is_canceled(row.order_id):
            await self._starter.end_attempt(row.order_id, "reconcile")
            return
        snapshot = await self._asker.ask(row.gateway, CheckoutRef(row.checkout_id))
        await self._settle.settle(snapshot, ticket, "reconcile")

    async def _is_canceled(self, order_id: str) -> bool:
        row = await self._database.first(select(orders.c.state).where(orders.c.id == order_id))
        return row is not None and row.state == "canceled"

    async def _due_refunds(self, run: Run) -> Any:  # noqa: ANN401
        return await self._database.rows(
            _with_payment(refunds)
            .where(refunds.c.next_check_at <= run.now)
            .order_by(refunds.c.next_check_at)
            .limit(run.limit)
        )

    async def _refund(self, row: AnyRow) -> None:
        if row.state in UNSENT:
            error = await self._refunder.send(row.id)
            if error is not None:
                raise error
            return
        await self._database.transact(lambda tx: _touch(tx, refunds, row))
        await self._payment(row)

    async def _due_disputes(self, run: Run) -> Any:  # noqa: ANN401
        return await self._database.rows(
            _with_payment(disputes)
            .where(disputes.c.next_check_at <= run.now)
            .order_by(disputes.c.next_check_at)
            .limit(run.limit)
        )

    async def _dispute(self, row: AnyRow) -> None:
        await self._database.transact(lambda tx: _touch(tx, disputes, row))
        await self._payment(row)

    async def _payment(self, row: AnyRow) -> None:
        if row.gateway in self._gateways:
            hint = Hint(Whose.UNKNOWN, row.checkout_id, row.payment_ref)
            await self._hint(row.gateway, hint)

    async def _hint(self, gateway: str, hint: Hint) -> bool:
        """Settle what a hint leads to, and say whether all of it could be read."""
        snapshot, ticket = await self._inbox.fetch(gateway, hint)
        await self._settle.settle(snapshot, ticket, "reconcile")
        return snapshot.complete

    async def _poll(self, run: Run, gateway: PaymentGateway, since: datetime | None) -> None:
        """Ask what may have changed, page by page; a pass too long for one run goes on in the next.

        A page is left behind only once each of its hints is settled, or stored to be asked about
        again: so one that fails for ever stops no other.
        """
        state = await self._pass(run, gateway, since)
        for _ in range(run.limit):
            try:
                page = await port(gateway.poll(state.start, state.cursor))
            except GatewayError:
                run.count("failed")
                return
            for hint in page.hints:
                if hint.whose is not Whose.FOREIGN:
                    await self._polled(run, gateway, hint)
            state = replace(state, cursor=page.cursor)
            if since is None:
                await self._database.transact(partial(_move_mark, gateway=gateway, state=state))
            if state.cursor is None:
                return

    async def _polled(self, run: Run, gateway: PaymentGateway, hint: Hint) -> None:
        name = gateway.profile.name
        if await self._alone(run, partial(self._ours, name, hint)):
            run.count("polled")
        else:
            await self._inbox.remember(name, gateway.profile, hint)

    async def _pass(self, run: Run, gateway: PaymentGateway, since: datetime | None) -> Pass:
        """Return the pass that is under way, or begin one."""
        if since is not None:
            return Pass(since, None, run.now)
        mark = await self._database.first(
            select(poll_marks).where(
                poll_marks.c.gateway == gateway.profile.name,
                poll_marks.c.account == gateway.profile.account,
            )
        )
        # What lies ahead was noted by a clock that has been put back: that time was not looked at.
        if mark is None or mark.began_at > run.now + OVERLAP:
            return Pass(run.now - FIRST_LOOK, None, run.now)
        if mark.cursor is not None:
            return Pass(mark.watermark - OVERLAP, mark.cursor, mark.began_at)
        return Pass(mark.watermark - OVERLAP, None, run.now)

    async def _ours(self, gateway: str, hint: Hint) -> None:
        try:
            complete = await self._hint(gateway, hint)
        except CheckoutNotFound:
            return
        if not complete:
            raise GatewayUnavailable("not all that a hint leads to can be read now")

    async def _past_expiry(self, run: Run) -> Any:  # noqa: ANN401
        return await self._database.rows(
            select(orders.c.id)
            .where(orders.c.state == "open", orders.c.expires_at <= run.now)
            .order_by(orders.c.expires_at)
            .limit(run.limit)
        )

    async def _expire(self, row: AnyRow) -> None:
        await self._starter.retire(row.id, "system", "expire", cancel=False)

    async def _report(self, run: Run) -> ReconcileReport:
        open_actions = await self._database.first(
            select(
                func.count().label("many"), func.min(payment_actions.c.created_at).label("oldest")
            ).where(payment_actions.c.open_key == 1)
        )
        due = 0
        for table in WAITING:
            waiting = select(func.count().label("many")).where(table.c.next_check_at <= run.now)
            found = await self._database.first(
                waiting.where(filtering(table.c.gateway).in_(list(self._gateways)))
            )
            due += found.many if found else 0
        return ReconcileReport(
            **run.counts,
            due=due,
            open_actions=open_actions.many if open_actions else 0,
            oldest_unresolved=open_actions.oldest if open_actions else None,
        )


def _with_payment(table: Any) -> Any:  # noqa: ANN401  SQLAlchemy's own
    return select(table, payments.c.ref.label("payment_ref"), payments.c.checkout_id).join(
        payments, payments.c.id == table.c.payment_id
    )


async def _look_again(tx: Transaction, row: AnyRow) -> int:
    tries = row.tries + 1
    await tx.rows(ask_again(row.id, tries, next_try(tries, tx.now)))
    return await take_ticket(tx, row.id)


async def _touch(tx: Transaction, table: Any, row: AnyRow) -> None:  # noqa: ANN401
    values = {"next_check_at": tx.now + timedelta(days=1)}
    if "tries" in table.c:
        values = {"tries": row.tries + 1, "next_check_at": next_try(row.tries + 1, tx.now)}
    await tx.rows(
        update(table)
        .where(table.c.id == row.id, table.c.next_check_at.is_not(None))
        .values(**values)
    )


async def _move_mark(tx: Transaction, gateway: PaymentGateway, state: Pass) -> None:
    done = state.cursor is None
    values = {
        "watermark": state.began_at if done else state.start + OVERLAP,
        "cursor": state.cursor,
        "began_at": state.began_at,
    }
    profile = gateway.profile
    await tx.rows(
        insert(poll_marks)
        .values(gateway=profile.name, account=profile.account, **values)
        .on_conflict_do_update(index_elements=["gateway", "account"], set_=values)
    )
