"""What a visit to a link gets, and what counts."""

from __future__ import annotations

from typing import Any

import pytest

from digistore.errors import Invalid
from digistore.short_urls import Redirect, Visit
from digistore.short_urls.rules.redirects import (
    Found,
    counts,
    is_live,
    not_allowed,
    redirect,
    was_live,
)

NOW = 100
LINK = Found(
    id="url_1",
    target="https://shop.example/",
    fallback=None,
    starts_at=None,
    expires_at=None,
    disabled_at=None,
    max_visits=None,
    visits=0,
    permanent=0,
    password_hash=None,
    rules="[]",
    forward_query=0,
    track=0,
    anywhere=0,
)
URL = "https://shop.example/x"
GET, HEAD, POST = (Visit(method, {}) for method in ("GET", "HEAD", "POST"))
KEPT = {"X-Robots-Tag": "noindex"}
NOT_KEPT = {"Cache-Control": "private, no-store", **KEPT}


def link(**changed: Any) -> Found:
    return LINK._replace(**changed)


@pytest.mark.parametrize(
    ("changed", "plain"),
    [
        ({}, True),
        ({"permanent": 1, "fallback": URL, "visits": 7, "anywhere": 1}, True),
        *(({name: 0}, False) for name in ("starts_at", "expires_at", "disabled_at", "max_visits")),
        ({"password_hash": ""}, False),
        ({"rules": '[{"target":"x"}]'}, False),
        ({"forward_query": 1}, False),
        ({"track": 1}, False),
        ({"forward_query": 1, "track": 1}, False),
    ],
)
def test_plain_is_what_all_visits_get_at_all_times(changed: dict[str, Any], *, plain: bool) -> None:
    assert link(**changed).is_plain is plain


@pytest.mark.parametrize(
    ("changed", "live"),
    [
        ({}, True),
        ({"starts_at": NOW}, True),
        ({"starts_at": NOW + 1}, False),
        ({"expires_at": NOW + 1}, True),
        ({"expires_at": NOW}, False),
        ({"max_visits": 3, "visits": 2}, True),
        ({"max_visits": 3, "visits": 3}, False),
        ({"max_visits": 3, "visits": 4}, False),
        ({"disabled_at": NOW - 1}, False),
        ({"disabled_at": NOW + 1}, False),
        ({"starts_at": NOW, "expires_at": NOW + 1, "max_visits": 1}, True),
        ({"starts_at": NOW, "expires_at": NOW, "max_visits": 1}, False),
        ({"starts_at": NOW + 1, "expires_at": NOW + 2, "max_visits": 1}, False),
        ({"starts_at": NOW, "expires_at": NOW + 1, "max_visits": 1, "visits": 1}, False),
        ({"starts_at": NOW, "disabled_at": 0}, False),
    ],
)
def test_a_link_is_live_within_its_dates_and_limit_until_it_is_disabled(
    changed: dict[str, Any], *, live: bool
) -> None:
    assert is_live(link(**changed), NOW) is live


@pytest.mark.parametrize(
    ("starts_at", "disabled_at", "was"),
    [
        (None, None, True),
        (None, NOW - 1, True),
        (NOW, None, True),
        (NOW + 1, None, False),
        (NOW - 1, NOW - 1, True),
        (NOW, NOW - 1, False),
        (NOW, NOW + 1, True),
        (NOW + 1, NOW + 1, False),
    ],
)
def test_a_link_was_live_if_it_began_before_it_was_disabled(
    starts_at: int | None, disabled_at: int | None, *, was: bool
) -> None:
    assert was_live(link(starts_at=starts_at, disabled_at=disabled_at), NOW) is was


def test_get_and_post_are_counted_head_and_a_look_are_not() -> None:
    assert [counts(visit) for visit in (GET, POST, HEAD, None)] == [True, True, False, False]


@pytest.mark.parametrize("method", ["PUT", "get", "head", "post", "", "GET\n"])
def test_there_is_no_other_method(method: str) -> None:
    with pytest.raises(Invalid) as caught:
        counts(Visit(method, {}))
    assert caught.value.fields == not_allowed().fields == {"method": "not_allowed"}


def sent(status: int, headers: dict[str, str]) -> Redirect:
    return Redirect(URL, status, {"Location": URL, **headers})


@pytest.mark.parametrize(
    ("changed", "visit", "answer"),
    [
        ({}, GET, sent(302, NOT_KEPT)),
        ({}, None, sent(302, NOT_KEPT)),
        ({}, HEAD, sent(302, NOT_KEPT)),
        ({}, POST, sent(303, NOT_KEPT)),
        ({"max_visits": 3}, GET, sent(302, NOT_KEPT)),
        ({"max_visits": 3}, None, sent(302, NOT_KEPT)),
        ({"max_visits": 3}, HEAD, Redirect(None, 302, NOT_KEPT)),
        ({"max_visits": 3}, POST, sent(303, NOT_KEPT)),
        ({"permanent": 1}, GET, sent(301, KEPT)),
        ({"permanent": 1}, None, sent(301, KEPT)),
        ({"permanent": 1}, HEAD, sent(301, KEPT)),
        ({"permanent": 1, "max_visits": 3}, HEAD, Redirect(None, 301, KEPT)),
    ],
)
def test_link_and_method_decide_what_is_answered(
    changed: dict[str, Any], visit: Visit | None, answer: Redirect
) -> None:
    assert redirect(link(**changed), URL, visit, to_target=True) == answer


@pytest.mark.parametrize("visit", [GET, HEAD, None])
def test_nobody_is_sent_to_a_fallback_for_ever(visit: Visit | None) -> None:
    answer = redirect(link(permanent=1), URL, visit, to_target=False)
    assert answer == sent(302, NOT_KEPT)


def test_an_answer_that_is_given_to_many_cannot_be_changed() -> None:
    for visit in (GET, HEAD):
        headers: Any = redirect(link(max_visits=1), URL, visit, to_target=True).headers
        with pytest.raises(TypeError):
            headers["Location"] = "https://evil.example/"
