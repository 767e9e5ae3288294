"""Rules, queries that are passed on, and the click that a target is told of."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.errors import Invalid, NotFound
from digistore.settings import Settings
from digistore.short_urls import LinkRule, Visit
from digistore.short_urls.attribution import ClickTokens
from digistore.short_urls.rules.choosing import first_language
from digistore.short_urls.rules.queries import forwarded, with_click
from tests.short_urls.shop import CLICKS, FALLBACK, GET, HEAD, SETTINGS, SIGNER, TARGET, Shop

PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1"
ELSE = "https://docs.example/else"
WEEK = timedelta(days=7)


def get(query: str = "", country: str | None = None, **headers: str) -> Visit:
    return Visit("GET", {**GET.headers, **headers}, country=country, query=query)


@pytest.mark.parametrize(
    ("rule", "fits", "fits_not"),
    [
        ({"device": "phone"}, get(**{"User-Agent": PHONE}), get()),
        ({"language": "de"}, get(**{"Accept-Language": "de-CH, en;q=0.9"}), get()),
        ({"language": "de"}, get(**{"accept-language": "en;q=0.5,de"}), get(X="de")),
        ({"country": "AT"}, get(country="at"), get(country="DE")),
        ({"query": {"ref": "a b"}}, get("x=1&ref=a+b"), get("ref=a")),
        ({"query": {"ref": ""}}, get("ref=anything"), get("reference=1")),
        ({"query": {"a": "1", "b": "2"}}, get("b=2&a=1"), get("a=1")),
        (
            {"country": "AT", "language": "de"},
            get(country="AT", **{"Accept-Language": "de"}),
            get(country="AT"),
        ),
    ],
)
def test_a_rule_leads_those_elsewhere_whom_it_fits(
    shop: Shop, rule: dict[str, Any], fits: Visit, fits_not: Visit
) -> None:
    link = shop.links.shorten(shop.seller, TARGET, rules=[LinkRule(target=ELSE, **rule)])
    assert shop.links.resolve(link.code, fits).url == ELSE
    assert shop.links.resolve(link.code, fits_not).url == TARGET
    assert shop.links.resolve(link.code).url == TARGET
    assert [row.rule for row in shop.clicks()] == ["1", None]


def test_the_first_rule_that_fits_wins(shop: Shop) -> None:
    rules = [
        LinkRule(target="https://docs.example/1", country="AT", name="Austria"),
        LinkRule(target="https://docs.example/2", language="de"),
        LinkRule(target="https://docs.example/3", country="AT"),
    ]
    link = shop.links.shorten(shop.seller, TARGET, rules=rules)
    german = {"Accept-Language": "de"}
    urls = [
        shop.links.resolve(link.code, one).url
        for one in (get(country="AT", **german), get(country="DE", **german), get(country="DE"))
    ]
    assert urls == ["https://docs.example/1", "https://docs.example/2", TARGET]
    assert [row.rule for row in shop.clicks()] == ["Austria", "2", None]


def test_a_rule_has_its_time(shop: Shop) -> None:
    now = shop.clock.now
    rule = LinkRule(target=ELSE, since=now + timedelta(hours=1), until=now + timedelta(hours=2))
    link = shop.links.shorten(shop.seller, TARGET, rules=[rule])
    urls = []
    for _ in range(3):
        urls.append(shop.links.resolve(link.code).url)
        shop.clock.forward(hours=1)
    assert urls == [TARGET, ELSE, TARGET]


def test_rules_are_kept_and_changed_as_they_are(shop: Shop) -> None:
    rules = (LinkRule(target=ELSE, device="tablet", query={"a": ""}, since=shop.clock.now),)
    link = shop.links.shorten(shop.seller, TARGET, rules=rules)
    assert link.rules == rules
    assert shop.links.update(shop.seller, link, rules=rules) == link
    assert shop.audited(link.id) == [(1, shop.seller.id, "shorten")]
    assert shop.links.update(shop.seller, link, rules=[]).rules == ()


def test_a_rule_whose_target_is_no_longer_allowed_leads_nowhere(shop: Shop) -> None:
    rule = LinkRule(target=ELSE, country="AT")
    link = shop.links.shorten(shop.seller, TARGET, rules=[rule])
    strict = shop.short_urls(SETTINGS.model_copy(update={"link_hosts": {"shop.example"}}))
    assert strict.resolve(link.code, get(country="DE")).url == TARGET
    with pytest.raises(NotFound):
        strict.resolve(link.code, get(country="AT"))


@pytest.mark.parametrize(
    ("rule", "word"),
    [
        ({}, "unconditional"),
        ({"query": {}}, "unconditional"),
        ({"device": "toaster"}, "unknown"),
        ({"language": "German"}, "characters"),
        ({"country": "de"}, "characters"),
        ({"query": {"": "x"}}, "too_short"),
        ({"colour": "red"}, "unknown_field"),
        ({"name": "x" * 41, "country": "DE"}, "too_long"),
    ],
)
def test_a_rule_that_says_nothing_or_nonsense_is_refused(
    shop: Shop, rule: dict[str, Any], word: str
) -> None:
    rules: Any = [{"target": ELSE, **rule}]
    with pytest.raises(Invalid) as caught:
        shop.links.shorten(shop.seller, TARGET, rules=rules)
    assert caught.value.fields == {"rules": word}


def test_there_are_twenty_rules_at_most(shop: Shop) -> None:
    rule = LinkRule(target=ELSE, country="AT")
    shop.links.shorten(shop.seller, TARGET, rules=[rule] * 20)
    with pytest.raises(Invalid) as caught:
        shop.links.shorten(shop.seller, TARGET, rules=[rule] * 21)
    assert caught.value.fields == {"rules": "too_long"}


@pytest.mark.parametrize(
    "given_", [{"rules": [{"target": ELSE, "country": "AT"}]}, {"track": True}]
)
def test_what_browsers_keep_for_ever_has_no_rules_and_tells_of_no_click(
    shop: Shop, given_: dict[str, Any]
) -> None:
    (field,) = given_
    with pytest.raises(Invalid) as caught:
        shop.links.shorten(shop.seller, TARGET, permanent=True, **given_)
    assert caught.value.fields == {field: "permanent"}


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", None),
        ("*", None),
        ("de", "de"),
        ("en-GB;q=0.3, FR-fr;q=0.8, de;q=0.5", "fr"),
        ("de;q=0, en;q=0.1", "en"),
        ("de, en", "de"),
        (";;;=q,,", None),
        ("en;q=9", None),
        ("x" * 1_000_000, None),
    ],
)
def test_the_language_that_is_liked_best_counts(header: str, language: str | None) -> None:
    assert first_language(header) == language


@given(st.text())
def test_no_header_breaks_the_choice_of_a_language(header: str) -> None:
    assert first_language(header) is None or first_language(header).isalpha()  # type: ignore[union-attr]


# Queries.


@pytest.mark.parametrize(
    ("target", "query", "url"),
    [
        (TARGET, "", TARGET),
        (TARGET, "utm=1", f"{TARGET}?utm=1"),
        (f"{TARGET}?utm=own", "utm=1&b=2", f"{TARGET}?utm=own&b=2"),
        (f"{TARGET}?u%74m=own", "utm=1", f"{TARGET}?u%74m=own"),
        (f"{TARGET}#part", "b=%26+%C3%BC", f"{TARGET}?b=%26%20%C3%BC#part"),
        (f"{TARGET}?", "b", f"{TARGET}?b="),
        (TARGET, "cid=forged&x=1", f"{TARGET}?x=1"),
        (TARGET, "a=1&a=2", f"{TARGET}?a=1&a=2"),
        (TARGET, "x=%0d%0aSet-Cookie:1", f"{TARGET}?x=%0D%0ASet-Cookie%3A1"),
        (TARGET, f"x={'y' * 3000}", TARGET),
        (TARGET, "&".join(f"x{n}=1" for n in range(60)), TARGET),
    ],
)
def test_a_query_is_added_to_and_never_overrides(
    shop: Shop, target: str, query: str, url: str
) -> None:
    link = shop.links.shorten(shop.seller, target, forward_query=True)
    plain = shop.links.shorten(shop.seller, target)
    assert shop.links.resolve(link.code, get(query)).url == url
    assert shop.links.resolve(link.code, Visit("HEAD", {}, query=query)).url == url
    assert shop.links.resolve(plain.code, get(query)).url == plain.target


@given(st.text(max_size=300))
def test_a_forwarded_query_stays_within_the_query(query: str) -> None:
    for url in (TARGET, f"{TARGET}?a=1", f"{TARGET}#f", f"{TARGET}?a=1#f"):
        before, after = urlsplit(url), urlsplit(forwarded(url, query))
        assert after[:3] == before[:3]
        assert after.fragment == before.fragment
        assert after.query.isascii()
        assert after.query.startswith(before.query)


def test_what_becomes_too_long_is_not_forwarded(shop: Shop) -> None:
    target = f"{TARGET}?{'t' * 1900}"
    link = shop.links.shorten(shop.seller, target, forward_query=True)
    assert shop.links.resolve(link.code, get(f"x={'y' * 500}")).url == target


# The click that a target is told of.


def cid_of(url: str | None) -> str | None:
    return dict(parse_qsl(urlsplit(url or "").query)).get("cid")


def test_a_tracked_link_tells_its_target_of_each_click(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, f"{TARGET}?cid=mine&a=1#f", track=True)
    found = [shop.links.resolve(link.code, GET) for _ in range(2)]
    tokens = [cid_of(answer.url) for answer in found]
    assert len({*tokens}) == 2
    reader = ClickTokens(CLICKS, WEEK)
    assert [reader.read(token, shop.clock.now) for token in tokens] == [
        (link.id, shop.clock.now)
    ] * 2
    assert found[0].url == found[0].headers["Location"]
    assert found[0].url is not None
    assert found[0].url.startswith(f"{TARGET}?a=1&cid=")
    assert found[0].url.endswith("#f")


def test_what_is_not_counted_brings_no_click_along(shop: Shop) -> None:
    link = shop.links.shorten(shop.seller, TARGET, track=True, fallback=FALLBACK)
    assert cid_of(shop.links.resolve(link.code, HEAD).url) is None
    assert cid_of(shop.links.resolve(link.code).url) is None
    shop.links.disable(shop.seller, link)
    assert shop.links.resolve(link.code, GET).url == FALLBACK


def test_a_click_is_believed_if_it_is_genuine_and_fresh(shop: Shop) -> None:
    now, reader = shop.clock.now, ClickTokens(CLICKS, WEEK)
    token = reader.make("url_1", now)
    assert reader.read(token, now) == ("url_1", now)
    assert reader.read(token, now + WEEK - timedelta(microseconds=1)) == ("url_1", now)
    assert reader.read(token, now + WEEK) is None
    assert reader.read(token, now - timedelta(minutes=6)) is None  # it comes from the future
    assert ClickTokens(SIGNER, WEEK).read(token, now) is None  # another purpose's key
    forged: list[object] = [None, "", 7, b"x", [], token[:-1], token + "A", token.upper()]
    forged += [token.replace("url_1", "url_2"), "c1.x.y.z", "\0", "ü" * 50, "x" * 1_000_000]
    assert {reader.read(one, now) for one in forged} == {None}


def test_a_click_replaces_any_that_stands_there() -> None:
    assert with_click("https://a.example/?cid=1&cid=2&acid=3", "T") == (
        "https://a.example/?acid=3&cid=T"
    )
    assert with_click("https://a.example/", "T") == "https://a.example/?cid=T"


# What the host decides.


def test_a_screened_target_is_refused_wherever_it_stands(shop: Shop) -> None:
    seen: list[str] = []

    def screen(url: str) -> bool:
        seen.append(url)
        return "else" not in url

    links = shop.short_urls(SETTINGS.model_copy(update={"screen_target": screen}))
    link = links.shorten(shop.seller, TARGET, fallback=FALLBACK)
    assert seen == [TARGET, FALLBACK]
    for change, field in (
        ({"target": ELSE}, "target"),
        ({"fallback": ELSE}, "fallback"),
        ({"rules": [LinkRule(target=ELSE, country="AT")]}, "rules[0].target"),
    ):
        given_: dict[str, Any] = change
        with pytest.raises(Invalid) as caught:
            links.update(shop.seller, link, **given_)
        assert caught.value.fields == {field: "target_screened"}
    assert list(links.mine(shop.seller)) == [link]


def test_chains_addresses_and_customers_links_are_allowed_on_request(shop: Shop) -> None:
    strict = shop.short_urls(Settings(refuse_link_chains=True))
    with pytest.raises(Invalid) as caught:
        strict.shorten(shop.operator, "https://bit.ly/x")
    assert caught.value.fields == {"target": "link_chain"}
    assert shop.short_urls(Settings()).shorten(shop.operator, "https://bit.ly/x").target
    lax = shop.short_urls(Settings(allow_ip_targets=True))
    assert lax.shorten(shop.operator, "http://93.184.216.34/").target == "http://93.184.216.34/"
    open_to_all = shop.short_urls(SETTINGS.model_copy(update={"customers_shorten": True}))
    link = open_to_all.shorten(shop.customer, TARGET)
    assert open_to_all.update(shop.customer, link, title="Mine").title == "Mine"
    with pytest.raises(Invalid) as caught:
        open_to_all.shorten(shop.customer, "https://elsewhere.example/")
    assert caught.value.fields == {"target": "host_not_allowed"}
