"""What providers refuse, so that shops hear of it before anything is sent."""

from __future__ import annotations

from dataclasses import replace

from digistore.errors import AmountNotSupported, GatewayRejected
from digistore.gateways.port import CheckoutLine, CheckoutRequest, MoneyRules
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


def in_payable_lines(request: CheckoutRequest, rules: MoneyRules) -> CheckoutRequest:
    """Return *request* with one line instead of several that the provider cannot write down.

    A discount is spread by the smallest unit of a currency; where a provider takes hundreds or tens
    of it, only the sum can be told.
    """
    step = rules.steps.get(request.total.currency, 1)
    if all(line.total.amount % step == 0 for line in request.lines):
        return request
    titles = ", ".join(line.title for line in request.lines if line.total)
    return replace(request, lines=(CheckoutLine(titles, request.total),))
