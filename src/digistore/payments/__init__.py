"""Money: what arrived, what went back, what is disputed, and what each unit of it is for.

It owns payments, refunds, disputes and the messages that told of them. It must never open
anything itself: it tells the line kinds what became of the money.
"""

from digistore.payments.evidence import DisputeEvidence, EvidenceCustomer, EvidenceDownload
from digistore.payments.models import (
    Action,
    ActionKind,
    ActionRef,
    Choice,
    Confirmation,
    ConfirmState,
    Disposition,
    Dispute,
    Headers,
    OrderLineRef,
    Payment,
    PaymentState,
    ReconcileReport,
    Refund,
    RefundStatus,
    WebhookOutcome,
    WebhookResult,
)
from digistore.payments.service import AsyncPayments, Payments, Settle

__all__ = [
    "Action",
    "ActionKind",
    "ActionRef",
    "AsyncPayments",
    "Choice",
    "ConfirmState",
    "Confirmation",
    "Disposition",
    "Dispute",
    "DisputeEvidence",
    "EvidenceCustomer",
    "EvidenceDownload",
    "Headers",
    "OrderLineRef",
    "Payment",
    "PaymentState",
    "Payments",
    "ReconcileReport",
    "Refund",
    "RefundStatus",
    "Settle",
    "WebhookOutcome",
    "WebhookResult",
]
