"""Stripe's own tax, asked for by ``automatic_tax``: contained in prices, or added to them.

How much it is the world says (`StripeDouble.tax_percent`); Stripe learns it from the address, so it
is known only when the buyer pays.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from digistore.testing.stripe.errors import invalid
from digistore.testing.stripe.world import Account, Object


def check(params: Object) -> None:
    """Make sure that each price says whether tax is contained.

    Raises:
        ApiError: one does not.
    """
    if not _is_on(params):
        return
    for place, line in enumerate(params.get("line_items", [])):
        behavior = line.get("price_data", {}).get("tax_behavior", "unspecified")
        if behavior == "unspecified":
            name = f"line_items[{place}][price_data][tax_behavior]"
            message = "With automatic_tax, each price must have a tax_behavior or a default for it."
            raise invalid(message, param=name)


def asked_for(params: Object) -> Object:
    """Return the ``automatic_tax`` of a new session."""
    on = _is_on(params)
    return {
        "enabled": on,
        "liability": {"type": "self"} if on else None,
        "provider": "stripe" if on else None,
        "status": "requires_location_inputs" if on else None,
    }


def apply(account: Account, session: Object, items: list[Object]) -> None:
    """Work out the tax of a session that is about to be paid, and add what is not contained."""
    if not session["automatic_tax"]["enabled"]:
        return
    for item in items:
        _tax(item, account.world.tax_percent)
    session["automatic_tax"]["status"] = "complete"
    session["total_details"]["amount_tax"] = sum(item["amount_tax"] for item in items)
    session["amount_total"] = sum(item["amount_total"] for item in items)


def _tax(item: Object, percent: Decimal) -> None:
    net_or_gross = Decimal(item["amount_subtotal"])
    if item["price"]["tax_behavior"] == "inclusive":
        tax = net_or_gross * percent / (100 + percent)
        item["amount_tax"] = _rounded(tax)
        item["amount_total"] = item["amount_subtotal"]
        return
    item["amount_tax"] = _rounded(net_or_gross * percent / 100)
    item["amount_total"] = item["amount_subtotal"] + item["amount_tax"]


def _rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def _is_on(params: Object) -> bool:
    return bool(params.get("automatic_tax", {}).get("enabled", False))
