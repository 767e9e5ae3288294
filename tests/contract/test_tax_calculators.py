"""Both calculators that come along keep what the contract promises."""

from __future__ import annotations

import pytest

from digistore.orders import Billing, FixedRates, NoTax, TaxCalculator
from digistore.testing.tax import TaxCalculatorContract


class TestNoTax(TaxCalculatorContract):
    @pytest.fixture
    def calculator(self) -> TaxCalculator:
        return NoTax()


class TestFixedRates(TaxCalculatorContract):
    @pytest.fixture
    def calculator(self) -> TaxCalculator:
        return FixedRates(
            {"DE": "19"}, reduced={"DE": "7"}, reduced_products=["prd_9.99"], evidence=2
        )


class TestFixedRatesAtHome(TaxCalculatorContract):
    country, currency = "CH", "CHF"

    @pytest.fixture
    def billing(self) -> Billing | None:
        return None

    @pytest.fixture
    def calculator(self) -> TaxCalculator:
        return FixedRates({"CH": "8.1"})


class TestFixedRatesAbroad(TaxCalculatorContract):
    country, currency = "US", "USD"

    @pytest.fixture
    def calculator(self) -> TaxCalculator:
        return FixedRates({"US": "0"}, elsewhere="12.3456")
