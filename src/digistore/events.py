"""What happened, for handlers of the host: ids and times, never an address or a text.

An event is written in the transaction that makes it true and delivered after the commit, at
least once; its ``id`` is the key to tell a repeat by.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from digistore.ids import (
    ActionId,
    ClaimId,
    DisputeId,
    EventId,
    OrderId,
    PaymentId,
    ProductId,
    PurchasedProductId,
    RefundId,
    ReleaseId,
    SupportRequestId,
    UserId,
)


class Event(BaseModel):
    """The base of all events: ``at`` is UTC, ``actor`` a user's id or ``system``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: ClassVar[str]
    """The field that names the event's subject."""

    id: EventId
    at: datetime
    actor: str

    @property
    def subject(self) -> str:
        """The id of what the event is about."""
        return str(getattr(self, self.about))


class _OrderEvent(Event):
    about: ClassVar[str] = "order_id"
    order_id: OrderId
    buyer_id: UserId


class OrderPaid(_OrderEvent):
    """An order's covering payment has arrived."""

    payment_id: PaymentId


class OrderExpired(_OrderEvent):
    """An order's checkout can no longer be paid."""


class _AccessEvent(Event):
    about: ClassVar[str] = "purchase_id"
    purchase_id: PurchasedProductId
    product_id: ProductId
    user_id: UserId
    order_id: OrderId


class AccessGranted(_AccessEvent):
    """A purchase gives access for the first time."""


class AccessSuspended(_AccessEvent):
    """A purchase gives no access while a dispute is open."""


class AccessRestored(_AccessEvent):
    """A purchase gives access again."""


class AccessRevoked(_AccessEvent):
    """A purchase gives no access: its money went back, or an operator said so."""


class GiftReceived(Event):
    """Somebody was given a product: ``user_id`` has it; who paid and what is not theirs to know."""

    about: ClassVar[str] = "purchase_id"
    purchase_id: PurchasedProductId
    product_id: ProductId
    user_id: UserId


class ClaimStarted(Event):
    """A code for an address was made."""

    about: ClassVar[str] = "claim_id"
    claim_id: ClaimId


class _RefundEvent(Event):
    about: ClassVar[str] = "refund_id"
    refund_id: RefundId
    payment_id: PaymentId
    order_id: OrderId | None


class RefundSucceeded(_RefundEvent):
    """Money went back."""


class RefundFailed(_RefundEvent):
    """Money did not go back, or came here again."""


class RefundRequested(_OrderEvent):
    """A buyer asks for money back; nothing has moved."""


class _DisputeEvent(Event):
    about: ClassVar[str] = "dispute_id"
    dispute_id: DisputeId
    payment_id: PaymentId
    order_id: OrderId | None
    state: str


class DisputeOpened(_DisputeEvent):
    """The buyer's bank asks for the money."""


class DisputeClosed(_DisputeEvent):
    """A dispute has an outcome, its ``state``."""


class DuplicateReturned(_RefundEvent):
    """A second payment for the same thing went back."""


class ActionNeeded(Event):
    """Something waits for an operator: see ``payments.needing_action``."""

    about: ClassVar[str] = "action_id"
    action_id: ActionId
    kind: str
    order_id: OrderId | None


class _ReleaseEvent(Event):
    about: ClassVar[str] = "release_id"
    release_id: ReleaseId
    product_id: ProductId


class ReleasePublished(_ReleaseEvent):
    """A release can be downloaded by all who bought its product."""


class ReleaseYanked(_ReleaseEvent):
    """A release is no longer offered."""


class _SupportEvent(Event):
    about: ClassVar[str] = "request_id"
    request_id: SupportRequestId
    product_id: ProductId
    customer_id: UserId


class SupportPaid(_SupportEvent):
    """A support request is paid and open."""


class SupportReplied(_SupportEvent):
    """Somebody wrote in a support request."""


class SupportResolved(_SupportEvent):
    """A support request is resolved."""


class SupportReopened(_SupportEvent):
    """A resolved support request is open again."""


class SupportCanceled(_SupportEvent):
    """A support request ended because its money went back or its access is gone."""


EVENT_TYPES: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        OrderPaid,
        OrderExpired,
        AccessGranted,
        AccessSuspended,
        AccessRestored,
        AccessRevoked,
        GiftReceived,
        ClaimStarted,
        RefundSucceeded,
        RefundFailed,
        RefundRequested,
        DisputeOpened,
        DisputeClosed,
        DuplicateReturned,
        ActionNeeded,
        ReleasePublished,
        ReleaseYanked,
        SupportPaid,
        SupportReplied,
        SupportResolved,
        SupportReopened,
        SupportCanceled,
    )
}
