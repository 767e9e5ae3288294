"""Links in the database: adding, changing and listing them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, func, or_, select, type_coerce, update
from sqlalchemy.dialects.postgresql import insert

from digistore.audit import Change, record
from digistore.database.keyset import newest_first
from digistore.errors import Forbidden, NotFound
from digistore.short_urls.models import ShortURL, ShortURLRef
from digistore.short_urls.rules.given import fitted
from digistore.short_urls.rules.targets import TargetPolicy
from digistore.short_urls.tables import clicks, short_urls
from digistore.users import Acting, Role
from digistore.users.tables import user_roles

if TYPE_CHECKING:
    from digistore.database import AnyRow, Reader, Transaction

NOUN = "short URL"
ENTITY = "short_url"

# A link without an owner was made by SYSTEM. Roles are those of now: T10 follows them.
ANYWHERE = or_(
    short_urls.c.owner_id.is_(None),
    select(user_roles.c.user_id)
    .where(
        user_roles.c.user_id == short_urls.c.owner_id,
        user_roles.c.role == Role.OPERATOR.value,
    )
    .exists(),
).label("anywhere")


def require_seller(acting: Acting) -> None:
    """Refuse customers.

    Raises:
        Forbidden: neither a seller nor an operator.
    """
    if not (acting.is_operator or Role.SELLER in acting.roles):
        raise Forbidden(
            "only sellers and operators make short URLs; grant the role seller first",
            reason="seller_needed",
        )


async def add(
    tx: Transaction, actor: str, values: Mapping[str, Any], codes: Iterable[str]
) -> ShortURL | None:
    """Insert a link under the first of *codes* that is free; ``None`` if none is.

    There is no look before the insert: the constraint decides, under any interleaving.
    """
    row = {**values, "id": tx.new_id("url"), "visits": 0, "version": 1, "created_at": tx.now}
    statement = insert(short_urls).on_conflict_do_nothing(index_elements=["domain", "code"])
    for code in codes:
        made = await tx.first(statement.values(code=code, **row).returning(short_urls))
        if made is not None:
            told = told_of({"code": code, "target": row["target"]})
            await record(tx, actor, "shorten", [Change(ENTITY, made.id, 1, told)])
            return _link(made, 0)
    return None


async def change(
    tx: Transaction,
    acting: Acting,
    short_url: ShortURLRef,
    values: Mapping[str, Any],
    policy_of: Callable[[bool], TargetPolicy],
) -> ShortURL:
    """Change what differs; what is the same already is neither written nor audited."""
    row = await _locked(tx, acting, short_url)
    require_seller(acting)
    stored = dict(row._mapping)
    fit = fitted(values, policy_of(bool(row.anywhere)), stored)
    changed = {field: value for field, value in fit.items() if stored[field] != value}
    return await _write(tx, acting, row, "update", changed)


async def disable(tx: Transaction, acting: Acting, short_url: ShortURLRef) -> ShortURL:
    """Disable a link; one that is disabled keeps its time."""
    row = await _locked(tx, acting, short_url)
    changed = {"disabled_at": tx.now} if row.disabled_at is None else {}
    return await _write(tx, acting, row, "disable", changed)


async def _locked(tx: Transaction, acting: Acting, short_url: ShortURLRef) -> AnyRow:
    """Lock a link of theirs and return its row; to a stranger it does not exist (D15)."""
    statement = (
        select(short_urls, ANYWHERE)
        .where(short_urls.c.id == _id_of(short_url))
        .with_for_update(of=short_urls)
    )
    row = await tx.first(statement)
    if row is None or not (acting.is_operator or acting.is_user(row.owner_id)):
        raise NotFound(NOUN)
    return row


async def _write(
    tx: Transaction, acting: Acting, row: AnyRow, cause: str, changed: Mapping[str, Any]
) -> ShortURL:
    rows: Sequence[AnyRow] = [row]
    if changed:
        statement = (
            update(short_urls)
            .where(short_urls.c.id == row.id)
            .values(version=short_urls.c.version + 1, **changed)
            .returning(short_urls)
        )
        rows = await tx.rows(statement)
        told = told_of(changed)
        await record(tx, acting.label, cause, [Change(ENTITY, row.id, rows[0].version, told)])
    return (await with_clicks(tx, rows))[0]


def told_of(changed: Mapping[str, Any]) -> dict[str, str | int | bool | None]:
    """Return what the audit says: hosts, times and numbers; of a text only that it changed."""
    return {field: _told(field, value) for field, value in changed.items()}


def _told(field: str, value: Any) -> str | int | bool | None:  # noqa: ANN401  any column's
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if field in {"target", "fallback"}:  # what stands behind the host may name a person
        return str(value).split("/")[2]
    return str(value) if field == "code" else "changed"


async def listed(
    reader: Reader, owner_id: str | None, tag: str | None, after: str | None, limit: int
) -> list[ShortURL]:
    """Return a page of an owner's links, and one more; two statements however many."""
    mine = (
        short_urls.c.owner_id.is_(None) if owner_id is None else short_urls.c.owner_id == owner_id
    )
    statement = select(short_urls).where(mine)
    if tag is not None:
        text = type_coerce(short_urls.c.tags, Text)
        statement = statement.where(text.contains(f'"{tag}"', autoescape=True))
    key = (short_urls.c.created_at, short_urls.c.id)
    page = newest_first(statement, *key, after, limit)
    return await with_clicks(reader, await reader.rows(page))


async def with_clicks(reader: Reader, rows: Sequence[AnyRow]) -> list[ShortURL]:
    """Make links of *rows*, with their clicks counted in one statement."""
    if not rows:
        return []
    counted = (
        select(clicks.c.short_url_id, func.count().label("clicks"))
        .where(clicks.c.short_url_id.in_([row.id for row in rows]))
        .group_by(clicks.c.short_url_id)
    )
    found = {row.short_url_id: row.clicks for row in await reader.rows(counted)}
    return [_link(row, found.get(row.id, 0)) for row in rows]


def _link(row: AnyRow, clicked: int) -> ShortURL:
    columns = {name: row._mapping[name] for name in ShortURL.model_fields if name != "clicks"}
    return ShortURL(clicks=clicked, **columns)


def _id_of(short_url: ShortURLRef) -> str:
    link_id = short_url.id if isinstance(short_url, ShortURL) else short_url
    if not (isinstance(link_id, str) and link_id.isascii() and link_id.isprintable()):
        raise NotFound(NOUN)  # no database need see what no id can be
    return link_id
