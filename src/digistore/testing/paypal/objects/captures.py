"""Captures: the money of an order, at once or by and by, and what goes back of it.

https://developer.paypal.com/docs/api/payments/v2/
"""

from __future__ import annotations

from decimal import Decimal

from digistore.testing.paypal import money
from digistore.testing.paypal.errors import missing, unprocessable
from digistore.testing.paypal.world import Object, World

URL = "/v2/payments/captures"
REFUNDS_URL = "/v2/payments/refunds"

_REFUNDABLE = frozenset({"COMPLETED", "PARTIALLY_REFUNDED"})
GONE = frozenset({"PENDING", "COMPLETED"})
_MONEY_IS_GONE = frozenset({"RESOLVED_BUYER_FAVOUR", "ACCEPTED"})


def make(world: World, order: Object, *, delayed: bool) -> Object:
    """Take the money of an order."""
    unit, capture_id = order["purchase_units"][0], world.ids.new()
    arrives = world.hidden[order["id"]].arrives
    code = unit["amount"]["currency_code"]
    value = money.value_of(unit["amount"]) if arrives is None else Decimal(arrives)
    capture: Object = {
        "id": capture_id,
        "status": "PENDING" if delayed else "COMPLETED",
        "amount": money.write(value, code),
        "final_capture": True,
        "seller_protection": {"status": "NOT_ELIGIBLE"},
        "create_time": world.now,
        "update_time": world.now,
        "links": [
            world.link(f"{URL}/{capture_id}", "self"),
            world.link(f"{URL}/{capture_id}/refund", "refund", "POST"),
            world.link(f"/v2/checkout/orders/{order['id']}", "up"),
        ],
    }
    capture |= {name: unit[name] for name in ("invoice_id", "custom_id") if name in unit}
    if delayed:
        capture["status_details"] = {"reason": "ECHECK"}
    else:
        capture["seller_receivable_breakdown"] = _receivable(value, code)
    unit["payments"] = {"captures": [capture]}
    world.captures[capture_id] = (order["id"], capture)
    if delayed:
        tell(world, "PENDING", capture)
    else:
        tell(world, "COMPLETED", capture)
        world.tell("CHECKOUT.ORDER.COMPLETED", "checkout-order", order, order["id"])
    return capture


def retrieve(world: World, _: Object, capture_id: str) -> Object:
    """Answer GET /v2/payments/captures/{id}: with its order, which an order's list leaves out."""
    order, capture = world.capture(capture_id)
    return capture | {"supplementary_data": {"related_ids": {"order_id": order["id"]}}}


def retrieve_refund(world: World, _: Object, refund_id: str) -> Object:
    """Answer GET /v2/payments/refunds/{id}."""
    if refund_id not in world.refunds:
        raise missing("refund_id")
    return world.refunds[refund_id][1]


def clear(world: World, capture: Object, *, ok: bool) -> Object:
    """Let delayed money arrive, or fail for good."""
    capture |= {"status": "COMPLETED" if ok else "DECLINED", "update_time": world.now}
    del capture["status_details"]
    if ok:
        amount = capture["amount"]
        value = money.value_of(amount)
        capture["seller_receivable_breakdown"] = _receivable(value, amount["currency_code"])
    return tell(world, "COMPLETED" if ok else "DENIED", capture)


def tell(world: World, what: str, capture: Object) -> Object:
    """Tell of a capture."""
    order_id, _ = world.captures[capture["id"]]
    about = retrieve(world, {}, capture["id"])
    return world.tell(f"PAYMENT.CAPTURE.{what}", "capture", about, order_id)


def refund(world: World, asked: Object, capture_id: str) -> Object:
    """Answer POST /v2/payments/captures/{id}/refund."""
    order, capture = world.capture(capture_id)
    _check_disputes(world, capture, asked.get("amount"))
    return give_back(world, order, capture, asked)


def give_back(world: World, order: Object, capture: Object, asked: Object) -> Object:
    """Give back what is asked for, or all that is left.

    Raises:
        ApiError: the money never came, or less of it is left.
    """
    left = left_of(world, capture)
    if capture["status"] == "PENDING":
        raise unprocessable("PENDING_CAPTURE", "Cannot initiate a refund as capture is pending.")
    if left == 0:
        message = "The capture has already been fully refunded."
        raise unprocessable("CAPTURE_FULLY_REFUNDED", message)
    if capture["status"] not in _REFUNDABLE:
        raise unprocessable("REFUND_NOT_ALLOWED", "This capture cannot be refunded.")
    code = capture["amount"]["currency_code"]
    value = money.check(asked["amount"], "/amount") if "amount" in asked else left
    if "amount" in asked and asked["amount"]["currency_code"] != code:
        message = "Refund must be in the same currency as the capture."
        raise unprocessable("REFUND_CAPTURE_CURRENCY_MISMATCH", message, "/amount/currency_code")
    if value > left:
        message = "The refund amount must be at most what has not yet been refunded."
        raise unprocessable("REFUND_AMOUNT_EXCEEDED", message, "/amount/value")
    made = _refund(world, capture, asked, money.write(value, code))
    payments = order["purchase_units"][0]["payments"]
    payments.setdefault("refunds", []).append(made)
    world.refunds[made["id"]] = (capture["id"], made)
    if not world.refunds_pend:
        settle(world, made, "COMPLETED")
    return made


def settle(world: World, refund: Object, status: str) -> Object | None:
    """Let a refund come to its end; PayPal has an event for success alone."""
    capture_id, _ = world.refunds[refund["id"]]
    order, capture = world.capture(capture_id)
    refund |= {"status": status, "update_time": world.now}
    refund.pop("status_details", None)
    back = sum(
        (money.value_of(one["amount"]) for one in _refunds(world, capture, {"COMPLETED"})),
        Decimal(0),
    )
    whole = money.value_of(capture["amount"])
    partly = "PARTIALLY_REFUNDED" if back else "COMPLETED"
    capture |= {"status": "REFUNDED" if back == whole else partly, "update_time": world.now}
    if status != "COMPLETED":
        return None
    return world.tell("PAYMENT.CAPTURE.REFUNDED", "refund", refund, order["id"])


def left_of(world: World, capture: Object) -> Decimal:
    """Return what of a capture was not given back."""
    back = (money.value_of(one["amount"]) for one in _refunds(world, capture, GONE))
    return money.value_of(capture["amount"]) - sum(back, Decimal(0))


def refunds_of(world: World, capture: Object) -> list[Object]:
    """Return the refunds of a capture, the newest first."""
    return [one for ref, one in reversed(world.refunds.values()) if ref == capture["id"]]


def _refund(world: World, capture: Object, asked: Object, amount: dict[str, str]) -> Object:
    refund_id = world.ids.new()
    made: Object = {
        "id": refund_id,
        "status": "PENDING",
        "status_details": {"reason": "ECHECK"},
        "amount": amount,
        "seller_payable_breakdown": {
            "gross_amount": amount,
            "net_amount": amount,
            "total_refunded_amount": amount,
        },
        "create_time": world.now,
        "update_time": world.now,
        "links": [
            world.link(f"{REFUNDS_URL}/{refund_id}", "self"),
            world.link(f"{URL}/{capture['id']}", "up"),
        ],
    }
    # What is refunded by hand bears the marks of its capture.
    marks = {name: capture[name] for name in ("custom_id", "invoice_id") if name in capture}
    given = ("custom_id", "invoice_id", "note_to_payer")
    return made | marks | {name: asked[name] for name in given if name in asked}


def _refunds(world: World, capture: Object, states: set[str] | frozenset[str]) -> list[Object]:
    return [one for one in refunds_of(world, capture) if one["status"] in states]


def _check_disputes(world: World, capture: Object, amount: Object | None) -> None:
    for dispute in world.disputes_of(capture["id"]):
        outcome = dispute.get("dispute_outcome", {}).get("outcome_code")
        if outcome is not None and outcome not in _MONEY_IS_GONE:
            continue
        if outcome is not None or dispute["dispute_life_cycle_stage"] != "INQUIRY":
            message = "Refund is not permitted, as a chargeback exists for this capture."
            raise unprocessable("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", message)
        if amount is not None and money.value_of(amount) < left_of(world, capture):
            message = "Partial refunds cannot be offered while there is a dispute."
            raise unprocessable("CAPTURE_DISPUTED_PARTIAL_REFUND_NOT_ALLOWED", message)


def _receivable(value: Decimal, code: str) -> Object:
    fee = money.fee_of(value, code)
    return {
        "gross_amount": money.write(value, code),
        "paypal_fee": money.write(fee, code),
        "net_amount": money.write(value - fee, code),
    }
