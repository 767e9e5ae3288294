"""Short codes: chosen, matched and drawn."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from digistore.errors import ConfigError, Invalid
from digistore.settings import Settings
from digistore.short_urls.rules.codes import RESERVED, chosen_code, drawing, draws, matched_code


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("spring", "spring"),
        ("SPRING-2027", "spring-2027"),
        ("a-b", "a-b"),
        ("x" * 64, "x" * 64),
        ("\uff53\uff50\uff52ing", "spring"),  # full width
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "strasse"),
        ("\N{LATIN SMALL LIGATURE FI}sh", "fish"),
        ("\N{KELVIN SIGN}ey", "key"),
        ("ab\N{SQUARE HP}", "abhp"),  # no case until it is normalized
    ],
)
def test_a_chosen_code_is_folded(text: str, code: str) -> None:
    assert chosen_code(text) == code


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Admin", "code_reserved"),
        ("\uff4c\uff4f\uff47\uff49\uff4e", "code_reserved"),
        ("ab", "code_characters"),
        ("-ab", "code_characters"),
        ("ab-", "code_characters"),
        ("a b", "code_characters"),
        ("abc\n", "code_characters"),
        ("x" * 65, "code_characters"),
        ("", "code_characters"),
        (b"abc", "code_characters"),
        (None, "code_characters"),
    ],
)
def test_other_codes_are_refused_with_a_word(text: str, word: str) -> None:
    with pytest.raises(Invalid) as caught:
        chosen_code(text)
    assert caught.value.fields == {"code": word}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("spring", "spring"),
        ("SPRING-1", "spring-1"),
        ("a", "a"),
        ("-", "-"),
        ("x" * 64, "x" * 64),
        ("x" * 65, None),
        ("", None),
        ("a b", None),
        ("a\n", None),
        ("a_b", None),
        ("\N{KELVIN SIGN}ey", None),  # its lower case is an ASCII k
        ("\xe9", None),
        (b"abc", None),
        (None, None),
    ],
)
def test_a_code_is_matched_in_any_case_of_ascii(text: str, code: str | None) -> None:
    assert matched_code(text) == code


def test_codes_are_drawn_from_the_alphabet_of_the_settings() -> None:
    assert set(drawing(Settings(code_alphabet="ab"))(200)) == {"a", "b"}
    assert [len(drawing(Settings())(length)) for length in (4, 8, 20)] == [4, 8, 20]


def test_an_alphabet_of_one_character_draws_nothing() -> None:
    with pytest.raises(ConfigError, match=r"Settings\.code_alphabet"):
        drawing(Settings(code_alphabet="aa"))


def scripted(codes: Iterator[str]) -> tuple[Callable[[int], str], list[int]]:
    """Draw *codes* one by one, and note which lengths were asked for."""
    asked: list[int] = []

    def draw(length: int) -> str:
        asked.append(length)
        return next(codes)

    return draw, asked


def test_there_are_eight_draws_from_the_fifth_on_one_character_longer() -> None:
    codes = [f"code-{number}" for number in range(9)]
    draw, asked = scripted(iter(codes))
    assert list(draws(draw, 6)) == codes[:8]
    assert asked == [6, 6, 6, 6, 7, 7, 7, 7]


def test_what_is_reserved_or_not_acceptable_is_drawn_anew() -> None:
    assert {"admin", "login"} <= RESERVED
    draw, asked = scripted(iter(["admin", "ugly", "one", "login", *"abcdefgh"]))
    assert list(draws(draw, 6, lambda code: code != "ugly")) == ["one", *"abcdefg"]
    assert asked == [6] * 7 + [7] * 4


def test_what_is_never_acceptable_comes_to_an_end() -> None:
    draw, asked = scripted(iter(lambda: "spring", None))
    assert list(draws(draw, 6, lambda _: False)) == []
    assert asked == [6] * 400 + [7] * 400
