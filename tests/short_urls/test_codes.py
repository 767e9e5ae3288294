"""Short codes: drawn, chosen, matched; and how a free one is found."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, repeat
from threading import Lock, get_ident
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import IntegrityError

from digistore.errors import CodeSpaceExhausted, CodeTaken, ConfigError, Invalid, NotFound
from digistore.settings import Settings
from digistore.short_urls import ShortURL
from digistore.short_urls.rules.codes import (
    RESERVED,
    chosen_code,
    drawing,
    draws,
    matched_code,
)
from digistore.users import SYSTEM
from tests.short_urls.shop import TARGET, Shop

ALPHABET = Settings().code_alphabet
CYRILLIC_A = "\N{CYRILLIC SMALL LETTER A}"


def scripted(codes: Iterator[str], asked: list[int]) -> Callable[[int], str]:
    """Draw *codes* one by one and remember which lengths were asked for."""

    def draw(length: int) -> str:
        asked.append(length)
        return next(codes)

    return draw


def test_every_draw_is_in_the_alphabet_and_no_character_is_preferred() -> None:
    draw = drawing(Settings())
    drawn = [draw(8) for _ in range(100_000)]
    assert {len(code) for code in drawn} == {8}
    for counts, total in (
        (Counter("".join(drawn)), 800_000),
        (Counter(code[0] for code in drawn), 100_000),
        (Counter(code[-1] for code in drawn), 100_000),
    ):
        assert set(counts) == set(ALPHABET)
        expected = total / len(ALPHABET)
        chi_square = sum((count - expected) ** 2 / expected for count in counts.values())
        assert chi_square < 120  # 30 degrees of freedom: once in 10^12 runs


def test_two_services_may_draw_from_two_alphabets() -> None:
    first = drawing(Settings(code_alphabet="ab"))
    second = drawing(Settings(code_alphabet="yz"))
    assert set(first(200)) == {"a", "b"}
    assert set(second(200)) == {"y", "z"}


def test_an_alphabet_of_one_character_is_refused(shop: Shop) -> None:
    with pytest.raises(ConfigError, match="code_alphabet"):
        shop.short_urls(Settings(code_alphabet="aa"))


def test_a_drawn_link_has_a_code_of_the_settings(shop: Shop) -> None:
    assert len(shop.links.shorten(SYSTEM, TARGET).code) == 8
    other = shop.short_urls(Settings(code_alphabet="xyz", code_length=20))
    code = other.shorten(SYSTEM, TARGET).code
    assert len(code) == 20
    assert set(code) <= set("xyz")


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ("spring", "spring"),
        ("SPRING-2027", "spring-2027"),
        ("a-b", "a-b"),
        ("a--b", "a--b"),
        ("0x7", "0x7"),
        ("\uff53\uff50\uff52ing", "spring"),  # full width
        ("\N{KELVIN SIGN}ey", "key"),
        ("\N{LATIN SMALL LIGATURE FI}sh", "fish"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "strasse"),
        ("x" * 64, "x" * 64),
    ],
)
def test_a_chosen_code_is_folded(chosen: str, code: str) -> None:
    assert chosen_code(chosen) == code


@pytest.mark.parametrize(
    ("chosen", "word"),
    [
        *((word, "code_reserved") for word in ("Login", "admin", "API", "Static", "NULL")),
        ("undefined", "code_reserved"),
        ("\uff4c\uff4f\uff47\uff49\uff4e", "code_reserved"),
        ("Well-Known", "code_reserved"),
        (f"{CYRILLIC_A}pple", "code_characters"),
        ("a/b", "code_characters"),
        (".well-known", "code_characters"),
        ("x" * 65, "code_characters"),
        ("x" * 300, "code_characters"),
        ("x" * 1_000_000, "code_characters"),
        ("\N{LATIN SMALL LIGATURE FFI}" * 64, "code_characters"),
        ("spr\N{ZERO WIDTH SPACE}ing", "code_characters"),
        ("spr\N{ZERO WIDTH JOINER}ing", "code_characters"),
        ("", "code_characters"),
        ("ab", "code_characters"),
        ("-ab", "code_characters"),
        ("ab-", "code_characters"),
        ("---", "code_characters"),
        ("a_b", "code_characters"),
        ("a b", "code_characters"),
        (" abc", "code_characters"),
        ("abc\n", "code_characters"),
        ("abc\0", "code_characters"),
        ("\ud800abc", "code_characters"),
        (5, "code_characters"),
        (b"abc", "code_characters"),
    ],
)
def test_other_codes_are_refused_with_a_word_each(shop: Shop, chosen: str, word: str) -> None:
    with pytest.raises(Invalid) as caught:
        shop.links.shorten(SYSTEM, TARGET, code=chosen)
    assert caught.value.fields == {"code": word}
    assert not shop.links.mine(SYSTEM)


def test_reserved_words_are_in_the_form_in_which_codes_are_compared() -> None:
    assert {"admin", "api", "login", "static", "null", "undefined"} <= RESERVED
    assert all(matched_code(word) == word for word in RESERVED)


@given(st.text(max_size=70))
def test_a_chosen_code_is_always_followed_by_the_same_text(text: str) -> None:
    try:
        code = chosen_code(text)
    except Invalid as error:
        refused = error.fields
    else:
        assert chosen_code(code) == code == matched_code(code) == matched_code(code.upper())
        return
    assert set(refused.values()) <= {"code_characters", "code_reserved"}


@pytest.mark.parametrize(
    "followed",
    [
        *("", "a" * 65, "a" * 1_000_000, "a\0b", "a b", "a/b", "abc\n", None, 7),
        *("\xe9t\xe9", CYRILLIC_A, "\uff41bc"),
        "\N{KELVIN SIGN}ey",  # its lower case is an ASCII k
    ],
)
def test_what_no_code_can_be_matches_none(shop: Shop, followed: str) -> None:
    assert matched_code(followed) is None
    with pytest.raises(NotFound):
        shop.links.resolve(followed)


def test_a_reserved_draw_is_drawn_again_at_the_same_length() -> None:
    asked: list[int] = []
    draw = scripted(iter(["static", "signup", "a2b3c4", "d5e6f7"]), asked)
    assert list(islice(draws(draw, 6), 2)) == ["a2b3c4", "d5e6f7"]
    assert asked == [6, 6, 6, 6]


def test_a_draw_that_knows_reserved_words_only_ends(shop: Shop) -> None:
    asked: list[int] = []
    links = shop.short_urls(Settings(), scripted(repeat("static"), asked))
    with pytest.raises(CodeSpaceExhausted):
        links.shorten(SYSTEM, TARGET)
    assert len(asked) == 800
    assert not links.mine(SYSTEM)


def test_four_collisions_make_the_code_one_character_longer(shop: Shop) -> None:
    shop.links.shorten(SYSTEM, TARGET, code="taken222")
    asked: list[int] = []
    codes = iter(["taken222"] * 4 + ["free22222"])
    links = shop.short_urls(Settings(), scripted(codes, asked))
    link = links.shorten(SYSTEM, TARGET)
    assert link.code == "free22222"
    assert asked == [8, 8, 8, 8, 9]
    assert len(links.mine(SYSTEM)) == 2
    assert shop.audited(link.id) == [(1, "system", "shorten")]


def test_eight_collisions_exhaust_the_space_and_leave_no_row(shop: Shop) -> None:
    taken = shop.links.shorten(SYSTEM, TARGET, code="taken222")
    asked: list[int] = []
    links = shop.short_urls(Settings(), scripted(repeat("taken222"), asked))
    with pytest.raises(CodeSpaceExhausted, match="code_length"):
        links.shorten(SYSTEM, TARGET)
    assert asked == [8, 8, 8, 8, 9, 9, 9, 9]
    assert list(links.mine(SYSTEM)) == [taken]
    assert shop.sql("SELECT count(*) FROM digistore_audit WHERE entity = 'short_url'")[0][0] == 1


def test_an_unrelated_constraint_is_raised_as_itself(shop: Shop) -> None:
    shop.sql("CREATE UNIQUE INDEX one_title ON digistore_short_urls (title)")
    shop.links.shorten(SYSTEM, TARGET, title="Spring")
    asked: list[int] = []
    links = shop.short_urls(Settings(), scripted(map(str, range(22222222, 99999999)), asked))
    with pytest.raises(IntegrityError, match=r"digistore_short_urls\.title"):
        links.shorten(SYSTEM, TARGET, title="Spring")
    assert len(asked) == 2  # the transaction was repeated once, no other code was tried
    assert len(links.mine(SYSTEM)) == 1


def test_two_domains_may_share_a_code(shop: Shop) -> None:
    links = [
        shop.links.shorten(SYSTEM, f"https://example.com/{number}", code="spring", domain=domain)
        for number, domain in enumerate(["", "go.example", "b\xfccher.example"])
    ]
    assert [link.domain for link in links] == ["", "go.example", "xn--bcher-kva.example"]
    assert shop.links.resolve("spring").url == "https://example.com/0"
    assert shop.links.resolve("Spring", domain="GO.example.").url == "https://example.com/1"
    assert shop.links.resolve("spring", domain="b\xfccher.example").url == "https://example.com/2"
    for unknown in ("other.example", "go example", "go.example:80", 7):
        with pytest.raises(NotFound):
            shop.links.resolve("spring", domain=unknown)  # type: ignore[arg-type]


@pytest.mark.parametrize("taken", ["spring", "SPRING", "\uff53pring"])
def test_a_taken_code_is_refused_even_where_the_target_is_the_same(shop: Shop, taken: str) -> None:
    link = shop.links.shorten(shop.seller, TARGET, code="spring")
    for actor in (shop.seller, shop.rival):
        with pytest.raises(CodeTaken) as caught:
            shop.links.shorten(actor, TARGET, code=taken)
        assert (caught.value.noun, caught.value.field) == ("short URL", "code")
    shop.links.disable(shop.seller, link)
    with pytest.raises(CodeTaken):  # a code is never freed
        shop.links.shorten(shop.seller, TARGET, code=taken)


def test_eight_threads_in_a_tiny_space_never_share_a_code(shop_on_disk: Shop) -> None:
    shop = shop_on_disk
    links = shop.short_urls(Settings(code_alphabet="ab", code_length=6))  # 64 codes, then 128

    def shorten(_: int) -> ShortURL:
        return links.shorten(SYSTEM, TARGET)

    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(shorten, range(56)))
    codes = [link.code for link in made]
    assert len(set(codes)) == 56
    assert {len(code) for code in codes} <= {6, 7}
    stored: list[Any] = list(shop.sql("SELECT code FROM digistore_short_urls"))
    assert sorted(row.code for row in stored) == sorted(codes)


def test_a_tiny_space_fills_up_without_a_loop_and_then_says_that_it_is_exhausted(
    shop_on_disk: Shop,
) -> None:
    """8 threads draw of 64 codes of six letters and 128 of seven, far more often than there are."""
    shop = shop_on_disk
    lock, asked = Lock(), Counter[int]()
    plain = drawing(Settings(code_alphabet="ab"))

    def counted(length: int) -> str:
        with lock:
            asked[get_ident()] += 1
        return plain(length)

    links = shop.short_urls(Settings(code_alphabet="ab", code_length=6), counted)

    def shorten(_: int) -> tuple[str | None, int]:
        before = asked[get_ident()]
        try:
            code: str | None = links.shorten(SYSTEM, TARGET).code
        except CodeSpaceExhausted:
            code = None
        return code, asked[get_ident()] - before

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(shorten, range(600)))
    made = [code for code, _ in answers if code is not None]
    assert len(made) == len(set(made)) <= 64 + 128
    assert len(made) > 64  # beyond what is full it goes on with longer ones
    assert None in {code for code, _ in answers[-100:]}  # at the end there is nothing left
    assert max(draws for _, draws in answers) <= 8
    stored = {row.code for row in shop.sql("SELECT code FROM digistore_short_urls")}
    assert stored == set(made)


def test_a_code_that_the_shop_does_not_like_is_drawn_again(shop: Shop) -> None:
    asked: list[int] = []
    settings = Settings(acceptable_code=lambda code: "bad" not in code)
    links = shop.short_urls(settings, scripted(iter(["xbadx222", "good2222"]), asked))
    assert links.shorten(SYSTEM, TARGET).code == "good2222"
    assert asked == [8, 8]


def test_a_shop_that_likes_no_code_is_told_so_and_does_not_draw_for_ever(shop: Shop) -> None:
    links = shop.short_urls(Settings(acceptable_code=lambda _: False))
    with pytest.raises(CodeSpaceExhausted):
        links.shorten(SYSTEM, TARGET)
    assert not links.mine(SYSTEM)
