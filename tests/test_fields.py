"""What callers give is bounded, strict and refused by field, without being repeated."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError
from pydantic_core.core_schema import ErrorType

from digistore.errors import Invalid
from digistore.fields import (
    MOST_METADATA,
    AsciiKey,
    Input,
    Line,
    Model,
    Name,
    Reason,
    Ref,
    Slug,
    SmallMetadata,
    Text,
    Time,
    Title,
    _word,
    checked,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Given(Input):
    """One field of each type."""

    title: Title = "t"
    line: Line = ""
    text: Text = ""
    reason: Reason = "r"
    slug: Slug = "s"
    name: Name = "n"
    ref: Ref = "x"
    key: AsciiKey = "k"
    at: Time = NOON
    metadata: SmallMetadata = Field(default_factory=dict)
    count: int = 0
    share: float = 0.0
    yes: bool = False


def refusal(**values: object) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        checked(Given, **values)
    return dict(caught.value.fields)


@pytest.mark.parametrize(
    ("field", "longest"),
    [("title", 200), ("line", 500), ("text", 50_000), ("reason", 2000), ("ref", 200), ("key", 200)],
)
def test_L1_every_text_has_a_longest_length(field: str, longest: int) -> None:
    assert getattr(checked(Given, **{field: "x" * longest}), field) == "x" * longest
    assert refusal(**{field: "x" * (longest + 1)}) == {field: "too_long"}


@pytest.mark.parametrize("field", ["title", "reason", "ref", "key", "slug", "name"])
def test_what_must_say_something_is_not_empty(field: str) -> None:
    assert set(refusal(**{field: ""})) == {field}


@pytest.mark.parametrize("field", ["title", "reason", "ref"])
def test_space_around_is_taken_away_and_is_nothing_by_itself(field: str) -> None:
    assert getattr(checked(Given, **{field: "  a b  "}), field) == "a b"
    assert refusal(**{field: " \t "}) == {field: "too_short"}


@pytest.mark.parametrize("field", ["title", "line", "text", "reason", "ref", "key", "slug"])
@pytest.mark.parametrize("sign", ["\0", "\x07", "\x1b", "\x7f", "\x85", "\x9b"], ids=ascii)
def test_N1_control_characters_are_refused(field: str, sign: str) -> None:
    assert refusal(**{field: f"a{sign}b"}) == {field: "characters"}


@pytest.mark.parametrize("sign", ["\n", "\r", "\t"], ids=ascii)
def test_N1_line_breaks_and_tabs_stand_in_texts_only(sign: str) -> None:
    for field in ("text", "reason"):
        assert getattr(checked(Given, **{field: f"a{sign}b"}), field) == f"a{sign}b"
    for field in ("title", "line", "ref", "key", "slug", "name"):
        assert refusal(**{field: f"a{sign}b"}) == {field: "characters"}


@pytest.mark.parametrize("field", ["title", "line", "text", "reason", "ref", "key", "slug"])
def test_N1_half_a_surrogate_pair_is_no_text(field: str) -> None:
    assert set(refusal(**{field: "a\ud800b"})) == {field}


@pytest.mark.parametrize(
    "slug", ["A", "a_b", "-a", "a-", "a--b", "a b", "é", "a\n", "../a", "%2e", "x" * 81]
)
def test_a_slug_is_lower_case_words_and_hyphens(slug: str) -> None:
    assert set(refusal(slug=slug)) == {"slug"}


@pytest.mark.parametrize("name", ["A", "1a", "_a", "a-b", "a b", "é", "a\n", "x" * 41])
def test_a_name_is_a_lower_case_identifier(name: str) -> None:
    assert refusal(name=name) == {"name": "characters"}


@pytest.mark.parametrize("key", ["é", "a b", "a\n", "a\x7f"])
def test_an_idempotency_key_is_visible_ascii(key: str) -> None:
    assert refusal(key=key) == {"key": "characters"}


STRICT: dict[str, list[object]] = {
    "count": [True, 1.0, "1", None, b"1"],
    "share": [True, "1.0", None],
    "yes": [1, "yes", "true", None],
    "title": [1, True, None, b"a", ["a"]],
    "at": ["2026-01-01T12:00:00Z", 0, None],
    "metadata": ["{}", [("a", 1)], None, 1],
}


@pytest.mark.parametrize(
    ("field", "value"), [(field, value) for field, values in STRICT.items() for value in values]
)
def test_N1_nothing_is_taken_for_something_else(field: str, value: object) -> None:
    assert set(refusal(**{field: value})) == {field}


def test_N1_a_time_without_a_zone_is_refused() -> None:
    assert refusal(at=datetime(2026, 1, 1)) == {"at": "naive"}  # noqa: DTZ001 - as the name says


def test_a_time_is_kept_in_utc() -> None:
    east = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    assert checked(Given, at=east).at == NOON
    assert checked(Given, at=east).at.utcoffset() == timedelta(0)


def test_N2_unknown_fields_are_refused() -> None:
    assert refusal(price=1) == {"price": "unknown_field"}


def test_what_is_missing_is_said() -> None:
    class Needs(Input):
        """One field without a default."""

        ref: Ref

    with pytest.raises(Invalid) as caught:
        checked(Needs)
    assert caught.value.fields == {"ref": "missing"}


def test_every_bad_field_is_named_at_once() -> None:
    assert refusal(title="", ref="\0", count="1") == {
        "title": "too_short",
        "ref": "characters",
        "count": "wrong_type",
    }


OUR_WORDS = {
    *("missing", "unknown_field", "unknown", "characters", "wrong_type", "malformed", "invalid"),
    *("too_long", "too_short", "too_small", "too_large"),
}


@pytest.mark.parametrize("kind", get_args(ErrorType))
def test_no_word_is_left_to_the_library_that_validates(kind: str) -> None:
    """Hosts and buyers' programs compare them: they must outlive its next version."""
    assert _word(kind) in OUR_WORDS


def test_what_a_rule_of_ours_says_stays() -> None:
    assert _word("naive") == "naive"


SECRET = "4111-1111-1111-1111"


@pytest.mark.parametrize(
    "value",
    [
        {"title": SECRET * 50},
        {"line": f"{SECRET}\0"},
        {"slug": SECRET.lower() + "!"},
        {"name": SECRET},
        {"key": f"{SECRET} "},
        {"count": SECRET},
        {"at": SECRET},
        {"metadata": {SECRET: object()}},
        {"metadata": {"card": {SECRET: float("nan")}}},
        {"metadata": {"card": [SECRET] * 2000}},
        {"metadata": SECRET},
    ],
    ids=lambda value: next(iter(value)),
)
def test_N6_an_error_does_not_echo_what_was_given(value: dict[str, Any]) -> None:
    with pytest.raises(Invalid) as caught:
        checked(Given, **value)
    assert set(caught.value.fields) == set(value)
    said = f"{caught.value} {caught.value.fields} {caught.value.__cause__}"
    assert SECRET not in said
    assert SECRET.lower() not in said
    assert caught.value.__suppress_context__


def test_N6_a_models_own_error_does_not_echo_it_either() -> None:
    class Address(Model):
        """What a host makes by hand."""

        line: Line

    for kind in (Address, Given):
        with pytest.raises(ValidationError) as caught:
            kind(line=SECRET * 100)
        assert SECRET not in str(caught.value)


# Metadata

SMALL: list[dict[str, Any]] = [
    {},
    {"campaign": "spring", "seats": 3, "share": 0.5, "gift": False, "note": None},
    {"text": "two\nlines\tand a tab", "ключ": "значение"},
    {"deep": {"a": {"b": {"c": [1, [2, [3]]]}}}},
]
BAD: list[dict[Any, Any]] = [
    {"n": float("nan")},
    {"n": float("inf")},
    {"n": [1, {"m": float("-inf")}]},
    {"n": object()},
    {"n": b"bytes"},
    {"n": (1, 2)},
    {"n": {1, 2}},
    {1: "a"},
    {"n": NOON},
    {"n": "x" * MOST_METADATA},
    {"x" * MOST_METADATA: 1},
    {"n": 10**5000},
    {"n": "a\0b"},
    {"n": ["a", {"m": "\x1b[31m"}]},
    {"a\0b": 1},
    {"a\nb": 1},
    {"n": "\ud800"},
    {"\ud800": 1},
]


@pytest.mark.parametrize("metadata", SMALL, ids=lambda value: str(list(value)))
def test_metadata_is_small_json_of_the_hosts_own(metadata: dict[str, Any]) -> None:
    assert checked(Given, metadata=metadata).metadata == metadata


@pytest.mark.parametrize("metadata", BAD, ids=range(len(BAD)))
def test_metadata_that_is_large_deep_infinite_or_unprintable_is_refused(
    metadata: dict[Any, Any],
) -> None:
    assert set(refusal(metadata=metadata)) == {"metadata"}


@pytest.mark.parametrize("inner", [{}, []], ids=["dict", "list"])
def test_metadata_has_a_deepest_depth(inner: Any) -> None:
    def nested(times: int) -> dict[str, Any]:
        value: Any = inner
        for _ in range(times - 1):
            value = {"a": value} if isinstance(inner, dict) else [value]
        return {"a": value}

    assert checked(Given, metadata=nested(7)).metadata == nested(7)
    assert set(refusal(metadata=nested(8))) == {"metadata"}
    assert set(refusal(metadata=nested(500))) == {"metadata"}


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=30))
def test_any_metadata_is_taken_or_refused_and_breaks_nothing(value: Any) -> None:
    with suppress(Invalid):
        assert checked(Given, metadata={"a": value}).metadata == {"a": value}
