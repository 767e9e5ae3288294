"""Who stands on a receipt: for the slices that print one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, func, select

from digistore.errors import NotFound
from digistore.settings import LegalEntity
from digistore.users.tables import users

if TYPE_CHECKING:
    from digistore.database import Database, Reader


@dataclass(frozen=True, slots=True)
class Party:
    """What is known of one side of a sale."""

    name: str | None
    email: str | None
    legal_entity: LegalEntity | None


async def party(reader: Database | Reader, user_id: str) -> Party:
    """Return what is known of a user who buys or sells.

    Raises:
        NotFound: there is none.
    """
    row = await reader.first(
        select(users.c.name, users.c.email, users.c.legal_entity).where(users.c.id == user_id)
    )
    if row is None:
        raise NotFound("user", user_id)
    entity = row.legal_entity
    known = None if entity is None else LegalEntity.model_validate(entity)
    return Party(row.name, row.email, known)


def stands_for(person: ColumnElement[str]) -> ColumnElement[str]:
    """Return who is behind a column that names a person: a claimed guest is whoever claimed it.

    What an order says never changes; whom it is about is read this way.
    """
    claimed = select(users.c.merged_into).where(users.c.id == person).scalar_subquery()
    return func.coalesce(claimed, person)
