"""Money is whole minor units of one currency: nothing is rounded, lost or mixed on the way."""

import copy
import operator
import pickle
from collections.abc import Callable, Mapping
from decimal import Decimal, Inexact, localcontext
from enum import Enum, IntEnum
from fractions import Fraction
from itertools import combinations

import pytest
from babel.core import get_global
from babel.numbers import get_currency_precision
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError

from digistore.errors import DigistoreError, Invalid
from digistore.money import ISO_EXPONENTS, MAX_AMOUNT, Money

# Looser than it is, so that tests may pass what no type checker would let through.
money: Callable[..., Money] = Money
from_minor: Callable[..., Money] = Money.from_minor

amounts = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
currencies = st.sampled_from(sorted(ISO_EXPONENTS))
moneys = st.builds(Money.from_minor, amounts, currencies)
weight_lists = st.lists(st.integers(0, 10) | st.integers(0, MAX_AMOUNT), min_size=1, max_size=30)


class Shop(Enum):
    """What a host may keep its constants in."""

    NOT_TEXT = "USD"


class TextShop(str, Enum):  # noqa: UP042 - a StrEnum would hide what str() does to this kind
    """The older kind, as Django's choices are: its str() is not its value."""

    HOME = "USD"


class Cents(IntEnum):
    """Not of the type int."""

    NINE = 9


class Offer(BaseModel):
    """A model as digistore writes them."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    price: Money


class LaxOffer(BaseModel):
    """A host's own model, with pydantic's defaults."""

    price: Money


def refusal(make: Callable[..., object], *arguments: object) -> Mapping[str, str]:
    """Call *make*, which has to refuse, and return what it says about the fields."""
    with pytest.raises(Invalid) as caught:
        make(*arguments)
    assert " " in str(caught.value)  # a sentence that says what to do
    return caught.value.fields


# Making


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("29.00", "USD", 2900),
        ("29.0", "USD", 2900),
        ("29", "USD", 2900),
        (29, "USD", 2900),
        (Decimal(29), "USD", 2900),
        (Decimal("29.00"), "USD", 2900),
        (Decimal("2.9E+1"), "USD", 2900),
        (Decimal("29E+2"), "USD", 290_000),
        ("0", "USD", 0),
        ("-0.00", "USD", 0),
        (Decimal("-0.00"), "USD", 0),
        ("0.01", "USD", 1),
        ("-0.05", "USD", -5),
        (-29, "USD", -2900),
        (Decimal("-29.5"), "USD", -2950),
        ("007.10", "USD", 710),
        ("500", "JPY", 500),
        (Decimal(500), "JPY", 500),
        ("1.234", "KWD", 1234),
        ("1.2", "KWD", 1200),
        ("0.0001", "CLF", 1),
        ("1.5", "UYW", 15_000),
        ("90071992547409.91", "USD", MAX_AMOUNT),
        ("-90071992547409.91", "USD", -MAX_AMOUNT),
        ("9007199254740991", "JPY", MAX_AMOUNT),
        (MAX_AMOUNT, "JPY", MAX_AMOUNT),
    ],
)
def test_an_amount_is_read_as_major_units(
    amount: str | int | Decimal, currency: str, minor: int
) -> None:
    made = Money(amount, currency)
    assert (made.amount, made.currency) == (minor, currency)
    assert made == Money.from_minor(minor, currency)


@pytest.mark.parametrize("make", [money, from_minor])
@pytest.mark.parametrize("amount", [29.0, 0.0, -1.5, float("nan"), float("inf"), 1e308])
def test_floats_are_refused(make: Callable[..., Money], amount: float) -> None:
    assert refusal(make, amount, "USD") == {"amount": "float_refused"}


@given(amount=st.floats())
def test_every_float_is_refused(amount: float) -> None:
    assert refusal(money, amount, "USD") == {"amount": "float_refused"}
    assert refusal(from_minor, amount, "USD") == {"amount": "float_refused"}


NOT_A_NUMBER = {
    "true": True,
    "false": False,
    "none": None,
    "bytes": b"29",
    "complex": 29j,
    "fraction": Fraction(29),
    "a list": [29],
    "an enum of ints": Cents.NINE,
}


@pytest.mark.parametrize("make", [money, from_minor])
@pytest.mark.parametrize("amount", NOT_A_NUMBER.values(), ids=NOT_A_NUMBER)
def test_what_is_no_number_is_refused(make: Callable[..., Money], amount: object) -> None:
    assert refusal(make, amount, "USD") == {"amount": "not_a_number"}


@pytest.mark.parametrize("amount", ["2900", Decimal(2900)])
def test_minor_units_are_of_the_type_int(amount: object) -> None:
    assert refusal(from_minor, amount, "USD") == {"amount": "not_a_number"}


@pytest.mark.parametrize("amount", ["NaN", "-NaN", "sNaN", "NaN123", "Infinity", "-Infinity"])
def test_nan_and_infinity_are_refused(amount: str) -> None:
    assert refusal(money, Decimal(amount), "USD") == {"amount": "not_a_number"}
    assert refusal(money, amount, "USD") == {"amount": "not_a_number"}


UNCLEAR = [
    "",
    "-",
    ".",
    "+29",
    "--29",
    "29-",
    "29.",
    ".50",
    "-.5",
    "2.9.0",
    " 29",
    "29 ",
    "29\n",
    "2 9",
    "29.\t0",
    "29\x00",
    "29\u00a0",
    "\u200b29",
    "2_900",
    "2,900",
    "29,00",
    "2'900",
    "1e3",
    "1E3",
    "0x1d",
    "29USD",
    "$29",
    "\u0662\u0669",  # Arabic-Indic
    "\u096f",  # Devanagari
    "\uff12\uff19",  # full width
    "\u00b2",  # superscript
    "\u22122",  # a minus sign that is not ASCII
    "9" * 41,
    "0." + "0" * 41,
    "1" * 100_000,
]


@pytest.mark.parametrize("text", UNCLEAR, ids=[ascii(text[:12]) for text in UNCLEAR])
def test_text_is_plain_ascii_digits(text: str) -> None:
    assert refusal(money, text, "USD") == {"amount": "not_a_number"}


@given(text=st.text(max_size=12))
def test_no_text_is_read_but_a_plain_number(text: str) -> None:
    digits = text.removeprefix("-").replace(".", "", 1)
    if digits.isascii() and digits.isdigit() and text.rpartition(".")[2].isdigit():
        return
    assert refusal(money, text, "USD") == {"amount": "not_a_number"}


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("29.001", "USD"),
        ("29.000", "USD"),  # elsewhere this is how twenty-nine thousand is written
        (Decimal("29.000"), "USD"),
        (Decimal("0.005"), "USD"),
        ("1.0", "JPY"),
        (Decimal("1.5"), "JPY"),
        ("1.2345", "KWD"),
        ("1.23456", "CLF"),
        (Decimal("1E-999999"), "USD"),
        (Decimal("0E-999999"), "CLF"),
    ],
)
def test_more_decimals_than_the_currency_has_are_refused(
    amount: str | Decimal, currency: str
) -> None:
    assert refusal(money, amount, currency) == {"amount": "too_many_decimals"}


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("90071992547409.92", "USD"),
        ("-90071992547409.92", "USD"),
        ("9007199254740992", "JPY"),
        ("9" * 40, "JPY"),
        (MAX_AMOUNT, "USD"),
        (MAX_AMOUNT + 1, "JPY"),
        (-MAX_AMOUNT - 1, "JPY"),
        (2**63, "USD"),
        pytest.param(10**5000, "USD", id="5001 digits"),
        # More digits than int() reads.
        pytest.param(Decimal(10**5000), "USD", id="a Decimal of 5001 digits"),
        (Decimal("1E+16"), "JPY"),
        (Decimal("1E+17"), "JPY"),
        (Decimal("1E+999999"), "USD"),
        (Decimal("-1E+999999"), "USD"),
        (Decimal("0E+999999"), "USD"),
    ],
)
def test_an_amount_beyond_2_to_53_minus_1_minor_units_is_refused(
    amount: str | int | Decimal, currency: str
) -> None:
    assert refusal(money, amount, currency) == {"amount": "too_large"}


@pytest.mark.parametrize("amount", [MAX_AMOUNT + 1, -MAX_AMOUNT - 1, 2**63, -(10**400)])
def test_minor_units_have_the_same_bound(amount: int) -> None:
    assert refusal(from_minor, amount, "USD") == {"amount": "too_large"}


def test_the_bound_itself_may_be_reached_either_way() -> None:
    assert Money.from_minor(MAX_AMOUNT, "USD").amount == 9_007_199_254_740_991
    assert Money.from_minor(-MAX_AMOUNT, "USD").amount == -9_007_199_254_740_991


NOT_IN_USE = {
    "lower case": "usd",
    "mixed case": "Usd",
    "empty": "",
    "short": "US",
    "long": "USDD",
    "space in front": " USD",
    "line break behind": "USD\n",
    "full width": "\uff35\uff33\uff24",
    "unassigned": "ABC",
    "not ISO": "BTC",
    "gold": "XAU",
    "special drawing rights": "XDR",
    "testing": "XTS",
    "no currency": "XXX",
    "German mark, until 2002": "DEM",
    "Croatian kuna, until 2023": "HRK",
    "Bulgarian lev, until 2026": "BGN",
    "Antillean guilder, until 2025": "ANG",
    "none": None,
    "ISO number": 840,
    "bytes": b"USD",
    "not hashable": ["USD"],
    "an enum of no text": Shop.NOT_TEXT,
}


@pytest.mark.parametrize("make", [money, from_minor])
@pytest.mark.parametrize("currency", NOT_IN_USE.values(), ids=NOT_IN_USE)
def test_a_code_that_no_currency_in_use_has_is_refused(
    make: Callable[..., Money], currency: object
) -> None:
    assert refusal(make, 29, currency) == {"currency": "unknown_currency"}


def test_the_member_of_an_enum_of_text_becomes_its_plain_text() -> None:
    made = Money("29.00", TextShop.HOME)
    assert type(made.currency) is str
    assert str(made) == "29.00 USD"
    assert repr(made) == "Money('29.00', 'USD')"


def test_a_refusal_is_a_value_error_of_digistore_that_does_not_echo_the_input() -> None:
    with pytest.raises(Invalid, match="currency that is in use") as caught:
        Money("29.00", "<script>")
    assert isinstance(caught.value, DigistoreError)
    assert isinstance(caught.value, ValueError)
    assert "script" not in str(caught.value)


# The table


def test_the_exponents_are_those_of_iso_4217() -> None:
    assert len(ISO_EXPONENTS) == 165
    counts = {places: list(ISO_EXPONENTS.values()).count(places) for places in (0, 2, 3, 4)}
    assert counts == {0: 17, 2: 139, 3: 7, 4: 2}
    assert all(code.isascii() and code.isupper() and len(code) == 3 for code in ISO_EXPONENTS)


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        operator.setitem(ISO_EXPONENTS, "USD", 3)  # type: ignore[call-overload]
    assert ISO_EXPONENTS["USD"] == 2


def test_the_exponents_agree_with_cldr_but_where_it_hides_worthless_coins() -> None:
    # CLDR says how many digits are *shown*: none where coins are worth too little to be used, and
    # each of its releases hides more of them.  ISO, payment providers and the books go on counting.
    differ = {code: places for code, places in ISO_EXPONENTS.items() if digits(code) != places}
    assert {digits(code) for code in differ} == {0}
    assert differ.pop("IQD") == 3
    assert set(differ.values()) == {2}


def test_every_legal_tender_of_today_is_in_the_table() -> None:
    # Bulgaria has the euro since 2026; the CLDR of Babel 2.18 is older than that.
    assert in_use(tender=True) - ISO_EXPONENTS.keys() <= {"BGN"}


def test_no_code_in_the_table_is_historic() -> None:
    # CLDR ended the colón when El Salvador took the dollar, and does not know the Arab Monetary
    # Fund's unit of 2025; list one has both.
    assert ISO_EXPONENTS.keys() - in_use(tender=True) - in_use(tender=False) <= {"SVC", "XAD"}


def digits(code: str) -> int:
    """Ask CLDR how many decimal places of a currency are shown."""
    return get_currency_precision(code)


def in_use(*, tender: bool) -> set[str]:
    """Ask CLDR which currencies have no last day: legal tender, or funds and the like."""
    used = get_global("territory_currencies").values()
    return {
        code for uses in used for code, _, end, legal in uses if end is None and legal == tender
    }


# Showing


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (2900, "USD", "29.00 USD"),
        (0, "USD", "0.00 USD"),
        (5, "USD", "0.05 USD"),
        (-5, "USD", "-0.05 USD"),
        (-123_456, "EUR", "-1234.56 EUR"),
        (500, "JPY", "500 JPY"),
        (0, "JPY", "0 JPY"),
        (1, "KWD", "0.001 KWD"),
        (1, "CLF", "0.0001 CLF"),
        (0, "UYW", "0.0000 UYW"),
        (MAX_AMOUNT, "USD", "90071992547409.91 USD"),
        (-MAX_AMOUNT, "CLF", "-900719925474.0991 CLF"),
    ],
)
def test_money_is_shown_with_all_places_of_its_currency(
    minor: int, currency: str, shown: str
) -> None:
    made = Money.from_minor(minor, currency)
    assert str(made) == shown
    assert f"{made}" == shown
    assert f"{made.decimal} {currency}" == shown


@pytest.mark.parametrize("currency", ISO_EXPONENTS)
def test_every_currency_makes_the_way_there_and_back(currency: str) -> None:
    places = ISO_EXPONENTS[currency]
    one = Money(1, currency)
    assert one.amount == 10**places
    assert one.decimal.as_tuple().exponent == -places
    least = Money.from_minor(-1, currency)
    assert Money(least.decimal, currency) == least
    assert Money(str(least.decimal), currency) == least
    assert refusal(money, "0." + "0" * places + "1", currency) == {"amount": "too_many_decimals"}


@given(one=moneys)
def test_the_decimal_and_its_text_are_read_back_as_they_were(one: Money) -> None:
    assert Money(one.decimal, one.currency) == one
    assert Money(str(one.decimal), one.currency) == one
    assert one.decimal * 10 ** ISO_EXPONENTS[one.currency] == one.amount


@given(one=moneys)
def test_the_repr_makes_the_same_money_again(one: Money) -> None:
    assert eval(repr(one), {"Money": Money}) == one  # noqa: S307 - that is what a repr is for


@given(one=moneys)
def test_the_decimal_context_of_the_caller_changes_nothing(one: Money) -> None:
    with localcontext(prec=1) as context:
        context.traps[Inexact] = True
        shown = str(one)
        again = Money(one.decimal, one.currency)
    assert again == one
    assert shown == str(one)


# Being a value


@given(one=moneys)
def test_copies_and_pickles_are_equal_and_hash_alike(one: Money) -> None:
    again = pickle.loads(pickle.dumps(one))  # noqa: S301 - our own bytes
    for other in (again, copy.copy(one), copy.deepcopy(one)):
        assert other == one
        assert hash(other) == hash(one)
        assert (other.amount, other.currency) == (one.amount, one.currency)


def test_amounts_and_currencies_are_told_apart_by_their_hashes() -> None:
    made = [Money.from_minor(minor, code) for minor in range(50) for code in ("EUR", "USD")]
    assert len({hash(one) for one in made}) == len(made)


@pytest.mark.parametrize("name", ["amount", "currency", "decimal", "other"])
def test_money_cannot_be_changed(name: str) -> None:
    made = Money("29.00", "USD")
    with pytest.raises(AttributeError):
        setattr(made, name, 1)
    with pytest.raises(AttributeError):
        delattr(made, name)
    assert made == Money("29.00", "USD")


@pytest.mark.parametrize(
    "other",
    [Money("29.01", "USD"), Money("29.00", "EUR"), Money(2900, "JPY"), 2900, 29, "29.00 USD", None],
)
def test_only_the_same_amount_of_the_same_currency_is_equal(other: object) -> None:
    made = Money("29.00", "USD")
    assert made == Money(29, "USD")
    assert made != other
    assert not made == other  # noqa: SIM201 - both operators are under test
    assert len({made, Money(29, "USD"), other}) == 2


def test_zeros_of_two_currencies_are_not_equal() -> None:
    assert Money.zero("USD") != Money.zero("EUR")


def test_only_zero_is_false() -> None:
    assert not Money.zero("USD")
    assert Money.zero("USD").amount == 0
    assert Money.from_minor(1, "USD")
    assert Money.from_minor(-1, "USD")


# Reckoning


@given(one=amounts, two=amounts)
def test_sums_and_differences_are_those_of_the_minor_units(one: int, two: int) -> None:
    left, right = Money.from_minor(one, "USD"), Money.from_minor(two, "USD")
    for reckon in (operator.add, operator.sub):
        if abs(reckon(one, two)) > MAX_AMOUNT:
            assert refusal(reckon, left, right) == {"amount": "too_large"}
        else:
            assert reckon(left, right) == Money.from_minor(reckon(one, two), "USD")


@given(amount=amounts, factor=st.integers(-1000, 1000) | st.integers())
def test_a_product_is_that_of_the_minor_units_from_either_side(amount: int, factor: int) -> None:
    made = Money.from_minor(amount, "USD")
    if abs(amount * factor) > MAX_AMOUNT:
        assert refusal(operator.mul, made, factor) == {"amount": "too_large"}
        assert refusal(operator.mul, factor, made) == {"amount": "too_large"}
    else:
        assert made * factor == factor * made == Money.from_minor(amount * factor, "USD")


@given(one=moneys)
def test_the_opposite_of_the_opposite_is_the_same(one: Money) -> None:
    assert (-one).amount == -one.amount
    opposite = -one
    assert -opposite == one
    assert one - one == Money.zero(one.currency)


@given(one=amounts, two=amounts)
def test_money_of_one_currency_is_ordered_as_its_minor_units(one: int, two: int) -> None:
    left, right = Money.from_minor(one, "USD"), Money.from_minor(two, "USD")
    for compare in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        assert compare(left, right) is compare(one, two)
        assert compare(left, left) is compare(one, one)


MIXING = [operator.add, operator.sub, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("mix", MIXING)
@pytest.mark.parametrize("dollars", [Money.zero("USD"), Money("29.00", "USD")])
@pytest.mark.parametrize("euros", [Money.zero("EUR"), Money("29.00", "EUR")])
def test_two_currencies_do_not_mix(
    mix: Callable[..., object], dollars: Money, euros: Money
) -> None:
    assert refusal(mix, dollars, euros) == {"currency": "mixed_currencies"}
    assert refusal(mix, euros, dollars) == {"currency": "mixed_currencies"}


@pytest.mark.parametrize("mix", MIXING)
@pytest.mark.parametrize("other", [0, 1, 1.5, "1.00", Decimal(1), None, True])
def test_money_and_what_is_no_money_do_not_mix(mix: Callable[..., object], other: object) -> None:
    with pytest.raises(TypeError):
        mix(Money(1, "USD"), other)
    with pytest.raises(TypeError):
        mix(other, Money(1, "USD"))


@pytest.mark.parametrize("factor", [1.0, True, Decimal(1), "1", None, Money(1, "USD")])
def test_money_is_multiplied_by_an_int_only(factor: object) -> None:
    with pytest.raises(TypeError):
        operator.mul(Money(1, "USD"), factor)
    with pytest.raises(TypeError):
        operator.mul(factor, Money(1, "USD"))


def test_a_total_of_nothing_is_zero_of_the_named_currency() -> None:
    assert Money.total([], "JPY") == Money.zero("JPY")


@given(parts=st.lists(st.integers(-(10**9), 10**9), max_size=20))
def test_a_total_is_the_sum_of_the_minor_units(parts: list[int]) -> None:
    items = (Money.from_minor(part, "USD") for part in parts)
    assert Money.total(items, "USD") == Money.from_minor(sum(parts), "USD")


def test_a_total_has_one_currency_and_the_bound_of_every_amount() -> None:
    most, one = Money.from_minor(MAX_AMOUNT, "USD"), Money.from_minor(1, "USD")
    assert refusal(Money.total, [most, one], "USD") == {"amount": "too_large"}
    assert refusal(Money.total, [one], "EUR") == {"currency": "mixed_currencies"}
    assert refusal(Money.total, [one, Money(1, "EUR")], "USD") == {"currency": "mixed_currencies"}
    assert refusal(Money.total, [], "usd") == {"currency": "unknown_currency"}


def test_the_built_in_sum_is_refused_as_its_zero_has_no_currency() -> None:
    with pytest.raises(TypeError):
        sum([Money(1, "USD")])  # type: ignore[list-item]


# Splitting


@pytest.mark.parametrize(
    ("amount", "weights", "parts"),
    [
        (100, [1], [100]),
        (100, [1, 1], [50, 50]),
        (100, [1, 1, 1], [34, 33, 33]),  # a tie: the earliest
        (101, [1, 1, 1], [34, 34, 33]),
        (5, [1, 1, 1, 1], [2, 1, 1, 1]),
        (1, [1, 1, 1], [1, 0, 0]),
        (1, [1, 2, 1], [0, 1, 0]),  # not the earliest: the largest remainder
        (10, [1, 2, 4], [1, 3, 6]),  # 1.43, 2.86, 5.71
        (100, [0, 1, 0, 1, 1], [0, 34, 0, 33, 33]),
        (100, [2900, 4900], [37, 63]),
        (0, [1, 2], [0, 0]),
        (0, [0, 0], [0, 0]),
        (0, [], []),
        (-100, [1, 1, 1], [-34, -33, -33]),
        (-1, [1, 2, 1], [0, -1, 0]),
        (MAX_AMOUNT, [MAX_AMOUNT, MAX_AMOUNT], [MAX_AMOUNT // 2 + 1, MAX_AMOUNT // 2]),
    ],
)
def test_a_split_follows_the_largest_remainder(
    amount: int, weights: list[int], parts: list[int]
) -> None:
    split = Money.from_minor(amount, "USD").allocate(weights)
    assert split == tuple(Money.from_minor(part, "USD") for part in parts)


@given(one=moneys, weights=weight_lists.filter(any))
def test_a_split_loses_no_unit(one: Money, weights: list[int]) -> None:
    parts = one.allocate(weights)
    assert len(parts) == len(weights)
    assert Money.total(parts, one.currency) == one


@given(one=moneys, weights=weight_lists.filter(any))
def test_a_part_is_less_than_a_unit_from_its_exact_share(one: Money, weights: list[int]) -> None:
    for part, weight in zip(one.allocate(weights), weights, strict=True):
        assert abs(part.amount - exact_share(one, weight, weights)) < 1
        if weight == 0:
            assert not part


@given(one=moneys.filter(lambda made: made.amount > 0), weights=weight_lists.filter(any))
def test_a_unit_goes_to_a_larger_remainder_and_among_equals_to_the_earlier(
    one: Money, weights: list[int]
) -> None:
    exact = [exact_share(one, weight, weights) for weight in weights]
    rounded_up = [
        part.amount > share for part, share in zip(one.allocate(weights), exact, strict=True)
    ]
    for (earlier, up), (later, later_up) in combinations(zip(exact, rounded_up, strict=True), 2):
        if later_up and not up:
            assert later % 1 > earlier % 1
        if up and not later_up:
            assert earlier % 1 >= later % 1


@given(one=moneys, weights=weight_lists.filter(any))
def test_a_negative_amount_is_split_as_its_opposite(one: Money, weights: list[int]) -> None:
    assert (-one).allocate(weights) == tuple(-part for part in one.allocate(weights))


@given(one=moneys, weights=weight_lists.filter(any))
def test_the_same_split_comes_out_every_time_and_from_any_iterable(
    one: Money, weights: list[int]
) -> None:
    assert one.allocate(weights) == one.allocate(iter(tuple(weights)))


@given(one=moneys.filter(bool), count=st.integers(0, 5))
def test_without_any_weight_only_zero_can_be_split(one: Money, count: int) -> None:
    nothing = Money.zero(one.currency)
    assert refusal(one.allocate, [0] * count) == {"weights": "all_zero"}
    assert nothing.allocate([0] * count) == (nothing,) * count


@pytest.mark.parametrize("weight", [-1, 1.0, True, False, "1", None, Decimal(1), Cents.NINE])
@pytest.mark.parametrize("amount", [0, 100])
def test_weights_are_whole_numbers_from_zero(weight: object, amount: int) -> None:
    made = Money.from_minor(amount, "USD")
    assert refusal(made.allocate, [1, weight]) == {"weights": "not_whole_numbers"}


def exact_share(whole: Money, weight: int, weights: list[int]) -> Fraction:
    """Say what a part would be if units could be broken."""
    return Fraction(whole.amount * weight, sum(weights))


# In models


WIRE = {"price": {"amount": 2900, "currency": "USD"}}


@pytest.fixture(params=[Offer, LaxOffer])
def model(request: pytest.FixtureRequest) -> type[Offer | LaxOffer]:
    """Either of them, made in the test: how money is read is settled when a model is made."""
    made: type[Offer | LaxOffer] = request.param
    made.model_rebuild(force=True)
    return made


def test_a_model_takes_money_as_it_is(model: type[Offer | LaxOffer]) -> None:
    price = Money("29.00", "USD")
    assert model.model_validate({"price": price}).price is price


def test_money_goes_out_as_minor_units_and_comes_back(model: type[Offer | LaxOffer]) -> None:
    offer = model(price=Money("29.00", "USD"))
    assert offer.model_dump() == WIRE
    assert offer.model_dump_json() == '{"price":{"amount":2900,"currency":"USD"}}'
    assert model.model_validate(WIRE) == offer
    assert model.model_validate_json(offer.model_dump_json()) == offer


@given(one=moneys)
def test_no_money_changes_on_its_way_through_json(one: Money) -> None:
    assert Offer.model_validate_json(Offer(price=one).model_dump_json()).price == one


@pytest.mark.parametrize(
    ("price", "where", "kind"),
    [
        ('{"amount": true, "currency": "USD"}', ("price", "amount"), "int_type"),
        ('{"amount": 2900.0, "currency": "USD"}', ("price", "amount"), "int_type"),
        ('{"amount": NaN, "currency": "USD"}', ("price", "amount"), "int_type"),
        ('{"amount": 1e400, "currency": "USD"}', ("price", "amount"), "int_type"),
        ('{"amount": "2900", "currency": "USD"}', ("price", "amount"), "int_type"),
        ('{"amount": null, "currency": "USD"}', ("price", "amount"), "int_type"),
        ('{"amount": 9007199254740992, "currency": "USD"}', ("price", "amount"), "less_than_equal"),
        (
            '{"amount": -9007199254740992, "currency": "USD"}',
            ("price", "amount"),
            "greater_than_equal",
        ),
        ('{"amount": 1, "currency": "usd"}', ("price", "currency"), "string_pattern_mismatch"),
        ('{"amount": 1, "currency": "USD\\n"}', ("price", "currency"), "string_too_long"),
        ('{"amount": 1, "currency": "XXX"}', ("price", "currency"), "value_error"),
        ('{"amount": 1, "currency": 840}', ("price", "currency"), "string_type"),
        ('{"amount": 1}', ("price", "currency"), "missing"),
        ('{"currency": "USD"}', ("price", "amount"), "missing"),
        ('{"amount": 1, "currency": "USD", "tax": 0}', ("price", "tax"), "extra_forbidden"),
        ('"29.00 USD"', ("price",), "dict_type"),
        ("2900", ("price",), "dict_type"),
        ('[2900, "USD"]', ("price",), "dict_type"),
        ("null", ("price",), "dict_type"),
    ],
)
def test_a_model_refuses_all_other_forms_of_money(
    model: type[Offer | LaxOffer], price: str, where: tuple[str, ...], kind: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json(f'{{"price": {price}}}')
    assert [(error["loc"], error["type"]) for error in caught.value.errors()] == [(where, kind)]


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        (True, "USD"),
        (29.0, "USD"),
        ("2900", "USD"),
        (Decimal(2900), "USD"),
        (2**53, "USD"),
        (2900, b"USD"),
        (2900, "usd"),
    ],
)
def test_a_dict_is_read_as_strictly_as_json(
    model: type[Offer | LaxOffer], amount: object, currency: object
) -> None:
    with pytest.raises(ValidationError, match="1 validation error"):
        model.model_validate({"price": {"amount": amount, "currency": currency}})


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_the_json_schema_says_what_is_on_the_wire(mode: str) -> None:
    schema = Offer.model_json_schema(mode="validation" if mode == "validation" else "serialization")
    price = schema["properties"]["price"]
    assert price["required"] == ["amount", "currency"]
    assert price.get("additionalProperties", False) is False  # pydantic 2.11 leaves it out
    assert price["properties"]["amount"]["type"] == "integer"
    assert price["properties"]["amount"]["maximum"] == MAX_AMOUNT
    assert price["properties"]["currency"]["pattern"] == "^[A-Z]{3}$"
