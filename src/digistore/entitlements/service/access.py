"""The access check: one statement, on the driver's connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from digistore.catalog.tables import releases
from digistore.clock import from_micros
from digistore.database import Prepared
from digistore.database.sets import as_list, each_of
from digistore.entitlements.facts import AccessState
from digistore.entitlements.models import Access, LatestRelease, PurchasedProduct
from digistore.entitlements.rules import refusal
from digistore.entitlements.tables import purchased_products
from digistore.fields import maker

if TYPE_CHECKING:
    from digistore.database import Database

_COLUMNS = (
    purchased_products.c.id,
    purchased_products.c.product_id,
    purchased_products.c.user_id,
    purchased_products.c.order_id,
    purchased_products.c.order_line_id,
    purchased_products.c.acquired_at,
    purchased_products.c.state,
    releases.c.id.label("release_id"),
    releases.c.number,
    releases.c.published_at,
)
_GRANTS = select(*_COLUMNS).outerjoin_from(
    purchased_products,
    releases,
    (releases.c.product_id == purchased_products.c.product_id) & (releases.c.latest_key == 1),
)
_OF_USER = purchased_products.c.user_id == bindparam("user_id")
# The user's and product's UNIQUE is the index: all grants are read, so a refusal knows its reason.
_ONE = Prepared(
    _GRANTS.where(
        _OF_USER,
        purchased_products.c.product_id == bindparam("product_id"),
    )
)
MOST_OWNED = 256  # so many purchases are read whole; of more, those that are asked for
_OWNED = Prepared(_GRANTS.where(_OF_USER).limit(bindparam("most")))
_AMONG = Prepared(_GRANTS.where(_OF_USER, purchased_products.c.product_id.in_(each_of("products"))))
_NONE = Access(granted=False, reason="not_purchased")
_LIVE = AccessState.LIVE.value
_purchase, _latest = maker(PurchasedProduct), maker(LatestRelease)


async def check(database: Database, user_id: str, product_id: str) -> Access:
    """Say whether the user may open the product now."""
    rows = await database.fetch(_ONE, {"user_id": user_id, "product_id": product_id})
    return _access(rows) if rows else _NONE


async def check_many(
    database: Database, user_id: str, product_ids: Sequence[str]
) -> Mapping[str, Access]:
    """Say it of many products: one statement, two for who owns a lot, never one per product."""
    rows = await database.fetch(_OWNED, {"user_id": user_id, "most": MOST_OWNED + 1})
    if len(rows) > MOST_OWNED:
        asked = {"user_id": user_id, "products": as_list(product_ids)}
        rows = await database.fetch(_AMONG, asked)
    answers = dict.fromkeys(product_ids, _NONE)  # most are of what nobody owns
    found: dict[str, list[Any]] = {}
    for row in rows:
        if row[1] in answers:
            found.setdefault(row[1], []).append(row)
    for product_id, grants in found.items():
        answers[product_id] = _access(grants)
    return answers


def _access(rows: Sequence[Any]) -> Access:
    for row in rows:
        if row[6] == _LIVE:
            return _granted(row)
    return Access(granted=False, reason=refusal([AccessState(row[6]) for row in rows]))


def _granted(live: Sequence[Any]) -> Access:
    latest = None
    if live[7] is not None:
        latest = _latest({"id": live[7], "version": live[8], "published_at": from_micros(live[9])})
    return Access(granted=True, reason="live", purchase=purchase_of(live), latest=latest)


def purchase_of(live: Sequence[Any]) -> PurchasedProduct:
    """Make a live purchase of what a hot statement read first."""
    return _purchase(
        {
            "id": live[0],
            "product_id": live[1],
            "user_id": live[2],
            "order_id": live[3],
            "order_line_id": live[4],
            "acquired_at": from_micros(live[5]),
            "state": AccessState.LIVE,
        }
    )
