"""Counting a download once, in one transaction that asks the entitlement again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select, true, update
from sqlalchemy.dialects.postgresql import insert

from digistore.downloads.models import Refused
from digistore.downloads.rules.answers import Client, byte_cap
from digistore.downloads.service.sharing import watch
from digistore.downloads.tables import download_allowances, download_sessions
from digistore.entitlements.service.commands import saw_release
from digistore.entitlements.tables import purchased_products

if TYPE_CHECKING:
    from digistore.database import Transaction
    from digistore.settings import Settings

_SESSION = download_sessions.c
_ALLOWANCE = download_allowances.c


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that is about to get bytes.

    Args:
        purchase_id: by which it comes.
        epoch: of the purchase when it was let in; the transaction compares it again.
        item: the file, or the release for all of its files.
        release_id, file_id: the same, apart.
        is_latest: whether that release is the latest.
        size: of the whole, in bytes.
        length: how many bytes are about to be sent.
        sent: how many of them count as sent already, as nobody will tell.
        transport: who sends them.
        client: who asked.
    """

    purchase_id: str
    epoch: int
    item: str
    release_id: str
    file_id: str | None
    is_latest: bool
    size: int
    length: int
    sent: int
    transport: str
    client: Client


@dataclass(frozen=True, slots=True)
class Policy:
    """What counts as one download, how many there may be, and from how many networks unasked."""

    window: timedelta
    limit: int | None
    networks: int

    @classmethod
    def of(cls, settings: Settings) -> Policy:
        """Read it from what the host decides."""
        return cls(settings.download_window, settings.download_limit, settings.download_networks)


async def count(tx: Transaction, visit: Visit, policy: Policy) -> str:
    """Count *visit* and return its session: the first request opens it, later ones join it.

    Raises:
        Refused: ``link_revoked`` if the money went back meanwhile; ``download_limit``.
    """
    purchase = purchased_products.c
    live = await tx.first(
        select(purchase.order_id).where(
            purchase.id == visit.purchase_id,
            purchase.live_key == 1,
            purchase.epoch == visit.epoch,
        )
    )
    if live is None:
        raise Refused("link_revoked")
    await tx.rows(
        update(download_sessions)
        .where(_of(visit), _SESSION.first_at <= tx.now - policy.window)
        .values(live_key=None)
    )
    session = await _join(tx, visit, policy.limit) or await _begin(tx, visit, policy)
    if visit.client.network is not None:
        await watch(tx, visit.purchase_id, live.order_id, visit.client.network, policy.networks)
    await saw_release(tx, visit.purchase_id, visit.release_id, is_latest=visit.is_latest)
    return session


async def _join(tx: Transaction, visit: Visit, limit: int | None) -> str | None:
    cap = byte_cap(limit, visit.size)
    within = true() if cap is None else _SESSION.reserved_bytes + visit.length <= cap
    row = await tx.first(
        update(download_sessions)
        .where(_of(visit), within)
        .values(
            requests=_SESSION.requests + 1,
            reserved_bytes=_SESSION.reserved_bytes + visit.length,
            sent_bytes=_SESSION.sent_bytes + visit.sent,
            last_at=tx.now,
            transport=visit.transport,
        )
        .returning(_SESSION.id)
    )
    return None if row is None else row.id


async def _begin(tx: Transaction, visit: Visit, policy: Policy) -> str:
    limit = policy.limit
    full = await tx.first(select(_SESSION.first_at).where(_of(visit)))
    if full is not None:
        raise Refused(
            "download_limit", await _next(tx, visit, limit, full.first_at + policy.window)
        )
    used = await tx.first(
        insert(download_allowances)
        .values(purchase_id=visit.purchase_id, item=visit.item, used=1)
        .on_conflict_do_update(
            index_elements=["purchase_id", "item"],
            set_={"used": _ALLOWANCE.used + 1},
            where=true() if limit is None else _ALLOWANCE.used < limit,
        )
        .returning(_ALLOWANCE.used)
    )
    if used is None:
        raise Refused("download_limit")
    session = tx.new_id("dls")
    await tx.rows(
        insert(download_sessions).values(
            id=session,
            purchase_id=visit.purchase_id,
            item=visit.item,
            release_id=visit.release_id,
            file_id=visit.file_id,
            live_key=1,
            first_at=tx.now,
            last_at=tx.now,
            requests=1,
            reserved_bytes=visit.length,
            sent_bytes=visit.sent,
            transport=visit.transport,
            client_key=visit.client.key,
            agent=visit.client.agent,
        )
    )
    return session


async def _next(
    tx: Transaction, visit: Visit, limit: int | None, ends: datetime
) -> datetime | None:
    """Say when another session may begin, ``None`` if none is left."""
    row = await tx.first(
        select(_ALLOWANCE.used).where(
            _ALLOWANCE.purchase_id == visit.purchase_id, _ALLOWANCE.item == visit.item
        )
    )
    return ends if row is None or limit is None or row.used < limit else None


async def settle(tx: Transaction, session: str, planned: int, sent: int) -> None:
    """Note how many of the *planned* bytes were *sent*, and give the others back."""
    await tx.rows(
        update(download_sessions)
        .where(_SESSION.id == session)
        .values(
            sent_bytes=_SESSION.sent_bytes + sent,
            reserved_bytes=_SESSION.reserved_bytes - (planned - sent),
        )
    )


def _of(visit: Visit) -> ColumnElement[bool]:
    return (
        (_SESSION.purchase_id == visit.purchase_id)
        & (_SESSION.item == visit.item)
        & (_SESSION.live_key == 1)
    )
