"""Where a link may lead: T1 to T11, as a table and as properties."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from digistore.errors import ConfigError, Invalid
from digistore.settings import Settings
from digistore.short_urls.rules.targets import (
    REASONS,
    TargetPolicy,
    read_hosts,
    read_own_addresses,
    read_target,
)
from tests.short_urls.shop import SETTINGS, TARGET, Shop

OWN = read_own_addresses(SETTINGS.own_link_hosts)
ANYWHERE = TargetPolicy(OWN)
SELLERS = TargetPolicy(OWN, read_hosts(SETTINGS.link_hosts))
ADDRESSES = TargetPolicy(allow_ip=True)

REFUSED = [
    # T1
    ("https://example.com/" + "a" * 2029, "target_too_long"),
    ("x" * 1_000_000, "target_too_long"),
    ("https://example.com/" + "\N{SNOWMAN}" * 300, "target_too_long"),  # once it is encoded
    # T2
    (" \0javascript:alert(1)", "target_characters"),
    ("http://exa\tmple.com/", "target_characters"),
    ("http://ex ample.com/", "target_characters"),
    ("http://example.com/\r\nSet-Cookie:x", "target_characters"),
    ("http://example.com\\@evil.com/", "target_characters"),
    ("http://example.com/\N{ZERO WIDTH SPACE}", "target_characters"),
    ("http://exam\N{SOFT HYPHEN}ple.com/", "target_characters"),
    ("http://exa\N{ZERO WIDTH JOINER}mple.com/", "target_characters"),
    ("http://example.com/\N{RIGHT-TO-LEFT OVERRIDE}", "target_characters"),
    ("http://example.com/\N{NO-BREAK SPACE}", "target_characters"),
    ("http://example.com/\N{LINE SEPARATOR}", "target_characters"),
    ("http://example.com/\x7f", "target_characters"),
    ("http://example.com/\ud800", "target_characters"),
    ("https://example.com/ ", "target_characters"),
    (None, "target_characters"),
    (7, "target_characters"),
    (b"https://example.com/", "target_characters"),
    # T3
    ("", "scheme_not_allowed"),
    ("example.com", "scheme_not_allowed"),
    ("/products/1", "scheme_not_allowed"),
    ("//evil.com", "scheme_not_allowed"),
    ("://evil.com", "scheme_not_allowed"),
    ("javascript:alert(1)", "scheme_not_allowed"),
    ("JaVaScRiPt:alert(1)", "scheme_not_allowed"),
    ("data:text/html,x", "scheme_not_allowed"),
    ("file:///etc/passwd", "scheme_not_allowed"),
    ("ftp://example.com/", "scheme_not_allowed"),
    ("http", "scheme_not_allowed"),
    ("http/x://example.com", "scheme_not_allowed"),
    ("?http://example.com", "scheme_not_allowed"),
    ("#http://example.com", "scheme_not_allowed"),
    ("\uff48ttp://example.com", "scheme_not_allowed"),
    # T4
    ("https://good.com@evil.com/", "userinfo_not_allowed"),
    ("https://user:pw@h/", "userinfo_not_allowed"),
    ("https://@example.com/", "userinfo_not_allowed"),
    # T5
    ("http:evil.com", "host_missing"),
    ("http:/evil.com", "host_missing"),
    ("http:///evil.com", "host_missing"),
    ("http://", "host_missing"),
    ("http://:80/", "host_missing"),
    ("http://?x", "host_missing"),
    ("http://example.com:99999/", "port_invalid"),
    ("http://example.com:65536/", "port_invalid"),
    ("http://example.com:0/", "port_invalid"),
    ("http://example.com:/", "port_invalid"),
    ("http://example.com:-1/", "port_invalid"),
    ("http://example.com:80:80/", "port_invalid"),
    ("http://example.com:\N{ARABIC-INDIC DIGIT EIGHT}/", "port_invalid"),
    # T6
    ("http://[::1", "host_invalid"),
    ("http://[::1]x/", "host_invalid"),
    ("http://a..example.com/", "host_invalid"),
    ("http://.example.com/", "host_invalid"),
    ("http://example.com../", "host_invalid"),
    ("http://./", "host_invalid"),
    ("http://exa%6dple.com/", "host_invalid"),
    ("http://exa\N{FULLWIDTH PERCENT SIGN}6dple.com/", "host_invalid"),
    ("http://exa!mple.com/", "host_invalid"),
    ("http://stra\N{LATIN SMALL LETTER SHARP S}e.example/", "host_invalid"),
    ("http://STRA\N{LATIN CAPITAL LETTER SHARP S}E.example/", "host_invalid"),
    ("http://\N{GREEK SMALL LETTER FINAL SIGMA}.example/", "host_invalid"),
    ("http://evil.c\N{ACCOUNT OF}m/", "host_invalid"),  # folds to a/c
    ("http://evil.com\N{FULLWIDTH NUMBER SIGN}.example/", "host_invalid"),
    ("http://evil.com\N{FULLWIDTH COMMERCIAL AT}good.example/", "host_invalid"),
    ("http://a\N{VARIATION SELECTOR-16}.example/", "host_invalid"),
    ("http://\ue000.example/", "host_invalid"),  # private use
    ("http://xn--\N{LATIN SMALL LETTER U WITH DIAERESIS}.example/", "host_invalid"),
    ("http://" + "a" * 64 + ".example/", "host_invalid"),
    ("http://" + "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 64 + ".example/", "host_invalid"),
    ("http://" + "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 63 + "a.example/", "host_invalid"),
    (
        "http://"
        + "\N{CJK UNIFIED IDEOGRAPH-4E2D}\N{CJK UNIFIED IDEOGRAPH-6587}" * 31
        + ".example/",
        "host_invalid",
    ),
    ("http://" + "a." * 125 + "example/", "host_invalid"),
    # T7
    ("http://127.0.0.1/", "address_not_allowed"),
    ("http://8.8.8.8/", "address_not_allowed"),
    ("http://127.1/", "address_not_allowed"),
    ("http://2130706433/", "address_not_allowed"),
    ("http://0x7f.1/", "address_not_allowed"),
    ("http://0X7F000001./", "address_not_allowed"),
    ("http://0177.0.0.1/", "address_not_allowed"),
    ("http://example.1/", "address_not_allowed"),
    ("http://example.0x/", "address_not_allowed"),
    ("http://\uff11\uff12\uff17.1/", "address_not_allowed"),
    ("http://127\u30020\u30020\u30021/", "address_not_allowed"),
    ("http://[::1]/", "address_not_allowed"),
    ("http://[::ffff:127.0.0.1]/", "address_not_allowed"),
    ("http://[fe80::1%25eth0]/", "address_not_allowed"),
    ("http://[v1.x]/", "address_not_allowed"),
    ("http://[]/", "address_not_allowed"),
    # T8
    ("http://localhost/", "host_not_public"),
    ("http://localhost./", "host_not_public"),
    ("http://LOCALHOST:8080/", "host_not_public"),
    ("http://me.localhost/", "host_not_public"),
    ("http://printer.local/", "host_not_public"),
    ("http://metadata.google.internal/", "host_not_public"),
    ("http://x.localdomain/", "host_not_public"),
    ("http://nas.home.arpa/", "host_not_public"),
    ("http://home.arpa/", "host_not_public"),
    ("http://intranet/", "host_not_public"),
    # T9
    ("https://sho.rt/x", "link_loop"),
    ("https://sho.rt./x", "link_loop"),
    ("https://SHO.RT/x", "link_loop"),
    ("https://sho.rt", "link_loop"),
    ("https://sho.rt:8443/x", "link_loop"),
    ("https://sho\N{FULLWIDTH FULL STOP}rt/x", "link_loop"),
    ("https://shop.example/s", "link_loop"),
    ("https://shop.example/s/", "link_loop"),
    ("https://shop.example/s/abc", "link_loop"),
    ("https://shop.example/%73/abc", "link_loop"),
    ("https://shop.example/s%2Fabc", "link_loop"),
    ("https://shop.example//s//abc", "link_loop"),
    ("https://shop.example/./s/abc", "link_loop"),
    ("https://shop.example/products/../s/abc", "link_loop"),
    ("https://shop.example/products/%2e%2E/s/abc", "link_loop"),
]

REBUILT = [
    ("https://evil.com#@good.com", "https://evil.com/#@good.com"),
    ("http://\N{CYRILLIC SMALL LETTER A}pple.com/", "http://xn--pple-43d.com/"),
    ("http://xn--80ak6aa92e.com/", "http://xn--80ak6aa92e.com/"),
    ("https://shop.example/products/1", "https://shop.example/products/1"),
    ("https://shop.example/sale", "https://shop.example/sale"),
    ("https://shop.example/S/abc", "https://shop.example/S/abc"),  # a path has a case
    ("https://shop.example/s/../products", "https://shop.example/s/../products"),
    ("https://me.sho.rt/x", "https://me.sho.rt/x"),
    ("HTTP://Example.COM", "http://example.com/"),
    ("http://example.com:80/", "http://example.com/"),
    ("https://example.com:443/", "https://example.com/"),
    ("https://example.com:0443/", "https://example.com/"),
    ("https://example.com:80/", "https://example.com:80/"),
    ("http://example.com:8080/a", "http://example.com:8080/a"),
    ("http://example.com./", "http://example.com/"),
    ("http://example\u3002com\uff0e/", "http://example.com/"),
    ("http://\uff25xample.com/", "http://example.com/"),
    (
        "http://B\N{LATIN CAPITAL LETTER U WITH DIAERESIS}cher.example",
        "http://xn--bcher-kva.example/",
    ),
    ("http://my_shop.example/", "http://my_shop.example/"),
    ("http://\N{PILE OF POO}.example/", "http://xn--ls8h.example/"),
    ("http://example.com?q", "http://example.com/?q"),
    ("http://example.com/?", "http://example.com/?"),
    ("http://example.com/#", "http://example.com/#"),
    ("http://example.com/a?b=1&c=[]#d?e/f", "http://example.com/a?b=1&c=%5B%5D#d?e/f"),
    ("http://example.com/#a#b", "http://example.com/#a%23b"),
    ("http://example.com/a:b@c", "http://example.com/a:b@c"),
    ("http://example.com/?http://other.example/", "http://example.com/?http://other.example/"),
    ('http://example.com/"<x>', "http://example.com/%22%3Cx%3E"),
    ("http://example.com/%41%zz%", "http://example.com/%41%zz%"),
    ("http://example.com/caf\N{LATIN SMALL LETTER E WITH ACUTE}", "http://example.com/caf%C3%A9"),
    ("https://example.com/" + "a" * 2028, "https://example.com/" + "a" * 2028),
]


def code_of(caught: pytest.ExceptionInfo[Invalid], field: str = "target") -> str:
    assert list(caught.value.fields) == [field]
    return caught.value.fields[field]


@pytest.mark.parametrize(("target", "code"), REFUSED)
def test_what_a_rule_refuses(target: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_target(target, ANYWHERE)
    assert code_of(caught) == code
    assert str(caught.value) == REASONS[code]


@pytest.mark.parametrize(("target", "rebuilt"), REBUILT)
def test_what_is_stored_is_rebuilt_from_its_parts(target: str, rebuilt: str) -> None:
    assert read_target(target, ANYWHERE) == rebuilt
    assert read_target(rebuilt, ANYWHERE) == rebuilt


@pytest.mark.parametrize(
    "target",
    [
        "https://shop.example/",
        "https://SHOP.example./products",
        "http://docs.example:8080/x",
    ],
)
def test_a_seller_may_lead_to_the_hosts_of_the_setting(target: str) -> None:
    assert read_target(target, SELLERS)


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "https://sub.shop.example/",
        "https://shop.example.evil.example/",
        "https://notshop.example/",
    ],
)
def test_a_seller_may_lead_nowhere_else(target: str) -> None:
    with pytest.raises(Invalid, match=r"Settings\.link_hosts") as caught:
        read_target(target, SELLERS)
    assert code_of(caught) == "host_not_allowed"
    assert read_target(target, ANYWHERE)


def test_known_shorteners_are_refused_on_request() -> None:
    policy = TargetPolicy(shorteners=frozenset({"bit.example"}))
    with pytest.raises(Invalid) as caught:
        read_target("https://BIT.example/x", policy)
    assert code_of(caught) == "link_chain"
    assert read_target("https://orbit.example/x", policy)


@pytest.mark.parametrize(
    ("target", "rebuilt"),
    [
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://8.8.8.8./", "http://8.8.8.8/"),
        ("http://8.8.8.8:8080", "http://8.8.8.8:8080/"),
        ("https://[2606:4700::1111]:443/x", "https://[2606:4700::1111]/x"),
        ("https://[2606:4700::1111]:8443/", "https://[2606:4700::1111]:8443/"),
        ("https://[2606:4700::ABCD]/", "https://[2606:4700::abcd]/"),
        # NAT64, 6to4 and Teredo are what stands inside: here 8.8.8.8
        ("https://[64:ff9b::808:808]/", "https://[64:ff9b::808:808]/"),
        ("https://[2002:808:808::1]/", "https://[2002:808:808::1]/"),
        (
            "https://[2001:0:4136:e378:8000:63bf:f7f7:f7f7]/",
            "https://[2001:0:4136:e378:8000:63bf:f7f7:f7f7]/",
        ),
        ("http://example.com/", "http://example.com/"),
    ],
)
def test_public_addresses_are_allowed_on_request(target: str, rebuilt: str) -> None:
    assert read_target(target, ADDRESSES) == rebuilt
    assert read_target(rebuilt, ADDRESSES) == rebuilt


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.1", "224.0.1.1"),
        *("255.255.255.255", "100.64.0.1", "127.1", "2130706433", "0x7f000001", "010.8.8.8"),
        *("8.8.8", "8.8.2056", "1.2.3.4.5", "8.8.8.08", "x.8", "256.1.1.1"),
        *("[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[ff0e::1]", "[2001:db8::1]"),
        *("[::ffff:8.8.8.8]", "[::ffff:808:808]", "[::ffff:127.0.0.1]", "[::7f00:1]"),
        *("[2002:7f00:1::1]", "[2002:a00:1::1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::808:808]"),
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",  # Teredo, of 192.0.2.45
        *("[2606:4700::1%1]", "[2606:4700:0::1111]", "[2606:4700::0001]", "[8.8.8.8]", "[]"),
    ],
)
def test_other_addresses_never_are(host: str) -> None:
    with pytest.raises(Invalid) as caught:
        read_target(f"http://{host}/", ADDRESSES)
    assert code_of(caught) == "address_not_allowed"


def test_an_address_is_subject_to_the_list_of_hosts() -> None:
    policy = TargetPolicy(hosts=frozenset({"8.8.8.8"}), allow_ip=True)
    assert read_target("http://8.8.8.8/", policy)
    with pytest.raises(Invalid) as caught:
        read_target("http://8.8.4.4/", policy)
    assert code_of(caught) == "host_not_allowed"


PIECES = [
    *("http://", "https://", "HTTP:", "//", "/", ":", "@", "#", "?", "%", "%41", ".", ".."),
    *("[", "]", "example.com", "sho.rt", "localhost", "127.0.0.1", "8080", ":80", "xn--"),
    *("b\xfccher.de", "\u3002", "\uff0e", "a", "s", "&x=1"),
]
URLISH = st.lists(
    st.one_of(
        st.sampled_from(PIECES),
        st.text(max_size=6),
    ),
    max_size=12,
).map("".join)


@given(
    text=st.one_of(
        st.text(max_size=60),
        URLISH,
        URLISH.map("http://example.com".__add__),
        URLISH.map("https://".__add__),
    )
)
@example("https://evil.com#@good.com")
def test_any_text_is_refused_with_a_code_or_stored_for_good(text: str) -> None:
    try:
        stored = read_target(text, ANYWHERE)
    except Invalid as error:
        refused = error.fields
    else:
        assert stored.isascii()
        assert len(stored) <= 2048
        assert not set(stored) & set(' \\"<>`^{|}')
        assert read_target(stored, ANYWHERE) == stored
        parts = urlsplit(stored)  # another reader finds the same parts
        assert parts.scheme in {"http", "https"}
        assert parts.username is None
        assert parts.hostname
        assert stored.startswith(f"{parts.scheme}://{parts.netloc}/")
        assert parts.netloc == parts.hostname + (f":{parts.port}" if parts.port else "")
        return
    assert set(refused) == {"target"}
    assert refused["target"] in REASONS


@pytest.mark.parametrize("entry", ["", "https://sho.rt", "sho.rt:8080", "[::1]", "sho rt", "/s"])
def test_a_setting_that_names_no_host_is_refused_where_the_service_is_made(
    shop: Shop, entry: str
) -> None:
    with pytest.raises(ConfigError, match=r"Settings\.own_link_hosts"):
        shop.short_urls(Settings(own_link_hosts=frozenset({entry})))
    with pytest.raises(ConfigError, match=r"Settings\.link_hosts"):
        shop.short_urls(Settings(link_hosts=frozenset({entry})))


def test_own_addresses_in_any_spelling_are_read_once() -> None:
    own = read_own_addresses(["Sho.RT.", "shop.example/%73/", "b\xfccher.example/a//b/../c"])
    assert own == (
        ("sho.rt", ""),
        ("xn--bcher-kva.example", "/a/c"),
        ("shop.example", "/s"),
    )


@pytest.mark.parametrize("field", ["target", "fallback"])
def test_target_and_fallback_follow_the_same_rules(shop: Shop, field: str) -> None:
    link = shop.links.shorten(shop.operator, TARGET)
    refused = {}
    for target, code in REFUSED:
        if target is None and field == "fallback":
            continue  # that is none, and allowed
        given: dict[str, Any] = {"target": TARGET, field: target}
        with pytest.raises(Invalid) as caught:
            shop.links.shorten(shop.operator, **given)
        assert caught.value.fields == {field: code}
        with pytest.raises(Invalid) as caught:
            shop.links.update(shop.operator, link, **given)
        assert caught.value.fields == {field: code}
        refused[code] = target
    by_setting = {"host_not_allowed", "link_chain", "target_screened"}
    assert refused.keys() == REASONS.keys() - by_setting
    assert list(shop.links.mine(shop.operator)) == [link]


def test_the_target_of_a_rule_follows_the_same_rules(shop: Shop) -> None:
    link = shop.links.shorten(shop.operator, TARGET)
    texts = [(target, code) for target, code in REFUSED if isinstance(target, str)]
    for target, code in texts:
        rules: Any = [{"target": TARGET, "device": "phone"}, {"target": target, "country": "DE"}]
        with pytest.raises(Invalid) as caught:
            shop.links.shorten(shop.operator, TARGET, rules=rules)
        assert caught.value.fields == {"rules[1].target": code}
        with pytest.raises(Invalid) as caught:
            shop.links.update(shop.operator, link, rules=rules)
        assert caught.value.fields == {"rules[1].target": code}
    assert list(shop.links.mine(shop.operator)) == [link]


def test_the_rebuilt_text_is_what_is_stored_and_sent(shop: Shop) -> None:
    for target, rebuilt in REBUILT:
        link = shop.links.shorten(shop.operator, target, fallback=target)
        assert (link.target, link.fallback) == (rebuilt, rebuilt)
        assert shop.links.resolve(link.code).headers["Location"] == rebuilt
        assert shop.links.update(shop.operator, link, target=rebuilt) == link
