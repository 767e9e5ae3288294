"""The hot path: one statement to find a link, one more to count a click."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, select, update

from digistore.clock import to_micros
from digistore.database import Prepared
from digistore.database.retry import DATABASE_ERRORS
from digistore.errors import Busy, NotFound
from digistore.short_urls.models import Visit
from digistore.short_urls.rules.agents import told_by
from digistore.short_urls.rules.codes import matched_code
from digistore.short_urls.rules.hosts import Refused, read_host
from digistore.short_urls.rules.redirects import Found
from digistore.short_urls.service.links import ANYWHERE, NOUN
from digistore.short_urls.tables import clicks, short_urls

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

_FIND = Prepared(
    select(
        short_urls.c.id,
        short_urls.c.target,
        short_urls.c.fallback,
        short_urls.c.starts_at,
        short_urls.c.expires_at,
        short_urls.c.disabled_at,
        short_urls.c.max_visits,
        short_urls.c.visits,
        short_urls.c.permanent,
        ANYWHERE,
    ).where(
        short_urls.c.domain == bindparam("domain"),
        short_urls.c.code == bindparam("code"),
    )
)
CLICK_PATIENCE = 0.1  # seconds: a click never costs a visitor the redirect
_CLICK = Prepared(insert(clicks).returning(clicks.c.id))


async def find(database: Database, code: str, domain: str) -> Found:
    """Look a link up.

    Raises:
        NotFound: there is none.
    """
    stored = matched_code(code)
    if stored is None:
        raise NotFound(NOUN)
    try:
        host = read_host(domain) if domain else ""
    except Refused:
        raise NotFound(NOUN) from None
    rows = await database.fetch(_FIND, {"domain": host, "code": stored})
    if not rows:
        raise NotFound(NOUN)
    return Found(*rows[0])


async def take_visit(database: Database, link_id: str) -> bool:
    """Use one of a link's visits; ``False`` if they are used up.  Exact under parallel load."""
    statement = (
        update(short_urls)
        .where(short_urls.c.id == link_id, short_urls.c.visits < short_urls.c.max_visits)
        .values(visits=short_urls.c.visits + 1)
        .returning(short_urls.c.visits)
    )

    async def take(tx: Transaction) -> bool:
        return await tx.first(statement) is not None

    return await database.transact(take)


class Clicks:
    """Counts clicks, one row each; what cannot be written is dropped, and that is counted."""

    def __init__(self, database: Database) -> None:
        """Write rows to *database*."""
        self._database = database
        self._lock = threading.Lock()
        self.dropped = 0

    async def count(self, link_id: str, visit: Visit) -> None:
        """Write one row; a database that cannot costs the click, never the redirect."""
        told = told_by(visit)

        async def write(tx: Transaction) -> None:
            row = {
                "id": tx.new_id("clk"),
                "short_url_id": link_id,
                "at": to_micros(tx.now),
                "visitor": None,
                "referrer_host": told.referrer_host,
                "country": told.country,
                "agent_family": told.agent_family,
                "device": told.device,
                "is_bot": int(told.is_bot),
            }
            await tx.fetch(_CLICK, row)

        try:
            await self._database.transact(write, patience=CLICK_PATIENCE)
        except (Busy, *DATABASE_ERRORS):
            with self._lock:
                self.dropped += 1
