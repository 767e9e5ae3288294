"""Decisions about discounts: what one takes off which lines, when, and by which code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.errors import DigistoreError
from digistore.orders.discounts.rules import (
    WHOLE,
    Offer,
    Unusable,
    discounted,
    normal_code,
    not_usable,
)
from digistore.orders.kinds import Draft, Kind

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ALL = Offer("dsc_1", Kind.PRODUCT, 1000, None, None, (), None, None, None, None, 0)
ON_HELP = replace(ALL, kind=Kind.SUPPORT)


def by_amount(amount: int | None, currency: str | None = "USD") -> Offer:
    return replace(ALL, basis_points=None, amount=amount, currency=currency)


def drafts(*prices: int, kind: Kind = Kind.PRODUCT) -> list[Draft]:
    return [Draft(kind, f"prd_{n}", "usr_1", f"Line {n}", price) for n, price in enumerate(prices)]


def off(lines: Sequence[Draft], offer: Offer, currency: str = "USD") -> list[int]:
    """Return what is taken off each line, and see that nothing else of it is changed."""
    reduced = discounted(lines, offer, currency)
    assert [replace(line, discount=0) for line in reduced] == list(lines)
    return [line.discount for line in reduced]


# When


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "valid"),
    [
        (None, None, True),
        (NOON, None, True),
        (NOON + TICK, None, False),
        (None, NOON + TICK, True),
        (None, NOON, False),
        (NOON, NOON + TICK, True),
        (NOON + TICK, NOON + 2 * TICK, False),
        (NOON - TICK, NOON, False),
    ],
)
def test_it_is_valid_from_its_start_until_before_its_end(
    starts_at: datetime | None, ends_at: datetime | None, *, valid: bool
) -> None:
    assert replace(ALL, starts_at=starts_at, ends_at=ends_at).is_valid_at(NOON) is valid


# By which code


@pytest.mark.parametrize(
    ("given_", "code"),
    [
        ("SPRING", "SPRING"),
        (" \tspring\n", "SPRING"),
        ("a1_-", "A1_-"),
        ("2for1", "2FOR1"),
        ("abc", "ABC"),
        ("x" * 40, "X" * 40),
    ],
)
def test_codes_are_compared_without_regard_to_case_and_spaces_around(
    given_: str, code: str
) -> None:
    assert normal_code(given_) == code


@pytest.mark.parametrize(
    "given_",
    ["", " ", "ab", "x" * 41, "-abc", "_abc", "a b", "a\nb", "spr\xefng", b"abc", 123, None],
)
def test_what_is_no_code_takes_nothing_off(given_: object) -> None:
    with pytest.raises(Unusable):
        normal_code(given_)


def test_no_reason_is_told_why_a_code_is_not_usable() -> None:
    assert not_usable().fields == {"discount": "not_usable"}
    assert isinstance(Unusable(), DigistoreError)


# How much


@pytest.mark.parametrize(
    ("basis_points", "price", "taken"),
    [
        (1000, 2900, 290),
        (10_000, 2900, 2900),
        (1, 5000, 1),  # half a cent is rounded up
        (1, 14_999, 1),
        (1, 15_000, 2),
        (3333, 100, 33),
        (5000, 1, 1),
    ],
)
def test_a_percentage_is_rounded_half_up(basis_points: int, price: int, taken: int) -> None:
    assert off(drafts(price), replace(ALL, basis_points=basis_points)) == [taken]


def test_a_percentage_is_rounded_once_for_the_order() -> None:
    assert off(drafts(5, 5, 5), ALL) == [1, 1, 0]


def test_a_percentage_has_no_currency() -> None:
    assert off(drafts(2900), ALL, "JPY") == [290]


@pytest.mark.parametrize(
    ("amount", "prices", "parts"),
    [
        (1000, (100, 100, 2801), [33, 33, 934]),
        (1, (100, 100), [1, 0]),
        (300, (100, 200), [100, 200]),
        (301, (100, 200), [100, 200]),
        (50_000, (1, 2900, 0), [1, 2900, 0]),
    ],
)
def test_an_amount_is_spread_by_price_and_no_line_falls_below_zero(
    amount: int, prices: tuple[int, ...], parts: list[int]
) -> None:
    assert off(drafts(*prices), by_amount(amount)) == parts


@pytest.mark.parametrize(
    ("lines", "offer", "currency"),
    [
        (drafts(4), ALL, "USD"),  # less than half a cent
        (drafts(0), ALL, "USD"),
        ([], ALL, "USD"),
        (drafts(0), by_amount(100), "USD"),
        (drafts(2900), by_amount(100), "EUR"),
        (drafts(2900), by_amount(None), "USD"),
        (drafts(2900, kind=Kind.SUPPORT), ALL, "USD"),
        (drafts(2900), ON_HELP, "USD"),
        (drafts(2900), replace(ALL, products=("prd_1",)), "USD"),
    ],
)
def test_what_takes_nothing_off_is_not_usable(
    lines: list[Draft], offer: Offer, currency: str
) -> None:
    with pytest.raises(Unusable):
        discounted(lines, offer, currency)


@given(
    st.lists(st.integers(0, 10_000), min_size=1, max_size=5).filter(any),
    st.integers(1, 60_000),
)
def test_whatever_the_amount_it_is_spread_to_the_last_cent(prices: list[int], amount: int) -> None:
    parts = off(drafts(*prices), by_amount(amount))
    assert sum(parts) == min(amount, sum(prices))
    assert all(part <= price for part, price in zip(parts, prices, strict=True))


# Which lines


@pytest.mark.parametrize(
    ("products", "parts"),
    [
        ((), [100, 200, 300]),
        (("prd_1",), [0, 200, 0]),
        (frozenset({"prd_0", "prd_2", "prd_9"}), [100, 0, 300]),
    ],
)
def test_without_products_it_takes_off_all_lines_else_off_theirs(
    products: tuple[str, ...], parts: list[int]
) -> None:
    assert off(drafts(1000, 2000, 3000), replace(ALL, products=products)) == parts


def test_more_than_its_lines_cost_is_taken_off_no_others() -> None:
    offer = replace(by_amount(5000), products=("prd_1",))
    assert off(drafts(1000, 2000, 3000), offer) == [0, 2000, 0]


def test_only_lines_of_its_kind_are_in_its_scope() -> None:
    lines = [*drafts(1000), *drafts(1000, kind=Kind.SUPPORT)]
    assert off(lines, ALL) == [100, 0]
    assert off(lines, ON_HELP) == [0, 100]


# D9


def test_D9_a_product_may_become_free() -> None:
    assert off(drafts(100, 200), replace(ALL, basis_points=WHOLE)) == [100, 200]


@pytest.mark.parametrize("products", [(), ("prd_0",)])
def test_D9_not_one_line_of_help_may_become_free(products: tuple[str, ...]) -> None:
    lines = drafts(100, 2000, kind=Kind.SUPPORT)
    offer = replace(ON_HELP, basis_points=WHOLE, products=products)
    with pytest.raises(Unusable):
        discounted(lines, offer, "USD")
    assert off(drafts(2, kind=Kind.SUPPORT), replace(offer, basis_points=WHOLE // 2)) == [1]
