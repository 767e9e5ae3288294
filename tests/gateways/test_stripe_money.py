from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.errors import GatewayRejected, Invalid
from digistore.gateways.stripe.money import (
    CURRENCIES,
    MONEY_RULES,
    WIRE_EXPONENTS,
    WIRE_MAXIMUM,
    WIRE_MINIMUMS,
    WIRE_STEPS,
    from_wire,
    to_wire,
)
from digistore.money import ISO_EXPONENTS, Money
from digistore.testing.stripe import money as theirs

ALL = sorted(CURRENCIES)
OUTSIDE = sorted(set(ISO_EXPONENTS) - CURRENCIES)


def payable(currency: str) -> st.SearchStrategy[Money]:
    """Amounts that the rules let pass."""
    step = MONEY_RULES.steps.get(currency, 1)
    least = -(-MONEY_RULES.minimum.get(currency, 1) // step)
    most = MONEY_RULES.maximums[currency] // step
    return st.integers(least, most).map(lambda n: Money.from_minor(n * step, currency))


@pytest.mark.parametrize("currency", ALL)
@given(data=st.data())
def test_what_can_be_paid_comes_back_as_it_was_sent(currency: str, data: st.DataObject) -> None:
    money = data.draw(payable(currency))

    wire = to_wire(money)

    assert MONEY_RULES.reason(money) is None
    assert from_wire(wire, currency.lower()) == money
    assert 0 < wire <= WIRE_MAXIMUM
    assert wire % WIRE_STEPS.get(currency, 1) == 0


@pytest.mark.parametrize("currency", ALL)
def test_the_double_takes_the_ends_of_what_the_rules_let_pass(currency: str) -> None:
    step = MONEY_RULES.steps.get(currency, 1)
    least = -(-MONEY_RULES.minimum.get(currency, 1) // step) * step
    most = MONEY_RULES.maximums[currency] // step * step

    for amount in (least, most):
        theirs.check_amount(to_wire(Money.from_minor(amount, currency)), currency.lower())


@pytest.mark.parametrize("currency", ALL)
def test_what_is_off_the_rules_is_told_by_name_and_with_what_would_do(currency: str) -> None:
    step = MONEY_RULES.steps.get(currency, 1)
    most = MONEY_RULES.maximums[currency]
    least = MONEY_RULES.minimum.get(currency, 1)
    wrong = {"too_large": most + step, "too_small": least - 1}
    if step > 1:
        wrong["step"] = (-(-least // step) + 1) * step + 1

    for reason, amount in wrong.items():
        money = Money.from_minor(amount, currency)
        assert MONEY_RULES.reason(money) == reason
        nearest = MONEY_RULES.nearest(money)
        assert nearest
        assert all(MONEY_RULES.reason(one) is None for one in nearest)


@pytest.mark.parametrize(
    ("money", "wire"),
    [
        (Money("29.00", "USD"), 2900),
        (Money("500", "JPY"), 500),
        (Money("5", "ISK"), 500),
        (Money("7000", "UGX"), 700_000),
        (Money("5.120", "KWD"), 5120),
        (Money("120.00", "MGA"), 120),
        (Money("190.50", "HUF"), 19_050),
        (Money("800.45", "TWD"), 80_045),
        (Money("50", "CLP"), 50),
    ],
)
def test_the_examples_of_the_documentation_are_written_as_it_says(money: Money, wire: int) -> None:
    assert to_wire(money) == wire
    assert from_wire(wire, money.currency.lower()) == money


def test_the_exceptions_from_iso_are_exactly_these() -> None:
    differs = {code for code in CURRENCIES if WIRE_EXPONENTS[code] != ISO_EXPONENTS[code]}

    assert differs == {"ISK", "UGX", "MGA"}
    assert set(WIRE_STEPS) == {"ISK", "UGX", "BHD", "JOD", "KWD", "OMR", "TND"}
    assert MONEY_RULES.steps == {
        "MGA": 100,
        "BHD": 10,
        "JOD": 10,
        "KWD": 10,
        "OMR": 10,
        "TND": 10,
    }


def test_both_tables_of_minimums_say_the_same() -> None:
    known = {code: amount for code, amount in theirs.MINIMUMS.items() if code.upper() in CURRENCIES}

    assert {code.lower(): amount for code, amount in WIRE_MINIMUMS.items()} == known


@pytest.mark.parametrize("currency", OUTSIDE)
def test_a_currency_that_stripe_has_not_got_is_refused(currency: str) -> None:
    assert not MONEY_RULES.takes(currency)
    with pytest.raises(Invalid):
        to_wire(Money.from_minor(1000, currency))


@pytest.mark.parametrize(
    "money", [Money("5.125", "KWD"), Money("0.001", "JOD"), Money("1.20", "MGA")]
)
def test_nothing_is_rounded_on_the_way_out(money: Money) -> None:
    with pytest.raises(Invalid):
        to_wire(money)


@pytest.mark.parametrize(
    ("amount", "currency"), [(550, "isk"), (1, "ugx"), (2.0, "usd"), (True, "usd"), (None, "usd")]
)
def test_nothing_is_rounded_on_the_way_in(amount: object, currency: str) -> None:
    with pytest.raises(GatewayRejected) as refusal:
        from_wire(amount, currency)
    assert refusal.value.provider_code == "amount_not_whole"


@pytest.mark.parametrize("currency", ["xyz", "", None, 978, "bgn"])
def test_a_currency_that_is_none_is_told_apart(currency: object) -> None:
    with pytest.raises(GatewayRejected) as refusal:
        from_wire(100, currency)
    assert refusal.value.provider_code == "currency_unknown"


@given(amount=st.integers(-(10**20), 10**20), currency=st.sampled_from(sorted(ISO_EXPONENTS)))
def test_what_comes_in_is_exact_or_refused(amount: int, currency: str) -> None:
    try:
        money = from_wire(amount, currency.lower())
    except GatewayRejected:
        return
    places = WIRE_EXPONENTS.get(currency, ISO_EXPONENTS[currency])
    assert money.decimal * 10**places == amount
