"""Reading and writing offers, requests and messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, insert, select, union, update

from digistore.audit import Change, record
from digistore.catalog.tables import products
from digistore.database import AnyRow
from digistore.entitlements.tables import purchased_products
from digistore.errors import NotFound
from digistore.events import Event, SupportReopened, SupportReplied, SupportResolved
from digistore.ids import EventId, ProductId, SupportRequestId, UserId
from digistore.money import Money
from digistore.orders.kinds import Outcome
from digistore.orders.tables import order_lines
from digistore.outbox import announce
from digistore.support.models import (
    SupportMessage,
    SupportOffer,
    SupportRequest,
    SupportState,
)
from digistore.support.rules import UNRESOLVED
from digistore.support.tables import support_messages, support_offers, support_requests

if TYPE_CHECKING:
    from digistore.database import Database, Reader, Transaction
    from digistore.users import Acting

TOLD: dict[str, type[Event]] = {
    "reply": SupportReplied,
    "resolve": SupportResolved,
    "reopen": SupportReopened,
}


def requests() -> Select[Any]:
    """Return the statement for requests, with what decides whether they are on hold."""
    return (
        select(
            support_requests,
            order_lines.c.outcome,
            purchased_products.c.state.label("access_state"),
        )
        .join(order_lines, order_lines.c.id == support_requests.c.order_line_id)
        .join(
            purchased_products,
            purchased_products.c.id == support_requests.c.purchased_product_id,
        )
    )


def request_of(row: AnyRow, messages: Sequence[SupportMessage] = ()) -> SupportRequest:
    """Make a request of its row."""
    state = SupportState(row.state)
    held = row.outcome == Outcome.HELD or row.access_state == "suspended"
    copied = (
        "id",
        "purchased_product_id",
        "product_id",
        "customer_id",
        "kind",
        "subject",
        "body",
        "scope",
        "order_id",
        "order_line_id",
        "assignee_id",
        "first_response_at",
        "resolved_at",
        "created_at",
        "metadata",
    )
    return SupportRequest(
        **{name: row._mapping[name] for name in copied},
        price=Money.from_minor(row.price, row.currency),
        state=state,
        on_hold=held and state in UNRESOLVED,
        money_back=row.outcome == Outcome.CLOSED,
        messages=tuple(messages),
    )


async def parties(reader: Database | Reader, request_id: str) -> AnyRow | None:
    """Return who has to do with a request: its customer, its assignee, and who sells; or ``None``.

    Nothing else is read of it before it is known who asks.
    """
    return await reader.first(
        select(support_requests.c.customer_id, support_requests.c.assignee_id, products.c.seller_id)
        .join(products, products.c.id == support_requests.c.product_id)
        .where(support_requests.c.id == request_id)
    )


async def load_request(reader: Database | Reader, request_id: str) -> SupportRequest:
    """Return a request with its messages, whoever may see it.

    Raises:
        NotFound: there is none.
    """
    row = await reader.first(requests().where(support_requests.c.id == request_id))
    if row is None:
        raise NotFound("support request", request_id)
    said = (
        select(support_messages)
        .where(support_messages.c.request_id == request_id)
        .order_by(support_messages.c.at, support_messages.c.id)
    )
    messages = [
        SupportMessage(
            id=one.id, author_id=one.author_id, by_staff=one.by_staff, body=one.body, at=one.at
        )
        for one in await reader.rows(said)
    ]
    return request_of(row, messages)


async def requests_about(reader: Database | Reader, order_id: str) -> tuple[SupportRequest, ...]:
    """Return, with all messages, the requests that an order pays for or whose product it sold."""
    one = select(support_requests.c.id)
    line = order_lines.c.id == support_requests.c.order_line_id
    purchase = purchased_products.c.id == support_requests.c.purchased_product_id
    about = union(
        one.join(order_lines, line).where(order_lines.c.order_id == order_id),
        one.join(purchased_products, purchase).where(purchased_products.c.order_id == order_id),
    )
    place = (support_requests.c.created_at, support_requests.c.id)
    found = await reader.rows(requests().where(support_requests.c.id.in_(about)).order_by(*place))
    return tuple([await load_request(reader, row.id) for row in found])


async def locked_request(tx: Transaction, request_id: str) -> SupportRequest:
    """Return the same, under its lock: its money may move at this moment.

    Raises:
        NotFound: there is none.
    """
    mine = support_requests.c.id == request_id
    await tx.rows(select(support_requests.c.id).where(mine).with_for_update())
    return await load_request(tx, request_id)


async def request_of_order(reader: Database | Reader, order_id: str) -> SupportRequest:
    """Return the request that an order pays for."""
    row = await reader.first(requests().where(order_lines.c.order_id == order_id))
    if row is None:
        raise NotFound("support request")
    return request_of(row)


async def add_request(
    tx: Transaction, order_id: str, purchase_id: str, offer: SupportOffer, **written: object
) -> None:
    """Add the request that an order is to pay for, in the order's transaction."""
    line = await tx.first(
        select(order_lines.c.id, order_lines.c.buyer_id).where(order_lines.c.order_id == order_id)
    )
    if line is None:
        raise AssertionError
    request_id = tx.new_id("sup")
    await tx.rows(
        insert(support_requests).values(
            id=request_id,
            purchased_product_id=purchase_id,
            product_id=offer.product_id,
            customer_id=line.buyer_id,
            price=offer.price.amount,
            currency=offer.price.currency,
            scope=offer.scope,
            order_id=order_id,
            order_line_id=line.id,
            line_kind="support",
            state=SupportState.UNPAID,
            created_at=tx.now,
            version=1,
            **written,
        )
    )
    changes = {"state": "unpaid", "order": order_id}
    await record(tx, line.buyer_id, "request", [Change("support_request", request_id, 1, changes)])


async def change(
    tx: Transaction, acting: Acting, cause: str, request: SupportRequest, **values: object
) -> None:
    """Change a request, note that it changed and tell who wants to know."""
    row = await tx.first(
        update(support_requests)
        .where(support_requests.c.id == request.id)
        .values(version=support_requests.c.version + 1, **values)
        .returning(support_requests.c.version, support_requests.c.state)
    )
    if row is None:
        raise AssertionError
    changes = [Change("support_request", request.id, row.version, {"state": row.state})]
    await record(tx, acting.label, cause, changes)
    if cause in TOLD:
        event = TOLD[cause].model_validate(
            {
                "id": EventId(tx.new_id("evt")),
                "at": tx.now,
                "actor": acting.label,
                "request_id": SupportRequestId(request.id),
                "product_id": ProductId(request.product_id),
                "customer_id": UserId(request.customer_id),
            }
        )
        await tx.rows(announce(event, str(row.version)))


async def say(
    tx: Transaction, acting: Acting, request_id: str, body: str, *, by_staff: bool
) -> None:
    """Add a message."""
    await tx.rows(
        insert(support_messages).values(
            id=tx.new_id("msg"),
            request_id=request_id,
            author_id=acting.id,
            by_staff=by_staff,
            body=body,
            at=tx.now,
        )
    )


async def put_offer(
    tx: Transaction, acting: Acting, product_id: str, kind: str, price: Money, scope: str
) -> SupportOffer:
    """Publish what a kind of help costs, in place of what it cost before."""
    here = (support_offers.c.product_id == product_id) & (support_offers.c.kind == kind)
    old = await tx.rows(
        update(support_offers)
        .where(here, support_offers.c.active_key == 1)
        .values(active_key=None, version=support_offers.c.version + 1)
        .returning(support_offers.c.id, support_offers.c.version)
    )
    offer_id = tx.new_id("off")
    await tx.rows(
        insert(support_offers).values(
            id=offer_id,
            product_id=product_id,
            kind=kind,
            price=price.amount,
            currency=price.currency,
            scope=scope,
            active_key=1,
            version=1,
            created_at=tx.now,
        )
    )
    changes = [Change("support_offer", row.id, row.version, {"active": False}) for row in old]
    told: dict[str, str | int | bool | None] = {"kind": kind, "price": price.amount}
    changes.append(Change("support_offer", offer_id, 1, told))
    await record(tx, acting.label, "offer", changes)
    return SupportOffer(
        id=offer_id,  # type: ignore[arg-type]
        product_id=ProductId(product_id),
        kind=kind,
        price=price,
        scope=scope,
    )


async def load_offers(
    reader: Database | Reader, product_ids: Iterable[str]
) -> dict[str, list[SupportOffer]]:
    """Return the active offers of products."""
    found: dict[str, list[SupportOffer]] = {}
    statement = (
        select(support_offers)
        .where(support_offers.c.product_id.in_(list(product_ids)), support_offers.c.active_key == 1)
        .order_by(support_offers.c.price, support_offers.c.id)
    )
    for row in await reader.rows(statement):
        offer = SupportOffer(
            id=row.id,
            product_id=row.product_id,
            kind=row.kind,
            price=Money.from_minor(row.price, row.currency),
            scope=row.scope,
        )
        found.setdefault(row.product_id, []).append(offer)
    return found
