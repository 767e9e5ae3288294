"""The double's own arithmetic: decimal text of one currency, checked as PayPal checks it.

https://developer.paypal.com/api/rest/reference/currency-codes/
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, TypeAlias

from digistore.testing.paypal.errors import unprocessable

Told: TypeAlias = Mapping[str, str]

_CODES: Final = (
    "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS",
    "JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD",
)
_WITHOUT_DECIMALS: Final = frozenset({"HUF", "JPY", "TWD"})
_LARGEST: Final = Decimal(9_999_999)


def check(told: Told, field: str) -> Decimal:
    """Return an amount that PayPal takes.

    Raises:
        ApiError: the currency or its decimals are wrong, or the amount is zero, negative or huge.
    """
    code, value = told["currency_code"], Decimal(told["value"])
    if code not in " ".join(_CODES).split():
        message = "Currency code is currently not supported."
        raise unprocessable("CURRENCY_NOT_SUPPORTED", message, f"{field}/currency_code")
    exponent = value.as_tuple().exponent
    places = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if places and code in _WITHOUT_DECIMALS:
        message = "Currency does not support decimals."
        raise unprocessable("DECIMALS_NOT_SUPPORTED", message, f"{field}/value")
    if places > 2:  # noqa: PLR2004 - cents
        message = "If the currency supports decimals, only two decimal places are supported."
        raise unprocessable("DECIMAL_PRECISION", message, f"{field}/value")
    if value <= 0:
        message = "Must be greater than zero."
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", message, f"{field}/value")
    if value > _LARGEST:
        raise unprocessable("MAX_VALUE_EXCEEDED", "Should be less than 9999999.99.", field)
    return value


def value_of(told: Told) -> Decimal:
    """Return the amount alone."""
    return Decimal(told["value"])


def write(value: Decimal, code: str) -> dict[str, str]:
    """Return an amount as PayPal tells it: always with the places that its currency has."""
    places = 0 if code in _WITHOUT_DECIMALS else 2
    return {"currency_code": code, "value": f"{value:.{places}f}"}


def fee_of(value: Decimal, code: str) -> Decimal:
    """Return what the double's PayPal keeps: 3 % of it, down to whole units of the currency."""
    place = Decimal(1) if code in _WITHOUT_DECIMALS else Decimal("0.01")
    return (value * 3 / 100).quantize(place, "ROUND_DOWN")
