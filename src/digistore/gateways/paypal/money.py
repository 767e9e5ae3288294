"""Money on PayPal's wire: decimal text, and other places than ISO 4217 for some currencies.

Source: https://developer.paypal.com/docs/reports/reference/paypal-supported-currencies/ and
https://developer.paypal.com/api/rest/reference/currency-codes/, read in November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

from digistore.errors import GatewayRejected, Invalid
from digistore.gateways.port import MoneyRules
from digistore.money import ISO_EXPONENTS, Money

CURRENCIES: Final = frozenset(
    code
    for codes in (
        "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD HUF ILS",
        "JPY MXN MYR NOK NZD PHP PLN SEK SGD THB TWD USD",
    )
    for code in codes.split()
)
"""What PayPal takes; BRL, CNY and MYR only in their own countries, which PayPal itself checks."""

WIRE_PLACES: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(CURRENCIES, 2) | dict.fromkeys(("HUF", "JPY", "TWD"), 0)
)
"""How many decimal places an amount has on the wire; more of them are an error."""

# HUF and TWD have two places in ISO 4217 and none here, so their minor units go by the hundred.
_STEPS: Final = {
    code: 10 ** (ISO_EXPONENTS[code] - places)
    for code, places in WIRE_PLACES.items()
    if ISO_EXPONENTS[code] > places
}
# An amount has at most seven digits before the point: what an account may take is less, and
# PayPal's to say.  https://developer.paypal.com/api/nvp-soap/NVPAPIOverview/
_MAXIMUM: Final = 9_999_999
_NUMBER: Final = re.compile(r"-?[0-9]{1,29}(?:\.[0-9]{1,3})?")

MONEY_RULES: Final = MoneyRules(
    currencies=CURRENCIES,
    minimum=_STEPS,
    steps=_STEPS,
    maximums={code: _MAXIMUM * 10 ** ISO_EXPONENTS[code] for code in CURRENCIES},
)
"""Which amounts PayPal takes, in minor units of ISO 4217."""


def to_wire(money: Money) -> dict[str, str]:
    """Return what PayPal reads as *money*.

    Raises:
        Invalid: it cannot be written without rounding, or PayPal has not got the currency; whoever
            has asked ``MONEY_RULES`` before does not meet this.
    """
    places = WIRE_PLACES.get(money.currency)
    if places is None:
        raise Invalid(f"PayPal does not take {money.currency}", fields={"currency": "unsupported"})
    if money.amount % _STEPS.get(money.currency, 1):
        message = f"PayPal cannot take {money} without rounding"
        raise Invalid(message, fields={"amount": "off_the_step"})
    value = f"{money.decimal:.{places}f}"
    return {"currency_code": money.currency, "value": value}


def from_wire(told: object) -> Money:
    """Return the money that PayPal tells; never rounded.

    Raises:
        GatewayRejected: no amount of whole minor units (``amount_not_whole``), or of no currency in
            ISO 4217 (``currency_unknown``).
    """
    found = told if isinstance(told, dict) else {}
    code, value = found.get("currency_code"), found.get("value")
    if not isinstance(code, str) or code not in ISO_EXPONENTS:
        message = "PayPal tells of a currency that is none"
        raise GatewayRejected(message, provider_code="currency_unknown")
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        # 100.00 HUF and 29.000 USD are whole minor units, however they are written.
        minor = Decimal(value).scaleb(ISO_EXPONENTS[code])
        if minor == minor.to_integral_value() and abs(minor) < Decimal(2) ** 53:
            return Money.from_minor(int(minor), code)
    message = f"PayPal tells of an amount in {code} that has no whole minor units"
    raise GatewayRejected(message, provider_code="amount_not_whole")
