"""Ids name things: they sort by time and nobody can guess the next one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from digistore.ids import new_id

ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"  # nothing looks like another
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RANDOM_BITS = 80

moments = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - hypothesis adds the zone itself
    max_value=datetime(2255, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


def value_of(made: str) -> int:
    """Read an id's 128 bits back, by arithmetic of its own."""
    value = 0
    for sign in made.partition("_")[2]:
        value = value * len(ALPHABET) + ALPHABET.index(sign)
    return value


@given(moment=moments)
def test_an_id_is_its_prefix_and_22_characters_of_one_alphabet(moment: datetime) -> None:
    prefix, _, text = new_id("prd", moment).partition("_")
    assert prefix == "prd"
    assert len(text) == 22
    assert set(text) <= set(ALPHABET)


@given(one=moments, other=moments)
def test_ids_of_one_prefix_sort_by_the_time_they_were_made(one: datetime, other: datetime) -> None:
    earlier, later = sorted([one, other])
    if later - earlier >= timedelta(milliseconds=1):
        assert new_id("ord", earlier) < new_id("ord", later)


def test_an_id_holds_its_millisecond_and_80_bits_of_chance() -> None:
    value = value_of(new_id("usr", NOON))
    assert value >> RANDOM_BITS == int(NOON.timestamp() * 1000)


def test_ids_of_one_instant_share_no_bit_of_chance_but_by_chance() -> None:
    values = [value_of(new_id("usr", NOON)) for _ in range(500)]
    assert len(set(values)) == 500
    for bit in range(RANDOM_BITS):  # a bit that stands still would do so once in 2^499 runs
        assert {value >> bit & 1 for value in values} == {0, 1}
