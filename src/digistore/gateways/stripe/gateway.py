"""Stripe as a shop sees it: the port, over the SDK's blocking client, for both colours."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from digistore.clock import Clock, utc_now
from digistore.errors import (
    CheckoutNotFound,
    GatewayConfigError,
    GatewayRejected,
    Invalid,
    MalformedEvent,
    Unsupported,
)
from digistore.gateways.checks import check_amount, check_sums, in_payable_lines
from digistore.gateways.port import (
    JSON,
    Cap,
    CheckoutRef,
    CheckoutRequest,
    GatewayEvent,
    GatewayProfile,
    Hint,
    HintPage,
    MoneyRules,
    PaymentRef,
    PaymentSnapshot,
    PayState,
    RefundRequest,
    RefundSnapshot,
    Whose,
)
from digistore.gateways.settings import check_names, check_wire
from digistore.gateways.signing import Signer
from digistore.gateways.strict_json import LARGEST_BODY, too_large
from digistore.gateways.stripe import settings
from digistore.gateways.stripe.client import PAGE, Ask, Client, check_installed
from digistore.gateways.stripe.events import EVENTS, hint_of, merged, read_event, session_hint
from digistore.gateways.stripe.money import MONEY_RULES
from digistore.gateways.stripe.requests import (
    check_extra,
    refund_params,
    session_params,
)
from digistore.gateways.stripe.snapshots import (
    Object,
    id_of,
    may_have_been_paid,
    payment_snapshot,
    refund_snapshot,
)

if TYPE_CHECKING:
    from stripe.params import (
        DisputeListParams,
        EventListParams,
        RefundCreateParams,
        RefundListParams,
    )
    from stripe.params.checkout import SessionCreateParams, SessionListParams

logger = logging.getLogger("digistore.gateways.stripe")

SIGNATURE = "Stripe-Signature"
SHORTEST_CHECKOUT = timedelta(minutes=31)  # Stripe wants 30 from when it hears of it
EVENTS_LAG = timedelta(hours=1)

_CAPABILITIES = frozenset(
    {
        Cap.REFUND,
        Cap.PARTIAL_REFUND,
        Cap.DELAYED,
        Cap.DISPUTES,
        Cap.EXPIRE,
        Cap.POLL,
        Cap.IDEMPOTENT,
        Cap.LOCAL_VERIFY,
        Cap.CUSTOMERS,
    }
)
_EXPANDED = ["payment_intent.latest_charge.balance_transaction"]
_CURSOR = re.compile(r"(?P<list>events|sessions):(?P<after>[A-Za-z0-9_]{0,255})")


class StripeGateway:
    """Takes money by Stripe: one Checkout Session, in payment mode, for each attempt to pay.

    It may be used from threads and from event loops, where calls run in worker threads.

    Args:
        api_key: a secret or restricted key; its mode is that of the shop.
        webhook_secrets: the signing secrets of your endpoints; several for rotation.
        namespace: the shop's name on the account, so that two shops can share it.  Never change
            it: what bears another name is another shop's.
        name: what the shop calls this gateway.
        livemode: which mode is expected; a key of the other mode is then refused.
        timeout: of one try of a request, in seconds.
        retries: how often the SDK tries again what got no answer, with the same key.
        tolerance: how many seconds an event may be old, or early: 1 to 3600.
        tax_behavior: have Stripe work out tax, contained in prices (``inclusive``) or added to them
            (``exclusive``); ``None`` for no tax by Stripe.
        extra: more parameters of every session, such as ``{"locale": "de"}``.
        money: which amounts it takes, by default what Stripe documents; its minimums hold for
            accounts that settle in the currency that is charged.
        api_base: where Stripe is, if elsewhere: a proxy, or the double in tests.
        telemetry: whether the SDK reports how long requests take, for the whole process; ``None``
            leaves the SDK's own setting alone.
        clock: the time that events are compared with.

    Raises:
        ConfigError: a setting cannot be used, or the SDK is not installed.
    """

    EVENTS: ClassVar[tuple[str, ...]] = EVENTS

    def __init__(
        self,
        api_key: str,
        webhook_secrets: str | Sequence[str],
        *,
        namespace: str,
        name: str = "stripe",
        livemode: bool | None = None,
        timeout: float = 20,
        retries: int = 2,
        tolerance: int = 300,
        tax_behavior: Literal["inclusive", "exclusive"] | None = None,
        extra: Mapping[str, JSON] | None = None,
        money: MoneyRules = MONEY_RULES,
        api_base: str | None = None,
        telemetry: bool | None = None,
        clock: Clock = utc_now,
    ) -> None:
        check_names(name, namespace)
        live = settings.mode_of(api_key, livemode)
        check_wire(timeout, retries, api_base, live=live)
        self._tax_behavior = settings.checked_tax_behavior(tax_behavior)
        self._extra = dict(extra or {})
        check_extra(self._extra)
        self._signer = Signer(
            SIGNATURE,
            webhook_secrets,
            tolerance,
            is_secret=settings.is_webhook_secret,
            wanted=settings.SECRETS_WANTED,
        )
        check_installed()
        self._clock = clock
        self._namespace = namespace
        self._client = Client(
            api_key, timeout=timeout, retries=retries, api_base=api_base, telemetry=telemetry
        )
        taxing = frozenset() if self._tax_behavior is None else frozenset({Cap.TAX})
        self._profile = GatewayProfile(
            name=name,
            livemode=live,
            capabilities=_CAPABILITIES | taxing,
            money=money,
            namespace=namespace,
            shortest_checkout=SHORTEST_CHECKOUT,
        )

    def __repr__(self) -> str:
        mode = "live" if self._profile.livemode else "test"
        return f"StripeGateway({self._profile.name!r}, {mode} mode, of {self._namespace!r})"

    @property
    def profile(self) -> GatewayProfile:
        """Who this is."""
        return self._profile

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        """Open a Checkout Session; the same key and request give the first answer again.

        Raises:
            AmountNotSupported: before anything is sent, or for the account's own minimum.
            GatewayKeyConflict: the key was used for another request.
            GatewayRejected: Stripe says no; ``customer_missing``: to the customer alone.
            GatewayUnavailable: the outcome is unknown.
            Unsupported: a split; connected accounts are for later.
        """
        if request.split is not None:
            raise Unsupported(Cap.SPLIT)
        if request.namespace != self._namespace:
            message = f"the order was placed for the namespace {request.namespace!r}"
            raise GatewayConfigError(message)
        check_amount("Stripe", request.total, self._profile.money)
        check_sums(request)
        payable = in_payable_lines(request, self._profile.money)
        params = cast(
            "SessionCreateParams", session_params(payable, self._tax_behavior, self._extra)
        )
        key = request.idempotency_key
        session = await self._client.ask(
            lambda api: api.v1.checkout.sessions.create(params, {"idempotency_key": key}),
            "checkout",
        )
        return self._told(session)

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        """Ask for the truth, with all refunds and disputes.

        Raises:
            CheckoutNotFound: there is none, or a payment that no Checkout Session has made.
        """
        if isinstance(ref, CheckoutRef):
            return await self._whole(await self._session(ref.id))
        wanted = cast("SessionListParams", {"payment_intent": ref.id, "expand": _listed(_EXPANDED)})
        found = await self._client.ask(
            lambda api: api.v1.checkout.sessions.list(wanted), "payment", ref.id
        )
        if not found["data"]:
            raise CheckoutNotFound("payment", ref.id)
        return await self._whole(found["data"][0])

    async def resume(self, checkout_id: str, params: Mapping[str, str]) -> PaymentSnapshot:
        """Ask for the truth: Stripe captures by itself, and what a url says proves nothing."""
        return await self.fetch(CheckoutRef(checkout_id))

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        """End an open session; one that is complete or has expired is told as it is.

        Raises:
            CheckoutNotFound: there is none.
        """
        try:
            # The only POST without a key of ours: to end a session twice is to end it, and a key
            # would have a failure told again for a day.
            session = await self._client.ask(
                lambda api: api.v1.checkout.sessions.expire(checkout_id, {"expand": _EXPANDED}),
                "checkout",
                checkout_id,
            )
        except GatewayRejected:
            snapshot = await self.fetch(CheckoutRef(checkout_id))
            if snapshot.state is PayState.OPEN:
                raise
            return snapshot
        return self._told(session)

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Give money back; the same key gives the first answer again.

        Raises:
            NotRefundable: above what is left, in dispute, or never paid.
            CheckoutNotFound: there is no such payment.
            GatewayKeyConflict: the key was used for another request.
            GatewayUnavailable: the outcome is unknown.
        """
        params = cast("RefundCreateParams", refund_params(request, self._namespace))
        key = request.idempotency_key
        refund = await self._client.ask(
            lambda api: api.v1.refunds.create(params, {"idempotency_key": key}),
            "refund",
            request.payment_id,
        )
        return refund_snapshot(refund, self._namespace)

    async def parse_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        """Verify the signature over the raw *body*, then parse it; nothing is asked or imported.

        Raises:
            InvalidSignature: not from Stripe, too old or too new.
            MalformedEvent: signed, but not an event; or over 1 MiB, signed or not.
        """
        if len(body) > LARGEST_BODY:
            raise too_large()
        self._signer.verify(body, headers, self._clock())
        return read_event(body, self._namespace)

    async def poll(self, since: datetime, cursor: str | None = None) -> HintPage:
        """List what may have changed: events, which reach 30 days back, then all sessions since.

        Raises:
            Invalid: the *cursor* is none of ours.
        """
        place = _CURSOR.fullmatch("events:" if cursor is None else cursor)
        if place is None:
            raise Invalid("give the cursor as poll returned it", fields={"cursor": "malformed"})
        params: Object = {"limit": PAGE, "created": {"gte": _seconds(since - EVENTS_LAG)}}
        if place["after"]:
            params["starting_after"] = place["after"]
        events = place["list"] == "events"
        try:
            page = await self._client.ask(_events(params) if events else _sessions(params), "list")
        except CheckoutNotFound:  # where the last page ended is gone: events live for 30 days
            return HintPage((), f"{place['list']}:")
        hints = [self._hint(one) for one in page["data"]]
        more = page["has_more"] and page["data"]
        following = f"{place['list']}:{page['data'][-1]['id']}" if more else None
        if following is None and events:
            following = "sessions:"
        ours = (hint for hint in hints if hint.whose is not Whose.FOREIGN)
        return HintPage(merged(ours), following)

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.close()

    async def _session(self, checkout_id: str) -> Object:
        return await self._client.ask(
            lambda api: api.v1.checkout.sessions.retrieve(checkout_id, {"expand": _EXPANDED}),
            "checkout",
            checkout_id,
        )

    async def _whole(self, session: Object) -> PaymentSnapshot:
        payment_id = id_of(session.get("payment_intent"))
        if payment_id is None or not may_have_been_paid(session):
            return self._told(session)
        refunds = await self._client.list_all(
            lambda api, page: api.v1.refunds.list(
                cast("RefundListParams", page | {"payment_intent": payment_id})
            ),
            "payment",
            payment_id,
        )
        disputes = await self._client.list_all(
            lambda api, page: api.v1.disputes.list(
                cast("DisputeListParams", page | {"payment_intent": payment_id})
            ),
            "payment",
            payment_id,
        )
        return self._told(session, refunds, disputes)

    def _told(
        self, session: Object, refunds: Sequence[Object] = (), disputes: Sequence[Object] = ()
    ) -> PaymentSnapshot:
        name = self._profile.name
        return payment_snapshot(name, self._namespace, session, refunds, disputes)

    def _hint(self, listed: Object) -> Hint:
        try:
            if listed["object"] == "event":
                return hint_of(listed["type"], listed["data"]["object"], self._namespace)
            return session_hint(listed, self._namespace)
        except MalformedEvent:  # one that cannot be read must not stop all that can
            logger.warning("stripe: what is listed cannot be read: %.40r", listed.get("id"))
            return Hint(Whose.FOREIGN)


def _events(params: Object) -> Ask:
    wanted = cast("EventListParams", params | {"types": list(EVENTS)})
    return lambda api: api.v1.events.list(wanted)


def _sessions(params: Object) -> Ask:
    wanted = cast("SessionListParams", params)
    return lambda api: api.v1.checkout.sessions.list(wanted)


def _listed(paths: Sequence[str]) -> list[str]:
    return [f"data.{path}" for path in paths]


def _seconds(moment: datetime) -> int:
    return max(0, int(moment.timestamp()))
