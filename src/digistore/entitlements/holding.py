"""All grants of one holder and product: what is stored of them, and what should be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, literal, select, tuple_
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.dialects.postgresql import insert as upsert

from digistore.audit import Change, head
from digistore.database import Call, Prepared, Record, changing, inserting
from digistore.database.sets import are_of
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.rules import Grant, choose, decide
from digistore.entitlements.tables import entitlement_facts, holdings, purchased_products
from digistore.events import (
    AccessGranted,
    AccessRestored,
    AccessRevoked,
    AccessSuspended,
    Event,
)
from digistore.ids import EventId, OrderId, ProductId, PurchasedProductId, UserId
from digistore.orders.tables import order_lines, orders
from digistore.outbox import announce
from digistore.settings import AccessPolicy, Effect
from digistore.users.reads import stands_for

NEWEST = 2**62  # a grant without facts yet: its turn is after all others


@dataclass(slots=True)
class StoredGrant:
    """A purchase row with its facts; ``state`` is ``None`` for one that is not stored yet."""

    id: str
    product_id: str
    user_id: str
    order_id: str
    order_line_id: str
    payment_id: str
    covered_total: int
    policy: AccessPolicy
    state: AccessState | None = None
    epoch: int = 1
    version: int = 0
    sequence: int = NEWEST
    acquired_at: datetime | None = None
    facts: list[Fact] = field(default_factory=list)
    fresh: list[Fact] = field(default_factory=list)

    def hear(self, fact: Fact) -> None:
        """Take a fact in; one that is known changes nothing."""
        if fact.key not in {known.key for known in (*self.facts, *self.fresh)}:
            self.fresh.append(fact)

    @property
    def worth(self) -> AccessState:
        """What the facts make of it; every stored grant has a payment."""
        return decide((*self.facts, *self.fresh), self.policy).state or AccessState.REVOKED


def lock(pairs: Iterable[tuple[str, str]]) -> Insert:
    """Return the statement that locks the holdings of (user, product) *pairs*."""
    rows = [
        {"user_id": user, "product_id": product, "version": 1} for user, product in sorted(pairs)
    ]
    return _locking(upsert(holdings).values(rows))


def grants_of(pairs: Iterable[tuple[str, str]]) -> Select[Any]:
    """Return the statement for the purchases of (user, product) *pairs* with their policies."""
    return _grants(are_of(_HELD_BY, sorted(pairs)))


def facts_of(pairs: Iterable[tuple[str, str]]) -> Select[Any]:
    """Return the statement for the facts of those purchases, in ledger order."""
    return _facts(are_of(_HELD_BY, sorted(pairs)))


def reads_of(order_id: str) -> list[Call]:
    """Return the statements that lock the holdings of an order, then read their grants and facts.

    Who holds what an order is for is looked up under the order's lock, as a claim may change it.
    """
    return [read.given(order_id=order_id) for read in (_LOCK, _GRANTS, _FACTS)]


def _locking(rows: Insert) -> Insert:
    return rows.on_conflict_do_update(
        index_elements=["user_id", "product_id"], set_={"version": holdings.c.version + 1}
    )


def _grants(which: ColumnElement[bool]) -> Select[Any]:
    bought = purchased_products.c
    return (
        select(purchased_products, orders.c.policy)
        .join(orders, orders.c.id == bought.order_id)
        .where(which)
        .order_by(bought.id)
    )


def _facts(which: ColumnElement[bool]) -> Select[Any]:
    return (
        select(entitlement_facts)
        .join(purchased_products, purchased_products.c.id == entitlement_facts.c.grant_id)
        .where(which)
        .order_by(entitlement_facts.c.sequence)
    )


_HELD_BY = (purchased_products.c.user_id, purchased_products.c.product_id)
HOLDING = tuple_(*_HELD_BY)
_HOLDER = stands_for(order_lines.c.beneficiary_id).label("holder")
HELD = select(_HOLDER, order_lines.c.product_id).where(
    order_lines.c.order_id == bindparam("order_id")
)
"""Who holds which product by an order's lines."""
_LOCKED = HELD.add_columns(literal(1)).distinct().order_by(_HOLDER, order_lines.c.product_id)
_LOCK = Prepared(
    _locking(upsert(holdings).from_select(["user_id", "product_id", "version"], _LOCKED))
)
_HEAD = head("purchase", purchased_products.c.id, purchased_products.c.version)
_GRANTS = Prepared(_grants(HOLDING.in_(HELD)).add_columns(_HEAD))
_FACTS = Prepared(_facts(HOLDING.in_(HELD)))
_OPEN = inserting(purchased_products, tuple(purchased_products.c.keys()))
_MOVE = changing(purchased_products, ("state", "live_key", "epoch", "version"))


def stored_grants(grants: Sequence[Any], facts: Sequence[Any]) -> list[StoredGrant]:
    """Put purchase rows and their fact rows together."""
    found = {row.id: _stored(row._mapping) for row in grants}
    for row in facts:
        grant = found[row.grant_id]
        grant.sequence = min(grant.sequence, row.sequence)
        grant.facts.append(read_fact(row._mapping))
    return list(found.values())


def _stored(row: Record) -> StoredGrant:
    copied = ("id", "product_id", "user_id", "order_id", "order_line_id", "payment_id")
    return StoredGrant(
        **{name: row[name] for name in copied},
        covered_total=row["covered_total"],
        policy=AccessPolicy.model_validate(row["policy"]),
        state=AccessState(row["state"]),
        epoch=row["epoch"],
        version=row["version"],
        acquired_at=row["acquired_at"],
    )


def read_fact(row: Record) -> Fact:
    """Make a fact of its row."""
    return Fact(
        grant_id=row["grant_id"],
        about=row["about"],
        kind=FactKind(row["kind"]),
        state=FactState(row["state"]),
        amount=row["amount"],
        at=row["at"],
        ticket=row["ticket"],
        access=Effect(row["access"]) if row["access"] else None,
        actor=row["actor"],
        reason=row["reason"],
    )


def fact_row(fact: Fact) -> dict[str, Any]:
    """Make a row of a fact."""
    return {
        "grant_id": fact.grant_id,
        "about": fact.about,
        "kind": fact.kind,
        "state": fact.state,
        "amount": fact.amount,
        "ticket": fact.ticket,
        "access": fact.access,
        "at": fact.at,
        "actor": fact.actor,
        "reason": fact.reason,
    }


def keep(log: Table, fact: Fact) -> Call:
    """Return the statement that appends a fact to a *log*."""
    row = fact_row(fact)
    return inserting(log, tuple(row)).given(**row)


@dataclass(frozen=True, slots=True)
class Moment:
    """When and by whom a holding changes."""

    now: datetime
    new_id: Callable[[str], str]
    actor: str


@dataclass(frozen=True, slots=True)
class Derived:
    """The states that a holding's grants should have, and what makes them so."""

    states: Mapping[str, AccessState]
    writes: Sequence[Call]
    changes: Sequence[Change]


def derive(grants: Sequence[StoredGrant], moment: Moment) -> Derived:
    """Say what the grants of one holding become by their facts, old and fresh."""
    states = choose(
        [
            Grant(grant.id, grant.worth, grant.sequence, grant.state is AccessState.LIVE)
            for grant in grants
        ]
    )
    moved = [grant for grant in grants if grant.state is not states[grant.id]]
    # A place is freed before it is taken, or UNIQUE would meet both.
    moved.sort(key=lambda grant: states[grant.id] is AccessState.LIVE)
    writes = [_write(grant, states[grant.id], moment) for grant in moved]
    fresh = [fact for grant in grants for fact in grant.fresh]
    writes += [keep(entitlement_facts, fact) for fact in fresh]
    for grant in moved:
        event = _event(grant, states[grant.id], moment)
        if event is not None:
            writes.append(announce(event, str(grant.version + 1)))
    changes = [
        Change("purchase", grant.id, grant.version + 1, {"state": states[grant.id]})
        for grant in moved
    ]
    return Derived(states, writes, changes)


def _write(grant: StoredGrant, state: AccessState, moment: Moment) -> Call:
    live_key = 1 if state is AccessState.LIVE else None
    if grant.state is None:
        return _OPEN.given(
            id=grant.id,
            product_id=grant.product_id,
            user_id=grant.user_id,
            order_line_id=grant.order_line_id,
            line_kind="product",
            payment_id=grant.payment_id,
            order_id=grant.order_id,
            covered_total=grant.covered_total,
            acquired_at=moment.now,
            state=state,
            live_key=live_key,
            epoch=grant.epoch,
            seen_release_id=None,
            version=1,
        )
    closes = grant.state is AccessState.LIVE  # links made before must not open it again
    return _MOVE.given(
        id_=grant.id,
        state=state,
        live_key=live_key,
        epoch=grant.epoch + closes,
        version=grant.version + 1,
    )


def set_live_key(grant_id: str, *, live: bool, version: int) -> Call:
    """Return the statement that has a grant take the place that its state gives it, or leave it."""
    changed = changing(purchased_products, ("live_key", "version"))
    return changed.given(id_=grant_id, live_key=1 if live else None, version=version)


def _event(grant: StoredGrant, state: AccessState, moment: Moment) -> Event | None:
    restored = grant.state in {AccessState.SUSPENDED, AccessState.REVOKED}
    kind = {
        AccessState.LIVE: AccessRestored if restored else AccessGranted,
        AccessState.SUSPENDED: AccessSuspended,
        AccessState.REVOKED: AccessRevoked,
        AccessState.STANDBY: None,
    }[state]
    if kind is None:
        return None
    return kind(
        id=EventId(moment.new_id("evt")),
        at=moment.now,
        actor=moment.actor,
        purchase_id=PurchasedProductId(grant.id),
        product_id=ProductId(grant.product_id),
        user_id=UserId(grant.user_id),
        order_id=OrderId(grant.order_id),
    )
