"""``store.users``: making users, their roles, and finding out who acts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, select

from digistore.blocking import Blocking, blocking
from digistore.database import Prepared
from digistore.errors import AlreadyExists, Forbidden, Invalid, NotFound
from digistore.fields import checked
from digistore.settings import LegalEntity
from digistore.tokens import Signer
from digistore.users.claims import Claims, gift_guest
from digistore.users.models import (
    SYSTEM,
    Actor,
    HostUser,
    Role,
    User,
    UserRef,
    UserStatus,
    Visitor,
)
from digistore.users.reads import party
from digistore.users.rules import NOBODY, THE_SYSTEM, Acting, normal_email
from digistore.users.tables import user_roles, users
from digistore.users.writes import (
    HostPerson,
    Person,
    add_user,
    bring_up_to_date,
    set_legal_entity,
    set_role,
    user_of,
)

if TYPE_CHECKING:
    from digistore.database import Database

_WITH_ROLES = users.outerjoin(user_roles, user_roles.c.user_id == users.c.id)
_ACTING = Prepared(
    select(users.c.id, users.c.status, user_roles.c.role)
    .select_from(_WITH_ROLES)
    .where(users.c.id == bindparam("id"))
)
_BY_EXTERNAL_ID = Prepared(
    select(
        users.c.id,
        users.c.status,
        user_roles.c.role,
        users.c.email,
        users.c.name,
        users.c.email_verified_at,
    )
    .select_from(_WITH_ROLES)
    .where(users.c.external_id == bindparam("external_id"))
)


class AsyncUsers:
    """Users and roles: ``store.users``."""

    def __init__(self, database: Database, signer: Signer) -> None:
        """Keep users in *database*; *signer* has the keys under which codes are kept."""
        self._database = database
        self.claims = Claims(database, signer)

    async def register(self, email: str, *, name: str | None = None) -> User:
        """Make a customer who logs in by *email*.  Host-only.

        Raises:
            Invalid: not an address, or a name that cannot be used.
            AlreadyExists: the address logs in already.
        """
        address = normal_email(email)
        person = checked(Person, name=name)
        user = await self._database.transact(
            lambda tx: add_user(tx, "register", email=address, login=address, name=person.name)
        )
        if user is None:
            raise AlreadyExists("user", "email")
        return user

    async def guest(self, email: str) -> User:
        """Make a customer without a log-in; each call makes a new one.  Host-only.

        Raises:
            Invalid: not an address.
        """
        address = normal_email(email)
        made = await self._database.transact(
            lambda tx: add_user(tx, "guest", email=address, guest=address)
        )
        return _made(made)

    async def ensure(
        self, external_id: str, *, email: str | None = None, name: str | None = None
    ) -> User:
        """Return the user with the host's own *external_id*, made or brought up to date.

        What is not given stays as it is. Called again with the same values it writes nothing.
        Host-only.

        Raises:
            Invalid: an id, address or name that cannot be used.
        """
        acting = await self._ensure(HostUser(external_id, email, name))
        return await self._load(acting.user_id())

    async def start_claim(self, email: str) -> str:
        """Return a code to mail to *email*, for :meth:`claim`.  Host-only; never show it.

        Whether anything waits for that address makes no difference. It is good for an hour, once,
        and a newer one ends it; case, spaces and dashes of what is typed play no part.

        Raises:
            Invalid: not an address.
            TooManyAttempts: more than five codes within an hour.
        """
        return await self.claims.start(normal_email(email))

    async def claim(self, user: UserRef | None, email: str, code: str) -> User:
        """Move all that guests of *email* bought or were given to *user*.  Host-only.

        The *code* proves the mailbox. Orders, purchases and support go along; a product that the
        user has already waits as standby, and its money is put before an operator.

        Args:
            user: who claims; ``None``: who has proved *email* before, else a new customer. An
                account that merely typed it is not taken: anybody may have made it.
            email: the address that :meth:`start_claim` was called with.
            code: what came by mail.

        Raises:
            Invalid: the code is wrong, used or over.
            TooManyAttempts: more than ten tries within an hour.
        """
        address = normal_email(email)
        user_id = None if user is None else (await self.acting(user)).user_id()
        return await self._load(await self.claims.take(user_id, address, code))

    async def claim_verified(self, actor: Actor, user: UserRef, email: str) -> User:
        """Do the same without a code, where the host has verified the address itself.

        Raises:
            Forbidden: anybody but ``SYSTEM``.
        """
        if not (await self.acting(actor)).system:
            raise Forbidden("only SYSTEM vouches for an address", reason="system_needed")
        user_id = (await self.acting(user)).user_id()
        await self.claims.take_verified(user_id, normal_email(email))
        return await self._load(user_id)

    async def get(self, actor: Actor, user: UserRef) -> User:
        """Return a user: one's own self, or anybody for operators.

        Raises:
            NotFound: no such user, or not theirs to see.
        """
        acting = await self.acting(actor)
        user_id = await self.named(user)
        if not (acting.is_operator or acting.is_user(user_id)):
            raise NotFound("user", user_id)
        return await self._load(user_id)

    async def by_external_id(self, actor: Actor, external_id: str) -> User:
        """Return the user with the host's own *external_id*.

        Raises:
            NotFound: no such user, or not theirs to see.
        """
        acting = await self.acting(actor)
        wanted = _text(external_id)
        rows = await self._database.fetch(_BY_EXTERNAL_ID, {"external_id": wanted})
        if not rows or not (acting.is_operator or acting.is_user(rows[0][0])):
            raise NotFound("user", external_id)
        return await self._load(rows[0][0])

    async def grant_role(self, actor: Actor, user: UserRef, role: Role) -> User:
        """Add *role*; a role that is there already stays.  Roles add up (D3).

        Raises:
            Forbidden: not an operator, or the role operator by anybody but ``SYSTEM``.
        """
        return await self._change_role(actor, user, role, grant=True)

    async def revoke_role(self, actor: Actor, user: UserRef, role: Role) -> User:
        """Take *role* away; one that is not there stays away.  Purchases are never touched.

        Raises:
            Forbidden: not an operator, or the role operator by anybody but ``SYSTEM``.
            Invalid: the role customer, which everybody has.
        """
        if role == Role.CUSTOMER:
            raise Invalid("every user is a customer", fields={"role": "customer"})
        return await self._change_role(actor, user, role, grant=False)

    async def set_legal_entity(
        self, actor: Actor, user: UserRef, entity: LegalEntity
    ) -> LegalEntity:
        """Say who the seller *user* is before the law.  Said again, it writes nothing.

        Receipts that are issued from now on bear it; those that exist never change.

        Args:
            actor: the seller, an operator or ``SYSTEM``.
            user: the seller.
            entity: name, country and what else the law of that country asks for.

        Raises:
            NotFound: no such user, or not theirs to change.
            Forbidden: *user* is no seller.
            Invalid: *entity* is no ``LegalEntity``.
        """
        acting = await self.acting(actor)
        seller_id = await self._seller(acting, user)
        if not isinstance(entity, LegalEntity):
            raise Invalid("entity is LegalEntity(name, country, ...)", fields={"entity": "invalid"})
        stored = entity.model_dump(mode="json")
        await self._database.transact(
            lambda tx: set_legal_entity(tx, acting.label, seller_id, stored)
        )
        return entity

    async def legal_entity(self, actor: Actor, user: UserRef) -> LegalEntity | None:
        """Return who the seller *user* is before the law, ``None`` if nobody has said so.

        Raises:
            NotFound: no such user, or not theirs to see.
            Forbidden: *user* is no seller.
        """
        seller_id = await self._seller(await self.acting(actor), user)
        return (await party(self._database, seller_id)).legal_entity

    async def _seller(self, acting: Acting, user: UserRef) -> str:
        user_id = await self.named(user)
        if not (acting.is_operator or acting.is_user(user_id)):
            raise NotFound("user", user_id)
        if Role.SELLER not in (await self._load(user_id)).roles:
            raise Forbidden("only a seller has a legal entity", reason="seller_needed")
        return user_id

    # What the other slices ask.

    async def acting(self, actor: Visitor) -> Acting:
        """Say who acts, with the roles they have now.

        Raises:
            Forbidden: nobody, or somebody who may no longer act.
            NotFound: no such user.
        """
        if actor is None:
            raise Forbidden("sign in first", reason="sign_in")
        return await self.visitor(actor)

    async def visitor(self, actor: Visitor) -> Acting:
        """Say who looks; it may be nobody."""
        if actor is None:
            return NOBODY
        if actor is SYSTEM:
            return THE_SYSTEM
        if isinstance(actor, HostUser):
            return await self._ensure(actor)
        user_id = actor.id if isinstance(actor, User) else actor
        return _acting(await self._database.fetch(_ACTING, {"id": _text(user_id)}), user_id)

    async def id_of(self, user: UserRef) -> str:
        """Return the id behind any way of naming a user; a host's user is made if need be."""
        if isinstance(user, HostUser):
            return (await self._ensure(user)).user_id()
        return user.id if isinstance(user, User) else _text(user)

    async def named(self, user: UserRef) -> str:
        """Return the id of somebody who is asked about: nobody is made or changed by being named.

        Raises:
            NotFound: a host's user who was never here, or what names nobody.
        """
        if not isinstance(user, HostUser):
            return user.id if isinstance(user, User) else _text(user)
        external_id = _text(user.external_id)
        rows = await self._database.fetch(_BY_EXTERNAL_ID, {"external_id": external_id})
        if not rows:
            raise NotFound("user", external_id)
        return str(rows[0][0])

    async def _ensure(self, host: HostUser) -> Acting:
        person = checked(HostPerson, external_id=host.external_id, name=host.name or None)
        address = normal_email(host.email) if host.email else None
        rows = await self._database.fetch(_BY_EXTERNAL_ID, {"external_id": person.external_id})
        if rows:
            email, name, verified = rows[0][3:6]
            fresh = address in {None, email} and person.name in {None, name}
            if fresh and (verified or not host.email_verified):
                return _acting(rows, rows[0][0])
        user_id = await self._database.transact(
            lambda tx: bring_up_to_date(tx, person, address, verified=host.email_verified)
        )
        return _acting(await self._database.fetch(_ACTING, {"id": user_id}), user_id)

    async def _change_role(self, actor: Actor, user: UserRef, role: Role, *, grant: bool) -> User:
        acting = await self.acting(actor)
        acting.require_operator("change roles")
        wanted = _role(role)
        if wanted is Role.OPERATOR and not acting.system:
            raise Forbidden("only SYSTEM changes who is an operator", reason="system_needed")
        user_id = await self.id_of(user)
        await self._database.transact(
            lambda tx: set_role(tx, acting.label, user_id, wanted, grant=grant)
        )
        return await self._load(user_id)

    async def _load(self, user_id: str) -> User:
        found = await self.load_many([user_id])
        if not found:
            raise NotFound("user", user_id)
        return found[user_id]

    async def recipient(self, gift_to: UserRef, *, make: bool) -> str:
        """Return who receives a gift: a user, or the guest of an address, whom *make* makes.

        Raises:
            Invalid: nobody has this id, or no longer acts.
        """
        if isinstance(gift_to, str) and "@" in gift_to:
            address = normal_email(gift_to, "gift_to")
            if not make:
                return "somebody"
            return await self._database.transact(lambda tx: gift_guest(tx, address))
        try:
            return (await self.acting(gift_to)).user_id()
        except (NotFound, Forbidden):
            raise Invalid("gift_to is nobody here", fields={"gift_to": "unknown"}) from None

    async def load_many(self, user_ids: Iterable[str]) -> dict[str, User]:
        """Return users by id, without asking who may see them."""
        statement = (
            select(users, user_roles.c.role)
            .select_from(_WITH_ROLES)
            .where(users.c.id.in_(list(user_ids)))
        )
        rows = await self._database.rows(statement)
        roles: dict[str, set[Role]] = {}
        for row in rows:
            roles.setdefault(row.id, set()).add(Role(row.role))
        return {row.id: user_of(row._mapping, roles[row.id]) for row in rows}


def _text(user_id: object) -> str:
    if not isinstance(user_id, str) or "\0" in user_id:  # PostgreSQL takes none
        raise NotFound("user")
    return user_id


def _role(role: Role) -> Role:
    try:
        return Role(role)
    except ValueError:
        raise Invalid("no such role", fields={"role": "unknown"}) from None


def _acting(rows: Sequence[tuple[Any, ...]], user_id: str) -> Acting:
    if not rows:
        raise NotFound("user", user_id)
    if rows[0][1] != UserStatus.ACTIVE:
        raise Forbidden("this user may no longer act", reason="user_disabled")
    return Acting(rows[0][0], frozenset(Role(row[2]) for row in rows))


def _made(user: User | None) -> User:
    if user is None:  # only an address or external id that is taken makes nobody
        raise AssertionError
    return user


class Users(Blocking[AsyncUsers]):
    """The same without an event loop."""

    register = blocking(AsyncUsers.register)
    guest = blocking(AsyncUsers.guest)
    ensure = blocking(AsyncUsers.ensure)
    start_claim = blocking(AsyncUsers.start_claim)
    claim = blocking(AsyncUsers.claim)
    claim_verified = blocking(AsyncUsers.claim_verified)
    get = blocking(AsyncUsers.get)
    by_external_id = blocking(AsyncUsers.by_external_id)
    grant_role = blocking(AsyncUsers.grant_role)
    revoke_role = blocking(AsyncUsers.revoke_role)
    set_legal_entity = blocking(AsyncUsers.set_legal_entity)
    legal_entity = blocking(AsyncUsers.legal_entity)
