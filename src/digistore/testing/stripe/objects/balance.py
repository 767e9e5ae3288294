"""Balance transactions: what each movement of money cost, and what it left."""

from __future__ import annotations

from digistore.testing.stripe import money
from digistore.testing.stripe.world import Account, Object

_PERCENT_OF_1000, _FIXED = 29, 30  # 2.9 % and 30: what a card costs in the USA
_DAYS_UNTIL_AVAILABLE = 2
_SECONDS_OF_A_DAY = 86_400


def move(account: Account, kind: str, amount: int, source: Object, *, fee: int = 0) -> Object:
    """Write down that *amount* came to the balance, or left it if it is below zero."""
    details = {
        "amount": fee,
        "application": None,
        "currency": source["currency"],
        "description": "Stripe processing fees",
        "type": "stripe_fee",
    }
    return account.add(
        "balance_transaction",
        amount=amount,
        available_on=account.now + _DAYS_UNTIL_AVAILABLE * _SECONDS_OF_A_DAY,
        balance_type="payments",
        currency=source["currency"],
        fee=fee,
        fee_details=[details] if fee else [],
        net=amount - fee,
        reporting_category=_CATEGORIES.get(kind, kind),
        source=source["id"],
        status="pending",
        type=kind,
    )


def fee_of(amount: int) -> int:
    """Return what Stripe keeps of a payment."""
    return money.share(amount, _PERCENT_OF_1000, 1000) + _FIXED


def retrieve(account: Account, _: Object, transaction_id: str) -> Object:
    """Answer GET /v1/balance_transactions/{id}."""
    return account.find("balance_transaction", transaction_id)


_CATEGORIES = {"adjustment": "dispute", "payment": "charge", "refund_failure": "refund_failure"}
