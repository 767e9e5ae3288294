"""Signed tokens: one purpose, one valid spelling; secrets show nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore import Store
from digistore.errors import ConfigError
from digistore.tokens import LONGEST, Secrets, Signer

OLD = "the secret of last year, 32 characters at least"
NEW = "the secret of this year, 32 characters at least"
SIGNER = Secrets(OLD).signer("download")
FIELDS = ("usr_1", "prd-2", "3")
TOKEN = SIGNER.sign("dg1", FIELDS)
KEY_ID = TOKEN.split(".")[1]

positions = st.integers(0, len(TOKEN) - 1)
signs = st.characters(codec="ascii") | st.sampled_from(".-_=+/ \n\0é\uff21")
names = st.text("ABCabc019_-", min_size=1, max_size=20)


def read(token: Any, fields: int = 3, version: str = "dg1") -> tuple[str, ...] | None:
    return SIGNER.read(version, token, fields)


@given(fields=st.lists(names, max_size=6))
def test_a_token_comes_back_as_its_fields(fields: Sequence[str]) -> None:
    assert read(SIGNER.sign("dg1", fields), len(fields)) == tuple(fields)


@given(at=positions, sign=signs)
def test_T3_no_character_can_be_another(at: int, sign: str) -> None:
    forged = TOKEN[:at] + sign + TOKEN[at + 1 :]
    assert read(forged) == (FIELDS if forged == TOKEN else None)


@given(at=st.integers(0, len(TOKEN)), sign=signs)
def test_T3_no_character_can_be_added(at: int, sign: str) -> None:
    assert read(TOKEN[:at] + sign + TOKEN[at:]) is None


@given(at=positions)
def test_T3_no_character_can_be_left_out(at: int) -> None:
    assert read(TOKEN[:at] + TOKEN[at + 1 :]) is None


@given(end=positions)
def test_T2_a_cut_token_is_none(end: int) -> None:
    assert read(TOKEN[:end]) is None


@given(text=st.text(max_size=200))
def test_no_text_is_a_token_or_an_error(text: str) -> None:
    assert read(text) is None


@pytest.mark.parametrize(
    "token",
    ["", ".", "......", None, 0, True, TOKEN.encode(), [TOKEN], TOKEN + "." * LONGEST, "dg1" * 500],
    ids=lambda token: repr(token)[:20],
)
def test_T2_what_is_empty_missing_or_of_another_type_never_matches(token: object) -> None:
    assert read(token) is None


def test_T3_fields_cannot_move_into_one_another() -> None:
    joined = SIGNER.sign("dg1", ["ab", "c"])
    _, _, one, two, nonce, mac = joined.split(".")
    for moved in (["a", "bc"], ["abc", ""], ["ab.c", ""]):
        assert read(".".join(["dg1", KEY_ID, *moved, nonce, mac]), 2) is None
    assert (one, two) == ("ab", "c")


@pytest.mark.parametrize("fields", [2, 4, 0])
def test_a_token_of_another_number_of_fields_is_none(fields: int) -> None:
    assert read(TOKEN, fields) is None


def test_a_token_of_another_version_is_none() -> None:
    assert read(TOKEN, version="dg2") is None


@pytest.mark.parametrize("field", ["", "a.b", "a b", "é", "x" * 129, "a\n"])
def test_a_field_that_could_be_read_in_two_ways_is_not_signed(field: str) -> None:
    with pytest.raises(ValueError, match="fields"):
        SIGNER.sign("dg1", [field])


def test_T1_two_tokens_over_the_same_differ_by_128_bits() -> None:
    tokens = {SIGNER.sign("dg1", FIELDS) for _ in range(100)}
    assert len(tokens) == 100
    assert {len(token.split(".")[-2]) for token in tokens} == {22}  # 16 bytes in base64


def test_T3_a_token_of_one_purpose_is_worthless_for_another() -> None:
    other = Secrets(OLD).signer("reset")
    assert other.read("dg1", TOKEN, 3) is None
    assert Secrets(OLD).signer("download").read("dg1", TOKEN, 3) == FIELDS


def test_a_new_secret_signs_and_the_old_one_still_verifies() -> None:
    both, new = Secrets([NEW, OLD]).signer("download"), Secrets(NEW).signer("download")
    assert both.read("dg1", TOKEN, 3) == FIELDS
    fresh = both.sign("dg1", FIELDS)
    assert new.read("dg1", fresh, 3) == FIELDS
    assert read(fresh) is None
    assert new.read("dg1", TOKEN, 3) is None  # the old one is gone: its tokens are, too


@pytest.mark.parametrize(
    "secret",
    ["", " ", "x" * 31, " " * 40, " " * 20 + "x" * 31 + " " * 20, [], [NEW, "x" * 31], [NEW, None]],
    ids=lambda secret: f"{len(secret)} of {type(secret).__name__}",
)
def test_K1_a_secret_under_32_characters_is_refused(secret: str | list[str]) -> None:
    with pytest.raises(ConfigError, match="32 characters"):
        Secrets(secret)


@pytest.mark.parametrize("secret", [None, 32, b"x" * 40, [NEW.encode()]], ids=repr)
def test_K1_what_is_no_text_is_no_secret(secret: Any) -> None:
    with pytest.raises(ConfigError, match="32 characters"):
        Secrets(secret)


def test_K1_a_secret_of_32_characters_is_enough() -> None:
    assert Secrets("x" * 32).signer("download").sign("dg1", FIELDS)


def test_CVE_2008_7311_K1_a_store_without_a_secret_does_not_open() -> None:
    bad: list[Any] = ["x" * 31, [], None]
    for secret in bad:
        with pytest.raises(ConfigError, match="secret"):
            Store.open("sqlite://", files="memory://", gateways=[], secret=secret)


@pytest.mark.parametrize("shown", [repr, str, lambda thing: f"{thing}"])
@pytest.mark.parametrize(
    "thing", [Secrets([NEW, OLD]), SIGNER], ids=lambda thing: type(thing).__name__
)
def test_K2_nothing_secret_shows(thing: Secrets | Signer, shown: type[str]) -> None:
    text = shown(thing)
    for secret in (NEW, OLD):
        assert secret not in text
        assert secret[:8] not in text
    for key in SIGNER._keys.values():
        assert key.hex() not in text
        assert repr(key) not in text


def test_K2_a_refused_secret_is_not_in_the_message() -> None:
    with pytest.raises(ConfigError) as caught:
        Secrets("hunter2")
    assert "hunter2" not in str(caught.value)


def test_the_key_id_tells_nothing_of_the_key() -> None:
    (key,) = SIGNER._keys.values()
    assert KEY_ID not in key.hex()
