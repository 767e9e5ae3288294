"""What a strict provider refuses, so that tests of shops notice it before money is lost."""

from __future__ import annotations

from digistore.errors import AmountNotSupported, GatewayRejected
from digistore.gateways.port import CheckoutRequest, MoneyRules
from digistore.money import Money


def check_amount(total: Money, rules: MoneyRules) -> None:
    """Make sure that *total* can be paid.

    Raises:
        AmountNotSupported: it cannot; carries what could be, just below and above it.
    """
    reason = rules.reason(total)
    if reason is not None:
        message = f"the sandbox cannot take {total} ({reason})"
        raise AmountNotSupported(message, nearest=_nearest(rules, total))


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


def _nearest(rules: MoneyRules, money: Money) -> list[Money]:
    if not rules.takes(money.currency):
        return []
    step = rules.steps.get(money.currency, 1)
    lowest = -(-rules.minimum.get(money.currency, 1) // step) * step
    highest = rules.maximum // step * step
    below = money.amount // step * step
    near = {min(max(amount, lowest), highest) for amount in (below, below + step)}
    payable = (Money.from_minor(amount, money.currency) for amount in sorted(near))
    return [amount for amount in payable if rules.reason(amount) is None]
