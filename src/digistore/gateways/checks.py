"""What providers refuse, so that shops hear of it before anything is sent."""

from __future__ import annotations

from digistore.errors import AmountNotSupported, GatewayRejected
from digistore.gateways.port import CheckoutRequest, MoneyRules
from digistore.money import Money


def check_amount(gateway: str, amount: Money, rules: MoneyRules) -> None:
    """Make sure that *amount* can be paid at *gateway*.

    Raises:
        AmountNotSupported: it cannot; carries what could be, just below and above it.
    """
    reason = rules.reason(amount)
    if reason is not None:
        message = f"{gateway} cannot take {amount} ({reason})"
        raise AmountNotSupported(message, nearest=rules.nearest(amount))


def check_sums(request: CheckoutRequest) -> None:
    """Make sure that the parts of a checkout fit the whole.

    Raises:
        GatewayRejected: they do not.
    """
    total = request.total
    if Money.total((line.total for line in request.lines), total.currency) != total:
        raise GatewayRejected("the lines do not sum to the total", provider_code="lines")
    if request.split is not None and not Money.zero(total.currency) <= request.split.fee <= total:
        raise GatewayRejected("the fee is below zero or above the total", provider_code="split")
