"""Disputes: an inquiry, a claim, and an outcome that may be appealed.

https://developer.paypal.com/docs/api/customer-disputes/v1/
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from digistore.testing.paypal import money
from digistore.testing.paypal.errors import missing
from digistore.testing.paypal.objects import captures
from digistore.testing.paypal.world import Object, World, text_of

URL = "/v1/customer/disputes"
OUTCOMES = {
    "won": "RESOLVED_SELLER_FAVOUR",
    "lost": "RESOLVED_BUYER_FAVOUR",
    "closed": "CANCELED_BY_BUYER",
}
STAGES = ("INQUIRY", "CHARGEBACK", "PRE_ARBITRATION", "ARBITRATION")

_LEFT_OUT = frozenset({"disputed_transactions", "dispute_outcome", "seller_response_due_date"})
_TO_ANSWER = timedelta(days=10)


def list_all(world: World, asked: Object, _: str) -> Object:
    """Answer GET /v1/customer/disputes: how they ended is left out."""
    wanted = asked.get("disputed_transaction_id")
    every = [dispute for _, dispute in world.disputes.values()]
    listed = [
        {name: value for name, value in dispute.items() if name not in _LEFT_OUT}
        for dispute in (every if wanted is None else world.disputes_of(wanted))
    ]
    return {"items": listed[: int(asked.get("page_size", "10"))], "links": []}


def retrieve(world: World, _: Object, dispute_id: str) -> Object:
    """Answer GET /v1/customer/disputes/{id}."""
    if dispute_id not in world.disputes:
        raise missing("dispute_id")
    return world.disputes[dispute_id][1]


def begin(
    world: World, about: Sequence[Object], amount: dict[str, str], stage: str, reason: str
) -> Object:
    """Open a dispute about one capture or several, and return the event that tells of it."""
    dispute_id = f"PP-R-{world.ids.new(3)}-{world.ids.new(8)}"
    dispute: Object = {
        "dispute_id": dispute_id,
        "create_time": world.now,
        "update_time": world.now,
        "disputed_transactions": [_transaction(world, capture) for capture in about],
        "reason": reason,
        "status": "WAITING_FOR_SELLER_RESPONSE",
        "dispute_state": "REQUIRED_ACTION",
        "dispute_amount": amount,
        "dispute_life_cycle_stage": stage,
        "dispute_channel": "INTERNAL",
        "seller_response_due_date": text_of(world.clock() + _TO_ANSWER),
        "links": [world.link(f"{URL}/{dispute_id}", "self")],
    }
    world.disputes[dispute_id] = (about[0]["id"], dispute)
    return _tell(world, "CREATED", dispute)


def move(world: World, dispute: Object, stage: str, status: str = "UNDER_REVIEW") -> Object:
    """Bring a dispute to a stage, again if need be: an outcome may be appealed."""
    dispute |= {
        "dispute_life_cycle_stage": stage,
        "status": status,
        "dispute_state": "UNDER_PAYPAL_REVIEW",
        "update_time": world.now,
    }
    dispute.pop("dispute_outcome", None)
    return _tell(world, "UPDATED", dispute)


def resolve(world: World, dispute: Object, code: str) -> Object:
    """Decide a dispute."""
    outcome: Object = {"outcome_code": code}
    if code == "RESOLVED_BUYER_FAVOUR":
        outcome["amount_refunded"] = _what_was_left(world, dispute)
    dispute |= {
        "status": "RESOLVED",
        "dispute_state": "RESOLVED",
        "dispute_outcome": outcome,
        "update_time": world.now,
    }
    return _tell(world, "RESOLVED", dispute)


def of(world: World, capture: Object, ref: str) -> list[Object]:
    """Return the dispute of that id, or all of a capture, the newest first."""
    known = world.disputes_of(capture["id"])[::-1]
    return [one for one in known if one["dispute_id"] == ref] or known


def is_same(dispute: Object, amount: dict[str, str] | None) -> bool:
    """Say whether a dispute is about that amount, or about any."""
    told = dispute["dispute_amount"]
    return amount is None or money.value_of(told) == money.value_of(amount)


def total_of(about: Sequence[Object]) -> dict[str, str]:
    """Return what captures took, of one currency."""
    amounts = [capture["amount"] for capture in about]
    total = sum((money.value_of(amount) for amount in amounts), Decimal(0))
    return money.write(total, amounts[0]["currency_code"])


def _transaction(world: World, capture: Object) -> Object:
    transaction: Object = {
        "seller_transaction_id": capture["id"],
        "buyer_transaction_id": world.ids.new(),
        "create_time": capture["create_time"],
        "transaction_status": "COMPLETED",
        "gross_amount": capture["amount"],
    }
    names = (("invoice_id", "invoice_number"), ("custom_id", "custom"))
    return transaction | {theirs: capture[ours] for ours, theirs in names if ours in capture}


def _what_was_left(world: World, dispute: Object) -> dict[str, str]:
    """Return what the buyer gets: of the amount, what was not given back before it began."""
    told = dispute["dispute_amount"]
    left = Decimal(0)
    for transaction in dispute["disputed_transactions"]:
        _, capture = world.capture(transaction["seller_transaction_id"])
        if capture["amount"]["currency_code"] != told["currency_code"]:
            return dict(told)
        left += money.value_of(capture["amount"])
        for refund in captures.refunds_of(world, capture):
            if refund["status"] in captures.GONE and refund["create_time"] < dispute["create_time"]:
                left -= money.value_of(refund["amount"])
    return money.write(min(money.value_of(told), left), told["currency_code"])


def _tell(world: World, what: str, dispute: Object) -> Object:
    order_id, _ = world.captures[world.disputes[dispute["dispute_id"]][0]]
    return world.tell(f"CUSTOMER.DISPUTE.{what}", "dispute", dispute, order_id)
