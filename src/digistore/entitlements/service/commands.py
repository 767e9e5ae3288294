"""What an operator does to a purchase: a recorded fact, never a flipped flag."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import select, update

from digistore.audit import Change, record
from digistore.entitlements.facts import AccessState, Fact, FactKind, FactState
from digistore.entitlements.holding import (
    Moment,
    StoredGrant,
    derive,
    facts_of,
    grants_of,
    lock,
    stored_grants,
)
from digistore.entitlements.kind import OUTCOMES
from digistore.entitlements.tables import purchased_products
from digistore.errors import NotFound
from digistore.orders.writes import lock_order, set_outcome

if TYPE_CHECKING:
    from digistore.database import Transaction
    from digistore.users import Acting

Ask: TypeAlias = "Callable[[Transaction, str, str, str], Awaitable[None]]"
"""Takes order, line and actor, and asks an operator about money that opened nothing."""


async def say(
    tx: Transaction, acting: Acting, purchase_id: str, word: FactState, reason: str, ask: Ask
) -> None:
    """Add an operator's *word* on a purchase and derive its holding again.

    Said twice in a row, it is said once. Where the place is taken, *ask* what becomes of the money.
    """
    row = await tx.first(
        select(purchased_products.c.order_id).where(purchased_products.c.id == purchase_id)
    )
    if row is None:
        raise NotFound("purchase", purchase_id)
    order_version = await lock_order(tx, row.order_id)
    held, grant = await _held(tx, purchase_id)
    words = [fact for fact in grant.facts if fact.kind is FactKind.OPERATOR]
    last = max(words, key=lambda fact: fact.ticket, default=None)
    if (last.state if last else FactState.RESTORED) is not word:
        grant.hear(_word(grant.id, acting.label, word, reason, tx, len(words) + 1))
    derived = derive(held, Moment(tx.now, tx.new_id, acting.label))
    await tx.batch(
        [
            *derived.writes,
            *(set_outcome(g.order_line_id, OUTCOMES[derived.states[g.id]]) for g in held),
        ]
    )
    await record(tx, acting.label, f"purchase_{word}", [order_version, *derived.changes])
    waits = AccessState.STANDBY
    if derived.states[purchase_id] is waits and grant.state is not waits:
        await ask(tx, grant.order_id, grant.order_line_id, acting.label)


async def saw_release(
    tx: Transaction, purchase_id: str, release_id: str, *, is_latest: bool
) -> None:
    """Note which release was downloaded; an older one, fetched by name, takes nothing back."""
    here = purchased_products.c.id == purchase_id
    if not is_latest:
        here &= purchased_products.c.seen_release_id.is_(None)
    await tx.rows(update(purchased_products).where(here).values(seen_release_id=release_id))


async def raise_epoch(tx: Transaction, acting: Acting, purchase_id: str) -> None:
    """End every link made for a purchase so far; access stays."""
    await _held(tx, purchase_id)
    row = await tx.first(
        update(purchased_products)
        .where(purchased_products.c.id == purchase_id)
        .values(epoch=purchased_products.c.epoch + 1, version=purchased_products.c.version + 1)
        .returning(purchased_products.c.version, purchased_products.c.epoch)
    )
    if row is None:
        raise AssertionError
    change = _change(purchase_id, row.version, row.epoch)
    await record(tx, acting.label, "revoke_links", [change])


def _change(purchase_id: str, version: int, epoch: int) -> Change:
    return Change("purchase", purchase_id, version, {"epoch": epoch})


async def _held(tx: Transaction, purchase_id: str) -> tuple[list[StoredGrant], StoredGrant]:
    row = await tx.first(
        select(purchased_products.c.user_id, purchased_products.c.product_id).where(
            purchased_products.c.id == purchase_id
        )
    )
    if row is None:
        raise AssertionError
    pair = {(row.user_id, row.product_id)}
    _, grants, facts = await tx.batch([lock(pair), grants_of(pair), facts_of(pair)])
    held = stored_grants(grants, facts)
    return held, next(grant for grant in held if grant.id == purchase_id)


def _word(
    grant_id: str, actor: str, word: FactState, reason: str, tx: Transaction, ticket: int
) -> Fact:
    return Fact(
        grant_id=grant_id,
        about="operator",
        kind=FactKind.OPERATOR,
        state=word,
        amount=0,
        at=tx.now,
        ticket=ticket,
        actor=actor,
        reason=reason,
    )
