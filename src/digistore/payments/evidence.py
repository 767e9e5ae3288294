"""Dispute evidence: what a bank wants to see, gathered from everywhere as data."""

from __future__ import annotations

from datetime import datetime

from digistore.entitlements import ExplainedPurchase
from digistore.fields import Model
from digistore.ids import ProductId, PurchasedProductId, UserId
from digistore.orders import Order, Receipt
from digistore.payments.models import Dispute, Payment, Refund
from digistore.support import SupportRequest


class EvidenceCustomer(Model):
    """Who bought: personal data, for the seller and operators."""

    id: UserId
    name: str | None
    email: str | None
    email_verified_at: datetime | None
    since: datetime


class EvidenceDownload(Model):
    """A file that was downloaded by a purchase; *agent* is for operators only."""

    purchase_id: PurchasedProductId
    product_id: ProductId
    version: str
    file: str
    first_at: datetime
    last_at: datetime
    requests: int
    sent_bytes: int
    transport: str
    agent: str | None


class DisputeEvidence(Model):
    """All that shows what was sold, to whom, and that it was delivered.

    It is personal data throughout: pass it to the bank that asks, and keep no copy of it longer.
    """

    order: Order  # with its billing, and its consents in the words that were accepted
    customer: EvidenceCustomer
    receipt: Receipt | None
    payments: tuple[Payment, ...]
    refunds: tuple[Refund, ...]
    disputes: tuple[Dispute, ...]
    access: tuple[ExplainedPurchase, ...]
    downloads: tuple[EvidenceDownload, ...]
    support: tuple[SupportRequest, ...]
    gathered_at: datetime
