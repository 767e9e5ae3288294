"""Money on PayPal's wire: every currency there and back, and nothing rounded."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from digistore.errors import GatewayRejected, Invalid
from digistore.gateways.paypal.money import (
    CURRENCIES,
    MONEY_RULES,
    WIRE_PLACES,
    from_wire,
    to_wire,
)
from digistore.money import ISO_EXPONENTS, Money
from tests.gateways.paypal_kit import a_world, now_of, paid

WITHOUT_DECIMALS = {"HUF", "JPY", "TWD"}


def smallest(currency: str) -> Money:
    return Money.from_minor(MONEY_RULES.minimum.get(currency, 1), currency)


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_every_currency_goes_there_and_back(currency: str) -> None:
    for money in (smallest(currency), smallest(currency) * 12_345):
        assert from_wire(to_wire(money)) == money


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_an_amount_has_the_places_that_paypal_documents(currency: str) -> None:
    value = to_wire(smallest(currency) * 7)["value"]
    places = 0 if currency in WITHOUT_DECIMALS else 2
    assert (WIRE_PLACES[currency], len(value.partition(".")[2])) == (places, places)


@pytest.mark.parametrize("currency", sorted(CURRENCIES))
def test_every_currency_can_be_paid(currency: str) -> None:
    price = smallest(currency) * 100
    with a_world() as world:
        checkout = paid(world, total=price)
        assert (checkout.total, checkout.captured) == (price, price)
        assert now_of(world[1], checkout) == checkout


@pytest.mark.parametrize("currency", ["HUF", "TWD"])
def test_what_has_cents_elsewhere_goes_by_the_hundred(currency: str) -> None:
    assert to_wire(Money("100", currency)) == {"currency_code": currency, "value": "100"}
    assert MONEY_RULES.reason(Money("100.50", currency)) == "step"
    assert MONEY_RULES.nearest(Money("100.50", currency)) == (
        Money("100", currency),
        Money("101", currency),
    )
    with pytest.raises(Invalid):
        to_wire(Money("100.50", currency))


@pytest.mark.parametrize("currency", sorted(set(ISO_EXPONENTS) - CURRENCIES))
def test_no_other_currency_is_taken(currency: str) -> None:
    money = Money.from_minor(10_000, currency)
    assert MONEY_RULES.reason(money) == "currency"
    with pytest.raises(Invalid):
        to_wire(money)


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("29.00", "EUR", 2900),
        ("29", "EUR", 2900),
        ("29.0", "EUR", 2900),
        ("29.000", "EUR", 2900),
        ("-5.00", "EUR", -500),
        ("100.00", "HUF", 10_000),
        ("100", "JPY", 100),
        ("100.00", "JPY", 100),
        ("1.234", "KWD", 1234),
        ("90071992547409.91", "EUR", 2**53 - 1),
    ],
)
def test_an_amount_is_read_however_it_is_written(value: str, currency: str, minor: int) -> None:
    read = from_wire({"currency_code": currency, "value": value})
    assert read == Money.from_minor(minor, currency)


@pytest.mark.parametrize(
    "told",
    [
        {"currency_code": "EUR", "value": "29.001"},
        {"currency_code": "JPY", "value": "100.50"},
        {"currency_code": "EUR", "value": "29,00"},
        {"currency_code": "EUR", "value": "1e3"},
        {"currency_code": "EUR", "value": "NaN"},
        {"currency_code": "EUR", "value": ""},
        {"currency_code": "EUR", "value": 29},
        {"currency_code": "EUR", "value": 29.0},
        {"currency_code": "EUR", "value": "9" * 29},
        {"currency_code": "EUR", "value": "90071992547409.92"},
        {"currency_code": "EUR", "value": "9" * 60},
        {"currency_code": "EUR", "value": "٢٩"},
        {"currency_code": "EUR"},
    ],
)
def test_an_amount_that_is_not_whole_is_never_rounded(told: Any) -> None:
    with pytest.raises(GatewayRejected) as refusal:
        from_wire(told)
    assert refusal.value.provider_code == "amount_not_whole"


@pytest.mark.parametrize(
    "told", [None, {}, "29.00", {"currency_code": "eur"}, {"currency_code": 1}]
)
def test_an_unknown_currency_is_refused(told: Any) -> None:
    with pytest.raises(GatewayRejected) as refusal:
        from_wire(told)
    assert refusal.value.provider_code == "currency_unknown"


def test_the_largest_amount_has_seven_digits() -> None:
    assert MONEY_RULES.reason(Money("9999999", "EUR")) is None
    assert MONEY_RULES.reason(Money("9999999.01", "EUR")) == "too_large"
    assert Decimal(to_wire(Money("9999999", "JPY"))["value"]) == 9_999_999
