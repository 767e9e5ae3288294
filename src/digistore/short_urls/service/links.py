"""Links in the database: adding, changing and listing them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Integer,
    Text,
    func,
    literal_column,
    or_,
    select,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from digistore.audit import Change, record
from digistore.database.keyset import newest_first
from digistore.database.sets import filtering
from digistore.database.types import summed
from digistore.errors import Forbidden, NotFound
from digistore.short_urls.models import LinkRule, ShortURL, ShortURLRef
from digistore.short_urls.rules.given import fitted
from digistore.short_urls.rules.targets import TargetPolicy
from digistore.short_urls.service.days import OPEN_FROM
from digistore.short_urls.tables import click_days, clicks, short_urls
from digistore.users import Acting, Role
from digistore.users.tables import user_roles

if TYPE_CHECKING:
    from digistore.database import AnyRow, Database, Reader, Transaction

NOUN = "short URL"
ENTITY = "short_url"

# What a link is where nothing else is said, in the words of ``shorten``.
PLAIN: Mapping[str, Any] = {
    "product": None,
    "title": None,
    "tags": [],
    "starts_at": None,
    "expires_at": None,
    "max_visits": None,
    "fallback": None,
    "password": None,
    "rules": [],
    "forward_query": False,
    "track": False,
    "permanent": False,
}
NEW: Mapping[str, Any] = {"visits": 0, "password_hash": None}

# A link without an owner was made by SYSTEM. Roles are those of now: T10 follows them.
ANYWHERE = or_(
    short_urls.c.owner_id.is_(None),
    select(user_roles.c.user_id)
    .where(
        user_roles.c.user_id == short_urls.c.owner_id,
        user_roles.c.role == literal_column(f"'{Role.OPERATOR.value}'"),  # hot: no parameter
    )
    .exists(),
).label("anywhere")


def with_password(values: Mapping[str, Any], password_hash: str | None) -> dict[str, Any]:
    """Return *values* as they are stored: the hash in place of a password that was given."""
    stored = {name: value for name, value in values.items() if name != "password"}
    return stored | ({"password_hash": password_hash} if "password" in values else {})


def require_maker(acting: Acting, *, customers: bool) -> None:
    """Refuse customers, unless the shop lets them make links.

    Raises:
        Forbidden: neither a seller nor an operator.
    """
    if customers and acting.id is not None:
        return
    if not (acting.is_operator or Role.SELLER in acting.roles):
        raise Forbidden(
            "only sellers and operators make short URLs; grant the role seller first",
            reason="seller_needed",
        )


async def add(
    tx: Transaction,
    actor: str,
    values: Mapping[str, Any],
    codes: Iterable[str],
    cause: str = "shorten",
) -> ShortURL | None:
    """Insert a link under the first of *codes* that is free; ``None`` if none is.

    There is no look before the insert: the constraint decides, under any interleaving.
    """
    row = {
        "imported_clicks": 0,
        **values,
        "id": tx.new_id("url"),
        "visits": 0,
        "version": 1,
        "created_at": tx.now,
    }
    statement = insert(short_urls).on_conflict_do_nothing(index_elements=["domain", "code"])
    for code in codes:
        made = await tx.first(statement.values(code=code, **row).returning(short_urls))
        if made is not None:
            told = told_of({"code": code, "target": row["target"]})
            await record(tx, actor, cause, [Change(ENTITY, made.id, 1, told)])
            return _link(made, 0)
    return None


async def change(
    tx: Transaction,
    acting: Acting,
    short_url: ShortURLRef,
    values: Mapping[str, Any],
    policy_of: Callable[[bool], TargetPolicy],
    *,
    customers: bool,
) -> ShortURL:
    """Change what differs; what is the same already is neither written nor audited."""
    row = await _locked(tx, acting, short_url)
    require_maker(acting, customers=customers)
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


async def visible(reader: Reader | Database, acting: Acting, short_url: ShortURLRef) -> AnyRow:
    """Return the row of a link of theirs; to a stranger it does not exist (D15).

    Raises:
        NotFound: no such link, or not theirs.
    """
    row = await reader.first(select(short_urls).where(short_urls.c.id == _id_of(short_url)))
    if row is None or not (acting.is_operator or acting.is_user(row.owner_id)):
        raise NotFound(NOUN)
    return row


async def by_id(reader: Reader, short_url: ShortURLRef) -> ShortURL:
    """Return a link, whoever may see it.

    Raises:
        NotFound: there is none.
    """
    row = await reader.first(select(short_urls).where(short_urls.c.id == _id_of(short_url)))
    if row is None:
        raise NotFound(NOUN)
    return (await with_clicks(reader, [row]))[0]


async def with_clicks(reader: Reader, rows: Sequence[AnyRow]) -> list[ShortURL]:
    """Make links of *rows*, with their clicks counted in one statement: closed days and open."""
    if not rows:
        return []
    ids = [row.id for row in rows]
    is_closed = filtering(type_coerce(click_days.c.closed, Integer)) == 1
    counted = union_all(
        select(click_days.c.short_url_id, summed(click_days.c.clicks).label("clicks"))
        .where(click_days.c.short_url_id.in_(ids), is_closed)
        .group_by(click_days.c.short_url_id),
        select(clicks.c.short_url_id, func.count().label("clicks"))
        .where(clicks.c.short_url_id.in_(ids), type_coerce(clicks.c.at, Integer) >= OPEN_FROM)
        .group_by(clicks.c.short_url_id),
    )
    found: Counter[str] = Counter()
    for row in await reader.rows(counted):
        found[row.short_url_id] += int(row.clicks)
    return [_link(row, found[row.id]) for row in rows]


def _link(row: AnyRow, clicked: int) -> ShortURL:
    known = {"clicks", "has_password", "rules"}
    columns = {name: row._mapping[name] for name in ShortURL.model_fields if name not in known}
    return ShortURL(
        clicks=clicked,
        has_password=row.password_hash is not None,
        rules=tuple(LinkRule.model_validate(rule) for rule in row.rules),
        **columns,
    )


def _id_of(short_url: ShortURLRef) -> str:
    link_id = short_url.id if isinstance(short_url, ShortURL) else short_url
    if not (isinstance(link_id, str) and link_id.isascii() and link_id.isprintable()):
        raise NotFound(NOUN)  # no database need see what no id can be
    return link_id
