"""What every tax calculator promises."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest

from digistore.blocking import run
from digistore.money import Money
from digistore.orders import Billing, LineTax, TaxableLine, TaxCalculator, TaxReason, TaxRequest
from digistore.orders.kinds import Kind
from digistore.orders.tax import is_percent

PRICES = ("29.00", "0.01", "0.00", "9.99", "1000000.00")
MODES = pytest.mark.parametrize("inclusive", [True, False], ids=["inclusive", "exclusive"])


class TaxCalculatorContract:
    """What a TaxCalculator promises: give a ``calculator`` and a ``billing`` that it knows.

    *country* and *currency* are the seller's.
    """

    country: str | None = "DE"
    currency = "EUR"

    @pytest.fixture
    def billing(self) -> Billing | None:
        """Return whom the tests sell to."""
        return Billing(name="Ada", country="DE", evidence=("billing: DE", "ip: DE"))

    @MODES
    def test_each_line_gets_one_answer_in_its_place(
        self, calculator: TaxCalculator, billing: Billing | None, *, inclusive: bool
    ) -> None:
        request = self.a_request(billing, PRICES, inclusive=inclusive)
        taxes = answer(calculator, request)
        assert len(taxes) == len(PRICES)
        assert taxes[PRICES.index("0.00")].amount == Money.zero(self.currency)

    @MODES
    def test_an_amount_is_one_that_its_line_can_have(
        self, calculator: TaxCalculator, billing: Billing | None, *, inclusive: bool
    ) -> None:
        request = self.a_request(billing, PRICES, inclusive=inclusive)
        for line, tax in zip(request.lines, answer(calculator, request), strict=True):
            assert tax.amount.currency == self.currency
            assert Money.zero(self.currency) <= tax.amount <= line.price

    @MODES
    def test_rates_are_percent_and_reasons_are_known(
        self, calculator: TaxCalculator, billing: Billing | None, *, inclusive: bool
    ) -> None:
        for tax in answer(calculator, self.a_request(billing, PRICES, inclusive=inclusive)):
            assert tax.rate is None or is_percent(tax.rate)
            assert TaxReason(tax.reason) is tax.reason
            assert tax.amount.amount == 0 or tax.rate != Decimal(0)

    @MODES
    def test_the_amounts_are_what_the_rates_make_of_the_sum(
        self, calculator: TaxCalculator, billing: Billing | None, *, inclusive: bool
    ) -> None:
        """Within half a unit for each line: rounded by line, or once for all of them."""
        request = self.a_request(billing, PRICES, inclusive=inclusive)
        exact = Decimal(0)
        taxes = answer(calculator, request)
        for line, tax in zip(request.lines, taxes, strict=True):
            rate = tax.rate or Decimal(0)
            exact += line.price.amount * rate / (100 + rate if inclusive else Decimal(100))
        assert abs(sum(tax.amount.amount for tax in taxes) - exact) <= Decimal(len(PRICES)) / 2

    @MODES
    def test_the_same_request_gets_the_same_answer(
        self, calculator: TaxCalculator, billing: Billing | None, *, inclusive: bool
    ) -> None:
        request = self.a_request(billing, PRICES, inclusive=inclusive)
        assert answer(calculator, request) == answer(calculator, request)

    def test_the_order_of_lines_changes_no_rate(
        self, calculator: TaxCalculator, billing: Billing | None
    ) -> None:
        there = answer(calculator, self.a_request(billing, PRICES))
        back = answer(calculator, self.a_request(billing, PRICES[::-1]))
        assert [tax.rate for tax in there] == [tax.rate for tax in back][::-1]

    def a_request(
        self, billing: Billing | None, prices: Sequence[str], *, inclusive: bool = True
    ) -> TaxRequest:
        """Return a sale of one line for each price."""
        lines = (
            TaxableLine(Kind.PRODUCT, f"prd_{price}", "Book", Money(price, self.currency))
            for price in prices
        )
        return TaxRequest(self.country, billing, inclusive, tuple(lines))


def answer(calculator: TaxCalculator, request: TaxRequest) -> list[LineTax]:
    """Return what a calculator says, as ``Store`` asks it: without an event loop."""
    return list(run(_ask(calculator, request)))


async def _ask(calculator: TaxCalculator, request: TaxRequest) -> Sequence[LineTax]:
    return await calculator.calculate(request)
