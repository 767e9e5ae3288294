"""What the sandbox knows: checkouts with their money and their facts, as plain frozen records."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, NamedTuple

from digistore.errors import CheckoutNotFound
from digistore.gateways.port import (
    CheckoutLine,
    DisputeSnapshot,
    DisputeState,
    PaymentSnapshot,
    PayState,
    RefundSnapshot,
    RefundState,
    Whose,
)
from digistore.gateways.sandbox import names
from digistore.money import Money

_NO_PAYMENT = frozenset({PayState.OPEN, PayState.EXPIRED})
_GIVEN_BACK = frozenset({RefundState.PENDING, RefundState.SUCCEEDED})
_TAKEN_BACK = frozenset({DisputeState.LOST, DisputeState.PREVENTED})


class Kind(StrEnum):
    """What can be told of a checkout."""

    PAID = "paid"
    PENDING = "pending"
    DECLINED = "declined"
    FAILED = "failed"
    EXPIRED = "expired"
    REFUND_PENDING = "refund_pending"
    REFUND_SUCCEEDED = "refund_succeeded"
    REFUND_FAILED = "refund_failed"
    DISPUTE_WARNING = "dispute_warning"
    DISPUTE_OPEN = "dispute_open"
    DISPUTE_WON = "dispute_won"
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_PREVENTED = "dispute_prevented"
    DISPUTE_CLOSED = "dispute_closed"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that happened: the *number*-th of its checkout; *about* is the id that moved."""

    number: int
    kind: Kind
    about: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Refund:
    """A refund as it is told, and the fingerprint of the request for it, if we made one."""

    told: RefundSnapshot
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Checkout:
    """One checkout, its only payment, and all that happened to them.

    *sent* is what the buyer sent, captured or still on its way.  *foreign* is another shop's on
    the same account.  *revision* grows with each change anywhere in the world.
    """

    id: str
    fingerprint: str
    reference: str | None
    lines: tuple[CheckoutLine, ...]
    total: Money
    success_url: str
    cancel_url: str
    expires_at: datetime
    changed_at: datetime
    email: str | None = None
    foreign: bool = False
    revision: int = 0
    state: PayState = PayState.OPEN
    sent: Money | None = None
    failure: str | None = None
    refunds: tuple[Refund, ...] = ()
    disputes: tuple[DisputeSnapshot, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def payment_id(self) -> str | None:
        """The id of the payment, once there is one."""
        return None if self.state in _NO_PAYMENT else self.own_payment_id

    @property
    def own_payment_id(self) -> str:
        """The id that the payment has or will have."""
        return names.PAYMENT + self.id.removeprefix(names.CHECKOUT)

    @property
    def whose(self) -> Whose:
        """Whether this shop made it."""
        return Whose.FOREIGN if self.foreign else Whose.OURS

    @property
    def captured(self) -> Money | None:
        """What was taken, if anything was."""
        return self.sent if self.state is PayState.PAID else None

    @property
    def left(self) -> Money | None:
        """What was captured and is not on its way back, ``None`` if nothing was captured."""
        if self.captured is None:
            return None
        back = [refund.told.money for refund in self.refunds if refund.told.state in _GIVEN_BACK]
        back += [dispute.money for dispute in self.disputes if dispute.state in _TAKEN_BACK]
        # A bank takes money back without asking what was refunded before.
        nothing = Money.zero(self.captured.currency)
        return max(self.captured - Money.total(back, self.captured.currency), nothing)

    def refund(self, refund_id: str) -> Refund:
        """Return the refund of that id; it must be there."""
        return next(refund for refund in self.refunds if refund.told.id == refund_id)

    def as_of(self, now: datetime) -> Checkout:
        """Let time pass: an open checkout ends at its expiry."""
        if self.state is not PayState.OPEN or now < self.expires_at:
            return self
        expired = replace(self, state=PayState.EXPIRED)
        return tell(expired, Kind.EXPIRED, self.id, self.expires_at).checkout

    def snapshot(self, gateway: str, url: str) -> PaymentSnapshot:
        """Return all that a shop may know; *url* is shown while it leads somewhere."""
        return PaymentSnapshot(
            gateway=gateway,
            livemode=False,
            account="",
            whose=self.whose,
            reference=self.reference,
            checkout_id=self.id,
            payment_id=self.payment_id,
            state=self.state,
            total=self.total,
            url=url if self.state is PayState.OPEN else None,
            refunds=tuple(refund.told for refund in self.refunds),
            disputes=self.disputes,
            captured=self.captured,
            payer_email=self.email if self.payment_id else None,
            failure=self.failure,
        )


class Told(NamedTuple):
    """A checkout after a move, and the fact to tell; of a repeated move the one of the first."""

    checkout: Checkout
    fact: Fact


def tell(checkout: Checkout, kind: Kind, about: str, at: datetime) -> Told:
    """Write down one more fact about *checkout*, as it is after it."""
    fact = Fact(len(checkout.facts), kind, about, at)
    return Told(replace(checkout, facts=(*checkout.facts, fact), changed_at=at), fact)


def tell_again(checkout: Checkout, kind: Kind, about: str) -> Told:
    """Find the newest fact of that *kind* about that id; it must be there."""
    same = (fact for fact in reversed(checkout.facts) if (fact.kind, fact.about) == (kind, about))
    return Told(checkout, next(same))


@dataclass(slots=True)
class World:
    """All checkouts by id, and which checkout each refund belongs to."""

    version: Literal[1] = 1
    revision: int = 0
    checkouts: dict[str, Checkout] = field(default_factory=dict)
    refunds: dict[str, str] = field(default_factory=dict)

    def find(self, ref: str, now: datetime) -> Checkout:
        """Return the checkout of *ref*: its own id, or that of its payment, refund or dispute.

        Raises:
            CheckoutNotFound: there is none.
        """
        checkout = self.checkouts.get(self._owner(ref))
        if checkout is None:
            raise CheckoutNotFound("checkout", ref)
        checkout = checkout.as_of(now)
        if ref.startswith(names.PAYMENT) and checkout.payment_id is None:
            raise CheckoutNotFound("payment", ref)
        return checkout

    def all(self, now: datetime) -> list[Checkout]:
        """Return every checkout, the oldest first."""
        return [checkout.as_of(now) for checkout in self.checkouts.values()]

    def changed(self, since: datetime, after: int, now: datetime) -> list[Checkout]:
        """Return what changed at *since* or later and has a revision above *after*, in its order.

        A checkout that changes between two pages moves behind both of them: it may be seen twice,
        but is never missed.
        """
        found = [c for c in self.all(now) if c.changed_at >= since and c.revision > after]
        return sorted(found, key=lambda checkout: checkout.revision)

    def put(self, checkout: Checkout) -> None:
        """Keep *checkout* as it is now; one that has not changed gets no new revision."""
        if self.checkouts.get(checkout.id) == checkout:
            return
        self.revision += 1
        self.checkouts[checkout.id] = replace(checkout, revision=self.revision)
        self.refunds |= {refund.told.id: checkout.id for refund in checkout.refunds}

    def _owner(self, ref: str) -> str:
        prefix, _, rest = ref.partition("_")
        if prefix + "_" == names.REFUND:
            return self.refunds.get(ref, "")
        if prefix + "_" in {names.PAYMENT, names.DISPUTE}:
            return names.CHECKOUT + rest.partition("_")[0]
        return ref
