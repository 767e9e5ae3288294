"""Access: who may open what, derived from facts about money, for life.

It owns purchases and the log of facts behind them. It must never ask a gateway or a clock, and
no code of it flips access: access follows from facts.
"""

from digistore.entitlements.facts import AccessState
from digistore.entitlements.kind import ProductLines
from digistore.entitlements.ledger import EntitlementLedger, MemoryLedger, SqlLedger
from digistore.entitlements.models import (
    Access,
    ExplainedFact,
    ExplainedPurchase,
    Explanation,
    LatestRelease,
    OwnedProduct,
    PurchasedProduct,
    PurchaseRef,
)
from digistore.entitlements.service import AsyncEntitlements, Entitlements

__all__ = [
    "Access",
    "AccessState",
    "AsyncEntitlements",
    "EntitlementLedger",
    "Entitlements",
    "ExplainedFact",
    "ExplainedPurchase",
    "Explanation",
    "LatestRelease",
    "MemoryLedger",
    "OwnedProduct",
    "ProductLines",
    "PurchaseRef",
    "PurchasedProduct",
    "SqlLedger",
]
