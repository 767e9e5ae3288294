"""Reading orders, for this slice and those after it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, exists, or_, select

from digistore.database import AnyRow, Record
from digistore.errors import NotFound
from digistore.ids import id_text
from digistore.money import Money
from digistore.orders.models import Billing, Consent, Order, OrderLine, OrderRef
from digistore.orders.tables import order_lines, orders, payment_attempts
from digistore.users.reads import stands_for

if TYPE_CHECKING:
    from digistore.database import Database, Reader

LIVE_ATTEMPTS = ("creating", "unknown", "open", "pending")


def order_ref(order: OrderRef) -> str:
    """Return the id behind a way of naming an order."""
    return id_text("order", order, Order)


async def load_order(reader: Database | Reader, order_id: str) -> Order:
    """Return an order, whoever may see it.

    Raises:
        NotFound: there is none.
    """
    found = await load_orders(reader, select(orders).where(orders.c.id == order_id))
    if not found:
        raise NotFound("order", order_id)
    return found[0]


async def load_orders(reader: Database | Reader, statement: Any) -> list[Order]:  # noqa: ANN401
    """Return the orders that *statement* selects, in its order."""
    rows = await reader.rows(statement)
    lines = await _lines(reader, [row.id for row in rows])
    return [_order(row._mapping, lines.get(row.id, ())) for row in rows]


async def _lines(reader: Database | Reader, order_ids: Iterable[str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    statement = (
        select(order_lines, stands_for(order_lines.c.beneficiary_id).label("holder_id"))
        .where(order_lines.c.order_id.in_(list(order_ids)))
        .order_by(order_lines.c.order_id, order_lines.c.position)
    )
    for row in await reader.rows(statement):
        found.setdefault(row.order_id, []).append(row)
    return found


def _order(row: Record, lines: Sequence[Any]) -> Order:
    def money(amount: int) -> Money:
        return Money.from_minor(amount, row["currency"])

    copied = ("id", "buyer_id", "seller_id", "state", "currency", "tax_inclusive", "livemode")
    times = ("self_purchase", "late", "created_at", "expires_at", "paid_at", "metadata")
    sent_by = ("short_url_id", "clicked_at")
    return Order(
        **{name: row[name] for name in (*copied, *times, *sent_by)},
        subtotal=money(row["subtotal"]),
        discount=money(row["discount"]),
        tax=money(row["tax"]),
        total=money(row["total"]),
        billing=read_billing(row["billing"]),
        consents=tuple(Consent.model_validate(one, strict=False) for one in row["consents"]),
        lines=tuple(
            OrderLine(
                id=line.id,
                order_id=line.order_id,
                kind=line.kind,
                product_id=line.product_id,
                beneficiary_id=line.holder_id,
                title=line.title,
                unit_price=money(line.unit_price),
                discount=money(line.discount),
                tax=money(line.tax),
                tax_rate=line.tax_rate,
                tax_reason=line.tax_reason,
                total=money(line.total),
                outcome=line.outcome,
            )
            for line in lines
        ),
    )


def read_billing(stored: Record | None) -> Billing | None:
    """Read a billing snapshot back."""
    return None if stored is None else Billing.model_validate(stored, strict=False)


async def live_attempt(reader: Database | Reader, order_id: str) -> AnyRow | None:
    """Return the row of the attempt by which an order can be paid now."""
    return await reader.first(
        select(payment_attempts).where(
            payment_attempts.c.order_id == order_id, payment_attempts.c.live_key == 1
        )
    )


async def order_of_reference(reader: Database | Reader, reference: str) -> str:
    """Return the id of the order that a checkout, by its own *reference*, was opened for.

    Raises:
        NotFound: there is no such checkout.
    """
    row = await reader.first(
        select(payment_attempts.c.order_id).where(payment_attempts.c.id == reference)
    )
    if row is None:
        raise NotFound("checkout", reference)
    return str(row.order_id)


async def order_in_flight(
    reader: Database | Reader, user_id: str, product_id: str
) -> AnyRow | None:
    """Return the row of the user's first order of a product whose payment is on its way.

    Read from order states: an order that came back from expired has no ``open_key``.
    """
    wanted = exists().where(
        order_lines.c.order_id == orders.c.id,
        order_lines.c.product_id == product_id,
        order_lines.c.kind == "product",
        stands_for(order_lines.c.beneficiary_id) == user_id,
    )
    return await reader.first(
        select(orders.c.id, orders.c.created_at)
        .where(orders.c.buyer_id == user_id, orders.c.state == "processing", wanted)
        .order_by(orders.c.created_at, orders.c.id)
        .limit(1)
    )


def named_attempt(attempts: Any) -> Select[Any]:  # noqa: ANN401  the table, or an alias of it
    """Return the statement for the attempt that a message names; an attempt's own id goes first.

    Its parameters are ``gateway``, ``reference`` and ``checkout_id``, the last two "" where the
    message has none.
    """
    named = attempts.c.id == bindparam("reference")
    opened = attempts.c.checkout_id == bindparam("checkout_id")
    theirs = attempts.c.gateway == bindparam("gateway")
    return select(attempts).where(or_(named, opened & theirs)).order_by(named.desc()).limit(1)
