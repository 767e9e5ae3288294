"""Noticing a purchase that is fetched from everywhere: it is told, and nothing is blocked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert

from digistore.downloads.tables import download_networks
from digistore.payments.models import ActionKind
from digistore.payments.service.noticing import notice

if TYPE_CHECKING:
    from digistore.database import Transaction

SEEN_FOR = timedelta(hours=24)
_NETWORK = download_networks.c


async def watch(tx: Transaction, purchase_id: str, order_id: str, network: str, most: int) -> None:
    """Note that *network* fetched something; ask an operator where there are more than *most*."""
    await tx.rows(
        delete(download_networks).where(
            _NETWORK.purchase_id == purchase_id, _NETWORK.last_at <= tx.now - SEEN_FOR
        )
    )
    await tx.rows(
        insert(download_networks)
        .values(purchase_id=purchase_id, network=network, last_at=tx.now)
        .on_conflict_do_update(index_elements=["purchase_id", "network"], set_={"last_at": tx.now})
    )
    row = await tx.first(
        select(func.count().label("number")).where(_NETWORK.purchase_id == purchase_id)
    )
    if row is not None and row.number > most:
        reason = f"fetched from {row.number} networks within a day"
        await notice(tx, ActionKind.DOWNLOAD_SHARING, purchase_id, order_id, reason)
