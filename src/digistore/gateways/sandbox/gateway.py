"""The sandbox as a shop sees it: the port, over a world without money."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from os import PathLike
from pathlib import Path
from typing import TypeVar

from digistore.clock import Clock, utc_now
from digistore.errors import (
    CheckoutNotFound,
    ConfigError,
    DigistoreError,
    GatewayKeyConflict,
    Invalid,
)
from digistore.gateways.checks import check_amount, check_sums
from digistore.gateways.port import (
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
    RefundRequest,
    RefundSnapshot,
    Whose,
)
from digistore.gateways.sandbox import events, moves, names
from digistore.gateways.sandbox.controls import Call, Controls
from digistore.gateways.sandbox.faults import Fault
from digistore.gateways.sandbox.storage import FileWorlds, MemoryWorlds
from digistore.gateways.sandbox.world import Checkout, World
from digistore.gateways.signing import Signer

T = TypeVar("T")

PAGE = 100  # checkouts in one answer of poll

_LACKS = {
    Cap.CAPTURE_ON_RETURN,
    Cap.TAX,
    Cap.MERCHANT_OF_RECORD,
    Cap.REFUND_APPROVAL,
    Cap.CUSTOMERS,
}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_SHORTEST_SECRET = 16
_CURSOR = re.compile(r"[0-9]{1,18}")
# Known to everybody, which is fine where no money can be moved: see GatewayProfile.livemode.
_WELL_KNOWN_SECRET = "sandbox-secret-that-everybody-knows"  # noqa: S105


class SandboxGateway(Controls):
    """A payment gateway without network and money, for tests, demos and a first look.

    Same requests, same ids, in whatever process: nothing in it is drawn by lot.  Keys are kept for
    ever.  It may be used from threads, from event loops (it never suspends) and, with a *path*,
    from several processes; one file is for one shop.

    Args:
        path: a JSON file for its state, in memory if ``None``; ``<path>.lock`` appears beside it.
        name: what the shop calls this gateway; ids depend on it.
        webhook_secret: signs events; several, newest first, for rotation; 16 characters or more.
        tolerance: how many seconds an event may be old, or early: 1 to 3600.
        clock: the time that it goes by.
        page_url: where the shop shows the outcomes to click; a checkout's url is
            ``<page_url>/<id>``, without it ``sandbox://checkout/<id>``.
        money: which amounts it takes; by default all above zero.
        refunds_pend: whether refunds wait for `clear_refund`; may be changed at any time.

    Raises:
        ConfigError: a setting cannot be used.
    """

    def __init__(
        self,
        path: str | PathLike[str] | None = None,
        *,
        name: str = "sandbox",
        webhook_secret: str | Sequence[str] = _WELL_KNOWN_SECRET,
        tolerance: int = 300,
        clock: Clock = utc_now,
        page_url: str | None = None,
        money: MoneyRules | None = None,
        refunds_pend: bool = False,
    ) -> None:
        if not _NAME.fullmatch(name):
            raise ConfigError("a gateway's name has 1 to 40 letters, digits, - or _")
        if page_url is not None and not page_url.startswith(("http://", "https://", "/")):
            raise ConfigError("page_url must begin with http://, https:// or /")
        super().__init__(
            name=name,
            worlds=MemoryWorlds() if path is None else FileWorlds(Path(path)),
            clock=clock,
            signer=Signer(
                "Sandbox-Signature",
                webhook_secret,
                tolerance,
                is_secret=lambda secret: len(secret.strip()) >= _SHORTEST_SECRET,
                wanted=f"webhook_secret must have {_SHORTEST_SECRET} characters or more",
            ),
            refunds_pend=refunds_pend,
        )
        self._path = path
        self._pages = "sandbox://checkout" if page_url is None else page_url.rstrip("/")
        self._profile = GatewayProfile(
            name=name,
            livemode=False,
            capabilities=frozenset(set(Cap) - _LACKS),
            money=money or MoneyRules(),
        )

    def __repr__(self) -> str:
        kept = "memory" if self._path is None else str(self._path)
        return f"SandboxGateway({self._name!r}, in {kept})"

    @property
    def profile(self) -> GatewayProfile:
        """Who this is; never live, whatever the settings."""
        return self._profile

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        """Open a checkout; the same key and request give the same one, as it stands by now.

        Raises:
            AmountNotSupported: before anything is sent.
            GatewayKeyConflict: the key was used for another request.
            GatewayRejected: the lines do not sum to the total, or the split's fee is above it.
        """
        check_amount("the sandbox", request.total, self._profile.money)
        key = request.idempotency_key
        return self._told(
            self._answer("create_checkout", key, lambda world, now: self._open(world, request, now))
        )

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        """Tell the truth about a checkout or payment.

        Raises:
            CheckoutNotFound: there is none.
        """
        return self._told(self._answer("fetch", ref.id, lambda world, now: _find(world, ref, now)))

    async def resume(self, checkout_id: str, params: Mapping[str, str]) -> PaymentSnapshot:
        """Tell the truth; nothing is captured when the buyer is back."""
        ref = CheckoutRef(checkout_id)
        return self._told(self._answer("resume", ref.id, lambda world, now: _find(world, ref, now)))

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        """End an open checkout; one that is paid, or whose money is on its way, stays so."""

        def end(world: World, now: datetime) -> Checkout:
            checkout = moves.expire(_find(world, CheckoutRef(checkout_id), now), now)
            world.put(checkout)
            return checkout

        return self._told(self._answer("expire", checkout_id, end))

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Give money back; the same key gives the same refund again, as it stands by now.

        Raises:
            CheckoutNotFound: there is no such payment.
            GatewayKeyConflict: the key was used for another request.
            NotRefundable: above what is left, or in dispute.
        """
        key = request.idempotency_key
        return self._answer("refund", key, lambda world, now: self._give_back(world, request, now))

    async def parse_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        """Verify the signature over the raw *body*, then parse it.

        Raises:
            InvalidSignature: not from this sandbox, too old or too new.
            MalformedEvent: signed, but not an event.
        """
        now = self._clock()
        self._signer.verify(body, headers, now)
        message = events.read_event(body)
        with self._worlds.borrow() as world:
            whose = _whose(world, message, now)
        return GatewayEvent(
            id=message.id,
            type=message.type,
            created=message.created,
            livemode=message.livemode,
            account=message.account,
            known=message.type in events.KNOWN_TYPES,
            hint=Hint(whose, message.checkout_id, message.payment_id, message.reference),
            digest=message.digest,
        )

    async def poll(self, since: datetime, cursor: str | None = None) -> HintPage:
        """List what changed at *since* or later, 100 checkouts to a page.

        Raises:
            Invalid: the *cursor* is none of ours.
        """
        if cursor is not None and not _CURSOR.fullmatch(cursor):
            raise Invalid("give the cursor as poll returned it", fields={"cursor": "malformed"})
        after = int(cursor or 0)
        changed = self._answer(
            "poll", cursor or "", lambda world, now: world.changed(since, after, now)
        )
        page, rest = changed[:PAGE], changed[PAGE:]
        hints = tuple(Hint(c.whose, c.id, c.payment_id, c.reference) for c in page)
        return HintPage(hints, str(page[-1].revision) if rest else None)

    async def close(self) -> None:
        """Do nothing: there are no connections."""

    def _answer(self, method: str, key: str, work: Callable[[World, datetime], T]) -> T:
        self._calls.append(Call(method, key))
        fault = self._faults.take(method)
        if fault is not None and fault is not Fault.LOST_REPLY:
            raise fault.error
        try:
            with self._worlds.borrow() as world:
                answer = work(world, self._clock())
        except DigistoreError as refusal:
            if fault is not None:
                raise fault.error from refusal  # a refusal gets lost as easily
            raise
        if fault is not None:
            raise fault.error
        return answer

    def _told(self, checkout: Checkout) -> PaymentSnapshot:
        return checkout.snapshot(self._name, f"{self._pages}/{checkout.id}")

    def _open(self, world: World, request: CheckoutRequest, now: datetime) -> Checkout:
        key = names.digest(self._name, request.namespace, request.idempotency_key)
        known, content = world.checkouts.get(names.CHECKOUT + key), names.fingerprint(request)
        if known is not None:
            _check_same(known.fingerprint, content)
            return known.as_of(now)
        check_sums(request)
        checkout = Checkout(
            id=names.CHECKOUT + key,
            fingerprint=content,
            reference=request.reference,
            lines=request.lines,
            total=request.total,
            success_url=request.success_url,
            cancel_url=request.cancel_url,
            expires_at=request.expires_at,
            changed_at=now,
            email=request.customer_email,
        )
        world.put(checkout)
        return checkout

    def _give_back(self, world: World, request: RefundRequest, now: datetime) -> RefundSnapshot:
        refund_id = names.REFUND + names.digest(self._name, request.idempotency_key)
        content = names.fingerprint(request)
        if refund_id in world.refunds:
            made = world.find(refund_id, now).refund(refund_id)
            _check_same(made.fingerprint, content)
            return made.told
        checkout = _find(world, PaymentRef(request.payment_id), now)
        refund = self._new_refund(
            refund_id, request.money, request.reference, request.reason, content
        )
        world.put(moves.give_back(checkout, refund, now).checkout)
        return refund.told


def _check_same(known: str, content: str) -> None:
    if known != content:
        raise GatewayKeyConflict("this idempotency key was sent with another request")


def _find(world: World, ref: CheckoutRef | PaymentRef, now: datetime) -> Checkout:
    prefix = names.PAYMENT if isinstance(ref, PaymentRef) else names.CHECKOUT
    if not ref.id.startswith(prefix):
        raise CheckoutNotFound("payment" if isinstance(ref, PaymentRef) else "checkout", ref.id)
    return world.find(ref.id, now)


def _whose(world: World, message: events.Message, now: datetime) -> Whose:
    try:
        return world.find(message.checkout_id or message.payment_id or "", now).whose
    except CheckoutNotFound:
        return Whose.UNKNOWN
