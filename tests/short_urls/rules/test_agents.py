"""What a visit says about itself, and what of it is kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from digistore.short_urls import Visit
from digistore.short_urls.rules.agents import Said, Told, read_agent, said_by, told, told_by

NOTHING = Said("", "", ahead_of_time=False, private=False, client=None, country=None)
SAFARI = "Mozilla/5.0 (iPhone) Safari/604.1"


@pytest.fixture(autouse=True)
def _read_anew() -> Iterator[None]:
    """What was read once is remembered, also between tests."""
    read_agent.cache_clear()
    yield
    read_agent.cache_clear()


def said(**headers: str) -> Said:
    return said_by(Visit("GET", {name.replace("_", "-"): text for name, text in headers.items()}))


# What is read


def test_of_a_visit_only_a_few_headers_are_held_whatever_stands_before_them() -> None:
    headers = {
        "Host": "sho.rt",
        "X-Language": "as long a name as that of the agent",
        "USER-AGENT": SAFARI,
        "Cookie": "hidden",
        "referer": "https://news.example/",
        "Sec-Purpose": "prefetch",
        "Sec-GPC": "1",
    }
    assert said_by(Visit("GET", headers, client="203.0.113.7", country="de")) == Said(
        agent=SAFARI,
        referrer="https://news.example/",
        ahead_of_time=True,
        private=True,
        client="203.0.113.7",
        country="de",
    )
    assert said_by(Visit("GET", {})) == NOTHING


def test_agents_and_referrers_are_cut() -> None:
    found = said(User_Agent="a" * 600, Referer="r" * 3000)
    assert found == NOTHING._replace(agent="a" * 512, referrer="r" * 2048)


@pytest.mark.parametrize(
    ("headers", "private"),
    [
        ({"Sec_GPC": "1"}, True),
        ({"DNT": " 1 "}, True),
        ({"DNT": "0"}, False),
        ({"DNT": "11"}, False),
        ({"DNT": "1", "Sec_GPC": "0"}, True),
        ({"DNT": "0", "Sec_GPC": "1"}, True),
    ],
)
def test_one_header_that_asks_for_privacy_is_enough(
    headers: dict[str, str], *, private: bool
) -> None:
    assert said(**headers) == NOTHING._replace(private=private)


@pytest.mark.parametrize(
    ("headers", "ahead"),
    [
        ({"Sec_Purpose": "Prefetch"}, True),
        ({"Sec_Purpose": "prerender"}, True),
        ({"Purpose": "PREVIEW"}, True),
        ({"X_Moz": "prefetch"}, True),
        ({"Purpose": "prefetch", "X_Moz": "nothing"}, True),
        ({"Purpose": "nothing", "X_Moz": "prefetch"}, True),
        ({"Purpose": "pre", "X_Moz": "fetch"}, False),
        ({"Purpose": "navigate"}, False),
        ({"Purpose": ""}, False),
        ({"Purpose": "x" * 504 + "prefetch"}, True),
        ({"Purpose": "x" * 505 + "prefetch"}, False),
    ],
)
def test_one_header_that_says_ahead_of_time_is_enough(
    headers: dict[str, str], *, ahead: bool
) -> None:
    assert said(**headers) == NOTHING._replace(ahead_of_time=ahead)


# What is kept


def test_family_device_host_and_country_are_kept() -> None:
    found = told(NOTHING._replace(agent=SAFARI, referrer="https://a.example/x", country="de"))
    assert found == Told("safari", "phone", is_bot=False, referrer_host="a.example", country="DE")


def test_what_comes_ahead_of_time_is_kept_as_a_bot() -> None:
    person = Told("safari", "phone", is_bot=False, referrer_host=None, country=None)
    assert told(NOTHING._replace(agent=SAFARI)) == person
    ahead = NOTHING._replace(agent=SAFARI, ahead_of_time=True)
    assert told(ahead) == person._replace(is_bot=True)
    assert told_by(Visit("GET", {"User-Agent": SAFARI})) == person


@pytest.mark.parametrize(
    ("agent", "read"),
    [
        (SAFARI, ("safari", "phone", False)),
        ("Mozilla/5.0 (Windows) Chrome/126 Safari/537 Edg/126", ("edge", "desktop", False)),
        ("Mozilla/5.0 (Android) Chrome/126 Safari/537", ("chrome", "tablet", False)),
        ("Mozilla/5.0 (Android; CUBOT) Chrome/126 Mobile", ("chrome", "phone", False)),
        ("CUBOT Googlebot", ("other", "other", True)),
        ("PyCUBOTthon", ("other", "other", True)),  # a brand is taken out wherever it stands
        ("curl/8.5.0", ("other", "other", True)),
        ("SomethingElse/1.0", ("other", "other", False)),
        (" ", ("other", "other", True)),
        ("", ("other", "other", True)),
    ],
)
def test_an_agent_is_read_by_the_first_word_that_is_known(
    agent: str, read: tuple[str, str, bool]
) -> None:
    assert read_agent(agent) == read


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("", None),
        ("about:blank", None),
        ("HTTPS://News.Example:8443/a", "news.example"),
        ("http://user:password@news.example", "news.example"),
        ("https://b\xfccher.example/", None),
    ],
)
def test_of_a_referrer_the_host_is_kept(referrer: str, host: str | None) -> None:
    assert told(NOTHING._replace(referrer=referrer)).referrer_host == host


@pytest.mark.parametrize(
    ("country", "kept"),
    [("DE", "DE"), ("de", "DE"), (None, None), ("", None), ("DEU", None), ("D1", None)],
)
def test_a_country_is_two_letters(country: str | None, kept: str | None) -> None:
    assert told(NOTHING._replace(country=country)).country == kept
