"""What Stripe asks of amounts: minimums, maximums and steps, on the wire and by currency.

Sources: https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts,
https://docs.stripe.com/currencies#special-cases and #three-decimal.  The table is the double's
own, so that it can contradict that of an adapter.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Decimal

from digistore.testing.stripe.errors import ApiError, invalid

MAXIMUM = 99_999_999
ZERO_DECIMAL = frozenset(
    "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf".split()  # noqa: SIM905 - 15 lines
)
THREE_DECIMAL = frozenset(["bhd", "jod", "kwd", "omr", "tnd"])
MINIMUMS: Mapping[str, int] = {
    "aed": 200,
    "aud": 50,
    "bgn": 100,
    "brl": 50,
    "cad": 50,
    "chf": 50,
    "czk": 1500,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "hkd": 400,
    "huf": 17500,
    "inr": 50,
    "jpy": 50,
    "mxn": 1000,
    "myr": 200,
    "nok": 300,
    "nzd": 50,
    "pln": 200,
    "ron": 200,
    "sek": 300,
    "sgd": 50,
    "thb": 1000,
    "usd": 50,
}
STEPS: Mapping[str, int] = {"isk": 100, "ugx": 100} | dict.fromkeys(THREE_DECIMAL, 10)


def check_amount(amount: int, currency: str, param: str | None = None) -> None:
    """Make sure that a charge of *amount* is possible in that currency.

    Raises:
        ApiError: it is too small, too large, or off the step.
    """
    _check_step(amount, currency, param)
    minimum = MINIMUMS.get(currency, 1)
    if amount < minimum:
        message = (
            "The Checkout Session's total amount due must add up to at least "
            f"{spoken(minimum, currency)}"
        )
        raise invalid(message, code="amount_too_small", param=param)
    if amount > MAXIMUM:
        message = f"The amount must be no more than {spoken(MAXIMUM, currency)}"
        raise invalid(message, code="amount_too_large", param=param)


def check_refund(amount: int, charged: int, left: int, currency: str) -> ApiError | None:
    """Return why that much cannot be refunded, ``None`` if it can.

    An amount that is too large has no code of its own at Stripe, only the parameter.
    """
    step = STEPS.get(currency, 1)
    if amount < 1:
        return invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if amount > charged:
        what = f"charge amount ({spoken(charged, currency)})"
    elif amount > left:
        what = f"unrefunded amount on charge ({spoken(left, currency)})"
    elif amount % step and amount != left:
        return invalid(f"Invalid amount: it must be divisible by {step}.", param="amount")
    else:
        return None
    message = f"Refund amount ({spoken(amount, currency)}) is greater than {what}"
    return invalid(message, param="amount")


def share(amount: int, part: int, whole: int) -> int:
    """Return the share of *amount* that belongs to *part* of a *whole*, rounded half up."""
    exact = Decimal(amount) * part / whole
    return int(exact.quantize(Decimal(1), ROUND_HALF_UP))


def spoken(amount: int, currency: str) -> str:
    """Write an amount for a message."""
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    return f"{Decimal(amount).scaleb(-places):,.{places}f} {currency}"


def _check_step(amount: int, currency: str, param: str | None) -> None:
    step = STEPS.get(currency, 1)
    if amount % step:
        message = f"Invalid amount: amounts in {currency} must be divisible by {step}."
        raise invalid(message, code="invalid_charge_amount", param=param)
