"""Placing an order: one transaction, before any gateway hears of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue
from sqlalchemy import insert, or_, select, update

from digistore.audit import Change, record
from digistore.clock import from_micros, to_micros
from digistore.database.sets import filtering
from digistore.errors import (
    DigistoreError,
    Forbidden,
    IdempotencyConflict,
    Invalid,
    PaymentInFlight,
)
from digistore.gateways import CheckoutLine, CheckoutRequest
from digistore.gateways.port import JSON
from digistore.money import Money
from digistore.orders.clicks import Click
from digistore.orders.discounts.redeeming import reserve
from digistore.orders.discounts.rules import Offer
from digistore.orders.kinds import Draft, Kind, LineKind
from digistore.orders.models import Billing, Consent, OrderState
from digistore.orders.reads import order_in_flight
from digistore.orders.rules import (
    LINE_SNAPSHOT,
    SNAPSHOT,
    named_in,
    snapshot_fingerprint,
)
from digistore.orders.tables import order_lines, orders, payment_attempts
from digistore.settings import AccessPolicy
from digistore.users.reads import stands_for
from digistore.users.tables import users

if TYPE_CHECKING:
    from digistore.database import Transaction
    from digistore.gateways import GatewayProfile


@dataclass(frozen=True, slots=True)
class Wish:
    """All that an order is made of; amounts in minor units of *currency*."""

    buyer_id: str
    seller_id: str | None
    currency: str
    drafts: Sequence[Draft]
    gateway: GatewayProfile | None
    livemode: bool
    policy: AccessPolicy
    return_url: str
    cancel_url: str
    ttl: timedelta
    namespace: str
    fingerprint: str
    tax_inclusive: bool = True
    billing: Billing | None = None
    consents: Sequence[Consent] = ()
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    idempotency_key: str | None = None
    customer_email: str | None = None
    offer: Offer | None = None
    click: Click | None = None
    customer_ref: str | None = None

    @property
    def total(self) -> int:
        """What is to be paid."""
        return sum(draft.total for draft in self.drafts)

    @property
    def discount(self) -> int:
        """What the discount takes off."""
        return sum(draft.discount for draft in self.drafts)


class Blocked(DigistoreError):
    """Older open orders of the same products must end before this one can begin."""

    def __init__(self, order_ids: Sequence[str]) -> None:
        """Name them."""
        super().__init__("older open orders are in the way")
        self.order_ids = tuple(order_ids)


async def place(tx: Transaction, wish: Wish, kinds: Mapping[Kind, LineKind]) -> tuple[str, bool]:
    """Write an order with its lines and attempt; return its id and whether it is new.

    The same key, or the same content while the order is open, gives the same order.

    Raises:
        IdempotencyConflict, PaymentInFlight, AlreadyOwned, AccessRequired: as they say.
        Unusable: nothing is left of the discount.
        Blocked: other open orders of these products.
    """
    merged = await _lock_people(tx, wish)
    known = await _same_key(tx, wish) or await _same_content(tx, wish)
    if known is not None:
        await _sent_by(tx, known, wish)
        return known, False
    _refuse_merged(wish, merged)
    for draft in wish.drafts:
        await kinds[draft.kind].admit(tx, wish.buyer_id, draft)
        if draft.kind is Kind.PRODUCT:
            await _refuse_in_flight(tx, wish.buyer_id, draft)
    blockers = await _blockers(tx, wish)
    if blockers:
        raise Blocked(blockers)
    return await _write(tx, wish), True


async def _lock_people(tx: Transaction, wish: Wish) -> set[str]:
    """Let checkouts for the same people, and claims of guests, wait for each other.

    Else the second of two clicks could miss the first one's order as the same, and then meet it
    as one that is in the way. Returns those that somebody has claimed since the call began.
    """
    people = {wish.buyer_id, *(draft.beneficiary_id for draft in wish.drafts)}
    rows = await tx.rows(
        select(users.c.id, users.c.merged_into)
        .where(users.c.id.in_(sorted(people)))
        .order_by(users.c.id)
        .with_for_update(key_share=True)
    )
    return {row.id for row in rows if row.merged_into is not None}


def _refuse_merged(wish: Wish, merged: set[str]) -> None:
    """Refuse guests that were claimed.

    Raises:
        Forbidden: the buyer is one.
        Invalid: the beneficiary is one.
    """
    if wish.buyer_id in merged:
        raise Forbidden("this user may no longer act", reason="user_disabled")
    if merged:
        raise Invalid("gift_to is nobody here", fields={"gift_to": "unknown"})


async def _same_key(tx: Transaction, wish: Wish) -> str | None:
    if wish.idempotency_key is None:
        return None
    row = await tx.first(
        select(orders.c.id, orders.c.request_fingerprint).where(
            orders.c.buyer_id == wish.buyer_id, orders.c.idempotency_key == wish.idempotency_key
        )
    )
    if row is None:
        return None
    if row.request_fingerprint != wish.fingerprint:
        raise IdempotencyConflict(wish.idempotency_key)
    return str(row.id)


async def _same_content(tx: Transaction, wish: Wish) -> str | None:
    row = await tx.first(
        select(orders.c.id, orders.c.state, orders.c.created_at, orders.c.expires_at)
        .where(
            orders.c.buyer_id == wish.buyer_id,
            orders.c.request_fingerprint == wish.fingerprint,
            orders.c.state.in_((OrderState.OPEN, OrderState.PROCESSING)),
        )
        .order_by(orders.c.created_at.desc())
    )
    if row is None:
        return None
    if row.state == OrderState.PROCESSING:
        raise PaymentInFlight(row.id, row.created_at)
    if row.expires_at <= tx.now:
        raise Blocked([row.id])
    return str(row.id)


async def _sent_by(tx: Transaction, order_id: str, wish: Wish) -> None:
    """Let the last click before payment have an order; what is paid, or about to be, keeps its."""
    if wish.click is None:
        return
    link, at = wish.click
    row = await tx.first(
        update(orders)
        .where(
            orders.c.id == order_id,
            orders.c.state == OrderState.OPEN,
            or_(orders.c.clicked_at.is_(None), orders.c.clicked_at < at),
        )
        .values(short_url_id=link, clicked_at=at, version=orders.c.version + 1)
        .returning(orders.c.version)
    )
    if row is not None:
        told = Change("order", order_id, row.version, {"short_url": link})
        await record(tx, wish.buyer_id, "click", [told])


async def _refuse_in_flight(tx: Transaction, buyer_id: str, draft: Draft) -> None:
    row = await order_in_flight(tx, buyer_id, draft.product_id)
    if row is not None and draft.beneficiary_id == buyer_id:
        raise PaymentInFlight(row.id, row.created_at)


async def _blockers(tx: Transaction, wish: Wish) -> list[str]:
    wanted = {
        (draft.product_id, draft.beneficiary_id)
        for draft in wish.drafts
        if draft.kind is Kind.PRODUCT
    }
    rows = await tx.rows(
        select(
            order_lines.c.order_id,
            order_lines.c.product_id,
            stands_for(order_lines.c.beneficiary_id).label("beneficiary_id"),
        )
        .where(order_lines.c.buyer_id == wish.buyer_id, order_lines.c.open_key == 1)
        .where(filtering(order_lines.c.product_id).in_({product for product, _ in wanted}))
    )
    return sorted({r.order_id for r in rows if (r.product_id, r.beneficiary_id) in wanted})


async def _write(tx: Transaction, wish: Wish) -> str:
    order_id = tx.new_id("ord")
    lines = [_line(tx, order_id, wish, number, one) for number, one in enumerate(wish.drafts)]
    order = {
        "id": order_id,
        "buyer_id": wish.buyer_id,
        "seller_id": wish.seller_id,
        "currency": wish.currency,
        "subtotal": sum(draft.unit_price for draft in wish.drafts),
        "discount": wish.discount,
        "tax": sum(draft.tax for draft in wish.drafts),
        "total": wish.total,
        "tax_inclusive": wish.tax_inclusive,
        "billing": wish.billing.model_dump(mode="json") if wish.billing else None,
        "consents": [consent.model_dump(mode="json") for consent in wish.consents],
        "metadata": dict(wish.metadata),
        "policy": wish.policy.model_dump(mode="json"),
        "state": OrderState.OPEN,
        "livemode": wish.livemode,
        "self_purchase": wish.seller_id == wish.buyer_id,
        "idempotency_key": wish.idempotency_key,
        "request_fingerprint": wish.fingerprint,
        "expires_at": tx.now + wish.ttl,
        "late": False,
        "short_url_id": wish.click[0] if wish.click else None,
        "clicked_at": wish.click[1] if wish.click else None,
        "version": 1,
        "created_at": tx.now,
    }
    order["snapshot_fingerprint"] = snapshot_fingerprint(
        {name: order[name] for name in SNAPSHOT},
        [[line[name] for name in LINE_SNAPSHOT] for line in lines],
    )
    await tx.rows(insert(orders).values(order))
    await tx.rows(insert(order_lines).values(lines))
    changes: dict[str, str | int | bool | None] = {"state": "open", "total": wish.total}
    await record(tx, wish.buyer_id, "checkout", [Change("order", order_id, 1, changes)])
    if wish.offer is not None:
        await reserve(tx, wish.offer, order_id, wish.buyer_id, wish.discount)
    if wish.gateway is not None:
        await add_attempt(tx, order_id, wish, wish.gateway)
    return order_id


def _line(
    tx: Transaction, order_id: str, wish: Wish, position: int, draft: Draft
) -> dict[str, Any]:
    return {
        "id": tx.new_id("lin"),
        "order_id": order_id,
        "position": position,
        "kind": draft.kind,
        "product_id": draft.product_id,
        "buyer_id": wish.buyer_id,
        "beneficiary_id": draft.beneficiary_id,
        "title": draft.title,
        "unit_price": draft.unit_price,
        "discount": draft.discount,
        "tax": draft.tax,
        "tax_rate": draft.tax_rate,
        "tax_reason": draft.tax_reason,
        "total": draft.total,
        "allow_repeat": draft.allow_repeat,
        "open_key": 1 if draft.kind is Kind.PRODUCT else None,
        "outcome": None,
    }


async def add_attempt(tx: Transaction, order_id: str, wish: Wish, profile: GatewayProfile) -> str:
    """Write the intent to have an order paid: the key and the exact request, before the call."""
    attempt_id = tx.new_id("att")
    key = f"co:{attempt_id}"
    request = CheckoutRequest(
        reference=attempt_id,
        namespace=wish.namespace,
        lines=tuple(
            CheckoutLine(draft.title, Money.from_minor(draft.total, wish.currency))
            for draft in wish.drafts
            if draft.total
        ),
        total=Money.from_minor(wish.total, wish.currency),
        success_url=named_in(wish.return_url, attempt_id),
        cancel_url=named_in(wish.cancel_url, attempt_id),
        expires_at=tx.now + wish.ttl,
        idempotency_key=key,
        customer_email=wish.customer_email,
        customer_ref=wish.customer_ref,
        metadata={"order": order_id},
    )
    await tx.rows(
        insert(payment_attempts).values(
            id=attempt_id,
            order_id=order_id,
            gateway=profile.name,
            livemode=profile.livemode,
            account=profile.account,
            state="creating",
            amount=wish.total,
            currency=wish.currency,
            key=key,
            request=request_to_json(request),
            ticket=0,
            live_key=1,
            tries=0,
            next_check_at=tx.now,
            created_at=tx.now,
        )
    )
    return attempt_id


def request_to_json(request: CheckoutRequest) -> dict[str, JSON]:
    """Return what a repeat of the call is made of."""
    return {
        "reference": request.reference,
        "namespace": request.namespace,
        "lines": [[line.title, line.total.amount] for line in request.lines],
        "total": request.total.amount,
        "currency": request.total.currency,
        "success_url": request.success_url,
        "cancel_url": request.cancel_url,
        "expires_at": to_micros(request.expires_at),
        "idempotency_key": request.idempotency_key,
        "customer_email": request.customer_email,
        "customer_ref": request.customer_ref,
        "metadata": dict(request.metadata),
    }


def request_from_json(stored: Mapping[str, Any]) -> CheckoutRequest:
    """Return the very request that was stored: a repeat sends it unchanged."""
    currency = stored["currency"]
    return CheckoutRequest(
        reference=stored["reference"],
        namespace=stored["namespace"],
        lines=tuple(
            CheckoutLine(title, Money.from_minor(total, currency))
            for title, total in stored["lines"]
        ),
        total=Money.from_minor(stored["total"], currency),
        success_url=stored["success_url"],
        cancel_url=stored["cancel_url"],
        expires_at=from_micros(stored["expires_at"]),
        idempotency_key=stored["idempotency_key"],
        customer_email=stored["customer_email"],
        customer_ref=stored.get("customer_ref"),
        metadata=stored["metadata"],
    )
