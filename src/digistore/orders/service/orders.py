"""``store.orders``: what it costs, checkout, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sqlalchemy import select

from digistore.blocking import Blocking, blocking
from digistore.catalog import Product, ProductRef, ProductStatus
from digistore.catalog.service import products as catalog_rows
from digistore.database.keyset import newest_first, place_of
from digistore.errors import (
    Forbidden,
    Invalid,
    InvalidTransition,
    NotForSale,
    NotFound,
    PaymentInFlight,
)
from digistore.fields import Metadata, checked
from digistore.gateways import PaymentGateway
from digistore.money import Money
from digistore.orders.clicks import ReadClick
from digistore.orders.discounts.desk import discount_input
from digistore.orders.discounts.models import Discount, DiscountRef
from digistore.orders.kinds import Draft, Kind, LineKind
from digistore.orders.models import (
    Billing,
    Checkout,
    Consent,
    Order,
    OrderRef,
    OrderState,
    Quote,
)
from digistore.orders.reads import load_order, load_orders, order_ref
from digistore.orders.receipts.issuing import ReceiptBook, issued
from digistore.orders.receipts.receipt import Receipt
from digistore.orders.receipts.rules import HOUSE
from digistore.orders.rules import (
    checked_consents,
    one_shop,
)
from digistore.orders.service.carts import drafts_of
from digistore.orders.service.cashier import Cashier, Terms
from digistore.orders.service.quoting import quote_of
from digistore.orders.service.settling import Settling
from digistore.orders.tables import orders
from digistore.orders.tax import TaxCalculator
from digistore.paging import Page, checked_limit, page_of
from digistore.users import Acting, Actor, UserRef

if TYPE_CHECKING:
    from digistore.database import Database
    from digistore.settings import Settings
    from digistore.users import AsyncUsers


class AsyncOrders:
    """Orders and checkout: ``store.orders``."""

    def __init__(
        self,
        database: Database,
        users: AsyncUsers,
        gateways: Mapping[str, PaymentGateway],
        kinds: Mapping[Kind, LineKind],
        settling: Settling,
        settings: Settings,
        calculator: TaxCalculator,
        read_click: ReadClick,
    ) -> None:
        """Take orders to be paid at *gateways*; *settling* is what payments offer."""
        self._database = database
        self._users = users
        self._kinds = kinds
        self._settling = settling
        self._settings = settings
        self.receipts = ReceiptBook(database, settling, settings)
        self.cashier = Cashier(
            database, users, gateways, kinds, settling, settings, calculator, read_click
        )

    async def quote(
        self,
        buyer: UserRef,
        items: Sequence[ProductRef],
        *,
        discount: str | None = None,
        pay: Money | None = None,
        gift_to: UserRef | None = None,
        billing: Billing | None = None,
    ) -> Quote:
        """Say what *items* would cost *buyer* now; nothing is reserved.

        Raises:
            Invalid: no items, one twice, two currencies, two sellers, *pay* out of bounds; a
                *discount* that cannot be used, with one and the same answer for every reason;
                *gift_to* is nobody.
            TooManyAttempts: too many codes that could not be used.
            NotFound, NotForSale: as they say.
            AmountNotSupported: no gateway can take this amount.
        """
        acting = await self._users.acting(buyer)
        buyer_id = acting.user_id()
        _checked_billing(billing)
        seller_id, currency, drafts = await self._cart(
            acting, items, pay, gift_to, allow_repeat=False, make=False
        )
        for draft in drafts:
            await self._kinds[draft.kind].admit(self._database, buyer_id, draft)
        if discount is not None:
            drafts, _ = await self.cashier.discounts.take_off(
                acting, discount, drafts, seller_id, currency, now=self._database.clock()
            )
        drafts = await self.cashier.tax.taxed(drafts, currency, seller_id, billing)
        total = Money.from_minor(sum(draft.total for draft in drafts), currency)
        profile = self.cashier.gateway_for(total, None)
        return quote_of(drafts, total, profile, inclusive=self._settings.tax_inclusive)

    async def checkout(
        self,
        buyer: UserRef,
        items: Sequence[ProductRef],
        *,
        return_url: str,
        cancel_url: str | None = None,
        gateway: str | None = None,
        discount: str | None = None,
        gift_to: UserRef | None = None,
        pay: Money | None = None,
        billing: Billing | None = None,
        consents: Sequence[Consent] = (),
        click: str | None = None,
        metadata: Metadata | None = None,
        idempotency_key: str | None = None,
        allow_repeat: bool = False,
    ) -> Checkout:
        """Order *items* and open a checkout at a gateway; send the customer to its ``url``.

        The same content while the order is open, or the same key, gives the same order and url:
        a double click never makes two. What costs nothing is paid at once and has no url.

        Args:
            buyer: who buys, and who gets access.
            items: products by model, id or slug, each once; one seller, one currency.
            return_url: absolute http(s); ``{reference}`` in it becomes what ``confirm`` takes.
            cancel_url: the same for those who give up; by default *return_url*.
            gateway: configured name; by default the first that takes the currency.
            discount: a code of the seller's; one use is reserved with the order.
            gift_to: a user or an address, a guest who can claim it: who gets access instead.
            pay: for one pay-what-you-want product, what the buyer names.
            billing: who pays, as it is to stand on the receipt.
            consents: what the buyer agreed to.
            click: the ``cid`` that a short link brought; ignored if it is forged or too old.
            metadata: small JSON of the host's own.
            idempotency_key: 1 to 200 printable ASCII characters.
            allow_repeat: buy again what is owned already.

        Raises:
            Invalid, NotFound, NotForSale, AmountNotSupported: before anything is written.
            AlreadyOwned, PaymentInFlight: access is live, or money for it is on its way.
            IdempotencyConflict, InvalidTransition: the key has other content, or its order ended.
            GatewayError: with the order's id; the same call again continues it.
        """
        acting = await self._users.acting(buyer)
        terms = checked(
            Terms,
            return_url=return_url,
            cancel_url=cancel_url,
            gateway=gateway,
            discount=discount,
            billing=_checked_billing(billing),
            consents=checked_consents(consents, self._settings.required_consents),
            click=click,
            metadata=metadata or {},
            idempotency_key=idempotency_key,
        )
        cart = await self._cart(acting, items, pay, gift_to, allow_repeat=allow_repeat, make=True)
        return await self.cashier.sell(acting, *cart, terms)

    async def add_discount(
        self,
        actor: Actor,
        code: str,
        *,
        percent: Decimal | int | None = None,
        amount: Money | None = None,
        seller: UserRef | None = None,
        products: Sequence[ProductRef] = (),
        kind: Kind = Kind.PRODUCT,
        starts_at: datetime | None = None,
        ends_at: datetime | None = None,
        max_uses: int | None = None,
        max_uses_per_customer: int | None = None,
    ) -> Discount:
        """Offer a discount by *code*: a seller's own, or for operators the house's or *seller*'s.

        Args:
            actor: the seller, an operator or ``SYSTEM``.
            code: 3 to 40 of letters, digits, ``-`` and ``_``; case plays no part.
            percent: off the lines in scope, above 0 to 100, up to two decimals; rounded half up.
            amount: instead of *percent*, off the lines in scope together, at most all of them.
            seller: whose, where an operator adds it.
            products: the scope; by default all that the seller sells.
            kind: ``product`` or ``support``: which lines it is for.
            starts_at: from when on, with its zone; by default now.
            ends_at: from when on no more.
            max_uses: orders in all.
            max_uses_per_customer: orders of one customer.

        Raises:
            Invalid: field by field.
            AlreadyExists: the seller has a discount of this code that is not retired.
            Forbidden: neither seller nor operator.
            NotFound: a product that is not the seller's.
        """
        acting = await self._users.acting(actor)
        seller_id = None if seller is None else await self._users.named(seller)
        given = discount_input(
            code,
            percent,
            kind,
            starts_at=starts_at,
            ends_at=ends_at,
            max_uses=max_uses,
            max_uses_per_customer=max_uses_per_customer,
        )
        return await self.cashier.discounts.add(acting, seller_id, given, amount, products)

    async def retire_discount(self, actor: Actor, discount: DiscountRef) -> Discount:
        """End a discount; orders that have reserved or used it keep it.  Again: the same.

        Its code may be given to a new one.

        Raises:
            NotFound: no such discount, or not theirs.
        """
        return await self.cashier.discounts.retire(await self._users.acting(actor), discount)

    async def get(self, actor: Actor, order: OrderRef) -> Order:
        """Return an order: for its buyer, its seller, operators.

        Raises:
            NotFound: no such order, or not theirs to see.
        """
        acting = await self._users.acting(actor)
        return await self._visible(acting, order)

    async def my_orders(
        self, user: UserRef, *, after: str | None = None, limit: int = 20
    ) -> Page[Order]:
        """Return a page of *user*'s orders, newest first.

        Args:
            user: whose orders.
            after: the ``next`` of the page before.
            limit: 1 to 100.
        """
        acting, many = await self._users.acting(user), checked_limit(limit)
        mine = select(orders).where(orders.c.buyer_id == acting.user_id())
        statement = newest_first(mine, orders.c.created_at, orders.c.id, after, many)
        found = await load_orders(self._database, statement)
        return page_of(found, many, lambda order: place_of(order.created_at, order.id))

    async def cancel(self, actor: Actor, order: OrderRef) -> Order:
        """Cancel an order that is not paid; its checkout is ended at the gateway first.

        A canceled order stays canceled.

        Raises:
            NotFound: no such order, or not theirs to see.
            Forbidden: the seller; the buyer and operators may.
            PaymentInFlight: its payment is on its way.
            InvalidTransition: it is paid; refund it.
        """
        acting = await self._users.acting(actor)
        found = await self._visible(acting, order)
        if not (acting.is_user(found.buyer_id) or acting.is_operator):
            raise Forbidden("the buyer or an operator may cancel an order", reason="buyer_needed")
        _cancelable(found)
        if found.state is not OrderState.CANCELED:
            await self.cashier.starter.retire(found.id, acting.label, "cancel", cancel=True)
            found = await load_order(self._database, found.id)
            _cancelable(found)
        return found

    async def receipt(self, actor: Actor, order: OrderRef) -> Receipt:
        """Return the receipt of a paid order: data, and from them HTML and PDF.

        Its number is drawn by ``run_due``; until then its ``document`` is ``None``. What was
        issued never changes: what goes back later stands in its ``corrections``.

        Raises:
            NotFound: no such order, not theirs to see, or not paid.
        """
        acting = await self._users.acting(actor)
        found = await self._visible(acting, order)
        takings = await self._settling.takings(self._database, found.id)
        if found.paid_at is None or takings is None:
            raise NotFound("receipt", found.id)
        refunded = Money.from_minor(takings.returned, found.currency)
        documents = [one.document for one in await issued(self._database, found.id)]
        buyer = (await self._users.load_many([found.buyer_id]))[found.buyer_id]
        return Receipt(
            order=found,
            issuer=documents[0].issuer if documents else found.seller_id or HOUSE,
            buyer_name=found.billing.name if found.billing else buyer.name,
            buyer_email=(found.billing and found.billing.email) or buyer.email,
            paid_at=found.paid_at,
            method=takings.gateway,
            refunded=refunded,
            net=found.total - refunded,
            document=documents[0] if documents else None,
            corrections=tuple(documents[1:]),
        )

    # What payments ask.

    async def _for_sale(self, items: Sequence[ProductRef]) -> list[Product]:
        if isinstance(items, str | Product):
            raise Invalid("items is a list of products", fields={"items": "not_a_list"})
        found = []
        for item in list(items)[:101]:
            ref = catalog_rows.ref_of(item)
            product = await catalog_rows.load_one(self._database, ref)
            if product.status is ProductStatus.DRAFT:
                raise NotFound("product", ref)
            deliverable = await catalog_rows.is_deliverable(self._database, product.id)
            if product.status is not ProductStatus.ON_SALE or not deliverable:
                raise NotForSale(product.id)
            found.append(product)
        return found

    async def _cart(
        self,
        acting: Acting,
        items: Sequence[ProductRef],
        pay: Money | None,
        gift_to: UserRef | None,
        *,
        allow_repeat: bool,
        make: bool,
    ) -> tuple[str | None, str, list[Draft]]:
        """Return the seller, the currency and the lines of *items*; *make* makes a guest."""
        products = await self._for_sale(items)
        seller_id, currency = one_shop(products)
        drafts = drafts_of(products, acting.user_id(), pay, allow_repeat=allow_repeat)
        if gift_to is not None:
            holder = await self._users.recipient(gift_to, make=make)
            drafts = [replace(draft, beneficiary_id=holder) for draft in drafts]
        return seller_id, currency, drafts

    async def _visible(self, acting: Acting, order: OrderRef) -> Order:
        found = await load_order(self._database, order_ref(order))
        if not (acting.is_user(found.buyer_id) or acting.sells(found.seller_id)):
            raise NotFound("order", found.id)
        return found


def _checked_billing(billing: Billing | None) -> Billing | None:
    if billing is not None and not isinstance(billing, Billing):
        raise Invalid("billing is Billing(name, country, ...)", fields={"billing": "invalid"})
    return billing


def _cancelable(order: Order) -> None:
    if order.state is OrderState.PROCESSING:
        raise PaymentInFlight(order.id, order.created_at)
    if order.state is OrderState.PAID:
        raise InvalidTransition("order", order.state, OrderState.CANCELED, hint="refund it")


class Orders(Blocking[AsyncOrders]):
    """The same without an event loop."""

    quote = blocking(AsyncOrders.quote)
    checkout = blocking(AsyncOrders.checkout)
    add_discount = blocking(AsyncOrders.add_discount)
    retire_discount = blocking(AsyncOrders.retire_discount)
    get = blocking(AsyncOrders.get)
    my_orders = blocking(AsyncOrders.my_orders)
    cancel = blocking(AsyncOrders.cancel)
    receipt = blocking(AsyncOrders.receipt)
