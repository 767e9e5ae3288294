"""The download log, as those read it who must show that something was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import ColumnElement, or_, select, true

from digistore.catalog import ProductStatus
from digistore.catalog.service import products as catalog_rows
from digistore.catalog.tables import products, release_files, releases
from digistore.database.keyset import newest_first, place_of
from digistore.downloads.models import DownloadSession
from digistore.downloads.tables import download_sessions
from digistore.entitlements.tables import purchased_products
from digistore.errors import NotFound
from digistore.paging import Page, page_of
from digistore.payments.evidence import EvidenceDownload
from digistore.users import Acting, Role

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database


ALL_FILES: Final = "all files"


async def downloads_of_order(database: Database, order_id: str) -> tuple[EvidenceDownload, ...]:
    """Return all that was downloaded by the purchases of an order, oldest first."""
    rows = await database.rows(
        select(
            download_sessions,
            purchased_products.c.product_id,
            releases.c.number,
            release_files.c.display_name,
        )
        .join(purchased_products, purchased_products.c.id == download_sessions.c.purchase_id)
        .join(releases, releases.c.id == download_sessions.c.release_id)
        .outerjoin(release_files, release_files.c.id == download_sessions.c.file_id)
        .where(purchased_products.c.order_id == order_id)
        .order_by(download_sessions.c.first_at, download_sessions.c.id)
    )
    return tuple(
        EvidenceDownload(
            purchase_id=row.purchase_id,
            product_id=row.product_id,
            version=row.number,
            file=row.display_name or ALL_FILES,
            first_at=row.first_at,
            last_at=row.last_at,
            requests=row.requests,
            sent_bytes=row.sent_bytes,
            transport=row.transport,
            agent=row.agent,
        )
        for row in rows
    )


async def read_log(
    database: Database,
    acting: Acting,
    *,
    purchase_id: str | None,
    product_ref: str | None,
    after: str | None,
    limit: int,
) -> Page[DownloadSession]:
    """Return a page of the sessions that *acting* may see, newest first.

    Raises:
        NotFound: no such purchase or product, or not theirs to see.
    """
    where = _visible(acting)
    if purchase_id is not None:
        await _refuse_unseen(database, where, purchase_id)
        where &= download_sessions.c.purchase_id == purchase_id
    if product_ref is not None:
        found = await catalog_rows.load_one(database, product_ref)
        if found.status is ProductStatus.DRAFT and not acting.sells(found.seller_id):
            raise NotFound("product", product_ref)
        where &= products.c.id == found.id
    statement = (
        select(
            download_sessions,
            purchased_products.c.product_id,
            releases.c.number,
            release_files.c.display_name,
        )
        .join(purchased_products, purchased_products.c.id == download_sessions.c.purchase_id)
        .join(products, products.c.id == purchased_products.c.product_id)
        .join(releases, releases.c.id == download_sessions.c.release_id)
        .outerjoin(release_files, release_files.c.id == download_sessions.c.file_id)
        .where(where)
    )
    place = (download_sessions.c.first_at, download_sessions.c.id)
    rows = await database.rows(newest_first(statement, *place, after, limit))
    entries = [_entry(row, acting) for row in rows]
    return page_of(entries, limit, lambda entry: place_of(entry.first_at, entry.id))


def _visible(acting: Acting) -> ColumnElement[bool]:
    if acting.is_operator:
        return true()
    own = purchased_products.c.user_id == acting.user_id()
    if Role.SELLER not in acting.roles:
        return own
    return or_(own, products.c.seller_id == acting.id)


async def _refuse_unseen(
    database: Database, visible: ColumnElement[bool], purchase_id: str
) -> None:
    statement = (
        select(purchased_products.c.id)
        .join(products, products.c.id == purchased_products.c.product_id)
        .where(purchased_products.c.id == purchase_id, visible)
    )
    if await database.first(statement) is None:
        raise NotFound("purchase", purchase_id)


def _entry(row: AnyRow, acting: Acting) -> DownloadSession:
    return DownloadSession(
        id=row.id,
        purchase_id=row.purchase_id,
        product_id=row.product_id,
        release_id=row.release_id,
        version=row.number,
        file_id=row.file_id,
        file=row.display_name,
        first_at=row.first_at,
        last_at=row.last_at,
        requests=row.requests,
        sent_bytes=row.sent_bytes,
        transport=row.transport,
        client=row.client_key,
        agent=row.agent if acting.is_operator else None,
    )
