"""What a token says, which file is meant, and how long a link may work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from digistore.catalog import ReleaseFile
from digistore.downloads.rules.tokens import (
    TokenFields,
    checked_ttl,
    chosen,
    only_one,
    token_fields,
)
from digistore.errors import Invalid, NotFound

FIELDS = ("pur_1", "fil_1", "2", "1767268800")
READ = TokenFields("pur_1", "fil_1", 2, 1767268800)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)


def test_what_was_signed_is_read() -> None:
    assert token_fields(FIELDS) == READ
    assert READ.as_text() == FIELDS


@pytest.mark.parametrize(
    "parts",
    [
        None,
        FIELDS[:3],
        (*FIELDS, "5"),
        ("pur_1", "fil_1", "x", "1767268800"),
        ("pur_1", "fil_1", "2", "x"),
        ("pur_1", "fil_1", "-2", "1767268800"),
        ("pur_1", "fil_1", "2", ""),
    ],
)
def test_genuine_fields_of_another_form_are_no_token(parts: tuple[str, ...] | None) -> None:
    assert token_fields(parts) is None


def test_a_token_works_before_its_second_and_not_in_it() -> None:
    then = datetime.fromtimestamp(READ.expires, UTC)
    assert not READ.has_expired(then - MICROSECOND)
    assert READ.has_expired(then)
    assert READ.has_expired(then + MICROSECOND)


@pytest.mark.parametrize("wanted", [timedelta(minutes=1), timedelta(hours=1), timedelta(days=7)])
def test_a_link_works_as_long_as_is_wanted(wanted: timedelta) -> None:
    assert checked_ttl(wanted, DAY) == wanted
    assert checked_ttl(None, wanted) == wanted


@pytest.mark.parametrize(
    "wanted",
    [
        timedelta(minutes=1) - MICROSECOND,
        timedelta(days=7) + MICROSECOND,
        timedelta(0),
        -DAY,
        3600,
        "1h",
    ],
)
def test_a_link_works_for_a_minute_to_a_week(wanted: Any) -> None:
    with pytest.raises(Invalid) as caught:
        checked_ttl(wanted, DAY)
    assert caught.value.fields == {"expires_in": "out_of_range"}


def a_file(number: int) -> ReleaseFile:
    return ReleaseFile.model_construct(id=f"fil_{number}", name=f"{number}.txt")


FILES = (a_file(1), a_file(2))


def test_a_file_is_meant_by_id_or_name_and_all_by_none() -> None:
    assert chosen(FILES, None) == FILES
    assert chosen(FILES, "fil_2") == (FILES[1],)
    assert chosen(FILES, "1.txt") == (FILES[0],)


def test_a_file_that_the_release_has_not_is_not_found() -> None:
    with pytest.raises(NotFound) as caught:
        chosen(FILES, "3.txt")
    assert (caught.value.noun, caught.value.ref) == ("file", "3.txt")


def test_one_file_is_meant_and_several_are_asked_about() -> None:
    assert only_one(FILES[:1]) is FILES[0]
    for files in (FILES, ()):
        with pytest.raises(Invalid) as caught:
            only_one(files)
        assert caught.value.fields == {"file": "ambiguous"}
