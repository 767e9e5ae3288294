"""``store.payments``: money in, money back, and what it settles."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import exists, select

from digistore.blocking import Blocking, blocking
from digistore.database.keyset import oldest_first, place_of
from digistore.errors import (
    Forbidden,
    Invalid,
    NotFound,
)
from digistore.fields import Input, Reason, checked
from digistore.gateways import PaymentGateway
from digistore.ids import id_text
from digistore.money import Money
from digistore.orders import Order, OrderLine, OrderRef, OrderState
from digistore.orders.reads import load_order, order_of_reference, order_ref
from digistore.orders.tables import orders
from digistore.paging import Page, checked_limit, page_of
from digistore.payments.evidence import DisputeEvidence
from digistore.payments.models import (
    Action,
    ActionRef,
    Choice,
    Confirmation,
    Headers,
    OrderLineRef,
    Payment,
    ReconcileReport,
    WebhookOutcome,
)
from digistore.payments.service.actions import ASSIGNABLE, Resolution, action_of, resolve
from digistore.payments.service.asking import Asker
from digistore.payments.service.assigning import Assigner
from digistore.payments.service.confirming import Confirmer, confirm_state
from digistore.payments.service.elsewhere import (
    Received,
    ReceivedInput,
    receive,
)
from digistore.payments.service.gathering import DownloadsOf, Gatherer
from digistore.payments.service.lookup import (
    action_row,
    payment_of,
    refuse_taken,
)
from digistore.payments.service.reconcile import BATCH, Reconciler
from digistore.payments.service.refunding import Refunding
from digistore.payments.service.refunds import (
    Refunder,
    checked_amount,
)
from digistore.payments.service.webhooks import Inbox
from digistore.payments.tables import payment_actions
from digistore.users import Role

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.orders import AsyncOrders
    from digistore.payments.service.settle import Settle
    from digistore.settings import Settings
    from digistore.users import Acting, Actor, AsyncUsers


class _ReasonInput(Input):
    reason: Reason


class AsyncPayments(Refunding):
    """Money in, money back, and what it settles: ``store.payments``."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        gateways: Mapping[str, PaymentGateway],
        orders: AsyncOrders,
        settle: Settle,
        downloads_of: DownloadsOf,
        settings: Settings,
    ) -> None:
        """Settle what *gateways* say about *orders*; *downloads_of* reads the log of one."""
        super().__init__(database, users, settle, Refunder(database, gateways, settle))
        self._orders = orders
        asker = Asker(database, gateways)
        later = settings.webhooks == "later"
        self._inbox = Inbox(database, gateways, settle, asker, later=later)
        self._confirmer = Confirmer(database, gateways, settle)
        self._gatherer = Gatherer(database, users, orders, downloads_of)
        self._assigner = Assigner(settle, orders.cashier.starter)
        self._reconciler = Reconciler(
            database,
            gateways,
            settle,
            self._inbox,
            self._refunder,
            orders.cashier.starter,
            asker,
        )

    async def handle_webhook(self, gateway: str, body: bytes, headers: Headers) -> WebhookOutcome:
        """Take a provider's message in and settle what it hints at.  Host-only.

        Pass the raw body, before any framework has parsed it. Nothing in it is believed: the
        gateway is asked. The same message again changes nothing.

        Args:
            gateway: the configured name.
            body: at most 1 MiB.
            headers: the request's headers as its framework has them, names in any case; or any
                mapping of names to texts.

        Returns:
            What to answer: 200, or 503 for "stored, but the gateway could not be asked". With
            ``Settings.webhooks = "later"`` the gateway is not asked here: what is stored is
            settled by the next ``run_due`` or ``reconcile``.

        Raises:
            InvalidSignature, MalformedEvent: answer 400; nothing is stored.
            NotFound: no such gateway.
        """
        return await self._inbox.take(gateway, body, headers)

    async def confirm(
        self, actor: Actor, order: OrderRef, *, params: Mapping[str, str] | None = None
    ) -> Confirmation:
        """Say what became of an order when its buyer is back; the gateway is asked.

        At most every 2 seconds per order; in between the answer is what is known.

        Args:
            actor: the buyer, an operator or ``SYSTEM``.
            order: which one, or the reference of a checkout of it, as in a return address.
            params: of the return address, for providers that capture on return.

        Raises:
            Forbidden: its seller.
            NotFound: no such order, or not theirs to see.
        """
        acting = await self._users.acting(actor)
        ref = order_ref(order)
        if ref.startswith("att_"):
            ref = await order_of_reference(self._database, ref)
        found = await load_order(self._database, ref)
        if not (acting.is_user(found.buyer_id) or acting.is_operator):
            if acting.sells(found.seller_id):
                raise Forbidden("the buyer or an operator may ask", reason="buyer_needed")
            raise NotFound("order", found.id)
        if found.state is not OrderState.PAID:
            await self._confirmer.ask(found.id, params or {})
            found = await load_order(self._database, found.id)
        return Confirmation(state=confirm_state(found), order=found)

    async def record(
        self,
        actor: Actor,
        order: OrderRef,
        *,
        amount: Money,
        method: str,
        reference: str,
        received_at: datetime,
    ) -> Payment:
        """Record money that was received elsewhere; it is judged like any other.

        Told twice with the same method and reference, it is one payment.

        Args:
            actor: an operator or ``SYSTEM``.
            order: what it pays for.
            amount: above zero.
            method: a word such as ``bank_transfer``, ``complimentary`` or ``import:<source>``.
            reference: what tells this payment from others of the method.
            received_at: when, with its time zone.

        Raises:
            Forbidden: neither an operator nor ``SYSTEM``.
            Invalid: field by field.
            IdempotencyConflict: the reference stands for another payment.
        """
        acting, found = await self._by_operator(actor, order, "record payments")
        money = checked_amount(amount)
        if money is None:
            raise Invalid("amount is Money above zero", fields={"amount": "missing"})
        told = checked(ReceivedInput, method=method, reference=reference, received_at=received_at)
        received = Received(money, told.method, told.reference, told.received_at)
        await refuse_taken(self._database, found, received)
        if found.state is OrderState.OPEN:
            await self._orders.cashier.starter.end_attempt(found.id, "record")
        await self._settle.apply(
            found.id, None, lambda book: receive(book, received), acting.label, "record"
        )
        return await payment_of(self._database, found, received)

    async def reconcile(
        self,
        *,
        since: datetime | None = None,
        progress: Callable[[str, int], None] | None = None,
        limit: int = BATCH,
    ) -> ReconcileReport:
        """Ask about everything that is not final; alone it leads to the same end as webhooks.

        Safe beside live traffic and beside itself; run again it changes nothing. Host-only.

        Args:
            since: ask the gateways for all changes since then, as after restoring a backup.
            progress: called with the kind of work and how many of it are done.
            limit: at most so many of each kind in this run.
        """
        self._database.refuse_inside("reconcile")
        return await self._reconciler.run(since, progress, limit)

    async def needing_action(
        self, actor: Actor, *, after: str | None = None, limit: int = 20
    ) -> Page[Action]:
        """Return a page of what waits for a decision, oldest first.

        Sellers see what concerns their orders, operators all.

        Args:
            actor: who asks.
            after: the ``next`` of the page before.
            limit: 1 to 100.

        Raises:
            Forbidden: a customer.
        """
        acting, many = await self._users.acting(actor), checked_limit(limit)
        open_ones = select(payment_actions).where(payment_actions.c.open_key == 1)
        if not acting.is_operator:
            if Role.SELLER not in acting.roles:
                message = "only sellers and operators see what needs a decision"
                raise Forbidden(message, reason="seller_needed")
            theirs = orders.c.seller_id == acting.id
            sold = exists().where(orders.c.id == payment_actions.c.order_id, theirs)
            open_ones = open_ones.where(sold)
        statement = oldest_first(
            open_ones, payment_actions.c.created_at, payment_actions.c.id, after, many
        )
        found = [action_of(row) for row in await self._database.rows(statement)]
        return page_of(found, many, lambda action: place_of(action.created_at, action.id))

    async def resolve(
        self,
        actor: Actor,
        action: ActionRef,
        *,
        choice: Choice | str,
        reason: str,
        order: OrderRef | None = None,
        lines: Sequence[OrderLineRef] | None = None,
    ) -> Action:
        """Decide about an entry by one of its ``choices``.  Decided so before, it stays.

        Money that came for no order, or short, is assigned whole to an order that it covers: one
        that was made for what came in, if need be. What that order sold opens at once, and a
        checkout of it that is still open is ended at its gateway first.

        Args:
            actor: an operator or ``SYSTEM``.
            action: the entry.
            choice: what to do.
            reason: for the books.
            order: to ``assign`` an ``orphan`` or ``underpaid`` payment, the order it pays for.
            lines: to ``assign`` an ``unassigned_reversal``, the lines whose money went back.

        Raises:
            Forbidden: neither an operator nor ``SYSTEM``.
            Invalid: a choice that the entry does not have, lines of another order, or an order
                that costs more than came in, in another currency or mode.
            InvalidTransition: it was decided otherwise; or the order is paid or canceled, or part
                of the money is back or disputed.
            NotRefundable: there is nothing to give back.
            NotFound: no such entry or order.
        """
        acting = await self._users.acting(actor)
        acting.require_operator("decide about money")
        found = await action_row(self._database, id_text("action", action, Action))
        if found.kind in ASSIGNABLE and choice == Choice.ASSIGN:
            said = checked(_ReasonInput, reason=reason).reason
            await self._assigner.assign(found, await self._target(order, lines), said, acting.label)
            return action_of(await action_row(self._database, found.id))
        if order is not None:
            raise Invalid("no order is needed for this", fields={"order": "unexpected"})
        resolution = Resolution(
            action_id=found.id,
            choice=_choice(choice),
            reason=checked(_ReasonInput, reason=reason).reason,
            line_ids=tuple(
                line.id if isinstance(line, OrderLine) else line for line in lines or ()
            ),
        )
        sent = await self._settle.apply(
            found.order_id,
            found.payment_id,
            lambda book: resolve(book, resolution),
            acting.label,
            f"resolve:{resolution.choice}",
        )
        for refund_id in sent or ():
            await self._refunder.send(refund_id)
        return action_of(await action_row(self._database, found.id))

    async def evidence(self, actor: Actor, order: OrderRef) -> DisputeEvidence:
        """Gather what a bank wants to see when a payment is disputed, as data.

        The order with its billing and consents, the receipt, money, access and why, downloads,
        and the messages of paid support: about this order alone. It is personal data throughout;
        ``model_dump_json()`` makes a file of it.

        Args:
            actor: the seller, an operator or ``SYSTEM``; the user agents of downloads are shown
                to the latter two only.
            order: paid or not.

        Raises:
            Forbidden: the buyer.
            NotFound: no such order, or not theirs to see.
        """
        return await self._gatherer.gather(actor, order)

    # Within.

    async def _target(self, order: OrderRef | None, lines: Sequence[OrderLineRef] | None) -> Order:
        if order is None:
            raise Invalid("name the order that was paid for", fields={"order": "missing"})
        if lines is not None:
            raise Invalid("money covers an order whole", fields={"lines": "unexpected"})
        return await load_order(self._database, order_ref(order))

    async def _by_operator(self, actor: Actor, order: OrderRef, what: str) -> tuple[Acting, Order]:
        acting = await self._users.acting(actor)
        acting.require_operator(what)
        return acting, await load_order(self._database, order_ref(order))


def _choice(choice: Choice | str) -> Choice:
    try:
        return Choice(choice)
    except ValueError:
        raise Invalid("no such choice", fields={"choice": "unknown"}) from None


class Payments(Blocking[AsyncPayments]):
    """The same without an event loop."""

    handle_webhook = blocking(AsyncPayments.handle_webhook)
    confirm = blocking(AsyncPayments.confirm)
    refund = blocking(AsyncPayments.refund)
    request_refund = blocking(AsyncPayments.request_refund)
    record = blocking(AsyncPayments.record)
    record_refund = blocking(AsyncPayments.record_refund)
    reconcile = blocking(AsyncPayments.reconcile)
    needing_action = blocking(AsyncPayments.needing_action)
    resolve = blocking(AsyncPayments.resolve)
    evidence = blocking(AsyncPayments.evidence)
