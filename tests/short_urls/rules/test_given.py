"""What a caller says about a link: in one spelling, and nothing that does not go together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest

from digistore.errors import Invalid
from digistore.short_urls import KEEP, LinkRule
from digistore.short_urls.rules.given import (
    check_together,
    fitted,
    read_domain,
    read_given,
    stored_rule,
)
from digistore.short_urls.rules.targets import TargetPolicy

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
TARGET = "https://shop.example/x"
POLICY = TargetPolicy(hosts=frozenset({"shop.example"}))
STORED: dict[str, Any] = {
    "target": TARGET,
    "starts_at": None,
    "expires_at": None,
    "max_visits": None,
    "visits": 2,
    "permanent": False,
    "rules": [],
    "track": False,
    "password_hash": None,
}
RULE = {"target": TARGET, "device": "phone"}


# Each for itself


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ({}, {}),
        ({"title": KEEP, "tags": KEEP, "target": KEEP}, {}),
        ({"title": " a ", "track": True}, {"title": "a", "track": True}),
        ({"title": None, "password": None}, {"title": None, "password": None}),
        ({"target": 7, "fallback": None}, {"target": 7, "fallback": None}),  # not read here
        ({"product": SimpleNamespace(id="prd_1")}, {"product_id": "prd_1"}),
        ({"product": "prd_2"}, {"product_id": "prd_2"}),
        ({"product": None}, {"product_id": None}),
        ({"tags": ("B", "b", " a ", "\uff21")}, {"tags": ["b", "a"]}),
        ({"tags": ["x" * 40]}, {"tags": ["x" * 40]}),
        ({"tags": ["\N{SQUARE HP}"]}, {"tags": ["hp"]}),  # no case until it is normalized
        ({"tags": ["stra\N{LATIN SMALL LETTER SHARP S}e"]}, {"tags": ["strasse"]}),
        ({"max_visits": 2**53 - 1}, {"max_visits": 2**53 - 1}),
        (
            {"starts_at": NOON.astimezone(timezone(timedelta(hours=2)))},
            {"starts_at": NOON},
        ),
        (
            {"rules": [LinkRule(target="x", since=NOON, name=None), RULE]},
            {"rules": [{"target": "x", "since": "2026-01-01T12:00:00Z"}, RULE]},
        ),
        ({"rules": []}, {"rules": []}),
    ],
)
def test_what_was_given_is_returned_in_one_spelling(
    given: dict[str, Any], read: dict[str, Any]
) -> None:
    assert read_given(given) == read


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"tags": [""]}, {"tags": "length"}),
        ({"tags": [" "]}, {"tags": "length"}),
        ({"tags": ["\N{LATIN SMALL LIGATURE FFI}" * 14]}, {"tags": "length"}),
        ({"tags": ["x" * 41]}, {"tags": "too_long"}),
        *(({"tags": [f"a{sign}b"]}, {"tags": "characters"}) for sign in '",\\\n\u200b\ue000'),
        ({"tags": ['"']}, {"tags": "characters"}),
        ({"product": SimpleNamespace(id=5)}, {"product": "wrong_type"}),
        ({"colour": "red"}, {"colour": "unknown_field"}),
        ({"title": "", "max_visits": 0}, {"title": "too_short", "max_visits": "too_small"}),
        ({"rules": [{"target": TARGET}]}, {"rules": "unconditional"}),
    ],
)
def test_what_cannot_be_used_is_named_field_by_field(
    given: dict[str, Any], faults: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as caught:
        read_given(given)
    assert caught.value.fields == faults


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"device": "phone"}, {"device": "phone"}),
        ({"query": {"a": ""}, "name": "A"}, {"query": {"a": ""}, "name": "A"}),
        (
            {"since": NOON, "until": NOON + TICK},
            {"since": "2026-01-01T12:00:00Z", "until": "2026-01-01T12:00:00.000001Z"},
        ),
    ],
)
def test_of_a_rule_only_what_it_says_is_stored(
    given: dict[str, Any], stored: dict[str, Any]
) -> None:
    rule = LinkRule(target=TARGET, **given)
    assert stored_rule(rule) == {"target": TARGET, **stored}
    assert LinkRule.model_validate(stored_rule(rule)) == rule


# Addresses


def test_addresses_are_rebuilt_wherever_they_stand() -> None:
    upper = "HTTPS://Shop.EXAMPLE/x"
    rule = {"country": "AT", "target": upper}
    values = {"target": upper, "fallback": upper, "rules": [rule, RULE], "title": "A"}
    assert fitted(values, POLICY, STORED) == {
        "target": TARGET,
        "fallback": TARGET,
        "rules": [{"country": "AT", "target": TARGET}, RULE],
        "title": "A",
    }


@pytest.mark.parametrize("values", [{}, {"title": None}, {"fallback": None}, {"rules": []}])
def test_what_has_no_address_stays_as_it_is(values: dict[str, Any]) -> None:
    assert fitted(values, POLICY, STORED) == values


@pytest.mark.parametrize(
    ("values", "faults"),
    [
        ({"target": None}, {"target": "target_characters"}),
        ({"target": "https://else.example/"}, {"target": "host_not_allowed"}),
        ({"fallback": "https://else.example/"}, {"fallback": "host_not_allowed"}),
        ({"fallback": ""}, {"fallback": "scheme_not_allowed"}),
        ({"rules": [RULE, {"target": "x"}]}, {"rules[1].target": "scheme_not_allowed"}),
        ({"max_visits": 1}, {"max_visits": "below_visits"}),
    ],
)
def test_an_address_that_is_refused_is_named_by_its_place(
    values: dict[str, Any], faults: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as caught:
        fitted(values, POLICY, STORED)
    assert caught.value.fields == faults


def test_a_change_is_seen_together_with_what_is_stored() -> None:
    begun = STORED | {"starts_at": NOON}
    with pytest.raises(Invalid) as caught:
        fitted({"expires_at": NOON}, POLICY, begun)
    assert caught.value.fields == {"expires_at": "before_start"}
    change = {"starts_at": None, "expires_at": NOON}
    assert fitted(change, POLICY, begun) == change


# Together


@pytest.mark.parametrize(
    "link",
    [
        {},
        {"starts_at": NOON},
        {"expires_at": NOON},
        {"starts_at": NOON, "expires_at": NOON + TICK},
        {"max_visits": 2},
        {"rules": [RULE], "track": True, "password_hash": "scrypt", "max_visits": 3},
        {"permanent": True},
        {"permanent": True, "password": None},
        {"permanent": True, "password": None, "password_hash": "scrypt"},  # it is taken away
    ],
)
def test_what_goes_together_is_let_pass(link: dict[str, Any]) -> None:
    check_together(STORED | link)


@pytest.mark.parametrize(
    ("link", "faults"),
    [
        ({"starts_at": NOON, "expires_at": NOON}, {"expires_at": "before_start"}),
        ({"starts_at": NOON, "expires_at": NOON - TICK}, {"expires_at": "before_start"}),
        ({"max_visits": 1}, {"max_visits": "below_visits"}),
        ({"permanent": True, "password": "words"}, {"password": "permanent"}),
        ({"permanent": True, "password_hash": "scrypt"}, {"password": "permanent"}),
        ({"permanent": True, "track": True}, {"track": "permanent"}),
        (
            {"permanent": True, "starts_at": NOON, "expires_at": NOON, "max_visits": 1},
            {"starts_at": "permanent", "expires_at": "permanent", "max_visits": "permanent"},
        ),
        (
            {
                "permanent": True,
                "starts_at": NOON + TICK,
                "expires_at": NOON,
                "rules": [RULE],
                "password_hash": "scrypt",
            },
            {
                "starts_at": "permanent",
                "expires_at": "permanent",
                "rules": "permanent",
                "password": "permanent",
            },
        ),
        (
            {"starts_at": NOON, "expires_at": NOON, "max_visits": 0},
            {"expires_at": "before_start", "max_visits": "below_visits"},
        ),
    ],
)
def test_what_does_not_go_together_is_named_all_at_once(
    link: dict[str, Any], faults: dict[str, str]
) -> None:
    with pytest.raises(Invalid) as caught:
        check_together(STORED | link)
    assert caught.value.fields == faults


def test_a_permanent_link_says_all_that_it_may_not_have() -> None:
    with pytest.raises(Invalid) as caught:
        check_together(STORED | {"permanent": True, "max_visits": 1, "track": True})
    assert caught.value.fields == {"max_visits": "permanent", "track": "permanent"}
    assert str(caught.value).endswith(": max_visits (permanent), track (permanent)")


# Domains


@pytest.mark.parametrize(
    ("domain", "read"),
    [("", ""), ("Go.Example.", "go.example"), ("b\xfccher.example", "xn--bcher-kva.example")],
)
def test_a_domain_is_read_as_a_host_name(domain: str, read: str) -> None:
    assert read_domain(domain) == read


@pytest.mark.parametrize("domain", ["https://go.example", "go.example:80", ".", " ", None, 0])
def test_what_is_no_host_name_is_no_domain(domain: str) -> None:
    with pytest.raises(Invalid, match="host name") as caught:
        read_domain(domain)
    assert caught.value.fields == {"domain": "host_invalid"}
