"""All that is known of one order's money: read whole, changed in memory, written as differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from digistore.gateways import DisputeState, PaymentSnapshot
from digistore.orders.kinds import Kind, Outcome
from digistore.payments.models import ActionKind, Disposition, PaymentState, RefundStatus
from digistore.settings import AccessPolicy, Effect


@dataclass(slots=True)
class OrderFacts:
    """An order, as far as its money goes."""

    id: str
    buyer_id: str
    currency: str
    total: int
    livemode: bool
    policy: AccessPolicy
    state: str
    expires_at: datetime
    expired_at: datetime | None
    canceled_at: datetime | None
    paid_at: datetime | None
    late: bool


@dataclass(slots=True)
class LineFacts:
    """A line of it."""

    id: str
    kind: Kind
    product_id: str
    buyer_id: str
    beneficiary_id: str
    total: int
    allow_repeat: bool
    open_key: int | None
    outcome: Outcome | None
    tax: int = 0


@dataclass(slots=True)
class AttemptFacts:
    """A checkout at a gateway."""

    id: str
    gateway: str
    livemode: bool
    account: str
    checkout_id: str | None
    url: str | None
    state: str
    amount: int
    currency: str
    live_key: int | None
    tries: int
    next_check_at: datetime | None
    failure: str | None


@dataclass(slots=True)
class RedemptionFacts:
    """What the order took of a discount."""

    id: str
    discount_id: str
    customer_id: str
    state: str
    used_at: datetime | None
    released_at: datetime | None


@dataclass(slots=True)
class PaymentFacts:
    """Money that a gateway has told of."""

    id: str
    order_id: str | None
    gateway: str
    livemode: bool
    account: str
    ref: str
    checkout_id: str | None
    state: PaymentState
    currency: str
    asked: int
    captured: int
    created_at: datetime
    tax: int = 0
    fee: int | None = None
    customer: str | None = None
    disposition: Disposition | None = None
    cover_key: int | None = None
    covered_total: int | None = None
    covered_currency: str | None = None
    covered_livemode: bool | None = None
    own_refunds: int = 0
    gateway_refunds: int = 0
    disputed: int = 0
    received_at: datetime | None = None
    version: int = 0

    def tax_on_top_of(self, price: int) -> int:
        """The gateway's own tax as far as it came on top of *price*, not out of it."""
        return min(self.tax, max(0, self.asked - price))

    @property
    def left(self) -> int:
        """What can still be given back."""
        return max(0, self.captured - self.own_refunds - self.gateway_refunds - self.disputed)


@dataclass(slots=True)
class RefundFacts:
    """Money given back; *lines* is its split over order lines, once it is *assigned*.

    *taxes* is what tax is contained in each of them; *respread* counts how often the split was
    taken back or made anew.
    """

    id: str
    payment_id: str
    gateway: str
    livemode: bool
    account: str
    ref: str | None
    amount: int
    currency: str
    state: RefundStatus
    origin: str
    key: str | None
    created_at: datetime
    access: Effect | None = None
    reason: str | None = None
    actor: str = "system"
    assigned: bool = False
    respread: int = 0
    tries: int = 0
    next_check_at: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    lines: dict[str, int] = field(default_factory=dict)
    taxes: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class DisputeFacts:
    """A dispute; *lines* are those that it takes away, once it is *assigned*."""

    id: str
    payment_id: str
    gateway: str
    livemode: bool
    account: str
    ref: str
    amount: int
    currency: str
    state: DisputeState
    ticket: int
    opened_at: datetime
    changed_at: datetime
    reason: str | None = None
    evidence_due: datetime | None = None
    assigned: bool = False
    next_check_at: datetime | None = None
    lines: set[str] = field(default_factory=set)


@dataclass(slots=True)
class ActionFacts:
    """Something for an operator to decide."""

    id: str
    kind: ActionKind
    subject: str
    order_id: str | None
    payment_id: str | None
    created_at: datetime
    reason: str | None = None
    open_key: int | None = 1
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    choice: str | None = None
    resolution: str | None = None


A = TypeVar("A")


@dataclass(slots=True)
class Book:
    """The facts about one order's money, or about one payment that has no order."""

    now: datetime
    new_id: Callable[[str], str]
    actor: str = "system"
    order: OrderFacts | None = None
    redemption: RedemptionFacts | None = None
    lines: list[LineFacts] = field(default_factory=list)
    attempts: list[AttemptFacts] = field(default_factory=list)
    payments: list[PaymentFacts] = field(default_factory=list)
    refunds: list[RefundFacts] = field(default_factory=list)
    disputes: list[DisputeFacts] = field(default_factory=list)
    actions: list[ActionFacts] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    heads: dict[tuple[str, str, int], bytes | None] = field(default_factory=dict)

    @property
    def covering(self) -> PaymentFacts | None:
        """The payment that covers the order."""
        return next((one for one in self.payments if one.cover_key), None)

    def refunds_of(self, payment: PaymentFacts) -> list[RefundFacts]:
        """All refunds of one payment."""
        return [one for one in self.refunds if one.payment_id == payment.id]

    def disputes_of(self, payment: PaymentFacts) -> list[DisputeFacts]:
        """All disputes of one payment."""
        return [one for one in self.disputes if one.payment_id == payment.id]

    def attempt_of(self, snapshot: PaymentSnapshot) -> AttemptFacts | None:
        """The attempt that a snapshot speaks of."""
        by_reference = (one for one in self.attempts if one.id == snapshot.reference)
        by_checkout = (
            one
            for one in self.attempts
            if one.checkout_id == snapshot.checkout_id and one.gateway == snapshot.gateway
        )
        return next(by_reference, None) or next(by_checkout, None)

    def act(
        self,
        kind: ActionKind,
        subject: str,
        payment: PaymentFacts | None = None,
        reason: str | None = None,
    ) -> ActionFacts:
        """Put something before an operator; the same again is the same entry."""
        for known in self.actions:
            if (known.kind, known.subject) == (kind, subject):
                return known
        action = ActionFacts(
            id=self.new_id("act"),
            kind=kind,
            subject=subject,
            order_id=self.order.id if self.order else None,
            payment_id=payment.id if payment else None,
            created_at=self.now,
            reason=reason,
        )
        self.actions.append(action)
        return action

    def ask_again(
        self,
        kind: ActionKind,
        subject: str,
        payment: PaymentFacts | None = None,
        reason: str | None = None,
    ) -> ActionFacts:
        """Put something before an operator that is true still, whatever was decided before."""
        action = self.act(kind, subject, payment, reason)
        if action.open_key is None:
            action.open_key, action.reason = 1, reason
            action.resolved_at = action.resolved_by = action.choice = action.resolution = None
        return action

    def settle_action(
        self, kind: ActionKind, subject: str, choice: str, resolution: str | None = None
    ) -> None:
        """Close an open entry, as it has been decided or has settled itself."""
        for action in self.actions:
            if (action.kind, action.subject) == (kind, subject) and action.open_key:
                action.open_key = None
                action.resolved_at = self.now
                action.resolved_by = self.actor
                action.choice = choice
                action.resolution = resolution

    def remember(self) -> None:
        """Note what is stored, so that only differences are written."""
        self.before = {entry.id: _copy(entry) for entry in self.entries()}

    def entries(self) -> Iterable[Any]:
        """All entries of the book."""
        if self.order is not None:
            yield self.order
        if self.redemption is not None:
            yield self.redemption
        yield from (*self.lines, *self.attempts, *self.payments)
        yield from (*self.refunds, *self.disputes, *self.actions)

    def was(self, entry: A) -> A | None:
        """What is stored of an entry, ``None`` for a new one."""
        found: A | None = self.before.get(entry.id)  # type: ignore[attr-defined]
        return found

    def changed(self) -> list[Any]:
        """The entries that differ from what is stored."""
        return [entry for entry in self.entries() if self.before.get(entry.id) != entry]

    def only_tickets(self) -> dict[str, int] | None:
        """The tickets that are stored of disputes, if newer ones are all that changed."""
        seen = {}
        for entry in self.changed():
            stored = self.was(entry)
            if not isinstance(entry, DisputeFacts) or stored is None:
                return None
            if _copy(entry, ticket=stored.ticket) != stored:
                return None
            seen[entry.id] = stored.ticket
        return seen


def _copy(entry: Any, **values: object) -> Any:  # noqa: ANN401  an entry
    twin = copy(entry)
    if isinstance(twin, RefundFacts):
        twin.lines, twin.taxes = dict(twin.lines), dict(twin.taxes)
    if isinstance(twin, DisputeFacts):
        twin.lines = set(twin.lines)
    for name, value in values.items():
        setattr(twin, name, value)
    return twin
