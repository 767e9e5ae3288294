"""Claims: what guests bought or were given moves to whoever proves the mailbox."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import insert, or_, select, update

from digistore.errors import Invalid
from digistore.events import ClaimStarted
from digistore.ids import ClaimId, EventId
from digistore.outbox import announce
from digistore.tokens import Signer, normal_typed, typed_code
from digistore.users.models import UserStatus
from digistore.users.rules import login_form
from digistore.users.tables import claims, users
from digistore.users.tries import Limit, forget_tries, spend_try
from digistore.users.writes import add_user, bump

if TYPE_CHECKING:
    from digistore.database import Database, Transaction

LIFETIME = timedelta(hours=1)
STARTS = Limit("claim_start", most=5, window=timedelta(hours=1))
CODES = Limit("claim", most=10, window=timedelta(hours=1))


class Mover(Protocol):
    """How a slice lets what it keeps of some people become another's."""

    async def __call__(
        self, tx: Transaction, people: Sequence[str], to: str, actor: str, /
    ) -> None:
        """Move it, within a transaction that is open."""


class Claims:
    """Codes for mailboxes, and the move that follows when one comes back."""

    def __init__(self, database: Database, signer: Signer) -> None:
        """Keep digests of codes under the keys of *signer*, never a code."""
        self._database = database
        self._signer = signer
        self._movers: list[Mover] = []

    def moves(self, mover: Mover) -> None:
        """Have a slice's rows moved too, in the order of registration."""
        self._movers.append(mover)

    async def start(self, address: str) -> str:
        """Make a code for an address; earlier ones are worthless from now on."""
        email, code = login_form(address), typed_code()
        await spend_try(self._database, STARTS, self._subject(email))

        async def work(tx: Transaction) -> None:
            await tx.rows(
                update(claims)
                .where(claims.c.email == email, claims.c.open_key == 1)
                .values(open_key=None)
            )
            claim_id = tx.new_id("clm")
            await tx.rows(
                insert(claims).values(
                    id=claim_id,
                    email=email,
                    code_digest=self._signer.digests(normal_typed(code))[0],
                    expires_at=tx.now + LIFETIME,
                    open_key=1,
                    created_at=tx.now,
                )
            )
            event = ClaimStarted(
                id=EventId(tx.new_id("evt")),
                at=tx.now,
                actor="system",
                claim_id=ClaimId(claim_id),
            )
            await tx.rows(announce(event, "started"))

        await self._database.transact(work)
        return code

    async def take(self, user_id: str | None, address: str, code: object) -> str:
        """Move all of an address to a user, if the code is right; return the user's id."""
        email = login_form(address)
        await spend_try(self._database, CODES, self._subject(email))
        digests = self._signer.digests(normal_typed(code))

        async def work(tx: Transaction) -> str:
            # The code first: what a wrong one costs must not depend on who has the address.
            taken = await tx.first(
                update(claims)
                .where(
                    claims.c.email == email,
                    claims.c.open_key == 1,
                    claims.c.code_digest.in_(digests),
                    claims.c.expires_at > tx.now,
                )
                .values(open_key=None)
                .returning(claims.c.id)
            )
            if taken is None:
                raise Invalid("this code is wrong or over", fields={"code": "not_usable"})
            to = user_id or await _prover(tx, address)
            await tx.rows(
                update(claims)
                .where(claims.c.id == taken.id)
                .values(claimed_at=tx.now, claimed_by=to)
            )
            await forget_tries(tx, CODES, self._subject(email))
            await self._move(tx, to, address, to)
            return to

        return await self._database.transact(work)

    async def take_verified(self, user_id: str, address: str) -> None:
        """Move all of an address that the host has verified by itself."""
        await self._database.transact(lambda tx: self._move(tx, user_id, address, "system"))

    async def _move(self, tx: Transaction, to: str, address: str, actor: str) -> None:
        """Merge every guest of *address* into a user; guests made later need another claim."""
        row = await tx.first(
            select(users.c.status, users.c.email, users.c.email_verified_at).where(users.c.id == to)
        )
        if row is None or row.status != UserStatus.ACTIVE:
            raise Invalid("this user may no longer act", fields={"user": "not_active"})
        if row.email_verified_at is None and login_form(row.email or "") == login_form(address):
            await bump(tx, to, actor, "verify_email", {}, email_verified_at=tx.now)
        guests = await _guests(tx, to, login_form(address))
        if not guests:
            return
        before = await tx.rows(select(users.c.id).where(users.c.merged_into.in_(guests)))
        for one in sorted({*guests, *(row.id for row in before)}):
            values = {"status": UserStatus.MERGED, "merged_into": to, "gift_key": None}
            await bump(tx, one, actor, "claim", {"merged_into": to}, **values)
        people = sorted({*guests, *(row.id for row in before)})
        for mover in self._movers:
            await mover(tx, people, to, actor)

    def _subject(self, email: str) -> str:
        return self._signer.digests(f"address:{email}")[0]


async def _prover(tx: Transaction, address: str) -> str:
    """Return who has proved an address before, else a new customer who has just done so.

    Who merely typed it when registering may be anybody: they claim as themselves, logged in.
    """
    login = login_form(address)
    row = await tx.first(
        select(users.c.id)
        .where(
            or_(users.c.login_email == login, users.c.email == address),
            users.c.email_verified_at.is_not(None),
            users.c.guest_email.is_(None),
            users.c.status == UserStatus.ACTIVE,
        )
        .order_by(users.c.login_email.is_(None), users.c.created_at, users.c.id)
    )
    if row is not None:
        return str(row.id)
    made = await add_user(tx, "claim", email=address, login=address, verified_at=tx.now)
    made = made or await add_user(tx, "claim", email=address, verified_at=tx.now)
    if made is None:
        raise AssertionError
    return made.id


async def _guests(tx: Transaction, to: str, email: str) -> list[str]:
    """Return the guests of an address: nobody's account, as far as anybody knows."""
    rows = await tx.rows(
        select(users.c.id).where(
            users.c.guest_email == email,
            users.c.status == UserStatus.ACTIVE,
            users.c.id != to,
        )
    )
    return [row.id for row in rows]


async def gift_guest(tx: Transaction, address: str) -> str:
    """Return the guest who receives what is given to an address, the same for every gift."""
    made = await add_user(tx, "gift", email=address, guest=address, gift=True)
    if made is not None:
        return str(made.id)
    row = await tx.first(
        select(users.c.id).where(users.c.guest_email == login_form(address), users.c.gift_key == 1)
    )
    if row is None:
        raise AssertionError
    return str(row.id)
