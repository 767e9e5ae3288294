"""What is kept of a visit: never an address, a cookie or more of a referrer than its host."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore.short_urls import Visit
from digistore.short_urls.rules.agents import Told, told_by

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
ANDROID = "Mozilla/5.0 (Linux; Android 14; K) AppleWebKit/537.36 (KHTML, like Gecko)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"


def told(agent: str | None = "Mozilla/5.0", **headers: str) -> Told:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return told_by(Visit("GET", sent if agent is None else {"User-Agent": agent, **sent}))


@pytest.mark.parametrize(
    ("agent", "family", "device"),
    [
        (f"{WINDOWS} Chrome/126.0.0.0 Safari/537.36", "chrome", "desktop"),
        (f"{WINDOWS} Chrome/126.0.0.0 Safari/537.36 Edg/126.0.2592.56", "edge", "desktop"),
        (f"{WINDOWS} Chrome/126.0.0.0 Safari/537.36 OPR/111.0.0.0", "opera", "desktop"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Firefox/130.0", "firefox", "desktop"),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0) {APPLE} Chrome/126.0", "chrome", "desktop"),
        (f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15) {APPLE} Safari/605", "safari", "desktop"),
        (f"{IPHONE} {APPLE} Mobile Safari/604.1", "safari", "phone"),
        (f"{IPHONE} {APPLE} CriOS/126.0 Mobile Safari/604.1", "chrome", "phone"),
        (f"Mozilla/5.0 (iPad; CPU OS 17_5) {APPLE} FxiOS/127.0 Mobile", "firefox", "tablet"),
        (f"{ANDROID} Chrome/126.0.0.0 Mobile Safari/537.36", "chrome", "phone"),
        (f"{ANDROID} Chrome/126.0.0.0 Safari/537.36", "chrome", "tablet"),
        (f"{ANDROID} SamsungBrowser/25.0 Chrome/121.0 Mobile Safari/537.36", "samsung", "phone"),
        (f"Mozilla/5.0 (Linux; Android 12; CUBOT) {APPLE} Chrome/126.0 Mobile", "chrome", "phone"),
        ("SomethingElse/1.0", "other", "other"),
    ],
)
def test_a_person_is_told_by_family_and_device(agent: str, family: str, device: str) -> None:
    assert told(agent) == Told(family, device, is_bot=False, referrer_host=None, country=None)


@pytest.mark.parametrize(
    "agent",
    [
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "Twitterbot/1.0",
        "WhatsApp/2.23.20.0",
        "TelegramBot (like TwitterBot)",
        "Mozilla/5.0 (Windows NT 10.0) SkypeUriPreview Preview/0.5",
        f"{WINDOWS} HeadlessChrome/126.0.0.0 Safari/537.36",
        "curl/8.5.0",
        "Wget/1.21.4",
        "python-requests/2.32.3",
        "Go-http-client/2.0",
        "Mozilla/5.0 (compatible; Baiduspider/2.0)",
        "Pingdom.com_bot_version_1.4",
        "CUBOT Googlebot",
        "",
        "   ",
        None,
    ],
)
def test_bots_are_flagged(agent: str | None) -> None:
    assert told(agent).is_bot


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec_Purpose": "prefetch"},
        {"sec_purpose": "Prefetch;prerender"},
        {"Purpose": "prefetch"},
        {"Purpose": "preview"},
        {"X_Moz": "prefetch"},
    ],
)
def test_what_no_person_has_asked_for_yet_is_flagged(headers: dict[str, str]) -> None:
    assert told(WINDOWS, **headers).is_bot
    assert not told(WINDOWS, **dict.fromkeys(headers, "navigate")).is_bot
    assert not told(WINDOWS, Cookie="prefetch").is_bot


@pytest.mark.parametrize(
    ("referrer", "host"),
    [
        ("https://www.google.com/search?q=secret", "www.google.com"),
        ("HTTPS://News.Example:8443/a", "news.example"),
        ("http://news.example", "news.example"),
        ("http://news.example?x", "news.example"),
        ("http://user:password@news.example/", "news.example"),
        ("http://news.example#@evil.example", "news.example"),
        ("android-app://com.google.android.gm/", None),
        ("about:blank", None),
        ("news.example", None),
        ("https://", None),
        ("https://b\xfccher.example/", None),
        ("https://[::1]/", None),
        ("https://" + "a" * 254 + "/", None),
        ("https://news.example/" + "a" * 1_000_000, "news.example"),
        ("", None),
    ],
)
def test_of_a_referrer_only_the_host_is_kept(referrer: str, host: str | None) -> None:
    assert told(Referer=referrer).referrer_host == host
    assert told(referer=referrer).referrer_host == host


@pytest.mark.parametrize(
    ("country", "kept"),
    [
        ("DE", "DE"),
        ("de", "DE"),
        (None, None),
        ("", None),
        ("DEU", None),
        ("D1", None),
        ("\xc4\xd6", None),
    ],
)
def test_a_country_has_two_letters(country: str | None, kept: str | None) -> None:
    assert told_by(Visit("GET", {}, country=country)).country == kept


@given(st.text(max_size=600), st.text(max_size=200))
def test_no_header_breaks_a_visit(agent: str, referrer: str) -> None:
    kept = told(agent, Referer=referrer)
    assert kept.agent_family.isascii()
    assert kept.referrer_host is None or kept.referrer_host.isascii()


def fastest(call: Callable[[], object]) -> float:
    """Return the time of the fastest of 20 calls, in seconds."""
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return min(times)


@pytest.mark.parametrize(
    ("agent", "referrer"),
    [
        ("a" * 1_000_000, "https://" + "a" * 1_000_000),
        ("cubot" * 200_000, "https://" + "@" * 1_000_000),
        ("(" * 1_000_000, "https://" + "a@" * 500_000 + "/"),
        (" " * 1_000_000, "https://" + "a:" * 500_000),
    ],
)
def test_headers_of_a_megabyte_cost_less_than_a_millisecond(agent: str, referrer: str) -> None:
    visit = Visit("GET", {"User-Agent": agent, "Referer": referrer, "Sec-Purpose": agent})
    assert fastest(lambda: told_by(visit)) < 0.001
