"""``store.orders``: what it costs, checkout, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from digistore.gateways import GatewayProfile, PaymentGateway
from digistore.money import Money
from digistore.orders.kinds import Draft, Kind, LineKind
from digistore.orders.models import (
    Billing,
    Checkout,
    Consent,
    Order,
    OrderRef,
    OrderState,
    Quote,
    QuoteLine,
    Receipt,
)
from digistore.orders.reads import load_order, load_orders, order_ref
from digistore.orders.rules import (
    checked_consents,
    one_shop,
    unit_price,
)
from digistore.orders.service.cashier import Cashier, Terms
from digistore.orders.service.settling import Settling
from digistore.orders.tables import orders
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
    ) -> None:
        """Take orders to be paid at *gateways*; *settling* is what payments offer."""
        self._database = database
        self._users = users
        self._kinds = kinds
        self._settling = settling
        self._settings = settings
        self.cashier = Cashier(database, users, gateways, kinds, settling, settings)

    async def quote(
        self,
        buyer: UserRef,
        items: Sequence[ProductRef],
        *,
        pay: Money | None = None,
        billing: Billing | None = None,
    ) -> Quote:
        """Say what *items* would cost *buyer* now; nothing is written.

        Raises:
            Invalid: no items, one twice, two currencies, two sellers, *pay* out of bounds.
            NotFound, NotForSale: as they say.
            AmountNotSupported: no gateway can take this amount.
        """
        acting = await self._users.acting(buyer)
        acting.user_id()
        _checked_billing(billing)
        products = await self._for_sale(items)
        _, currency = one_shop(products)
        drafts = _drafts(products, acting.user_id(), pay, allow_repeat=False)
        for draft in drafts:
            await self._kinds[draft.kind].admit(self._database, acting.user_id(), draft)
        total = Money.from_minor(sum(draft.unit_price for draft in drafts), currency)
        profile = self.cashier.gateway_for(total, None)
        return _quote(drafts, total, profile)

    async def checkout(
        self,
        buyer: UserRef,
        items: Sequence[ProductRef],
        *,
        return_url: str,
        cancel_url: str | None = None,
        gateway: str | None = None,
        pay: Money | None = None,
        billing: Billing | None = None,
        consents: Sequence[Consent] = (),
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
            return_url: absolute http(s) address where the customer comes back.
            cancel_url: the same for those who give up; by default *return_url*.
            gateway: configured name; by default the first that takes the currency.
            pay: for one pay-what-you-want product, what the buyer names.
            billing: who pays, as it is to stand on the receipt.
            consents: what the buyer agreed to.
            metadata: small JSON of the host's own.
            idempotency_key: 1 to 200 printable ASCII characters.
            allow_repeat: buy again what is owned already.

        Raises:
            Invalid, NotFound, NotForSale, AmountNotSupported: before anything is written.
            AlreadyOwned: the buyer has live access.
            PaymentInFlight: money for it is on its way.
            IdempotencyConflict: the key was used for other content.
            InvalidTransition: the order of this key has ended, or another checkout of the same
                products, made at the same moment, has taken its place.
            GatewayError: with the order's id; the same call again continues it.
        """
        acting = await self._users.acting(buyer)
        terms = checked(
            Terms,
            return_url=return_url,
            cancel_url=cancel_url,
            gateway=gateway,
            billing=_checked_billing(billing),
            consents=checked_consents(consents, self._settings.required_consents),
            metadata=metadata or {},
            idempotency_key=idempotency_key,
        )
        products = await self._for_sale(items)
        seller_id, currency = one_shop(products)
        drafts = _drafts(products, acting.user_id(), pay, allow_repeat=allow_repeat)
        wish = await self.cashier.wish(acting, seller_id, currency, drafts, terms)
        return await self.cashier.checkout(await self.cashier.open(wish))

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
        """Return the receipt of a paid order as data.

        Raises:
            NotFound: no such order, not theirs to see, or not paid.
        """
        acting = await self._users.acting(actor)
        found = await self._visible(acting, order)
        if found.paid_at is None:
            raise NotFound("receipt", found.id)
        method, returned = await self._settling.paid_by(found.id)
        refunded = Money.from_minor(returned, found.currency)
        buyer = (await self._users.load_many([found.buyer_id]))[found.buyer_id]
        return Receipt(
            order=found,
            issuer=found.seller_id or "house",
            buyer_name=found.billing.name if found.billing else buyer.name,
            buyer_email=(found.billing and found.billing.email) or buyer.email,
            paid_at=found.paid_at,
            method=method,
            refunded=refunded,
            net=found.total - refunded,
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

    async def _visible(self, acting: Acting, order: OrderRef) -> Order:
        found = await load_order(self._database, order_ref(order))
        if not (acting.is_user(found.buyer_id) or acting.sells(found.seller_id)):
            raise NotFound("order", found.id)
        return found


def _drafts(
    products: Sequence[Product], buyer_id: str, pay: Money | None, *, allow_repeat: bool
) -> list[Draft]:
    named = [product for product in products if not isinstance(product.price, Money)]
    if len(named) > 1 or (pay is not None and not named and len(products) > 1):
        raise Invalid(
            "pay names the price of one pay-what-you-want product", fields={"pay": "ambiguous"}
        )
    return [
        Draft(
            kind=Kind.PRODUCT,
            product_id=product.id,
            beneficiary_id=buyer_id,
            title=product.title,
            unit_price=unit_price(
                product.price, pay if product in named or len(products) == 1 else None
            ).amount,
            allow_repeat=allow_repeat,
        )
        for product in products
    ]


def _quote(drafts: Sequence[Draft], total: Money, profile: GatewayProfile | None) -> Quote:
    zero = Money.zero(total.currency)
    lines = [
        QuoteLine(
            kind=draft.kind,
            product_id=draft.product_id,  # type: ignore[arg-type]
            title=draft.title,
            unit_price=Money.from_minor(draft.unit_price, total.currency),
            total=Money.from_minor(draft.unit_price, total.currency),
        )
        for draft in drafts
    ]
    return Quote(
        lines=tuple(lines),
        subtotal=total,
        discount=zero,
        tax=zero,
        total=total,
        gateway=profile.name if profile else None,
    )


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
    get = blocking(AsyncOrders.get)
    my_orders = blocking(AsyncOrders.my_orders)
    cancel = blocking(AsyncOrders.cancel)
    receipt = blocking(AsyncOrders.receipt)
