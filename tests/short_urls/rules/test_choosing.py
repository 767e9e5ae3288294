"""Which rule fits a visit, and what of its query is passed on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from digistore.short_urls import LinkRule, Visit
from digistore.short_urls.rules.agents import Told
from digistore.short_urls.rules.choosing import chosen_rule, first_language
from digistore.short_urls.rules.queries import forwarded, pairs_of, with_click

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
URL = "https://shop.example/x"
HEADERS = {"Host": "sho.rt", "ACCEPT-Language": "en;q=0.5, de-AT"}
VISIT = Visit("GET", HEADERS, query="a=1&b=&c=x+y")
TOLD = Told("safari", "phone", is_bot=False, referrer_host=None, country="AT")


def rule(**given: Any) -> LinkRule:
    return LinkRule(target=URL, **given)


@pytest.mark.parametrize(
    ("given", "fits"),
    [
        ({"since": NOON}, True),
        ({"since": NOON + TICK}, False),
        ({"until": NOON + TICK}, True),
        ({"until": NOON}, False),
        ({"since": NOON, "until": NOON + TICK}, True),
        ({"device": "phone"}, True),
        ({"device": "tablet"}, False),
        ({"language": "de"}, True),
        ({"language": "en"}, False),
        ({"country": "AT"}, True),
        ({"country": "DE"}, False),
        ({"query": {"a": "1"}}, True),
        ({"query": {"a": ""}}, True),
        ({"query": {"b": ""}}, True),
        ({"query": {"c": "x y"}}, True),
        ({"query": {"a": "2"}}, False),
        ({"query": {"d": ""}}, False),
        ({"query": {"a": "1", "c": ""}}, True),
        ({"query": {"a": "1", "d": ""}}, False),
        ({"device": "phone", "language": "de", "country": "AT", "since": NOON}, True),
        ({"device": "phone", "until": NOON}, False),
        ({"device": "phone", "since": NOON + TICK}, False),
        ({"device": "tablet", "since": NOON}, False),
        ({"device": "phone", "language": "en"}, False),
        ({"device": "phone", "country": "DE"}, False),
        ({"country": "AT", "query": {"a": "2"}}, False),
    ],
)
def test_a_rule_fits_if_all_its_conditions_hold(given: dict[str, Any], *, fits: bool) -> None:
    one = rule(**given)
    assert chosen_rule([one], VISIT, TOLD, NOON) == ((one, "1") if fits else None)


def test_the_first_that_fits_is_counted_by_its_name_or_place() -> None:
    rules = [rule(country="DE"), rule(language="de"), rule(country="AT", name="Austria")]
    assert chosen_rule(rules, VISIT, TOLD, NOON) == (rules[1], "2")
    assert chosen_rule(rules[::-1], VISIT, TOLD, NOON) == (rules[2], "Austria")
    assert chosen_rule(rules[:1], VISIT, TOLD, NOON) is None
    assert chosen_rule([], VISIT, TOLD, NOON) is None


@pytest.mark.parametrize(
    "given", [{"device": "phone"}, {"country": "AT"}, {"language": "de"}, {"query": {"a": ""}}]
)
def test_without_a_visit_only_time_counts(given: dict[str, Any]) -> None:
    timed = rule(since=NOON)
    assert chosen_rule([rule(**given)], None, None, NOON) is None
    assert chosen_rule([rule(**given), timed], None, None, NOON) == (timed, "2")


def test_a_visit_that_says_nothing_has_no_language() -> None:
    assert chosen_rule([rule(language="de")], Visit("GET", {}), TOLD, NOON) is None


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("de", "de"),
        (" DE-at ", "de"),
        ("en-GB;q=0.3, FR-fr;q=0.8, de;q=0.5", "fr"),
        ("de;q=0.001", "de"),
        ("de;q=0", None),
        ("de;q=0, en;q=0.1", "en"),
        ("de, en", "de"),
        ("de;q=1, en", "de"),
        ("en;q=0.9, de", "de"),
        ("en;q=1.000, de", "en"),
        ("en;q=1.5, de;q=0.5", "de"),
        ("*, de;q=0.5", "de"),
        (";;;=q,,de", "de"),
        ("*", None),
        ("", None),
        (f"{'x' * 509},de", "de"),
        (f"{'x' * 511},de", None),
    ],
)
def test_the_language_with_the_highest_weight_counts_the_first_of_equals(
    header: str, language: str | None
) -> None:
    assert first_language(header) == language


# Queries


@pytest.mark.parametrize(
    ("query", "pairs"),
    [
        ("", []),
        ("a=1&b=&c", [("a", "1"), ("b", ""), ("c", "")]),
        ("a=1&a=2", [("a", "1"), ("a", "2")]),
        ("x+y=%C3%BC", [("x y", "\xfc")]),
        (f"x={'y' * 2046}", [("x", "y" * 2046)]),
        (f"x={'y' * 2047}", []),
        ("&".join(["x=1"] * 50), [("x", "1")] * 50),
        ("&".join(["x=1"] * 51), []),
        (None, []),
        (b"a=1", []),
    ],
)
def test_a_query_that_is_too_long_or_too_rich_has_no_pairs(
    query: Any, pairs: list[tuple[str, str]]
) -> None:
    assert pairs_of(query) == pairs


@pytest.mark.parametrize(
    ("url", "query", "found"),
    [
        (URL, "", URL),
        (URL, "a=1&b", f"{URL}?a=1&b="),
        (f"{URL}?", "a=1", f"{URL}?a=1"),
        (f"{URL}?a=own", "a=1&b=2", f"{URL}?a=own&b=2"),
        (f"{URL}?x=1&a=own=2", "a=1", f"{URL}?x=1&a=own=2"),
        (f"{URL}?%61=own", "a=1", f"{URL}?%61=own"),
        (f"{URL}?a+b=own", "a%20b=1", f"{URL}?a+b=own"),
        (f"{URL}#a?b#c", "b=/%26+", f"{URL}?b=%2F%26%20#a?b#c"),
        (f"{URL}?a?b=own#f?c=1", "a?b=1&c=2", f"{URL}?a?b=own&c=2#f?c=1"),
        (f"{URL}#f?c=1", "c=2", f"{URL}?c=2#f?c=1"),
        (URL, "c/d=e/f", f"{URL}?c%2Fd=e%2Ff"),
        (URL, "cid=forged&%63id=too&x=1", f"{URL}?x=1"),
    ],
)
def test_a_query_is_added_and_overrides_nothing(url: str, query: str, found: str) -> None:
    assert forwarded(url, query) == found


@pytest.mark.parametrize(
    ("url", "found"),
    [
        (URL, f"{URL}?cid=T"),
        (f"{URL}?", f"{URL}?cid=T"),
        (f"{URL}?a=1&&b", f"{URL}?a=1&b&cid=T"),
        (f"{URL}?cid=1&a=1&cid&acid=2", f"{URL}?a=1&acid=2&cid=T"),
        (f"{URL}?c%69d=1&a=1", f"{URL}?a=1&cid=T"),
        (f"{URL}?a=cid=1", f"{URL}?a=cid=1&cid=T"),
        (f"{URL}?a?b=1#c#d?cid=1", f"{URL}?a?b=1&cid=T#c#d?cid=1"),
    ],
)
def test_a_click_takes_the_place_of_any_other_in_whatever_spelling(url: str, found: str) -> None:
    assert with_click(url, "T") == found
