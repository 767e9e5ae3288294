"""What is said and done in a paid request, until it is closed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from digistore.errors import AccessRequired, Forbidden, InvalidTransition, NotFound
from digistore.fields import Input, Reason, checked
from digistore.ids import id_text
from digistore.lifecycle import moves
from digistore.support.models import SupportRequest, SupportRequestRef, SupportState
from digistore.support.rules import MOVES, TALKS, after_reply, may_reopen
from digistore.support.service import rows
from digistore.users import Acting, Actor, UserRef

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.entitlements import AsyncEntitlements
    from digistore.settings import Settings
    from digistore.users import AsyncUsers


class _MessageInput(Input):
    body: Reason


class Conversation:
    """Reading, writing in and moving requests: the half of ``store.support`` after the payment."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        entitlements: AsyncEntitlements,
        settings: Settings,
    ) -> None:
        """Keep what is said in *database*."""
        self._database = database
        self._users = users
        self._entitlements = entitlements
        self._settings = settings

    async def get(self, actor: Actor, request: SupportRequestRef) -> SupportRequest:
        """Return a request with its messages: for its customer and staff.

        Raises:
            NotFound: no such request, or not theirs to see.
        """
        _, found, _ = await self._visible(actor, request)
        return found

    async def reply(
        self, actor: Actor, request: SupportRequestRef, body: str, *, ask: bool = False
    ) -> SupportRequest:
        """Write in a request.  Staff's first word starts the work; *ask* waits for an answer.

        Raises:
            InvalidTransition: it is not paid, or over.
            NotFound: no such request, or not theirs to see.
        """
        acting, found, by_staff = await self._visible(actor, request)
        text = checked(_MessageInput, body=body).body

        async def work(tx: Transaction) -> None:
            now = await rows.locked_request(tx, found.id)
            if now.state not in TALKS:
                raise InvalidTransition("support request", now.state, SupportState.IN_PROGRESS)
            new = after_reply(now.state, by_staff=by_staff, ask=ask)
            values: dict[str, object] = {"state": new}
            if by_staff and now.first_response_at is None:
                values["first_response_at"] = tx.now
            await rows.say(tx, acting, found.id, text, by_staff=by_staff)
            await rows.change(tx, acting, "reply", found, **values)

        await self._database.transact(work)
        return await rows.load_request(self._database, found.id)

    async def assign(
        self, actor: Actor, request: SupportRequestRef, *, assignee: UserRef
    ) -> SupportRequest:
        """Give a request to somebody, who may then read and write in it; an open one starts.

        Raises:
            Forbidden: the customer.
            InvalidTransition: it is not paid, or over.
        """
        acting, found, by_staff = await self._visible(actor, request)
        require_staff(by_staff=by_staff)
        assignee_id = await self._users.id_of(assignee)
        await self._users.acting(assignee_id)

        async def work(tx: Transaction) -> None:
            now = await rows.locked_request(tx, found.id)
            if now.state not in TALKS:
                raise InvalidTransition("support request", now.state, SupportState.IN_PROGRESS)
            started = now.state is SupportState.OPEN
            state = SupportState.IN_PROGRESS if started else now.state
            if (now.assignee_id, now.state) != (assignee_id, state):
                await rows.change(tx, acting, "assign", now, assignee_id=assignee_id, state=state)

        await self._database.transact(work)
        return await rows.load_request(self._database, found.id)

    async def start(self, actor: Actor, request: SupportRequestRef) -> SupportRequest:
        """Say that the work has begun; begun already, it stays.

        Raises:
            Forbidden: the customer.
            InvalidTransition: it is not paid, or over.
        """
        return await self._move(actor, request, SupportState.IN_PROGRESS, "start")

    async def resolve(self, actor: Actor, request: SupportRequestRef) -> SupportRequest:
        """Say that the question is answered; resolved already, it stays.

        Raises:
            Forbidden: the customer.
            InvalidTransition: it is not paid, or over.
        """
        return await self._move(actor, request, SupportState.RESOLVED, "resolve")

    async def reopen(self, actor: Actor, request: SupportRequestRef) -> SupportRequest:
        """Go on with a resolved request, at no charge, within ``Settings.reopen_window``.

        Raises:
            InvalidTransition: it is not resolved, or the window is over.
            AccessRequired: access is gone.
        """
        acting, found, _ = await self._visible(actor, request)
        access = await self._entitlements.check(found.customer_id, found.product_id)
        if not access:
            raise AccessRequired(found.product_id, access.reason)

        async def work(tx: Transaction) -> None:
            now = await rows.locked_request(tx, found.id)
            noun = "support request"
            window = self._settings.reopen_window
            if now.state is not SupportState.RESOLVED or now.resolved_at is None:
                raise InvalidTransition(noun, now.state, SupportState.OPEN)
            if not may_reopen(now.resolved_at, window, tx.now):
                raise InvalidTransition(noun, now.state, SupportState.OPEN, hint="too late")
            if now.money_back:
                raise InvalidTransition(noun, now.state, SupportState.OPEN, hint="refunded")
            await rows.change(tx, acting, "reopen", now, state=SupportState.OPEN, resolved_at=None)

        await self._database.transact(work)
        return await rows.load_request(self._database, found.id)

    async def close(self, actor: Actor, request: SupportRequestRef) -> SupportRequest:
        """End a resolved request for good: a new question is a new request.  Closed, it stays.

        For its customer and operators; who sells must leave the customer time to reopen it.

        Raises:
            Forbidden: the seller, or whom it is assigned to.
            InvalidTransition: it is not resolved.
        """
        acting, found, by_staff = await self._visible(actor, request)
        if by_staff and not acting.is_operator:
            raise Forbidden(
                "the customer closes a request; else it closes by itself", reason="customer_needed"
            )

        async def work(tx: Transaction) -> None:
            now = await rows.locked_request(tx, found.id)
            if moves("support request", MOVES, now.state, SupportState.CLOSED):
                await rows.change(tx, acting, "close", now, state=SupportState.CLOSED)

        await self._database.transact(work)
        return await rows.load_request(self._database, found.id)

    # Within.

    async def _visible(
        self, actor: Actor, request: SupportRequestRef
    ) -> tuple[Acting, SupportRequest, bool]:
        acting = await self._users.acting(actor)
        ref = id_text("support request", request, SupportRequest)
        whose = await rows.parties(self._database, ref)
        if whose is None:
            raise NotFound("support request", ref)
        staff = acting.is_user(whose.assignee_id) or acting.sells(whose.seller_id)
        if not (staff or acting.is_user(whose.customer_id)):
            raise NotFound("support request", ref)
        found = await rows.load_request(self._database, ref)
        return acting, found, staff and not acting.is_user(found.customer_id)

    async def _as_staff(
        self,
        actor: Actor,
        request: SupportRequestRef,
        work: Callable[[Transaction, Acting, SupportRequest], Awaitable[None]],
    ) -> SupportRequest:
        acting, found, by_staff = await self._visible(actor, request)
        require_staff(by_staff=by_staff)

        async def whole(tx: Transaction) -> None:
            await work(tx, acting, await rows.locked_request(tx, found.id))

        await self._database.transact(whole)
        return await rows.load_request(self._database, found.id)

    async def _move(
        self, actor: Actor, request: SupportRequestRef, new: SupportState, cause: str
    ) -> SupportRequest:
        async def work(tx: Transaction, acting: Acting, now: SupportRequest) -> None:
            if not moves("support request", MOVES, now.state, new):
                return
            resolved_at = tx.now if new is SupportState.RESOLVED else None
            await rows.change(tx, acting, cause, now, state=new, resolved_at=resolved_at)

        return await self._as_staff(actor, request, work)


def require_staff(*, by_staff: bool) -> None:
    """Refuse the customer.

    Raises:
        Forbidden: not staff.
    """
    if not by_staff:
        raise Forbidden(
            "only staff may do this: the seller, the assignee, operators", reason="staff_needed"
        )
