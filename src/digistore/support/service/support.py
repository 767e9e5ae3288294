"""``store.support``: offers, requests that are paid one by one, and the conversation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, select, true

from digistore.blocking import Blocking, blocking
from digistore.catalog import ProductRef
from digistore.catalog.tables import products
from digistore.database.keyset import newest_first, place_of
from digistore.entitlements.facts import AccessState
from digistore.entitlements.service.entitlements import purchase_of
from digistore.entitlements.tables import purchased_products
from digistore.errors import (
    AccessRequired,
    Forbidden,
    Invalid,
    NotRefundable,
)
from digistore.fields import Input, Metadata, Name, Reason, SmallMetadata, Title, checked
from digistore.money import Money
from digistore.orders import Billing, Consent
from digistore.orders.kinds import Draft, Kind
from digistore.orders.rules import checked_consents
from digistore.orders.service.cashier import Terms
from digistore.paging import Page, checked_limit, page_of
from digistore.support.models import (
    Eligibility,
    RecordedRefund,
    SupportCheckout,
    SupportOffer,
    SupportRequest,
    SupportRequestRef,
    SupportState,
)
from digistore.support.rules import checked_offer_price
from digistore.support.service import rows
from digistore.support.service.conversation import Conversation, require_staff
from digistore.support.tables import support_requests
from digistore.users import Actor, Role, UserRef, Visitor
from digistore.users.rules import THE_SYSTEM

if TYPE_CHECKING:
    from digistore.catalog import AsyncCatalog
    from digistore.database import Database, Transaction
    from digistore.entitlements import AsyncEntitlements
    from digistore.orders import AsyncOrders
    from digistore.orders.service.placing import Wish
    from digistore.settings import Settings
    from digistore.users import AsyncUsers


class _OfferInput(Input):
    kind: Name
    scope: Reason


class _RequestInput(Input):
    kind: Name
    subject: Title
    body: Reason
    metadata: SmallMetadata


class _ReasonInput(Input):
    reason: Reason


class AsyncSupport(Conversation):
    """Paid help: ``store.support``."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        catalog: AsyncCatalog,
        entitlements: AsyncEntitlements,
        orders: AsyncOrders,
        settings: Settings,
        refund: Callable[[Actor, str, str], Awaitable[RecordedRefund]],
    ) -> None:
        """Sell help by *orders*; *refund* gives back what was paid for a line."""
        super().__init__(database, users, entitlements, settings)
        self._catalog = catalog
        self._orders = orders
        self._refund = refund

    # Offers.

    async def offer(
        self, actor: Actor, product: ProductRef, *, kind: str, price: Money, scope: str
    ) -> SupportOffer:
        """Publish what one *kind* of help costs and covers, in place of what it cost before.

        Requests that were made keep their price and scope.

        Args:
            actor: the product's seller or an operator.
            product: what the help is for.
            kind: ``setup``, ``deployment``, ``product_issue`` or a word of the seller's own.
            price: above zero.
            scope: what is covered, as customers read it before they buy.

        Raises:
            Invalid: field by field; help is never free.
            NotFound, Forbidden: not theirs.
        """
        acting = await self._users.acting(actor)
        found = await self._catalog.product(actor, product)
        if not acting.sells(found.seller_id):
            raise Forbidden(
                "only the product's seller or an operator may do this", reason="seller_needed"
            )
        given = checked(_OfferInput, kind=kind, scope=scope)
        cost = checked_offer_price(price)
        return await self._database.transact(
            lambda tx: rows.put_offer(tx, acting, found.id, given.kind, cost, given.scope)
        )

    async def offers(self, visitor: Visitor, product: ProductRef) -> tuple[SupportOffer, ...]:
        """Return what help with a product costs, cheapest first.

        Raises:
            NotFound: no such product, or not theirs to see.
        """
        found = await self._catalog.product(visitor, product)
        return tuple((await rows.load_offers(self._database, [found.id])).get(found.id, ()))

    async def eligibility(self, user: UserRef) -> tuple[Eligibility, ...]:
        """Return every purchase of *user*: eligible and at what price, or why not."""
        user_id = (await self._users.acting(user)).user_id()
        found = await self._database.rows(
            select(purchased_products)
            .where(purchased_products.c.user_id == user_id)
            .order_by(purchased_products.c.acquired_at, purchased_products.c.id)
        )
        offers = await rows.load_offers(self._database, {row.product_id for row in found})
        answers = []
        for row in found:
            purchase, known = purchase_of(row._mapping), offers.get(row.product_id, ())
            live = purchase.state is AccessState.LIVE
            reason = "eligible" if known else "no_offers"
            answers.append(
                Eligibility(
                    purchase=purchase,
                    eligible=live and bool(known),
                    reason=reason if live else str(purchase.state),
                    offers=tuple(known) if live else (),
                )
            )
        return tuple(answers)

    # Requests.

    async def request(
        self,
        user: UserRef,
        product: ProductRef,
        *,
        kind: str,
        subject: str,
        body: str,
        return_url: str,
        cancel_url: str | None = None,
        gateway: str | None = None,
        discount: str | None = None,
        billing: Billing | None = None,
        consents: Sequence[Consent] = (),
        click: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
    ) -> SupportCheckout:
        """Ask for help with a product one holds, and open the checkout that pays for it.

        The request opens with its payment. The same request while it is unpaid is the same
        checkout: a double click never makes two. The other arguments are those of ``checkout``.

        Raises:
            AccessRequired, PaymentInFlight: no live access, or a payment is on its way.
            Invalid: field by field; ``kind`` is one that the seller offers.
            GatewayError: with the order's id; the same call again continues it.
        """
        acting = await self._users.acting(user)
        given = checked(
            _RequestInput, kind=kind, subject=subject, body=body, metadata=metadata or {}
        )
        terms = checked(
            Terms,
            return_url=return_url,
            cancel_url=cancel_url,
            gateway=gateway,
            discount=discount,
            billing=billing,
            consents=checked_consents(consents, self._settings.required_consents),
            click=click,
            metadata=metadata or {},
            idempotency_key=idempotency_key,
        )
        found = await self._catalog.product(user, product)
        access = await self._entitlements.check(acting.user_id(), found.id)
        if access.purchase is None:
            raise AccessRequired(found.id, access.reason)
        offer = await self._active(found.id, given.kind)
        draft = Draft(
            kind=Kind.SUPPORT,
            product_id=found.id,
            beneficiary_id=acting.user_id(),
            title=f"{found.title}: {given.kind}",
            unit_price=offer.price.amount,
        )
        extra = (given.kind, given.subject, given.body, access.purchase.id)
        cart = (found.seller_id, offer.price.currency, [draft])
        wish = await self._orders.cashier.wish(acting, *cart, terms, extra)
        return await self._open(wish, access.purchase.id, offer, given)

    async def my_supports(
        self, user: UserRef, *, after: str | None = None, limit: int = 20
    ) -> Page[SupportRequest]:
        """Return a page of *user*'s requests, newest first, without their messages.

        Args:
            user: whose requests.
            after: the ``next`` of the page before.
            limit: 1 to 100.
        """
        user_id = (await self._users.acting(user)).user_id()
        return await self._page(support_requests.c.customer_id == user_id, after, limit)

    async def queue(
        self,
        actor: Actor,
        *,
        state: SupportState | str | None = None,
        after: str | None = None,
        limit: int = 20,
    ) -> Page[SupportRequest]:
        """Return a page of the requests that *actor* works on, newest first.

        Sellers see those for their products, operators all.

        Raises:
            Forbidden: a customer.
        """
        acting = await self._users.acting(actor)
        where: ColumnElement[bool] = true()
        if not acting.is_operator:
            if Role.SELLER not in acting.roles:
                raise Forbidden("only sellers and operators have a queue", reason="seller_needed")
            own = select(products.c.id).where(products.c.seller_id == acting.id)
            where = support_requests.c.product_id.in_(own)
        if state is not None:
            where &= support_requests.c.state == _state(state)
        return await self._page(where, after, limit)

    async def waive(
        self, actor: Actor, request: SupportRequestRef, *, reason: str
    ) -> RecordedRefund:
        """Give back what was paid for a request: a recorded refund, never a zero price (D9).

        Raises:
            Forbidden: the customer.
            NotRefundable: it is not paid, or its money is back.
        """
        acting, found, by_staff = await self._visible(actor, request)
        require_staff(by_staff=by_staff)
        whose = await rows.parties(self._database, found.id)
        if whose is None or not acting.sells(whose.seller_id):
            raise Forbidden(
                "only the product's seller or an operator may give money back",
                reason="seller_needed",
            )
        if found.state is SupportState.UNPAID:
            raise NotRefundable("not_paid")
        text = checked(_ReasonInput, reason=reason).reason
        return await self._refund(actor, found.order_line_id, text)

    async def close_old(self, limit: int) -> int:
        """Close what was resolved so long ago that it cannot be reopened; return how many."""
        oldest = self._database.clock() - self._settings.reopen_window
        found = await self._database.rows(
            select(support_requests.c.id)
            .where(support_requests.c.state == "resolved", support_requests.c.resolved_at < oldest)
            .order_by(support_requests.c.resolved_at)
            .limit(limit)
        )
        for row in found:
            await self._database.transact(lambda tx, row=row: _close(tx, row.id))  # type: ignore[misc]
        return len(found)

    # Within.

    async def _open(
        self, wish: Wish, purchase_id: str, offer: SupportOffer, given: _RequestInput
    ) -> SupportCheckout:
        async def write(tx: Transaction, order_id: str) -> None:
            await rows.add_request(tx, order_id, purchase_id, offer, **given.model_dump())

        cashier = self._orders.cashier
        checkout = await cashier.checkout(await cashier.open(wish, write))
        request = await rows.request_of_order(self._database, checkout.order.id)
        return SupportCheckout(request=request, checkout=checkout)

    async def _active(self, product_id: str, kind: str) -> SupportOffer:
        offers = (await rows.load_offers(self._database, [product_id])).get(product_id, [])
        found = next((offer for offer in offers if offer.kind == kind), None)
        if found is None:
            raise Invalid(
                "this kind of help is not offered for this product", fields={"kind": "not_offered"}
            )
        return found

    async def _page(
        self, where: ColumnElement[bool], after: str | None, limit: int
    ) -> Page[SupportRequest]:
        many = checked_limit(limit)
        place = (support_requests.c.created_at, support_requests.c.id)
        statement = newest_first(rows.requests().where(where), *place, after, many)
        found = [rows.request_of(row) for row in await self._database.rows(statement)]
        return page_of(found, many, lambda one: place_of(one.created_at, one.id))


async def _close(tx: Transaction, request_id: str) -> None:
    now = await rows.locked_request(tx, request_id)
    if now.state is SupportState.RESOLVED:
        await rows.change(tx, THE_SYSTEM, "close", now, state=SupportState.CLOSED)


def _state(state: SupportState | str) -> SupportState:
    try:
        return SupportState(state)
    except ValueError:
        raise Invalid("no such state", fields={"state": "unknown"}) from None


class Support(Blocking[AsyncSupport]):
    """The same without an event loop."""

    offer = blocking(AsyncSupport.offer)
    offers = blocking(AsyncSupport.offers)
    eligibility = blocking(AsyncSupport.eligibility)
    request = blocking(AsyncSupport.request)
    my_supports = blocking(AsyncSupport.my_supports)
    queue = blocking(AsyncSupport.queue)
    get = blocking(AsyncSupport.get)
    reply = blocking(AsyncSupport.reply)
    assign = blocking(AsyncSupport.assign)
    start = blocking(AsyncSupport.start)
    resolve = blocking(AsyncSupport.resolve)
    reopen = blocking(AsyncSupport.reopen)
    close = blocking(AsyncSupport.close)
    waive = blocking(AsyncSupport.waive)
