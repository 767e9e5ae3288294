"""PayPal as a shop sees it: the port, over a thin blocking client, for both colours."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar

from digistore.clock import Clock, utc_now
from digistore.errors import (
    CheckoutNotFound,
    GatewayConfigError,
    GatewayKeyConflict,
    GatewayRejected,
    Unsupported,
)
from digistore.gateways.checks import check_amount, check_sums, in_payable_lines
from digistore.gateways.paypal import settings
from digistore.gateways.paypal.certificates import Verifier
from digistore.gateways.paypal.client import Call, Client, path_to
from digistore.gateways.paypal.events import EVENTS, read_event
from digistore.gateways.paypal.money import MONEY_RULES
from digistore.gateways.paypal.polling import Poller
from digistore.gateways.paypal.requests import (
    RETIRE,
    capture_key,
    check_extra,
    key_of,
    order_body,
    refund_body,
)
from digistore.gateways.paypal.snapshots import (
    Object,
    capture_of,
    dict_of,
    id_of,
    may_capture,
    payment_snapshot,
    refund_snapshot,
    unit_of,
)
from digistore.gateways.paypal.transport import Transport, UrllibTransport
from digistore.gateways.port import (
    JSON,
    Cap,
    CheckoutRef,
    CheckoutRequest,
    GatewayEvent,
    GatewayProfile,
    HintPage,
    MoneyRules,
    PaymentRef,
    PaymentSnapshot,
    PayState,
    RefundRequest,
    RefundSnapshot,
)
from digistore.gateways.settings import check_names, check_wire, is_on_this_machine
from digistore.gateways.strict_json import LARGEST_BODY, too_large

logger = logging.getLogger("digistore.gateways.paypal")

ORDERS = "/v2/checkout/orders"
CAPTURES = "/v2/payments/captures"
REFUNDS = "/v2/payments/refunds"
DISPUTES = "/v1/customer/disputes"

_CAPABILITIES = frozenset(
    {
        Cap.REFUND,
        Cap.PARTIAL_REFUND,
        Cap.DELAYED,
        Cap.EXPIRE,
        Cap.POLL,
        Cap.IDEMPOTENT,
        Cap.CAPTURE_ON_RETURN,
        Cap.LOCAL_VERIFY,
    }
)


class PayPalGateway:
    """Takes money by PayPal: one order with the intent to capture for each attempt to pay.

    The buyer approves at PayPal; the money moves when the order is captured, which the shop does
    when the buyer is back, or when it hears of the approval.  It may be used from threads and from
    event loops, where calls run in worker threads.

    Args:
        client_id: of a REST app in PayPal's dashboard.
        client_secret: of the same app.
        webhook_id: what PayPal calls your webhook; several while you move from one to another.
        namespace: the shop's name on the account, so that two shops can share it.  Never change
            it: what bears another name is another shop's.
        live: whether money is real; ``False`` is PayPal's own sandbox.
        name: what the shop calls this gateway.
        timeout: of one try of a request, in seconds.
        retries: how often what got no answer, or a 5xx, is sent again with the same key.
        tolerance: how many seconds an event may be old.  PayPal sends one again for three days, and
            does not say whether it is then signed anew; told twice, it does nothing.
        disputes: whether the app may read disputes (a feature of the app, to be turned on).
        key_ttl: how long PayPal keeps request ids, if it has agreed to more than 6 hours.  A
            shop's ``checkout_ttl`` must be 4 hours shorter.
        extra: how PayPal's pages look, such as ``{"brand_name": "The Shop"}``.
        money: which amounts it takes, by default what PayPal documents.
        api_base: where PayPal is, if elsewhere: a proxy, or the double in tests.
        transport: carries the requests, by default the standard library's client.
        clock: the time that events and tokens are compared with.

    Raises:
        ConfigError: a setting cannot be used, or ``cryptography`` is not installed.
    """

    EVENTS: ClassVar[tuple[str, ...]] = EVENTS

    def __init__(
        self,
        client_id: str,
        client_secret: str,
        webhook_id: str | Sequence[str],
        *,
        namespace: str,
        live: bool,
        name: str = "paypal",
        timeout: float = 20,
        retries: int = 2,
        tolerance: int = 4 * 24 * 3600,
        disputes: bool = True,
        key_ttl: timedelta = timedelta(hours=6),
        extra: Mapping[str, JSON] | None = None,
        money: MoneyRules = MONEY_RULES,
        api_base: str | None = None,
        transport: Transport | None = None,
        clock: Clock = utc_now,
    ) -> None:
        check_names(name, namespace)
        settings.check_mode(live)
        settings.check_credentials(client_id, client_secret)
        webhook_ids = settings.checked_webhook_ids(webhook_id)
        check_wire(timeout, retries, api_base, live=live)
        age = settings.checked_tolerance(tolerance)
        settings.check_key_ttl(key_ttl)
        self._extra = dict(extra or {})
        check_extra(self._extra)
        settings.check_installed()
        self._clock = clock
        self._namespace = namespace
        self._client = Client(
            client_id,
            client_secret,
            base=api_base or settings.API[live],
            timeout=timeout,
            retries=retries,
            transport=transport or UrllibTransport(),
            clock=clock,
        )
        host = settings.CERTIFICATES[live]
        if api_base is not None and is_on_this_machine(api_base):  # the double has its own
            host = api_base.rstrip("/")
        self._verifier = Verifier(webhook_ids, host, age, self._client.fetch)
        self._poller = Poller(self._client, namespace)
        self._profile = GatewayProfile(
            name=name,
            livemode=live,
            capabilities=_CAPABILITIES | (frozenset({Cap.DISPUTES}) if disputes else frozenset()),
            money=money,
            key_ttl=key_ttl,
            namespace=namespace,
        )

    def __repr__(self) -> str:
        mode = "live" if self._profile.livemode else "sandbox"
        return f"PayPalGateway({self._profile.name!r}, {mode}, of {self._namespace!r})"

    @property
    def profile(self) -> GatewayProfile:
        """Who this is."""
        return self._profile

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        """Open an order; the same key and request give the same one, as it stands by now.

        Raises:
            AmountNotSupported: before anything is sent, or for what the account may take.
            GatewayKeyConflict: the key was used for another request.
            GatewayRejected: PayPal says no.
            GatewayUnavailable: the outcome is unknown.
            Unsupported: a split.
        """
        if request.split is not None:
            raise Unsupported(Cap.SPLIT)
        if request.namespace != self._namespace:
            message = f"the order was placed for the namespace {request.namespace!r}"
            raise GatewayConfigError(message)
        check_amount("PayPal", request.total, self._profile.money)
        check_sums(request)
        payable = in_payable_lines(request, self._profile.money)
        body, key = order_body(payable, self._extra), key_of(request.idempotency_key)
        order = await self._client.ask(Call("POST", ORDERS, "checkout", body=body, key=key))
        if "amount" not in unit_of(order):  # a minimal answer, although more was asked for
            order = await self._order(id_of(order))
        if unit_of(order).get("reference_id") != body["purchase_units"][0]["reference_id"]:
            raise GatewayKeyConflict("this idempotency key was sent with another request")
        return self._told(order)

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        """Ask for the truth, with all refunds and disputes.  Nothing is captured.

        Raises:
            CheckoutNotFound: there is none, or a payment that is of no order.
        """
        if isinstance(ref, CheckoutRef):
            return await self._whole(await self._order(ref.id))
        capture = await self._client.get(path_to(CAPTURES, ref.id), "payment", ref.id)
        ids = dict_of(dict_of(capture.get("supplementary_data")).get("related_ids"))
        if not isinstance(ids.get("order_id"), str):
            raise CheckoutNotFound("payment", ref.id)
        return await self._whole(await self._order(ids["order_id"]))

    async def resume(self, checkout_id: str, params: Mapping[str, str]) -> PaymentSnapshot:
        """Capture the order if its buyer has approved it; what a url says of that proves nothing.

        Asked again, or at once by several, it captures once.  What the buyer's bank declines stays
        open, with its reason: the buyer may choose another way to pay, at the same url.

        Raises:
            CheckoutNotFound: there is none, or PayPal has forgotten it, as it does in hours.
            GatewayUnavailable: whether it was captured is unknown; ask again.
        """
        order = await self._order(checkout_id)
        if not may_capture(order, self._namespace):
            return await self._whole(order)
        path, key = path_to(ORDERS, checkout_id, "/capture"), capture_key(order)
        try:
            await self._client.ask(Call("POST", path, "capture", checkout_id, {}, key))
        except GatewayRejected as refusal:
            snapshot = await self.fetch(CheckoutRef(checkout_id))
            if snapshot.state is not PayState.OPEN:  # another one was faster
                return snapshot
            logger.info("paypal: an approved order is not captured: %s", refusal.provider_code)
            return replace(snapshot, failure=refusal.provider_code)
        return await self.fetch(CheckoutRef(checkout_id))

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        """End an order that was not captured; one that was is told as it is.

        PayPal has no call for it.  Given another intent, an order cannot be captured any more, by
        whomever, and what is not captured takes no money.

        Raises:
            CheckoutNotFound: there is none, or PayPal has forgotten it, as it does in hours.
            GatewayRejected: PayPal does not let go of it now.
        """
        snapshot = self._told(await self._order(checkout_id))
        if snapshot.state is not PayState.OPEN:
            return await self.fetch(CheckoutRef(checkout_id))
        path = path_to(ORDERS, checkout_id)
        try:
            await self._client.ask(Call("PATCH", path, "checkout", checkout_id, RETIRE))
        except GatewayRejected:
            snapshot = await self.fetch(CheckoutRef(checkout_id))
            if snapshot.state is PayState.OPEN:
                raise
            return snapshot
        return await self.fetch(CheckoutRef(checkout_id))

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Give money back; the same key gives the same refund again, as it stands by now.

        Raises:
            NotRefundable: above what is left, in dispute, too late, or never paid.
            CheckoutNotFound: there is no such payment.
            GatewayKeyConflict: the key was used for another request.
            GatewayUnavailable: the outcome is unknown.
        """
        path = path_to(CAPTURES, request.payment_id, "/refund")
        body, key = refund_body(request, self._namespace), key_of(request.idempotency_key)
        refund = await self._client.ask(Call("POST", path, "refund", request.payment_id, body, key))
        if "amount" not in refund:  # a minimal answer, although more was asked for
            refund = await self._client.get(path_to(REFUNDS, id_of(refund)), "refund")
        snapshot = refund_snapshot(refund, self._namespace)
        same = snapshot.reference in {None, request.reference}
        if not same or snapshot.money != request.money:
            raise GatewayKeyConflict("this idempotency key was sent with another request")
        return replace(snapshot, reference=request.reference)

    async def parse_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        """Verify the signature over the raw *body*, then parse it.

        A certificate that is not known yet is fetched, from PayPal's own host alone.

        Raises:
            InvalidSignature: not from PayPal, not for these webhooks, too old or too new.
            MalformedEvent: signed, but not an event; or over 1 MiB, signed or not.
            GatewayUnavailable: the certificate cannot be had now; PayPal sends it again.
        """
        if len(body) > LARGEST_BODY:
            raise too_large()
        await self._verifier.verify(body, headers, self._clock())
        return read_event(body, self._namespace, livemode=self._profile.livemode)

    async def poll(self, since: datetime, cursor: str | None = None) -> HintPage:
        """List what may have changed: events of 30 days; before them transactions, by search.

        Only what a webhook of the app is registered for is an event.  The search of transactions
        is a feature of the app, to be turned on, and asked for only if *since* is older.

        Raises:
            Invalid: the *cursor* is none of ours.
        """
        return await self._poller.page(since, cursor, self._clock())

    async def close(self) -> None:
        """Do nothing: no connection is kept open."""

    async def _order(self, checkout_id: str) -> Object:
        return await self._client.get(path_to(ORDERS, checkout_id), "checkout", checkout_id)

    async def _whole(self, order: Object) -> PaymentSnapshot:
        capture = capture_of(order)
        if capture is None or Cap.DISPUTES not in self._profile.capabilities:
            return self._told(order)
        return self._told(order, await self._disputes(id_of(capture)))

    async def _disputes(self, payment_id: str) -> list[Object]:
        found = await self._client.get(
            DISPUTES, "dispute", payment_id, disputed_transaction_id=payment_id, page_size="50"
        )
        listed = found.get("items")
        ids = [id_of(one, "dispute_id") for one in listed or () if isinstance(one, dict)]
        # The list leaves out how a dispute ended.
        return [await self._client.get(path_to(DISPUTES, one), "dispute", one) for one in ids]

    def _told(self, order: Object, disputes: Sequence[Object] = ()) -> PaymentSnapshot:
        name, live = self._profile.name, self._profile.livemode
        return payment_snapshot(name, self._namespace, order, disputes, livemode=live)
