"""The download log, as those read it who must show that something was delivered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.catalog.tables import release_files, releases
from digistore.downloads.tables import download_sessions
from digistore.entitlements.tables import purchased_products
from digistore.payments.evidence import EvidenceDownload

if TYPE_CHECKING:
    from digistore.database import Database


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
        .join(release_files, release_files.c.id == download_sessions.c.item)
        .join(releases, releases.c.id == release_files.c.release_id)
        .where(purchased_products.c.order_id == order_id)
        .order_by(download_sessions.c.first_at, download_sessions.c.id)
    )
    return tuple(
        EvidenceDownload(
            purchase_id=row.purchase_id,
            product_id=row.product_id,
            version=row.number,
            file=row.display_name,
            first_at=row.first_at,
            last_at=row.last_at,
            requests=row.requests,
            sent_bytes=row.sent_bytes,
            transport=row.transport,
            agent=row.agent,
        )
        for row in rows
    )
