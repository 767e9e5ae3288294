"""The hot path: one statement to find a link, one more to use up a visit of it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import TypeAdapter
from sqlalchemy import bindparam, select, update

from digistore.database import Prepared
from digistore.errors import NotFound
from digistore.short_urls.models import LinkRule
from digistore.short_urls.rules.codes import matched_code
from digistore.short_urls.rules.hosts import Refused, read_host
from digistore.short_urls.rules.redirects import Found
from digistore.short_urls.service.links import ANYWHERE, NOUN
from digistore.short_urls.tables import short_urls

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

FIND = Prepared(
    select(
        *(short_urls.c[name] for name in Found._fields if name != "anywhere"),
        ANYWHERE,
    ).where(
        short_urls.c.domain == bindparam("domain"),
        short_urls.c.code == bindparam("code"),
    )
)
_RULES = TypeAdapter(tuple[LinkRule, ...])


Row: TypeAlias = tuple[Any, ...]  # what ``Found`` is made of


async def find(database: Database, code: str, domain: str) -> Row:
    """Look a link up, and return its row as the driver has it.

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
    rows = await database.fetch(FIND, {"domain": host, "code": stored})
    if not rows:
        raise NotFound(NOUN)
    return rows[0]


@lru_cache(maxsize=1024)
def rules_of(stored: str) -> tuple[LinkRule, ...]:
    """Read the rules of a link."""
    return _RULES.validate_json(stored)


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
