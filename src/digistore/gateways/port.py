"""What a payment gateway must do, and the values that pass between it and the shop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol, TypeAlias

from digistore.money import Money

JSON: TypeAlias = "str | int | bool | list[JSON] | dict[str, JSON] | None"


class Cap(StrEnum):
    """What a gateway can do; a method whose flag is missing raises ``Unsupported``."""

    REFUND = "refund"
    PARTIAL_REFUND = "partial_refund"
    DELAYED = "delayed"
    DISPUTES = "disputes"
    EXPIRE = "expire"
    POLL = "poll"
    IDEMPOTENT = "idempotent"
    CAPTURE_ON_RETURN = "capture_on_return"
    REFUND_APPROVAL = "refund_approval"
    SPLIT = "split"
    TAX = "tax"
    MERCHANT_OF_RECORD = "merchant_of_record"
    LOCAL_VERIFY = "local_verify"
    CUSTOMERS = "customers"


class PayState(StrEnum):
    """Where a checkout stands; refunded and disputed are not among them."""

    OPEN = "open"
    PENDING = "pending"
    PAID = "paid"
    FAILED = "failed"
    EXPIRED = "expired"


class RefundState(StrEnum):
    """Where a refund stands at the gateway; it can fail after it succeeded."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class DisputeState(StrEnum):
    """Where a dispute stands; any state may follow any other, as appeals reopen it."""

    WARNING = "warning"
    OPEN = "open"
    WON = "won"
    LOST = "lost"
    PREVENTED = "prevented"
    CLOSED = "closed"


class Whose(StrEnum):
    """Whether something at the provider belongs to this shop."""

    OURS = "ours"
    FOREIGN = "foreign"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class MoneyRules:
    """Which amounts a gateway can take.

    Args:
        currencies: the ISO 4217 codes it takes, ``None`` for all.
        minimum: the smallest amount by currency, in minor units; elsewhere 1.
        maximum: the largest amount in minor units.
        maximums: the same by currency, where it is another.
        steps: by currency, what an amount in minor units must be a multiple of; elsewhere 1.
    """

    currencies: frozenset[str] | None = None
    minimum: Mapping[str, int] = field(default_factory=dict)
    maximum: int = 2**53 - 1
    steps: Mapping[str, int] = field(default_factory=dict)
    maximums: Mapping[str, int] = field(default_factory=dict)

    def takes(self, currency: str) -> bool:
        """Say whether the gateway takes *currency* at all."""
        return self.currencies is None or currency in self.currencies

    def reason(self, money: Money) -> str | None:
        """Say why *money* cannot be paid, ``None`` if it can.

        Returns:
            ``currency``, ``too_small``, ``too_large`` or ``step``.
        """
        if not self.takes(money.currency):
            return "currency"
        if money.amount < self.minimum.get(money.currency, 1):
            return "too_small"
        if money.amount > self._largest(money.currency):
            return "too_large"
        return "step" if money.amount % self.steps.get(money.currency, 1) else None

    def nearest(self, money: Money) -> tuple[Money, ...]:
        """Return what can be paid just below and above *money*: nothing in another currency."""
        if not self.takes(money.currency):
            return ()
        step = self.steps.get(money.currency, 1)
        lowest = -(-self.minimum.get(money.currency, 1) // step) * step
        highest = self._largest(money.currency) // step * step
        below = money.amount // step * step
        near = {min(max(amount, lowest), highest) for amount in (below, below + step)}
        payable = (Money.from_minor(amount, money.currency) for amount in sorted(near))
        return tuple(amount for amount in payable if self.reason(amount) is None)

    def _largest(self, currency: str) -> int:
        return self.maximums.get(currency, self.maximum)


@dataclass(frozen=True, slots=True)
class GatewayProfile:
    """Who a gateway is: its configured name, mode, account, abilities and amounts.

    Args:
        name: what the shop calls it.
        livemode: whether real money moves.
        capabilities: what it can do.
        money: which amounts it takes.
        account: the connected account, empty for the shop's own.
        key_ttl: how long it keeps idempotency keys.
        namespace: the shop's name there, where the gateway was given one; else the settings say.
        shortest_checkout: how long a checkout must be open at least.
    """

    name: str
    livemode: bool
    capabilities: frozenset[Cap]
    money: MoneyRules
    account: str = ""
    key_ttl: timedelta = timedelta(hours=24)
    namespace: str = ""
    shortest_checkout: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class CheckoutRef:
    """A checkout, by the provider's id."""

    id: str


@dataclass(frozen=True, slots=True)
class PaymentRef:
    """A payment, by the provider's id."""

    id: str


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """One line of a checkout; *total* is after discount and tax."""

    title: str
    total: Money


@dataclass(frozen=True, slots=True)
class Split:
    """A seller's account at the provider and the shop's fee."""

    account: str
    fee: Money


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """What a checkout asks for; its lines sum to *total*.

    *metadata* is ours, small and never personal data; *extra* comes from host code only.
    """

    reference: str
    namespace: str
    lines: tuple[CheckoutLine, ...]
    total: Money
    success_url: str
    cancel_url: str
    expires_at: datetime
    idempotency_key: str
    customer_email: str | None = None
    customer_ref: str | None = None
    split: Split | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """What a refund asks for; the amount is never optional."""

    payment_id: str
    money: Money
    reference: str
    idempotency_key: str
    reason: str | None = None
    reverse_split: bool = True


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """A refund as the gateway tells it; *reference* is ours, if we asked for it."""

    id: str
    money: Money
    state: RefundState
    reference: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """A dispute as the gateway tells it."""

    id: str
    money: Money
    state: DisputeState
    reason: str | None = None
    evidence_due: datetime | None = None


@dataclass(frozen=True, slots=True)
class PaymentSnapshot:
    """All that the gateway knows of one checkout, at one moment.

    *total* is what the checkout asks for, *captured* what was taken; *tax* is the gateway's own,
    contained in *total* or added to it, as was asked for.  *customer_ref* is what the gateway calls
    the buyer.  Not *complete*, it lacks refunds or disputes that could not be read now: what it has
    counts, what it lacks takes nothing back, and whoever heard of the checkout asks again.
    """

    gateway: str
    livemode: bool
    account: str
    whose: Whose
    reference: str | None
    checkout_id: str
    payment_id: str | None
    state: PayState
    total: Money | None
    url: str | None = None
    refunds: tuple[RefundSnapshot, ...] = ()
    disputes: tuple[DisputeSnapshot, ...] = ()
    captured: Money | None = None
    payer_email: str | None = None
    failure: str | None = None
    fee: Money | None = None
    tax: Money | None = None
    customer_ref: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Hint:
    """Where to look; nothing in it is believed."""

    whose: Whose
    checkout_id: str | None = None
    payment_id: str | None = None
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class GatewayEvent:
    """A verified message; *digest* is the sha256 of its body in hex, *known* says it matters."""

    id: str
    type: str
    created: datetime
    livemode: bool
    account: str
    known: bool
    hint: Hint
    digest: str
    api_version: str | None = None


@dataclass(frozen=True, slots=True)
class HintPage:
    """One page of what may have changed; *cursor* leads to the next."""

    hints: tuple[Hint, ...]
    cursor: str | None


class PaymentGateway(Protocol):
    """A payment provider, seen from the shop."""

    @property
    def profile(self) -> GatewayProfile:
        """Who this is."""

    async def create_checkout(self, request: CheckoutRequest) -> PaymentSnapshot:
        """Open a checkout; the same key and request give the same one again.

        Raises:
            AmountNotSupported: before any request is sent.
            GatewayKeyConflict: the key was used for another request.
            GatewayUnavailable: the outcome is unknown.
        """

    async def fetch(self, ref: CheckoutRef | PaymentRef) -> PaymentSnapshot:
        """Ask for the truth, with all refunds and disputes, or say that it is not ``complete``.

        Raises:
            CheckoutNotFound: there is no such checkout or payment.
        """

    async def resume(self, checkout_id: str, params: Mapping[str, str]) -> PaymentSnapshot:
        """Go on when the buyer is back; captures where the provider needs it."""

    async def expire(self, checkout_id: str) -> PaymentSnapshot:
        """End an open checkout; if it was paid meanwhile, that comes back.  Idempotent."""

    async def refund(self, request: RefundRequest) -> RefundSnapshot:
        """Give money back; the same key gives the same refund again.

        Raises:
            NotRefundable: above what is left, or in dispute.
        """

    async def parse_event(self, body: bytes, headers: Mapping[str, str]) -> GatewayEvent:
        """Verify the signature over the raw *body*, then parse it.

        Raises:
            InvalidSignature: not from the gateway, too old or too new.
            MalformedEvent: signed, but not an event.
        """

    async def poll(self, since: datetime, cursor: str | None = None) -> HintPage:
        """List everything that may have changed since then, page by page."""

    async def close(self) -> None:
        """Let go of connections."""
