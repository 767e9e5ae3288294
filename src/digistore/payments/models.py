"""Money in, money back, and what waits for somebody to decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol, TypeAlias

from digistore.fields import Model
from digistore.gateways import DisputeState
from digistore.ids import ActionId, DisputeId, OrderId, OrderLineId, PaymentId, RefundId
from digistore.money import Money
from digistore.orders import Order, OrderLine


class PaymentState(StrEnum):
    """Where a payment stands; a state only moves up this list, never back."""

    PENDING = "pending"
    FAILED = "failed"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"


class Disposition(StrEnum):
    """What became of money that arrived."""

    COVERING = "covering"
    DUPLICATE = "duplicate"
    UNDERPAID = "underpaid"
    WRONG_CURRENCY = "wrong_currency"
    ORPHAN = "orphan"
    LATE = "late"


class RefundStatus(StrEnum):
    """Where a refund stands; ``unknown`` stays so until the gateway has answered."""

    REQUESTED = "requested"
    UNKNOWN = "unknown"
    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REJECTED = "rejected"


class Payment(Model):
    """Money that somebody took, as far as its gateway has told."""

    id: PaymentId
    order_id: OrderId | None
    gateway: str
    ref: str
    state: PaymentState
    disposition: Disposition | None
    captured: Money


class Refund(Model):
    """Money given back, or on its way back."""

    id: RefundId
    payment_id: PaymentId
    order_id: OrderId | None
    amount: Money
    state: RefundStatus
    reason: str | None = None


class Dispute(Model):
    """A buyer's bank asking for the money."""

    id: DisputeId
    payment_id: PaymentId
    amount: Money
    state: DisputeState
    reason: str | None = None
    evidence_due: datetime | None = None


class ActionKind(StrEnum):
    """Why something waits for an operator."""

    DUPLICATE = "duplicate"
    UNDERPAID = "underpaid"
    WRONG_CURRENCY = "wrong_currency"
    ORPHAN = "orphan"
    LATE = "late"
    OVERPAID = "overpaid"
    AMOUNT_CHANGED = "amount_changed"
    OVER_REFUND = "over_refund"
    REFUND_FAILED = "refund_failed"
    REFUND_REQUESTED = "refund_requested"
    UNASSIGNED_REVERSAL = "unassigned_reversal"
    SUPPORT_WITHOUT_ACCESS = "support_without_access"
    STANDBY_PAID = "standby_paid"
    GIFT_STANDBY = "gift_standby"
    EVENT_CONFLICT = "event_conflict"
    DOWNLOAD_SHARING = "download_sharing"
    PERSONALISATION_FAILED = "personalisation_failed"


HINTS: Mapping[ActionKind, str] = {
    ActionKind.DUPLICATE: (
        "The order was paid a second time. Refund this payment, or keep it if the buyer wants that;"
        " money received elsewhere you send back yourself: record_refund."
    ),
    ActionKind.UNDERPAID: (
        "Less came in than the order asks for, so nothing opened. Refund it, assign it to an"
        " order that costs no more than what came in, or keep it with a word to the buyer."
    ),
    ActionKind.WRONG_CURRENCY: (
        "The money is in another currency than the order, so nothing opened. Refund it and let the"
        " buyer pay again, or keep it as they agree."
    ),
    ActionKind.ORPHAN: (
        "The gateway took money for an order that is not known here, or not at this gateway. Find"
        " its buyer there, then assign it to their order or refund it; keep it if it came for"
        " something else."
    ),
    ActionKind.LATE: (
        "The order was canceled before its money came. Accept it and the order is paid, or refund"
        " it."
    ),
    ActionKind.OVERPAID: (
        "The order is paid and its lines are open, but more came in than it costs. Refund the"
        " surplus or keep it."
    ),
    ActionKind.AMOUNT_CHANGED: (
        "The gateway told another amount for this payment than before; the higher one counts."
        " Compare both there, then close this by keeping it."
    ),
    ActionKind.OVER_REFUND: (
        "More of this payment went back than it brought in. Ask the gateway why, then close this by"
        " keeping it."
    ),
    ActionKind.REFUND_FAILED: (
        "A refund did not reach the buyer, and the money is here again. Retry it, or pay the buyer"
        " in another way and keep it."
    ),
    ActionKind.REFUND_REQUESTED: (
        "The buyer asks for the money back and says why. Refund it, or keep it and answer them."
    ),
    ActionKind.UNASSIGNED_REVERSAL: (
        "Part of an order's money went back or was lost, and the gateway does not say for which of"
        " its lines. Assign it to those lines: their access follows."
    ),
    ActionKind.SUPPORT_WITHOUT_ACCESS: (
        "Support was paid for a product that its buyer cannot open at present. Refund it, or accept"
        " once the access is live again."
    ),
    ActionKind.STANDBY_PAID: (
        "The buyer has this product already, by another purchase that counts. Refund the second"
        " one, or keep it: it steps in when the first one ends."
    ),
    ActionKind.GIFT_STANDBY: (
        "This was given to somebody who has the product already. Ask the giver, then refund it, or"
        " keep it: it steps in when the other one ends."
    ),
    ActionKind.EVENT_CONFLICT: (
        "One message id of the gateway came with two contents; only the first was used. Check who"
        " sends messages in its name, then close this by keeping it."
    ),
    ActionKind.DOWNLOAD_SHARING: (
        "A purchase was downloaded from many networks within a day; nothing is blocked. Look at its"
        " downloads, end its links or revoke it if need be, then close this by keeping it."
    ),
    ActionKind.PERSONALISATION_FAILED: (
        "A buyer's own copy of a file could not be made, so they got nothing. See the log of your"
        " program, repair the recipe, then close this by keeping it: the next try comes by itself."
    ),
}


class Choice(StrEnum):
    """What an operator can decide."""

    REFUND = "refund"
    ACCEPT = "accept"
    ASSIGN = "assign"
    KEEP = "keep"
    RETRY = "retry"


class Action(Model):
    """Something that waits for an operator, and what can be chosen."""

    id: ActionId
    kind: ActionKind
    subject: str
    order_id: OrderId | None = None
    payment_id: PaymentId | None = None
    reason: str | None = None
    choices: tuple[Choice, ...]
    created_at: datetime
    resolved_at: datetime | None = None
    choice: Choice | None = None

    @property
    def hint(self) -> str:
        """What to do next, in plain words; they follow from the kind and are stored nowhere."""
        return HINTS[self.kind]


class Headers(Protocol):
    """Names and texts of a request's headers: a mapping, or what Werkzeug and Starlette have."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return pairs of names and texts; a name may come several times."""


class WebhookResult(StrEnum):
    """What became of a provider's message."""

    SETTLED = "settled"
    REPEATED = "repeated"
    IGNORED = "ignored"
    STORED = "stored"


class WebhookOutcome(Model):
    """What to answer the provider: *status* is the HTTP status, the body is empty."""

    status: int
    result: WebhookResult


class ConfirmState(StrEnum):
    """What a return page says."""

    PAID = "paid"
    ON_ITS_WAY = "on_its_way"
    TRY_AGAIN = "try_again"


class Confirmation(Model):
    """What became of an order when its buyer came back."""

    state: ConfirmState
    order: Order


class ReconcileReport(Model):
    """What one run of ``reconcile`` found and did; ``due`` is what another would find at once."""

    events: int = 0
    attempts: int = 0
    refunds: int = 0
    disputes: int = 0
    polled: int = 0
    expired: int = 0
    failed: int = 0
    due: int = 0
    open_actions: int = 0
    oldest_unresolved: datetime | None = None


OrderLineRef: TypeAlias = OrderLine | OrderLineId | str
ActionRef: TypeAlias = Action | str
