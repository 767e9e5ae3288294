"""The statements that change users."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert

from digistore.audit import Change, record
from digistore.database import Record
from digistore.errors import NotFound
from digistore.fields import Input, Ref, Title
from digistore.ids import UserId
from digistore.users.models import Role, User, UserStatus
from digistore.users.rules import login_form
from digistore.users.tables import user_roles, users

if TYPE_CHECKING:
    from digistore.database import Transaction


class Person(Input):
    """What is said of a person."""

    name: Title | None = None


class HostPerson(Person):
    """What a host says of a user of its own."""

    external_id: Ref


async def add_user(
    tx: Transaction,
    cause: str,
    *,
    email: str | None = None,
    login: str | None = None,
    external_id: str | None = None,
    name: str | None = None,
    verified_at: datetime | None = None,
    guest: str | None = None,
    gift: bool = False,
) -> User | None:
    """Add a customer; ``None`` if the log-in, external id or gift address is taken."""
    user_id = tx.new_id("usr")
    row = {
        "id": user_id,
        "external_id": external_id,
        "email": email,
        "email_verified_at": verified_at,
        "login_email": login_form(login) if login else None,
        "guest_email": login_form(guest) if guest else None,
        "gift_key": 1 if gift else None,
        "name": name,
        "status": UserStatus.ACTIVE,
        "version": 1,
        "created_at": tx.now,
    }
    statement = insert(users).values(row).on_conflict_do_nothing().returning(users.c.id)
    if await tx.first(statement) is None:
        return None
    await tx.rows(insert(user_roles).values(user_id=user_id, role=Role.CUSTOMER, granted_at=tx.now))
    await record(tx, "system", cause, [Change("user", user_id, 1, {"role": "customer"})])
    return user_of(row, {Role.CUSTOMER})


async def bring_up_to_date(
    tx: Transaction, person: HostPerson, email: str | None, *, verified: bool
) -> str:
    """Make the host's user, or note what has changed; return the id."""
    now = tx.now if verified and email else None
    made = await add_user(
        tx,
        "ensure",
        external_id=person.external_id,
        email=email,
        name=person.name,
        verified_at=now,
    )
    if made is not None:
        return made.id
    row = await tx.first(select(users).where(users.c.external_id == person.external_id))
    if row is None:
        raise AssertionError
    values: dict[str, object] = {}
    if email is not None and email != row.email:
        values |= {"email": email, "email_verified_at": now}  # verified belongs to the address
    elif verified and row.email is not None and row.email_verified_at is None:
        values |= {"email_verified_at": tx.now}
    if person.name is not None and person.name != row.name:
        values |= {"name": person.name}
    if values:
        await bump(tx, row.id, "system", "ensure", {}, **values)
    return UserId(row.id)


async def set_role(tx: Transaction, actor: str, user_id: str, role: Role, *, grant: bool) -> None:
    """Add or take away a role; what is so already stays."""
    if await tx.first(select(users.c.id).where(users.c.id == user_id)) is None:
        raise NotFound("user", user_id)
    here = (user_roles.c.user_id == user_id) & (user_roles.c.role == role)
    if grant:
        statement = (
            insert(user_roles)
            .values(user_id=user_id, role=role, granted_at=tx.now)
            .on_conflict_do_nothing()
            .returning(user_roles.c.role)
        )
    else:
        statement = delete(user_roles).where(here).returning(user_roles.c.role)  # type: ignore[assignment]
    if await tx.first(statement) is not None:
        verb = "granted" if grant else "revoked"
        await bump(tx, user_id, actor, f"role_{verb}", {verb: str(role)})


async def bump(
    tx: Transaction,
    user_id: str,
    actor: str,
    cause: str,
    changes: dict[str, str],
    **values: object,
) -> None:
    """Change a user's columns as a new version."""
    statement = (
        update(users)
        .where(users.c.id == user_id)
        .values(version=users.c.version + 1, **values)
        .returning(users.c.version)
    )
    row = await tx.first(statement)
    if row is None:
        raise AssertionError
    await record(tx, actor, cause, [Change("user", user_id, row.version, changes)])


def user_of(row: Record, roles: set[Role]) -> User:
    """Read a user."""
    return User(
        id=row["id"],
        external_id=row["external_id"],
        email=row["email"],
        email_verified_at=row["email_verified_at"],
        name=row["name"],
        roles=frozenset(roles),
        status=row["status"],
        created_at=row["created_at"],
    )


async def set_legal_entity(
    tx: Transaction, actor: str, user_id: str, stored: dict[str, object]
) -> None:
    """Note who a seller is before the law; what is noted already stays as it is."""
    row = await tx.first(select(users.c.legal_entity).where(users.c.id == user_id))
    if row is not None and row.legal_entity != stored:
        told = {"legal_entity": "given"}
        await bump(tx, user_id, actor, "legal_entity", told, legal_entity=stored)
