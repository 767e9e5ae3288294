"""A page of My Products: one statement for it and its products, one for where these stand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, bindparam, select, tuple_

from digistore.catalog import Product
from digistore.catalog.service import products as catalog_rows
from digistore.catalog.tables import products, releases
from digistore.clock import from_micros
from digistore.database import Prepared
from digistore.entitlements.models import LatestRelease, OwnedProduct
from digistore.entitlements.service.access import purchase_of
from digistore.entitlements.tables import purchased_products
from digistore.fields import maker
from digistore.orders.tables import orders
from digistore.paging import decode_cursor

if TYPE_CHECKING:
    from digistore.database import Database

_PURCHASE = (
    purchased_products.c.id,
    purchased_products.c.product_id,
    purchased_products.c.user_id,
    purchased_products.c.order_id,
    purchased_products.c.order_line_id,
    purchased_products.c.acquired_at,
    purchased_products.c.seen_release_id,
    orders.c.metadata,
    releases.c.id.label("release_id"),
    releases.c.number,
    releases.c.published_at,
)
_item, _latest = maker(OwnedProduct), maker(LatestRelease)
_PLACE = (purchased_products.c.acquired_at, purchased_products.c.id)


def _page(*after: Any) -> Prepared:  # noqa: ANN401  what SQLAlchemy takes as a condition
    latest = (releases.c.product_id == purchased_products.c.product_id) & (
        releases.c.latest_key == 1
    )
    statement: Select[Any] = (
        select(*_PURCHASE, *catalog_rows.HOT)
        .select_from(purchased_products)
        .join(orders, orders.c.id == purchased_products.c.order_id)
        .join(products, products.c.id == purchased_products.c.product_id)
        .outerjoin(releases, latest)
        .where(
            purchased_products.c.user_id == bindparam("user_id"),
            purchased_products.c.live_key == 1,
            *after,
        )
        .order_by(*(column.desc() for column in _PLACE))
        .limit(bindparam("most"))
    )
    return Prepared(statement)


_FIRST = _page()
_NEXT = _page(tuple_(*_PLACE) < tuple_(bindparam("at"), bindparam("last_id")))


async def page(
    database: Database, user_id: str, after: str | None, most: int
) -> list[OwnedProduct]:
    """Return the live purchases of a user after a cursor, newest first, at most so many.

    Raises:
        Invalid: a cursor that is not of such a list.
    """
    asked: dict[str, Any] = {"user_id": user_id, "most": most}
    statement = _FIRST
    if after is not None:
        statement = _NEXT
        asked["at"], asked["last_id"] = decode_cursor(after, int, str)
    rows = await database.fetch(statement, asked)
    shelves = await catalog_rows.shelves_of(database, [row[1] for row in rows])
    return [_owned(row, shelves) for row in rows]


def _owned(row: Sequence[Any], shelves: Mapping[str, Sequence[str]]) -> OwnedProduct:
    latest, seen = None, row[6]
    if row[8] is not None:
        latest = _latest({"id": row[8], "version": row[9], "published_at": from_micros(row[10])})
    return _item(
        {
            "purchase": purchase_of(row),
            "product": _product(row, shelves),
            "latest": latest,
            "updated_since_download": seen is not None and latest is not None and seen != row[8],
            "metadata": json.loads(row[7]),
        }
    )


def _product(row: Sequence[Any], shelves: Mapping[str, Sequence[str]]) -> Product:
    return catalog_rows.product_of(row[len(_PURCHASE) :], shelves.get(row[1], ()))
