"""What a real provider does by itself, and tests and demos do by hand: buyer, bank and wire."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args, runtime_checkable

from digistore.clock import Clock
from digistore.errors import Invalid
from digistore.gateways.port import (
    CheckoutRef,
    DisputeState,
    PaymentSnapshot,
    PayState,
    RefundSnapshot,
    RefundState,
)
from digistore.gateways.sandbox import events, moves, names
from digistore.gateways.sandbox.faults import Faults
from digistore.gateways.sandbox.storage import Worlds
from digistore.gateways.sandbox.world import Checkout, Fact, Refund, Told
from digistore.gateways.signing import Signer
from digistore.money import Money

SignedEvent: TypeAlias = tuple[bytes, dict[str, str]]
Outcome: TypeAlias = Literal["paid", "delayed", "declined"]
Ending: TypeAlias = Literal["won", "lost", "prevented", "closed"]
FaultName: TypeAlias = Literal["timeout", "lost_reply", "server_error", "rate_limit"]
Move: TypeAlias = Callable[[Checkout, datetime], Told]

_CALLS_KEPT = 10_000
_FOREIGN_PRICE = Money("10.00", "USD")


@runtime_checkable
class HasURL(Protocol):
    """Such as the ``Checkout`` of a shop."""

    @property
    def url(self) -> str | None:
        """Where the buyer pays; ``None`` if nothing is to be paid."""


@runtime_checkable
class HasCheckout(Protocol):
    """Such as the ``SupportCheckout`` of a shop."""

    @property
    def checkout(self) -> HasURL:
        """What is to be paid."""


Payable: TypeAlias = str | CheckoutRef | PaymentSnapshot | HasURL | HasCheckout


class Call(NamedTuple):
    """One call of a port's method; *key* is the idempotency key, or the id that was asked for."""

    method: str
    key: str


class Controls:
    """The half of the sandbox that no shop ever calls."""

    def __init__(
        self, *, name: str, worlds: Worlds, clock: Clock, signer: Signer, refunds_pend: bool
    ) -> None:
        self.refunds_pend = refunds_pend
        self._name = name
        self._worlds = worlds
        self._clock = clock
        self._signer = signer
        self._faults = Faults()
        self._calls: deque[Call] = deque(maxlen=_CALLS_KEPT)

    # The buyer.

    def pay(
        self,
        checkout: Payable,
        outcome: Outcome = "paid",
        *,
        amount: Money | None = None,
    ) -> SignedEvent:
        """Let the buyer pay, and return what the provider would POST to the shop's webhook.

        Paying again what is paid tells the same event again.

        Args:
            checkout: the shop's ``Checkout`` or ``SupportCheckout``, its url, or our id of it.
            outcome: ``delayed`` money is on its way until `clear`; a ``declined`` card leaves
                the checkout open.
            amount: what is captured, if it is not what the checkout asks for.

        Raises:
            InvalidTransition: the checkout has expired, failed, or was paid in another way.
        """
        return self._move(checkout, lambda found, now: moves.pay(found, outcome, amount, now))

    def clear(self, checkout: Payable, ok: bool = True) -> SignedEvent:  # noqa: FBT001, FBT002 - reads well: clear(checkout, ok=False)
        """Let delayed money arrive, or fail for good with ``ok=False``."""
        state = PayState.PAID if ok else PayState.FAILED
        return self._move(checkout, lambda found, now: moves.clear(found, state, now))

    def abandon(self, checkout: Payable) -> SignedEvent:
        """Let the buyer walk away: the checkout expires before its time."""
        return self._move(checkout, moves.abandon)

    # The bank.

    def dashboard_refund(self, checkout: Payable, amount: Money | None = None) -> SignedEvent:
        """Give back *amount*, or all that is left, at the provider: the shop did not ask for it.

        Raises:
            NotRefundable: above what is left, or in dispute.
        """

        def move(found: Checkout, now: datetime) -> Told:
            money = amount if amount is not None else found.left or found.total
            refund_id = names.REFUND + names.digest(found.id, "dashboard", len(found.refunds))
            return moves.give_back(found, self._new_refund(refund_id, money), now)

        return self._move(checkout, move)

    def clear_refund(self, checkout_or_refund_id: Payable) -> SignedEvent:
        """Let a pending refund succeed: the one named, or the newest one of the checkout."""
        return self._move_refund(checkout_or_refund_id, RefundState.SUCCEEDED)

    def fail_refund(self, checkout_or_refund_id: Payable) -> SignedEvent:
        """Let a refund fail, even after it succeeded: the one named, or the checkout's newest."""
        return self._move_refund(checkout_or_refund_id, RefundState.FAILED)

    def open_dispute(
        self, checkout: Payable, amount: Money | None = None, *, warning: bool = False
    ) -> SignedEvent:
        """Let the buyer's bank ask for the money back, or with ``warning=True`` announce it.

        Opened again with the same amount, or none, it is the same dispute; another amount makes
        another one.  A dispute's id names it as well as its checkout does.
        """
        ref = self._ref(checkout)
        state = DisputeState.WARNING if warning else DisputeState.OPEN
        return self._move(
            ref, lambda found, now: moves.open_dispute(found, ref, amount, state, now)
        )

    def close_dispute(self, checkout: Payable, state: Ending) -> SignedEvent:
        """Let the bank decide; any decision may follow any other."""
        if state not in get_args(Ending):
            message = "a dispute ends won, lost, prevented or closed"
            raise Invalid(message, fields={"state": "unknown"})
        ref, new = self._ref(checkout), DisputeState(state)
        return self._move(ref, lambda found, now: moves.close_dispute(found, ref, new, now))

    # The wire.

    @property
    def calls(self) -> tuple[Call, ...]:
        """The port's calls through this object so far, failed ones too; at most 10,000 are kept."""
        return tuple(self._calls)

    def fail_next(self, fault: FaultName, times: int = 1, method: str | None = None) -> None:
        """Let the next calls through this object fail, of the port's *method* only if given.

        After ``lost_reply`` the work is done and only the answer is lost; ``timeout``,
        ``server_error`` and ``rate_limit`` come before any work.
        """
        self._faults.plan(fault, times, method)

    def deliver(
        self,
        checkout: Payable | None = None,
        *,
        shuffle: int | None = None,
        duplicate: int = 1,
        lose: int = 0,
    ) -> list[SignedEvent]:
        """Return all events so far, of one checkout or of all: two of them for every fact.

        Args:
            checkout: as for `pay`.
            shuffle: a seed; ``None`` keeps the order in which things happened.
            duplicate: how often each event is sent.
            lose: how many of the events are never sent, the seed says which.

        Raises:
            Invalid: *duplicate* is below 1, or *lose* below 0.
        """
        if duplicate < 1 or lose < 0:
            message = "send each event once or more often, and lose none or some"
            raise Invalid(message, fields={"duplicate": "too_small", "lose": "too_small"})
        bodies = self._bodies(None if checkout is None else self._ref(checkout))
        lost = set(
            sorted(bodies, key=lambda body: names.digest("lose", shuffle, body.decode()))[:lose]
        )
        sent = [(copy, body) for body in bodies if body not in lost for copy in range(duplicate)]
        if shuffle is not None:
            sent.sort(key=lambda message: names.digest(shuffle, message[0], message[1].decode()))
        return [(body, self.sign(body)) for _, body in sent]

    def sign(self, body: bytes, *, at: datetime | None = None) -> dict[str, str]:
        """Return the headers for a *body* of your own, sent *at* that time (now)."""
        return self._signer.sign(body, at or self._clock())

    def foreign_event(self) -> SignedEvent:
        """Let another shop on the same account be paid; each call makes one more checkout."""
        with self._worlds.borrow() as world:
            now = self._clock()
            number = len(world.checkouts)
            foreign = Checkout(
                id=names.CHECKOUT + names.digest(self._name, "foreign", number),
                fingerprint="",
                reference=None,
                lines=(),
                total=_FOREIGN_PRICE,
                success_url="",
                cancel_url="",
                expires_at=now + timedelta(days=1),
                changed_at=now,
                foreign=True,
            )
            told = moves.pay(foreign, "paid", None, now)
            world.put(told.checkout)
        return self._event(told.checkout, told.fact)

    def look_up(self, checkout: Payable) -> Checkout:
        """Return all that the sandbox knows of a checkout, such as for a page with its outcomes."""
        ref = self._ref(checkout)
        with self._worlds.borrow() as world:
            return world.find(ref, self._clock())

    def _move(self, checkout: Payable, move: Move) -> SignedEvent:
        ref = self._ref(checkout)
        with self._worlds.borrow() as world:
            now = self._clock()  # under the lock: whoever polled before did so at an earlier time
            told = move(world.find(ref, now), now)
            world.put(told.checkout)
        return self._event(told.checkout, told.fact)

    def _move_refund(self, checkout: Payable, state: RefundState) -> SignedEvent:
        ref = self._ref(checkout)
        return self._move(ref, lambda found, now: moves.move_refund(found, ref, state, now))

    def _new_refund(
        self,
        refund_id: str,
        money: Money,
        reference: str | None = None,
        reason: str | None = None,
        fingerprint: str = "",
    ) -> Refund:
        state = RefundState.PENDING if self.refunds_pend else RefundState.SUCCEEDED
        return Refund(RefundSnapshot(refund_id, money, state, reference, reason), fingerprint)

    def _event(self, checkout: Checkout, fact: Fact) -> SignedEvent:
        body = events.event_body(checkout, fact, events.TYPES[fact.kind][0])
        return body, self.sign(body)

    def _bodies(self, ref: str | None) -> list[bytes]:
        with self._worlds.borrow() as world:
            now = self._clock()
            checkouts = world.all(now) if ref is None else [world.find(ref, now)]
        told = [(checkout, fact) for checkout in checkouts for fact in checkout.facts]
        told.sort(key=lambda pair: pair[1].at)
        return [
            events.event_body(checkout, fact, event_type)
            for checkout, fact in told
            for event_type in events.TYPES[fact.kind]
        ]

    @staticmethod
    def _ref(checkout: Payable) -> str:
        if isinstance(checkout, HasCheckout):
            return Controls._ref(checkout.checkout)
        if isinstance(checkout, PaymentSnapshot):
            return checkout.checkout_id
        if isinstance(checkout, CheckoutRef):
            return checkout.id
        url = checkout if isinstance(checkout, str) else checkout.url
        if url is None:
            message = "this checkout has no url: there is nothing to pay at the gateway"
            raise Invalid(message, fields={"checkout": "nothing_to_pay"})
        return url.partition("?")[0].rstrip("/").rpartition("/")[2]
