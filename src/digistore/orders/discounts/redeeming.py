"""Redemptions: reserved with the order, used by its payment, released when none can come.

The counters are moved by guarded statements alone: what a read said may be old by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Executable,
    Insert,
    Integer,
    Select,
    Table,
    and_,
    case,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
)
from sqlalchemy import update as sql_update
from sqlalchemy.dialects.postgresql import insert as upsert

from digistore.database import Call, changing
from digistore.orders.discounts.rules import Offer, Unusable
from digistore.orders.discounts.tables import discount_customers, discounts, redemptions
from digistore.orders.tables import orders, payment_attempts

if TYPE_CHECKING:
    from digistore.database import Transaction


async def reserve(
    tx: Transaction, offer: Offer, order_id: str, customer_id: str, amount: int
) -> None:
    """Take one use of a discount for an order, in the order's own transaction.

    Raises:
        Unusable: none is left, or the discount is over; the order is not placed.
    """
    taken = await tx.first(
        sql_update(discounts)
        .where(
            discounts.c.id == offer.id,
            discounts.c.live_key == 1,
            or_(discounts.c.starts_at.is_(None), discounts.c.starts_at <= tx.now),
            or_(discounts.c.ends_at.is_(None), discounts.c.ends_at > tx.now),
            _has_room(discounts),
        )
        .values(used=discounts.c.used + 1)
        .returning(discounts.c.id)
    )
    if taken is None:
        raise Unusable
    row = {"discount_id": offer.id, "customer_id": customer_id, "used": 0, "over_limit": 0}
    limit = {"max_uses": offer.max_uses_per_customer}
    await tx.rows(upsert(discount_customers).values(row | limit).on_conflict_do_nothing())
    taken = await tx.first(
        sql_update(discount_customers)
        .where(_customer(offer.id, customer_id), _has_room(discount_customers))
        .values(used=discount_customers.c.used + 1)
        .returning(discount_customers.c.used)
    )
    if taken is None:
        raise Unusable
    await tx.rows(
        insert(redemptions).values(
            id=tx.new_id("rdm"),
            order_id=order_id,
            discount_id=offer.id,
            customer_id=customer_id,
            amount=amount,
            state="reserved",
            over_limit=False,
            created_at=tx.now,
        )
    )


def _has_room(table: Table) -> ColumnElement[bool]:
    return or_(table.c.max_uses.is_(None), table.c.used < table.c.max_uses)


def _customer(discount_id: str, customer_id: str | ColumnElement[Any]) -> ColumnElement[bool]:
    return and_(
        discount_customers.c.discount_id == discount_id,
        discount_customers.c.customer_id == customer_id,
    )


def give_back(discount_id: str, customer_id: str) -> Sequence[Executable]:
    """Return the statements by which a released use can be taken by others."""
    return [
        sql_update(discounts)
        .where(discounts.c.id == discount_id)
        .values(used=discounts.c.used - 1),
        sql_update(discount_customers)
        .where(_customer(discount_id, customer_id))
        .values(used=discount_customers.c.used - 1),
    ]


def take_again(redemption_id: str, discount_id: str, customer_id: str) -> Sequence[Executable]:
    """Return the statements that honour a late payment, whatever the limits say by now.

    The redemption is marked where that goes over one of them.
    """
    over = or_(
        exists().where(discounts.c.id == discount_id, discounts.c.used > discounts.c.max_uses),
        exists().where(
            _customer(discount_id, customer_id),
            discount_customers.c.used > discount_customers.c.max_uses,
        ),
    )
    return [
        _beyond(discounts, discounts.c.id == discount_id),
        _beyond(discount_customers, _customer(discount_id, customer_id)),
        sql_update(redemptions)
        .where(redemptions.c.id == redemption_id)
        .values(over_limit=case((over, 1), else_=0)),
    ]


def _beyond(table: Table, which: ColumnElement[bool]) -> Executable:
    full = table.c.used >= table.c.max_uses
    return (
        sql_update(table)
        .where(which)
        .values(used=table.c.used + 1, over_limit=table.c.over_limit + case((full, 1), else_=0))
    )


def set_redemption(redemption_id: str, **values: object) -> Call:
    """Change a redemption's columns."""
    return changing(redemptions, tuple(values)).given(id_=redemption_id, **values)


async def release_if_over(tx: Transaction, order_id: str) -> None:
    """Release what an ended order reserved, once none of its attempts can be paid any more."""
    ended = exists().where(orders.c.id == order_id, orders.c.state.in_(("expired", "canceled")))
    live = exists().where(payment_attempts.c.order_id == order_id, payment_attempts.c.live_key == 1)
    row = await tx.first(
        sql_update(redemptions)
        .where(redemptions.c.order_id == order_id, redemptions.c.state == "reserved", ended, ~live)
        .values(state="released", released_at=tx.now)
        .returning(redemptions.c.discount_id, redemptions.c.customer_id)
    )
    if row is not None:
        for statement in give_back(row.discount_id, row.customer_id):
            await tx.rows(statement)


def redemption_of(order_id: ColumnElement[Any]) -> Select[Any]:
    """Return the statement for what an order took of a discount."""
    return select(redemptions).where(redemptions.c.order_id == order_id)


async def recount(tx: Transaction, discount_id: str) -> None:
    """Make a discount's counters what its redemptions say; limits that this breaks refuse it.

    All who count lock the discount first, so under its lock no redemption is seen that is yet to
    be counted.
    """
    discount = sql_update(discounts).where(discounts.c.id == discount_id)
    await tx.rows(discount.values(used=discounts.c.used))
    await tx.rows(_uncounted_customers(discount_id))
    taken = select(func.count()).where(
        redemptions.c.discount_id == discount_id, redemptions.c.state.in_(("reserved", "used"))
    )
    await tx.rows(discount.values(used=taken.scalar_subquery()))
    by_them = taken.where(redemptions.c.customer_id == discount_customers.c.customer_id)
    await tx.rows(
        sql_update(discount_customers)
        .where(discount_customers.c.discount_id == discount_id)
        .values(used=by_them.scalar_subquery())
    )


def _uncounted_customers(discount_id: str) -> Insert:
    """Add the counters of customers who redeemed and have none."""
    over = func.sum(redemptions.c.over_limit.cast(Integer))
    missing = (
        select(discounts.c.id, redemptions.c.customer_id, discounts.c.max_uses_per_customer)
        .add_columns(literal_column("0"), over)
        .join(redemptions, redemptions.c.discount_id == discounts.c.id)
        .where(discounts.c.id == discount_id)
        .where(~exists().where(_customer(discount_id, redemptions.c.customer_id)))
        .group_by(discounts.c.id, redemptions.c.customer_id, discounts.c.max_uses_per_customer)
    )
    columns = ["discount_id", "customer_id", "max_uses", "used", "over_limit"]
    return insert(discount_customers).from_select(columns, missing)
