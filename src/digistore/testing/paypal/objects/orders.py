"""Orders: made, approved by the buyer, captured once, or given up.

https://developer.paypal.com/docs/api/orders/v2/
"""

from __future__ import annotations

from decimal import Decimal

from digistore.testing.paypal import money
from digistore.testing.paypal.errors import invalid, not_modelled, unprocessable
from digistore.testing.paypal.objects import captures
from digistore.testing.paypal.world import (
    APPROVAL_LASTS,
    CREATED_LASTS,
    SELLER,
    Hidden,
    Object,
    Outcome,
    World,
)

URL = "/v2/checkout/orders"

_PATCHABLE = frozenset({"CREATED", "APPROVED", "PAYER_ACTION_REQUIRED"})
_SECRETLY_OPEN = frozenset({"CREATED", "PAYER_ACTION_REQUIRED"})


def create(world: World, asked: Object, _: str) -> Object:
    """Answer POST /v2/checkout/orders."""
    if asked["intent"] != "CAPTURE":
        raise not_modelled("orders that are to be authorized", "/intent")
    if len(asked["purchase_units"]) > 1:
        raise not_modelled("orders of several purchase units", "/purchase_units")
    unit = asked["purchase_units"][0]
    _check_amounts(unit)
    wallet = asked["payment_source"]["paypal"]
    if "return_url" not in wallet.get("experience_context", {}):
        message = "A required field / parameter is missing."
        field = "/payment_source/paypal/experience_context/return_url"
        raise invalid("MISSING_REQUIRED_PARAMETER", message, field)
    order_id = world.ids.new()
    email = {"email_address": wallet["email_address"]} if "email_address" in wallet else {}
    order: Object = {
        "id": order_id,
        "intent": asked["intent"],
        "status": "PAYER_ACTION_REQUIRED",
        "payment_source": {"paypal": email},
        "purchase_units": [{"reference_id": "default", **unit, "payee": dict(SELLER)}],
        "create_time": world.now,
        "links": [
            world.link(f"{URL}/{order_id}", "self"),
            {
                "href": f"{world.base_url}/checkoutnow?token={order_id}",
                "rel": "payer-action",
                "method": "GET",
            },
        ],
    }
    world.orders[order_id] = order
    world.hidden[order_id] = Hidden(world.clock())
    return order


def retrieve(world: World, _: Object, order_id: str) -> Object:
    """Answer GET /v2/checkout/orders/{id}."""
    return world.order(order_id)


def patch(world: World, asked: list[Object], order_id: str) -> Object:
    """Answer PATCH /v2/checkout/orders/{id}: of what can be replaced, the intent is modelled."""
    order = world.order(order_id)
    if order["status"] not in _PATCHABLE:
        message = "Order was already completed or voided, so it cannot be patched."
        issue = "ORDER_ALREADY_COMPLETED" if order["status"] == "COMPLETED" else "ORDER_VOIDED"
        raise unprocessable(issue, message)
    for change in asked:
        if (change["op"], change["path"]) != ("replace", "/intent"):
            raise not_modelled(f"{change['op']} of {change['path']}", change["path"])
        if change.get("value") not in {"CAPTURE", "AUTHORIZE"}:
            message = "The value of a field is invalid."
            raise invalid("INVALID_PARAMETER_VALUE", message, "/intent")
    for change in asked:
        order |= {"intent": change["value"], "update_time": world.now}
    return {}


def capture(world: World, _: Object, order_id: str) -> Object:
    """Answer POST /v2/checkout/orders/{id}/capture."""
    order = world.order(order_id)
    if order["status"] == "COMPLETED":
        message = "Order already captured."
        raise unprocessable("ORDER_ALREADY_CAPTURED", message)
    if order["status"] == "VOIDED":
        raise unprocessable("ORDER_COMPLETED_OR_VOIDED", "Order is voided.")
    if order["intent"] != "CAPTURE":
        message = "Order was created with an intent to 'AUTHORIZE'."
        raise unprocessable("ACTION_DOES_NOT_MATCH_INTENT", message)
    if order["status"] != "APPROVED":
        message = "Payer has not yet approved the Order for payment."
        raise unprocessable("ORDER_NOT_APPROVED", message)
    _check_invoice(world, order)
    funding = world.hidden[order_id].funding
    if funding == "declined":
        order |= {"status": "PAYER_ACTION_REQUIRED", "update_time": world.now}
        world.hidden[order_id].approved_at = None
        message = "The instrument presented was either declined or can't be used."
        raise unprocessable("INSTRUMENT_DECLINED", message)
    order |= {"status": "COMPLETED", "update_time": world.now}
    captures.make(world, order, delayed=funding == "delayed")
    return order


def approve(
    world: World,
    order: Object,
    funding: Outcome,
    email: str | None = None,
    arrives: str | None = None,
) -> Object:
    """Let the buyer agree, and return the event that tells of it."""
    wallet = order["payment_source"]["paypal"]
    address = email or wallet.get("email_address") or "buyer@example.com"
    name = {"given_name": "Ada", "surname": "Buyer"}
    payer_id = world.ids.new(13)
    wallet |= {
        "email_address": address,
        "account_id": payer_id,
        "account_status": "VERIFIED",
        "name": name,
    }
    order |= {
        "status": "APPROVED",
        "payer": {"email_address": address, "payer_id": payer_id, "name": name},
        "update_time": world.now,
    }
    hidden = world.hidden[order["id"]]
    hidden.funding, hidden.approved_at, hidden.arrives = funding, world.clock(), arrives
    return world.tell("CHECKOUT.ORDER.APPROVED", "checkout-order", order, order["id"])


def take_back(world: World, order: Object) -> Object | None:
    """End an order that was not captured: forgotten, or if it was approved, told of."""
    if order["status"] != "APPROVED":
        del world.orders[order["id"]]
        return None
    order |= {"status": "VOIDED", "update_time": world.now}
    about = {"order_id": order["id"], "purchase_units": order["purchase_units"]}
    return world.tell("CHECKOUT.PAYMENT-APPROVAL.REVERSED", "checkout-order", about, order["id"])


def let_time_pass(world: World) -> None:
    """End what nobody has approved, or captured, in time."""
    now = world.clock()
    for order in list(world.orders.values()):
        hidden = world.hidden[order["id"]]
        if order["status"] == "APPROVED" and hidden.approved_at is not None:
            over = now >= hidden.approved_at + APPROVAL_LASTS
        else:
            over = order["status"] in _SECRETLY_OPEN and now >= hidden.created_at + CREATED_LASTS
        if over:
            take_back(world, order)


def _check_amounts(unit: Object) -> None:
    path = "/purchase_units/@reference_id=='default'"
    total = money.check(unit["amount"], f"{path}/amount")
    items, breakdown = unit.get("items", []), unit["amount"].get("breakdown", {})
    told = breakdown.get("item_total")
    if items and told is None:
        message = "If items are given, the total of items is needed."
        raise unprocessable("ITEM_TOTAL_REQUIRED", message, f"{path}/amount/breakdown/item_total")
    if told is not None and money.check(told, f"{path}/amount/breakdown/item_total") != total:
        message = (
            "Should equal item_total + tax_total + shipping + handling + insurance - discount."
        )
        raise unprocessable("AMOUNT_MISMATCH", message, f"{path}/amount/value")
    summed = Decimal(0)
    for place, item in enumerate(items):
        if item["unit_amount"]["currency_code"] != unit["amount"]["currency_code"]:
            message = "Currency of all items must be that of the amount."
            raise unprocessable("CURRENCY_MISMATCH", message, f"{path}/items/{place}")
        each = money.check(item["unit_amount"], f"{path}/items/{place}/unit_amount")
        summed += each * int(item["quantity"])
    if items and summed != total:
        message = "Should equal sum of (unit_amount * quantity) across all items."
        raise unprocessable("ITEM_TOTAL_MISMATCH", message, f"{path}/amount/breakdown/item_total")


def _check_invoice(world: World, order: Object) -> None:
    invoice = order["purchase_units"][0].get("invoice_id")
    for _, known in world.captures.values():
        if invoice is not None and known.get("invoice_id") == invoice:
            message = "Duplicate Invoice ID detected."
            raise unprocessable("DUPLICATE_INVOICE_ID", message)
