"""Line items of a checkout, and the prices and products that they bring with them."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any, NamedTuple

from digistore.testing.stripe.errors import BadParameters, invalid, missing, not_modelled
from digistore.testing.stripe.objects.metadata import checked_metadata
from digistore.testing.stripe.world import Account, Object

_MOST_ITEMS = 100
_MODELLED = frozenset({"price", "price_data", "quantity", "metadata"})


class Sum(NamedTuple):
    """What line items come to."""

    amount: int
    currency: str


def check_items(account: Account, params: Object) -> Sum:
    """Make sure that the line items of a request can be made, and return what they come to.

    Raises:
        BadParameters: there is none, too many, or one is incomplete.
        ApiError: they are not of one currency.
    """
    given: list[Object] = params.get("line_items", [])
    if not given:
        message = "Missing required param: line_items."
        raise BadParameters(message, code="parameter_missing", param="line_items")
    if len(given) > _MOST_ITEMS:
        message = f"Array line_items exceeded maximum {_MOST_ITEMS} allowed elements."
        raise BadParameters(message, param="line_items")
    for place, line in enumerate(given):
        _check(account, line, f"line_items[{place}]")
    currencies = {line["price_data"]["currency"].lower() for line in given}
    if "currency" in params:
        currencies.add(params["currency"].lower())
    if len(currencies) > 1:
        message = "You cannot combine currencies on a single Checkout Session."
        raise invalid(message, param="line_items")
    return Sum(sum(_total(line) for line in given), next(iter(currencies)))


def make_items(account: Account, params: Object) -> list[Object]:
    """Make the line items that a request asks for, once nothing speaks against it."""
    return [_line_item(account, line) for line in params["line_items"]]


def _check(account: Account, line: Object, name: str) -> None:
    if "price" in line:
        raise missing("price", line["price"], f"{name}[price]")
    if "price_data" not in line:
        message = f"Missing required param: {name}[price_data]."
        raise BadParameters(message, code="parameter_missing", param=f"{name}[price_data]")
    for other in sorted(line.keys() - _MODELLED):
        raise not_modelled(f"{name}[{other}]", f"{name}[{other}]")
    quantity = line.get("quantity")
    if quantity is None:
        message = f"Missing required param: {name}[quantity]."
        raise BadParameters(message, code="parameter_missing", param=f"{name}[quantity]")
    if quantity < 1:
        message = "This value must be greater than or equal to 1."
        raise BadParameters(message, code="parameter_invalid_integer", param=f"{name}[quantity]")
    checked_metadata(line.get("metadata"), f"{name}[metadata]")
    _check_price(account, line["price_data"], f"{name}[price_data]")


def _check_price(account: Account, price: Object, name: str) -> None:
    if "recurring" in price:
        message = "You specified `payment` mode but passed a recurring price."
        raise invalid(message, param=name)
    if len(price["currency"]) != 3 or not price["currency"].isalpha():  # noqa: PLR2004 - ISO 4217
        raise invalid(f"Invalid currency: {price['currency']}.", param=f"{name}[currency]")
    if ("product" in price) == ("product_data" in price):
        message = f"You must specify either `{name}[product]` or `{name}[product_data]`."
        raise BadParameters(message, code="parameter_missing", param=f"{name}[product_data]")
    if "product" in price:
        account.find("product", price["product"], f"{name}[product]")
    elif not price["product_data"]["name"].strip():
        empty = f"{name}[product_data][name]"
        message = f"You passed an empty string for '{empty}'."
        raise BadParameters(message, code="parameter_invalid_empty", param=empty)
    if ("unit_amount" in price) == ("unit_amount_decimal" in price):
        message = f"You must specify either `{name}[unit_amount]` or its decimal."
        raise BadParameters(message, code="parameter_missing", param=f"{name}[unit_amount]")
    if unit_amount(price) < 0:
        message = "This value must be greater than or equal to 0."
        raise BadParameters(message, code="parameter_invalid_integer", param=f"{name}[unit_amount]")


def unit_amount(price: Object) -> Decimal:
    """Return what one piece costs."""
    name = "unit_amount" if "unit_amount" in price else "unit_amount_decimal"
    return Decimal(price[name])


def _line_item(account: Account, line: Object) -> Object:
    price, total = line["price_data"], _total(line)
    product = _product(account, price)
    fields: dict[str, Any] = {
        "amount_discount": 0,
        "amount_subtotal": total,
        "amount_tax": 0,
        "amount_total": total,
        "currency": price["currency"].lower(),
        "description": product["name"],
        "price": _price(account, price, product["id"]),
        "quantity": line["quantity"],
        "metadata": line.get("metadata") or {},
    }
    item = account.add("item", **fields)
    del item["discounts"], item["taxes"]  # shown only if asked for
    return item


def _total(line: Object) -> int:
    exact = unit_amount(line["price_data"]) * line["quantity"]
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def _price(account: Account, price: Object, product_id: str) -> Object:
    amount = unit_amount(price)
    whole = amount == amount.to_integral_value()
    return account.add(
        "price",
        active=False,
        billing_scheme="per_unit",
        currency=price["currency"].lower(),
        metadata={},
        product=product_id,
        tax_behavior=price.get("tax_behavior", "unspecified"),
        type="one_time",
        unit_amount=int(amount) if whole else None,
        unit_amount_decimal=f"{amount:f}",
    )


def _product(account: Account, price: Object) -> Object:
    if "product" in price:
        return account.find("product", price["product"])
    given: Object = price["product_data"]
    return account.add(
        "product",
        active=False,
        description=given.get("description"),
        images=given.get("images", []),
        marketing_features=[],
        metadata=checked_metadata(given.get("metadata"), "product_data[metadata]"),
        name=given["name"],
        tax_code=given.get("tax_code"),
        type="service",
        updated=account.now,
    )
