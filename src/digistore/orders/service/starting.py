"""Having a gateway open the checkout of an order, and finding out what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from digistore.audit import record
from digistore.blocking import port
from digistore.database import AnyRow
from digistore.errors import (
    AmountNotSupported,
    CheckoutNotFound,
    DigistoreError,
    GatewayConfigError,
    GatewayError,
    GatewayRateLimited,
    GatewayUnavailable,
)
from digistore.gateways import (
    Cap,
    CheckoutRef,
    PaymentGateway,
    PaymentSnapshot,
    PayState,
)
from digistore.orders.discounts.redeeming import release_if_over
from digistore.orders.models import OrderState
from digistore.orders.reads import live_attempt
from digistore.orders.service.placing import request_from_json, request_to_json
from digistore.orders.service.settling import Settling
from digistore.orders.tables import orders, payment_attempts
from digistore.orders.writes import lock_order, take_ticket, update_attempt

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

KEY_MARGIN = timedelta(hours=4)  # a key is not repeated in the last hours of its life
POLL_MARGIN = timedelta(hours=1)
ROUNDS = 2  # of attempts in one call: the second where the first turned out to be worth nothing
CUSTOMER_MISSING = "customer_missing"  # what gateways say of a customer who was deleted there
RETRIES = (
    timedelta(0),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=12),
    timedelta(days=1),
)


def next_try(tries: int, now: datetime) -> datetime:
    """Return when something unanswered is asked about again: soon at first, then daily."""
    return now + RETRIES[min(tries, len(RETRIES) - 1)]


class Starter:
    """Opens checkouts at gateways; every outcome is *done*, *refused* or *unknown*."""

    def __init__(
        self, database: Database, gateways: Mapping[str, PaymentGateway], settling: Settling
    ) -> None:
        """Use *gateways* by name; hand what they say to *settling*."""
        self._database = database
        self._gateways = gateways
        self._settling = settling

    async def start(self, order_id: str) -> str | None:
        """Return where an order can be paid, opening its checkout if need be.

        Called again after any failure it continues the same attempt, with the same key.

        Raises:
            GatewayError: with the order's id; an unknown outcome is ``GatewayUnavailable``.
        """
        for _ in range(ROUNDS):
            attempt = await live_attempt(self._database, order_id)
            if attempt is None:
                attempt = await self._database.transact(lambda tx: _renew(tx, order_id))
            if attempt is None:
                return None
            if attempt.state in {"creating", "unknown"}:
                await self.finish(attempt)
                attempt = await live_attempt(self._database, order_id)
            if attempt is not None:
                return None if attempt.url is None else str(attempt.url)
        return None

    async def finish(self, attempt: AnyRow) -> None:
        """Find out what became of an unanswered attempt: repeat it, or look for it."""
        gateway = self._gateway(attempt)
        fresh = self._database.clock() - attempt.created_at < gateway.profile.key_ttl - KEY_MARGIN
        if fresh:
            await self._repeat(gateway, attempt)
        else:
            await self._look_for(gateway, attempt)

    def _gateway(self, attempt: AnyRow) -> PaymentGateway:
        """Return the gateway of an attempt, which may be gone from the configuration since.

        Raises:
            GatewayConfigError: it is.
        """
        gateway = self._gateways.get(attempt.gateway)
        if gateway is None:
            message = f"no gateway named {attempt.gateway} is configured"
            raise GatewayConfigError(message, order_id=attempt.order_id)
        return gateway

    async def _repeat(self, gateway: PaymentGateway, attempt: AnyRow) -> None:
        request = request_from_json(attempt.request)
        try:
            snapshot = await port(gateway.create_checkout(request))
        except (GatewayUnavailable, GatewayRateLimited) as error:
            unknown = isinstance(error, GatewayUnavailable)
            if isinstance(error, GatewayUnavailable) and error.key_is_spent:
                await self._look_for(gateway, attempt)
                return
            # Refused before any work, or nobody knows: the attempt stays alive either way.
            await self._database.transact(lambda tx: _wait(tx, attempt, unknown=unknown))
            error.order_id = attempt.order_id
            raise
        except (GatewayError, AmountNotSupported) as error:
            code = _code(error)
            await self._database.transact(lambda tx: _give_up(tx, attempt, "failed", code))
            if code == CUSTOMER_MISSING and request.customer_ref is not None:
                return  # the next attempt does without
            if isinstance(error, GatewayError):
                error.order_id = attempt.order_id
            raise
        await self._adopt(attempt, snapshot)

    async def _look_for(self, gateway: PaymentGateway, attempt: AnyRow) -> None:
        cursor: str | None = None
        while True:
            page = await port(gateway.poll(attempt.created_at - POLL_MARGIN, cursor))
            for hint in page.hints:
                if hint.reference == attempt.id and hint.checkout_id is not None:
                    snapshot = await port(gateway.fetch(CheckoutRef(hint.checkout_id)))
                    await self._adopt(attempt, snapshot)
                    return
            cursor = page.cursor
            if cursor is None:
                break
        await self._database.transact(lambda tx: _give_up(tx, attempt, "abandoned", "not_found"))

    async def _adopt(self, attempt: AnyRow, snapshot: PaymentSnapshot) -> None:
        ticket = await self._database.transact(lambda tx: _record(tx, attempt, snapshot))
        if snapshot.state is not PayState.OPEN:
            await self._settling.settle(snapshot, ticket, "checkout")

    async def retire(self, order_id: str, actor: str, cause: str, *, cancel: bool) -> None:
        """End an open order, its checkout at the gateway first; if it was paid, that is settled."""
        await self.end_attempt(order_id, cause)
        await self._settling.close(order_id, actor, cause, cancel=cancel)

    async def end_attempt(self, order_id: str, cause: str) -> None:
        """End the checkout of an order at its gateway; if it was paid, that is settled.

        A gateway that cannot end a checkout is asked what became of it.
        """
        attempt = await live_attempt(self._database, order_id)
        if attempt is not None and attempt.state in {"creating", "unknown"}:
            await self.finish(attempt)
            attempt = await live_attempt(self._database, order_id)
        if attempt is not None and attempt.checkout_id is not None:
            gateway = self._gateway(attempt)
            ticket = await self._database.transact(lambda tx: take_ticket(tx, attempt.id))
            ends = Cap.EXPIRE in gateway.profile.capabilities
            try:
                if ends:
                    snapshot = await port(gateway.expire(attempt.checkout_id))
                else:
                    snapshot = await port(gateway.fetch(CheckoutRef(attempt.checkout_id)))
            except CheckoutNotFound:
                await self._database.transact(lambda tx: _give_up(tx, attempt, "abandoned", "lost"))
                return
            await self._settling.settle(snapshot, ticket, cause)


async def _record(tx: Transaction, attempt: AnyRow, snapshot: PaymentSnapshot) -> int:
    change = await lock_order(tx, attempt.order_id)
    await tx.rows(
        update_attempt(
            attempt.id,
            checkout_id=snapshot.checkout_id,
            url=snapshot.url,
            state="open",
            next_check_at=request_from_json(attempt.request).expires_at,
        ).where(payment_attempts.c.state.in_(("creating", "unknown")))
    )
    told = replace(change, changes={"attempt": attempt.id, "attempt_state": "open"})
    await record(tx, "system", "checkout_opened", [told])
    return await take_ticket(tx, attempt.id)


async def _wait(tx: Transaction, attempt: AnyRow, *, unknown: bool) -> None:
    await tx.rows(
        update_attempt(
            attempt.id,
            state="unknown" if unknown else attempt.state,
            tries=attempt.tries + 1,
            next_check_at=next_try(attempt.tries + 1, tx.now),
        ).where(payment_attempts.c.state.in_(("creating", "unknown")))
    )


async def _give_up(tx: Transaction, attempt: AnyRow, state: str, code: str) -> None:
    change = await lock_order(tx, attempt.order_id)
    await tx.rows(
        update_attempt(
            attempt.id, state=state, live_key=None, failure=code, next_check_at=None
        ).where(payment_attempts.c.state.in_(("creating", "unknown", "open")))
    )
    await release_if_over(tx, attempt.order_id)
    told = replace(change, changes={"attempt": attempt.id, "attempt_state": state})
    await record(tx, "system", "checkout_refused", [told])


async def _renew(tx: Transaction, order_id: str) -> AnyRow | None:
    """Begin another attempt for an open order whose last one failed, with the same request."""
    row = await tx.first(select(orders).where(orders.c.id == order_id))
    known = await live_attempt(tx, order_id)
    if known is not None or row is None:
        return known
    last = await tx.first(
        select(payment_attempts)
        .where(payment_attempts.c.order_id == order_id)
        .order_by(payment_attempts.c.id.desc())
    )
    if row.state != OrderState.OPEN or row.expires_at <= tx.now or last is None:
        return None
    attempt_id = tx.new_id("att")
    key = f"co:{attempt_id}"
    request = replace(request_from_json(last.request), reference=attempt_id, idempotency_key=key)
    if last.failure == CUSTOMER_MISSING:
        request = replace(request, customer_ref=None)
    copied = ("order_id", "gateway", "livemode", "account", "amount", "currency")
    await tx.rows(
        insert(payment_attempts).values(
            **{name: last._mapping[name] for name in copied},
            id=attempt_id,
            state="creating",
            key=key,
            request=request_to_json(request),
            ticket=0,
            live_key=1,
            tries=0,
            next_check_at=tx.now,
            created_at=tx.now,
        )
    )
    return await live_attempt(tx, order_id)


def _code(error: DigistoreError) -> str:
    if isinstance(error, GatewayConfigError):
        return error.code
    return getattr(error, "provider_code", None) or error.code
