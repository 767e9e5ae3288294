"""Pages and their cursors."""

import base64
import contextlib
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.errors import Invalid
from digistore.paging import Page, checked_limit, decode_cursor, encode_cursor, page_of

MOST = 2**53 - 1
NUMBERS = st.integers(-MOST, MOST)
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=50)


def as_cursor(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_page_is_a_sequence_of_its_items() -> None:
    page = Page((1, 2, 3), "more")
    assert list(page) == [1, 2, 3]
    assert len(page) == 3
    assert not Page(())
    assert Page(()).next is None


@pytest.mark.parametrize(
    ("items", "kept", "next_key"),
    [
        ([], (), None),
        ([1], (1,), None),
        ([1, 2], (1, 2), None),
        ([1, 2, 3], (1, 2), (2, "2")),
    ],
)
def test_one_more_than_the_limit_means_there_is_a_next_page(
    items: Sequence[int], kept: tuple[int, ...], next_key: tuple[int, str] | None
) -> None:
    page = page_of(items, 2, lambda item: (item, str(item)))
    assert page.items == kept
    assert page.next == (None if next_key is None else encode_cursor(*next_key))


@given(number=NUMBERS, text=TEXTS)
def test_a_cursor_comes_back_as_it_was(number: int, text: str) -> None:
    cursor = encode_cursor(number, text)
    assert set(cursor) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert decode_cursor(cursor, int, str) == (number, text)
    assert decode_cursor(encode_cursor(text), str) == (text,)
    assert decode_cursor(encode_cursor(text, number, text), str, int, str) == (text, number, text)


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "====",
        "ü",
        "not base64!",
        "A" * 2001,
        as_cursor("[" * 500),
        base64.urlsafe_b64encode(b"[" * 1400).decode(),
        base64.urlsafe_b64encode(b"\xff\xff").decode(),
        as_cursor({"a": 1}),
        as_cursor(None),
        as_cursor([]),
        as_cursor([1]),
        as_cursor(["a", 1]),
        as_cursor([1, "a", 2]),
        as_cursor([1.0, "a"]),
        as_cursor([True, "a"]),
        as_cursor([None, "a"]),
        as_cursor([[1], "a"]),
        as_cursor([MOST + 1, "a"]),
        as_cursor([-MOST - 1, "a"]),
        as_cursor([1, "nul\0"]),
        as_cursor([1, "\ud800"]),
        as_cursor([1, "a"]),  # right parts, but not as encode_cursor writes them
        encode_cursor(1, "a") + "=",
        encode_cursor(1, "a") + "!",
        encode_cursor(1, "a") + "\n",
        " " + encode_cursor(1, "a"),
        None,
        7,
        b"WzEsImEiXQ",
    ],
)
def test_what_is_no_cursor_of_this_list_is_refused(cursor: str) -> None:
    with pytest.raises(Invalid) as caught:
        decode_cursor(cursor, int, str)
    assert caught.value.fields == {"after": "invalid"}


@given(st.text(max_size=60))
def test_no_text_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert encode_cursor(*decode_cursor(text, int, str)) == text


@pytest.mark.parametrize("limit", [1, 50, 100])
def test_a_limit_within_bounds_is_used(limit: int) -> None:
    assert checked_limit(limit) == limit


@pytest.mark.parametrize("limit", [0, -1, 101, 10**30, True, 1.0, "5", None])
def test_a_limit_outside_is_refused(limit: int) -> None:
    with pytest.raises(Invalid) as caught:
        checked_limit(limit)
    assert caught.value.fields == {"limit": "out_of_range"}
