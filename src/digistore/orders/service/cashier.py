"""Placing orders, whatever they sell: the terms, the gateway, and what stands in the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from digistore.errors import AmountNotSupported, Busy, Invalid, InvalidTransition
from digistore.fields import AsciiKey, Input, SmallMetadata
from digistore.gateways import Cap, GatewayProfile, PaymentGateway
from digistore.money import Money
from digistore.orders.clicks import ReadClick
from digistore.orders.discounts.desk import DiscountDesk
from digistore.orders.discounts.rules import Offer, Unusable, not_usable
from digistore.orders.kinds import Draft, Kind, LineKind
from digistore.orders.models import Billing, Checkout, Consent, OrderState
from digistore.orders.reads import load_order
from digistore.orders.rules import checked_url, request_fingerprint
from digistore.orders.service.placing import Blocked, Wish, place
from digistore.orders.service.settling import Settling
from digistore.orders.service.starting import Starter
from digistore.orders.service.taxing import TaxDesk
from digistore.orders.tax import TaxCalculator
from digistore.users import Acting

if TYPE_CHECKING:
    from digistore.database import Database, Transaction
    from digistore.settings import Settings
    from digistore.users import AsyncUsers

ROUNDS = 20  # each rival that comes in between places its own order once and is done


class Terms(Input):
    """How an order is to be made, whatever it sells."""

    return_url: str
    cancel_url: str | None = None
    gateway: str | None = None
    discount: object = None  # whatever it is, one answer is given for what cannot be used
    billing: Billing | None = None
    consents: tuple[Consent, ...] = ()
    click: object = None  # whatever it is, what cannot be believed is ignored
    metadata: SmallMetadata = Field(default_factory=dict)
    idempotency_key: AsciiKey | None = None


class Cashier:
    """Takes orders for every kind of line: ``orders`` and ``support`` come here."""

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
        """Take orders to be paid at *gateways*; *calculator* knows their tax."""
        self._read_click = read_click
        self._database = database
        self._users = users
        self._gateways = gateways
        self._kinds = kinds
        self._settling = settling
        self._settings = settings
        self.discounts = DiscountDesk(database)
        self.tax = TaxDesk(database, calculator, settings)
        self.starter = Starter(database, gateways, settling)

    async def wish(
        self,
        acting: Acting,
        seller_id: str | None,
        currency: str,
        drafts: Sequence[Draft],
        terms: Terms,
        extra: Sequence[str] = (),
    ) -> Wish:
        """Put together all that an order is made of; *extra* tells two wishes apart."""
        hosts = self._settings.return_hosts
        return_url = checked_url(terms.return_url, "return_url", hosts)
        giving_up = return_url if terms.cancel_url is None else terms.cancel_url
        cancel_url = checked_url(giving_up, "cancel_url", hosts)
        offer: Offer | None = None
        if terms.discount is not None:
            drafts, offer = await self.discounts.take_off(
                acting, terms.discount, drafts, seller_id, currency
            )
            extra = (*extra, "discount", offer.id)
        drafts = await self.tax.taxed(drafts, currency, seller_id, terms.billing)
        total = Money.from_minor(sum(draft.total for draft in drafts), currency)
        profile = self.gateway_for(total, terms.gateway)
        buyer_id = acting.user_id()
        buyer = (await self._users.load_many([buyer_id]))[buyer_id]
        name = profile.name if profile else None
        known = None
        if profile is not None and Cap.CUSTOMERS in profile.capabilities:
            known = await self._settling.customer_at(profile, buyer_id)
        return Wish(
            buyer_id=buyer_id,
            seller_id=seller_id,
            currency=currency,
            drafts=drafts,
            gateway=profile,
            livemode=self.livemode,
            policy=self._settings.access,
            return_url=return_url,
            cancel_url=cancel_url,
            ttl=self._settings.checkout_ttl,
            namespace=(profile.namespace if profile else "") or self._settings.namespace,
            fingerprint=request_fingerprint(
                drafts, currency, name, terms.billing, terms.consents, terms.metadata, extra
            ),
            tax_inclusive=self._settings.tax_inclusive,
            billing=terms.billing,
            consents=terms.consents,
            metadata=terms.metadata,
            idempotency_key=terms.idempotency_key,
            customer_email=buyer.email,
            offer=offer,
            click=self._read_click(terms.click, self._database.clock()),
            customer_ref=known,
        )

    async def sell(
        self,
        acting: Acting,
        seller_id: str | None,
        currency: str,
        drafts: Sequence[Draft],
        terms: Terms,
    ) -> Checkout:
        """Place an order and have its checkout opened."""
        wish = await self.wish(acting, seller_id, currency, drafts, terms)
        return await self.checkout(await self.open(wish))

    async def open(
        self,
        wish: Wish,
        then: Callable[[Transaction, str], Awaitable[None]] | None = None,
    ) -> str:
        """Place an order and return its id; *then* writes more in the same transaction.

        Older open orders of the same products are ended at their gateway first; if one of them
        turns out to be paid, that is settled and this one is refused.
        """

        async def work(tx: Transaction) -> str:
            order_id, is_new = await place(tx, wish, self._kinds)
            if is_new and then is not None:
                await then(tx, order_id)
            if is_new and wish.total == 0:
                await self._settling.settle_free(tx, order_id, wish.buyer_id)
            return order_id

        for _ in range(ROUNDS):
            try:
                return await self._database.transact(work)
            except Blocked as blocked:
                in_the_way = blocked.order_ids
            except Unusable:
                await self.discounts.count_guess(wish.buyer_id)
                raise not_usable() from None
            for order_id in in_the_way:
                await self.starter.retire(order_id, wish.buyer_id, "replaced", cancel=True)
        raise Busy("another order of the same products keeps coming in between; try again")

    async def checkout(self, order_id: str) -> Checkout:
        """Return an order and where to pay it, opening its checkout if need be.

        Raises:
            InvalidTransition: it can no longer be paid: no url would mean that nothing is to pay.
            GatewayError: with the order's id; the same call again continues it.
        """
        url = await self.starter.start(order_id)
        order = await load_order(self._database, order_id)
        if url is None and order.state in {OrderState.CANCELED, OrderState.EXPIRED}:
            raise InvalidTransition("order", order.state, OrderState.OPEN, hint="check out again")
        return Checkout(order=order, url=url)

    @property
    def livemode(self) -> bool:
        """Whether real money moves: all gateways of a store are of one mode."""
        return any(gateway.profile.livemode for gateway in self._gateways.values())

    def gateway_for(self, total: Money, name: str | None) -> GatewayProfile | None:
        """Return the gateway for *total*: the one named, or the first that takes it.

        Raises:
            Invalid: no such gateway, or none that takes the currency.
            AmountNotSupported: none that takes the amount.
        """
        profiles = {key: gateway.profile for key, gateway in self._gateways.items()}
        if name is not None and name not in profiles:
            raise Invalid(
                f"no such gateway; there are: {', '.join(profiles) or 'none'}",
                fields={"gateway": "unknown"},
            )
        if total.amount == 0:
            return None
        wanted = [profiles[name]] if name else list(profiles.values())
        taking = [profile for profile in wanted if profile.money.takes(total.currency)]
        if not taking:
            raise Invalid(f"no gateway takes {total.currency}", fields={"gateway": "currency"})
        payable = [profile for profile in taking if profile.money.reason(total) is None]
        if not payable:
            raise _not_payable(taking[0], total)
        return payable[0]


def _not_payable(profile: GatewayProfile, total: Money) -> AmountNotSupported:
    message = f"the gateway cannot take {total}: {profile.money.reason(total)}"
    return AmountNotSupported(message, nearest=profile.money.nearest(total))
