"""Money on Stripe's wire: other exponents than ISO 4217 has for some currencies, as data.

Source of all tables: https://docs.stripe.com/currencies, sections on presentment currencies, on
minor units, special cases, and minimum and maximum charge amounts, read in November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from digistore.errors import GatewayRejected, Invalid
from digistore.gateways.port import MoneyRules
from digistore.money import ISO_EXPONENTS, MAX_AMOUNT, Money

_PRESENTMENT: Final = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BHD BIF BMD BND BOB BRL BSD BWP BYN BZD CAD CDF
    CHF CLP CNY COP CRC CVE CZK DJF DKK DOP DZD EGP ETB EUR FJD FKP GBP GEL GIP GMD GNF GTQ GYD HKD
    HNL HTG HUF IDR ILS INR ISK JMD JOD JPY KES KGS KHR KMF KRW KWD KYD KZT LAK LBP LKR LRD LSL MAD
    MDL MGA MKD MMK MNT MOP MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR
    PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SEK SGD SHP SLE SOS SRD SZL THB TJS TND TOP TRY TTD TWD
    TZS UAH UGX USD UYU UZS VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW
"""
CURRENCIES: Final = frozenset(_PRESENTMENT.split())
"""What Stripe can charge in; historic codes that its list still has are left out."""

_WIRE_CODES: Final = {
    0: "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF",
    3: "BHD JOD KWD OMR TND",
}
WIRE_EXPONENTS: Final[Mapping[str, int]] = MappingProxyType(
    dict.fromkeys(CURRENCIES, 2)
    | {code: places for places, codes in _WIRE_CODES.items() for code in codes.split()}
)
"""How many decimal places each currency has on the wire."""

# The last digit of three must be 0; ISK and UGX have no cents although the wire does.
WIRE_STEPS: Final[Mapping[str, int]] = MappingProxyType(
    {"ISK": 100, "UGX": 100} | dict.fromkeys(_WIRE_CODES[3].split(), 10)
)
"""What an amount on the wire must be a multiple of; elsewhere 1."""

# What a charge must come to follows from the currency that an account settles in, which is not
# known here: these hold where it is the same one.  Elsewhere Stripe itself refuses.
WIRE_MINIMUMS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "AED": 200,
        "AUD": 50,
        "BRL": 50,
        "CAD": 50,
        "CHF": 50,
        "CZK": 1500,
        "DKK": 250,
        "EUR": 50,
        "GBP": 30,
        "HKD": 400,
        "HUF": 17500,
        "INR": 50,
        "JPY": 50,
        "MXN": 1000,
        "MYR": 200,
        "NOK": 300,
        "NZD": 50,
        "PLN": 200,
        "RON": 200,
        "SEK": 300,
        "SGD": 50,
        "THB": 1000,
        "USD": 50,
    }
)
WIRE_MAXIMUM: Final = 99_999_999


def to_wire(money: Money) -> int:
    """Return the amount that Stripe reads as *money*.

    Raises:
        Invalid: it cannot be written without rounding, or Stripe has not got the currency; whoever
            has asked ``MONEY_RULES`` before does not meet this.
    """
    places = WIRE_EXPONENTS.get(money.currency)
    if places is None:
        raise Invalid(f"Stripe does not take {money.currency}", fields={"currency": "unsupported"})
    amount = _shifted(money.amount, places - ISO_EXPONENTS[money.currency])
    if amount is None or amount % WIRE_STEPS.get(money.currency, 1):
        message = f"Stripe cannot take {money} without rounding"
        raise Invalid(message, fields={"amount": "off_the_step"})
    return amount


def from_wire(amount: object, currency: object) -> Money:
    """Return the money that Stripe tells; never rounded.

    Raises:
        GatewayRejected: it is no whole number of minor units (``amount_not_whole``), or of no
            currency in ISO 4217 (``currency_unknown``).
    """
    code = currency.upper() if isinstance(currency, str) else ""
    if code not in ISO_EXPONENTS:
        message = "Stripe tells of a currency that is none"
        raise GatewayRejected(message, provider_code="currency_unknown")
    places = WIRE_EXPONENTS.get(code, ISO_EXPONENTS[code])
    minor = _shifted(amount, ISO_EXPONENTS[code] - places) if type(amount) is int else None
    if minor is None or abs(minor) > MAX_AMOUNT:
        message = f"Stripe tells of an amount in {code} that has no whole minor units"
        raise GatewayRejected(message, provider_code="amount_not_whole")
    return Money.from_minor(minor, code)


def _shifted(amount: int, places: int) -> int | None:
    """Return *amount* with so many places more, ``None`` if digits would be lost."""
    scale: int = 10 ** abs(places)
    if places >= 0:
        return amount * scale
    whole, lost = divmod(amount, scale)
    return None if lost else whole


def _in_minor(currency: str, on_the_wire: int, *, up: bool) -> int:
    """Return a bound on the wire in minor units, rounded to the safe side."""
    places = ISO_EXPONENTS[currency] - WIRE_EXPONENTS[currency]
    scale: int = 10 ** abs(places)
    if places >= 0:
        return on_the_wire * scale
    return -(-on_the_wire // scale) if up else on_the_wire // scale


def _rules() -> MoneyRules:
    steps: dict[str, int] = {}
    for currency in CURRENCIES:
        # One step on the wire, in minor units: MGA has two places in ISO 4217 and none there.
        step = _in_minor(currency, WIRE_STEPS.get(currency, 1), up=True)
        steps |= {currency: step} if step > 1 else {}
    return MoneyRules(
        currencies=CURRENCIES,
        minimum={code: _in_minor(code, least, up=True) for code, least in WIRE_MINIMUMS.items()},
        steps=steps,
        maximums={code: _in_minor(code, WIRE_MAXIMUM, up=False) for code in CURRENCIES},
    )


MONEY_RULES: Final = _rules()
"""Which amounts Stripe takes, in minor units of ISO 4217."""
