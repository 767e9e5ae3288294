"""Decisions about orders: prices, fingerprints, where customers come back to."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digistore import Billing, Consent, Money, PayWhatYouWant, Product
from digistore.catalog.models import ProductStatus
from digistore.errors import Invalid
from digistore.gateways import MoneyRules
from digistore.ids import ProductId, UserId
from digistore.orders.kinds import Draft, Kind
from digistore.orders.rules import (
    checked_consents,
    checked_url,
    has_expired,
    named_in,
    one_shop,
    request_fingerprint,
    snapshot_fingerprint,
    unit_price,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(amount, "USD")


def refusal(call: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(Invalid) as caught:
        call()
    return dict(caught.value.fields)


# Prices

WANTED = PayWhatYouWant(minimum=usd("5"), suggested=usd("7"), maximum=usd("10"))
OPEN_ENDED = PayWhatYouWant(minimum=usd("0"))


def test_a_fixed_price_is_what_it_costs() -> None:
    assert unit_price(usd("29"), None) == usd("29")
    assert unit_price(usd("0"), None) == usd("0")
    assert refusal(lambda: unit_price(usd("29"), usd("29"))) == {"pay": "fixed_price"}


@pytest.mark.parametrize(
    ("price", "pay"),
    [
        (WANTED, usd("5")),
        (WANTED, usd("7.77")),
        (WANTED, usd("10")),
        (OPEN_ENDED, usd("0")),
        (OPEN_ENDED, Money.from_minor(2**53 - 1, "USD")),
    ],
)
def test_a_buyer_names_a_price_within_bounds(price: PayWhatYouWant, pay: Money) -> None:
    assert unit_price(price, pay) == pay


@pytest.mark.parametrize(
    ("price", "pay", "word"),
    [
        (WANTED, None, "missing"),
        (WANTED, usd("4.99"), "out_of_bounds"),
        (WANTED, usd("10.01"), "out_of_bounds"),
        (WANTED, usd("0"), "out_of_bounds"),
        (WANTED, usd("-7"), "out_of_bounds"),
        (OPEN_ENDED, usd("-0.01"), "out_of_bounds"),
        (WANTED, Money("7", "EUR"), "currency"),
        (WANTED, 7, "currency"),
        (WANTED, 7.0, "currency"),
        (WANTED, True, "currency"),
        (WANTED, "7.00", "currency"),
        (WANTED, float("nan"), "currency"),
    ],
)
def test_N1_anything_else_is_refused(price: PayWhatYouWant, pay: Any, word: str) -> None:
    assert refusal(lambda: unit_price(price, pay)) == {"pay": word}


@pytest.mark.parametrize(
    ("total", "reason", "nearest"),
    [
        ("0.49", "too_small", ["0.50"]),
        ("0.50", None, []),
        ("0.51", "step", ["0.50", "0.55"]),
        ("9.99", "step", ["9.95", "10.00"]),
        ("10.00", None, []),
        ("10.03", "too_large", ["10.00"]),
        ("999.00", "too_large", ["10.00"]),
    ],
)
def test_a_gateway_names_the_nearest_amounts_that_it_takes(
    total: str, reason: str | None, nearest: list[str]
) -> None:
    rules = MoneyRules(
        currencies=frozenset({"USD"}), minimum={"USD": 50}, maximum=1002, steps={"USD": 5}
    )
    assert rules.reason(usd(total)) == reason
    if reason is not None:
        assert rules.nearest(usd(total)) == tuple(usd(amount) for amount in nearest)
    assert rules.nearest(Money(total, "EUR")) == ()


@given(
    st.integers(1, 2**53 - 1),
    st.integers(1, 10_000),
    st.integers(1, 10**9),
    st.sampled_from([1, 5, 10, 100]),
)
def test_what_a_gateway_names_it_takes(amount: int, least: int, most: int, step: int) -> None:
    rules = MoneyRules(minimum={"USD": least}, maximum=most, steps={"USD": step})
    for near in rules.nearest(Money.from_minor(amount, "USD")):
        assert rules.reason(near) is None


# One shop


def product(number: int = 1, seller: str | None = "usr_1", price: Any = None) -> Product:
    return Product(
        id=ProductId(f"prd_{number}"),
        slug=f"book-{number}",
        seller_id=None if seller is None else UserId(seller),
        title="Book",
        price=usd("5") if price is None else price,
        status=ProductStatus.ON_SALE,
        created_at=NOON,
        updated_at=NOON,
    )


def test_an_order_has_one_seller_and_one_currency() -> None:
    assert one_shop([product()]) == ("usr_1", "USD")
    assert one_shop([product(1, None), product(2, None)]) == (None, "USD")
    assert one_shop([product(number) for number in range(100)]) == ("usr_1", "USD")
    assert one_shop([product(), product(2, price=OPEN_ENDED)]) == ("usr_1", "USD")


@pytest.mark.parametrize(
    ("products", "fields"),
    [
        ([], {"items": "empty"}),
        ([product(number) for number in range(101)], {"items": "too_many"}),
        ([product(), product()], {"items": "twice"}),
        ([product(), product(2, price=Money("5", "EUR"))], {"currency": "mixed"}),
        ([product(), product(2, "usr_2")], {"seller": "mixed"}),
        ([product(), product(2, None)], {"seller": "mixed"}),
    ],
    ids=["none", "too many", "twice", "two currencies", "two sellers", "a seller and the house"],
)
def test_what_is_not_one_shop_is_refused(products: list[Product], fields: dict[str, str]) -> None:
    assert refusal(lambda: one_shop(products)) == fields


# Fingerprints

DRAFT = Draft(Kind.PRODUCT, "prd_1", "usr_1", "Book", 2900)
TERMS = Consent(kind="terms", text="I agree.", accepted_at=NOON, locale="en")
ACCESS = Consent(kind="immediate_access", text="Now, please.", accepted_at=NOON, locale="en")


def wish(**changed: Any) -> str:
    given_: dict[str, Any] = {
        "drafts": [DRAFT],
        "currency": "USD",
        "gateway": "sandbox",
        "billing": Billing(name="Ada", country="GB"),
        "consents": [TERMS, ACCESS],
        "metadata": {"a": 1, "b": [1, 2]},
        "extra": ["setup"],
        **changed,
    }
    return request_fingerprint(**given_)


@pytest.mark.parametrize(
    "same",
    [
        {},
        {"consents": [ACCESS, TERMS]},
        {"metadata": {"b": [1, 2], "a": 1}},
        {"consents": [TERMS.model_copy(update={"accepted_at": NOON + timedelta(1)}), ACCESS]},
        {"drafts": [Draft(Kind.PRODUCT, "prd_1", "usr_1", "Another title", 2900)]},
    ],
    ids=["again", "consents", "metadata", "when they agreed", "title"],
)
def test_the_same_wish_has_the_same_fingerprint(same: dict[str, Any]) -> None:
    assert wish(**same) == wish()


@pytest.mark.parametrize(
    "other",
    [
        {"drafts": [Draft(Kind.SUPPORT, "prd_1", "usr_1", "Book", 2900)]},
        {"drafts": [Draft(Kind.PRODUCT, "prd_2", "usr_1", "Book", 2900)]},
        {"drafts": [Draft(Kind.PRODUCT, "prd_1", "usr_2", "Book", 2900)]},
        {"drafts": [Draft(Kind.PRODUCT, "prd_1", "usr_1", "Book", 2901)]},
        {"drafts": [Draft(Kind.PRODUCT, "prd_1", "usr_1", "Book", 2900, allow_repeat=True)]},
        {"drafts": [DRAFT, DRAFT]},
        {"drafts": []},
        {"currency": "EUR"},
        {"gateway": "stripe"},
        {"gateway": None},
        {"billing": Billing(name="Ada", country="DE")},
        {"billing": None},
        {"consents": [TERMS]},
        {"consents": [TERMS.model_copy(update={"text": "I do."}), ACCESS]},
        {"consents": [TERMS.model_copy(update={"locale": "de"}), ACCESS]},
        {"metadata": {"a": 1, "b": [2, 1]}},
        {"metadata": {}},
        {"extra": ["deployment"]},
        {"extra": []},
    ],
    ids=str,
)
def test_another_wish_has_another_fingerprint(other: dict[str, Any]) -> None:
    assert wish(**other) != wish()


def test_fingerprints_stay_what_they_were() -> None:
    """Orders of an older release are compared by those that it has stored."""
    assert wish() == "5517fea3da631e8174b69d5ce8802ef377048189c00141b7576774d683ea50de"
    nobody = wish(billing=None, gateway=None)
    assert nobody == "c71e56e1b5bbef8e3eaefe0adce24a0934045fb20e9ddd2a65cda6320c1e7358"
    stored = snapshot_fingerprint({"currency": "USD", "total": 2900}, [["lin_1", "product", 2900]])
    assert stored == "08d3a9eeef60bdd9211bb0804457b7f2a4adf09df26b8765439f481ae9cff034"


def test_I14_a_snapshot_changes_with_each_of_its_parts() -> None:
    order = {"currency": "USD", "total": 2900, "billing": None, "policy": {"a": "b"}}
    lines = [["lin_1", "product", 2900], ["lin_2", "product", 0]]
    whole = snapshot_fingerprint(order, lines)
    assert snapshot_fingerprint(dict(reversed(order.items())), lines) == whole
    for name in order:
        assert snapshot_fingerprint({**order, name: "other"}, lines) != whole
    for at, line in enumerate(lines):
        for part in range(len(line)):
            changed = [list(one) for one in lines]
            changed[at][part] = "other"
            assert snapshot_fingerprint(order, changed) != whole
    assert snapshot_fingerprint(order, lines[::-1]) != whole
    assert snapshot_fingerprint(order, lines[:1]) != whole


# Addresses

GOOD_URLS = [
    "https://shop.example/thanks",
    "http://localhost:8000/thanks?order=1#paid",
    "https://SHOP.example",
    "HTTPS://shop.example/",
    "https://127.0.0.1/",
    "https://[::1]:8443/thanks",
    "https://shop.example/a%20b?c=@d",
    "https://shop.example:443/@home",
    "https://shop.example/?next=http://evil.example",
    "https://xn--mnchen-3ya.example/",
]
BAD_URLS = [
    "",
    " ",
    "thanks",
    "/thanks",
    "//shop.example/thanks",
    "///shop.example",
    "https:",
    "https://",
    "https:///thanks",
    "https:thanks",
    "https://:443/",
    "https://?a",
    "https://#a",
    "https://@shop.example/",
    "https://user@shop.example/",
    "https://user:password@shop.example/",
    "https://shop.example@evil.example/",
    "https://shop.example:@evil.example/",
    "https://shop.example\\@evil.example/",
    "https://shop.example/\\evil",
    "https://shop.example:99999/",
    "https://shop.example:-1/",
    "https://shop.example:port/",
    "https://[::1/",
    "https://[not-an-address]/",
    "javascript:alert(1)",
    "JaVaScRiPt://shop.example/%0aalert(1)",
    "data:text/html,hello",
    "file:///etc/passwd",
    "ftp://shop.example/",
    "httpx://shop.example/",
    "https://shop.example/a b",
    " https://shop.example/",
    "https://shop.example/ ",
    "https://shop.example/\t",
    "https://shop.example/\r\nSet-Cookie: a=b",
    "ht\ntps://shop.example/",
    "https://shop.example/\0",
    "https://shop.example/\x7f",
    "https://münchen.example/",
    "https://shop.example/ä",
    "https://shop\u3002example/",
    "https://shop.example/\ud800",
    "https://shop.example/" + "x" * 2048,
]


@pytest.mark.parametrize("url", GOOD_URLS)
def test_R1_a_plain_web_address_is_kept_as_it_is(url: str) -> None:
    assert checked_url(url, "return_url", ()) == url


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://shop.example/{reference}?x={reference}", "https://shop.example/att_1?x=att_1"),
        ("https://shop.example/%7Breference%7D", "https://shop.example/att_1"),
        ("https://shop.example/reference", "https://shop.example/reference"),
    ],
)
def test_a_return_address_names_its_checkout_where_it_asks_for_it(url: str, named: str) -> None:
    assert named_in(url, "att_1") == named


def test_R1_an_address_has_up_to_2048_characters() -> None:
    longest = "https://shop.example/".ljust(2048, "x")
    assert checked_url(longest, "return_url", ()) == longest
    assert refusal(lambda: checked_url(longest + "x", "url", ())) == {"url": "invalid"}


@pytest.mark.parametrize("url", BAD_URLS, ids=ascii)
def test_R1_anything_else_is_refused_and_not_echoed(url: str) -> None:
    with pytest.raises(Invalid) as caught:
        checked_url(url, "cancel_url", ())
    assert caught.value.fields == {"cancel_url": "invalid"}
    assert "evil" not in str(caught.value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("url", [None, 7, True, b"https://shop.example/", ["https://a.b/"]])
def test_R1_an_address_is_text(url: Any) -> None:
    assert refusal(lambda: checked_url(url, "return_url", ())) == {"return_url": "invalid"}


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://shop.example/thanks", True),
        ("https://SHOP.Example:8443/thanks", True),
        ("http://www.shop.example/", True),
        ("https://evil.example/", False),
        ("https://shop.example.evil.example/", False),
        ("https://evilshop.example/", False),
        ("https://a.www.shop.example/", False),
        ("https://shop.example./", False),
        ("https://[::1]/", False),
    ],
)
def test_R1_the_settings_may_name_the_hosts(url: str, *, allowed: bool) -> None:
    hosts = frozenset({"shop.example", "www.shop.example"})
    if allowed:
        assert checked_url(url, "return_url", hosts) == url
        return
    fields = refusal(lambda: checked_url(url, "return_url", hosts))
    assert fields == {"return_url": "host_not_allowed"}


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(
            ["https:", "http:", "//", "/", "\\", "@", ":", "?", "#", "[", "]", "%0a", "\t", "\n",
             "shop.example", "evil.example", "user", "8443", "é", " ", "..", "javascript:"]
        ),
        max_size=10,
    ).map("".join)
)  # fmt: skip
def test_R1_what_is_taken_leads_where_it_seems_to(url: str) -> None:
    try:
        checked_url(url, "return_url", frozenset({"shop.example"}))
    except Invalid:
        return
    parts = urlsplit(url)
    assert parts.scheme in {"http", "https"}
    assert parts.hostname == "shop.example"
    assert parts.username is parts.password is None
    assert url.isascii()
    assert not set(url) & set("\\ \t\r\n\0")
    # A browser reads the host up to the first of these: it must be the one that was compared.
    rest = url.split("://", 1)[1]
    host = rest[: min((at for sign in "/?#" if (at := rest.find(sign)) >= 0), default=len(rest))]
    assert host.split(":")[0].lower() == "shop.example"


# Consents and billing


def test_consents_are_those_required_each_once() -> None:
    assert checked_consents([], ()) == ()
    assert checked_consents([TERMS], ()) == (TERMS,)
    assert checked_consents([ACCESS, TERMS], {"terms"}) == (ACCESS, TERMS)


@pytest.mark.parametrize(
    ("consents", "required", "word"),
    [
        ([], {"terms"}, "missing"),
        ([TERMS], {"terms", "immediate_access"}, "missing"),
        ([TERMS, TERMS], (), "twice"),
        ([TERMS, TERMS.model_copy(update={"text": "Other"})], (), "twice"),
        (["terms"], (), "invalid"),
        ([{"kind": "terms"}], (), "invalid"),
        ([None], (), "invalid"),
    ],
)
def test_other_consents_are_refused(consents: Any, required: Any, word: str) -> None:
    assert refusal(lambda: checked_consents(consents, required)) == {"consents": word}


BAD_CONSENTS: list[dict[str, Any]] = [
    {"kind": "Terms"},
    {"kind": ""},
    {"text": ""},
    {"text": "x" * 10_001},
    {"text": "a\0b"},
    {"accepted_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - what the test is about
    {"accepted_at": "2026-01-01T12:00:00Z"},
    {"accepted_at": 0},
    {"locale": "english please"},
    {"locale": ""},
    {"agreed": True},
]
BAD_BILLING: list[dict[str, Any]] = [
    {"name": ""},
    {"name": "a\nb"},
    {"name": "x" * 201},
    {"name": 7},
    {"country": "Germany"},
    {"country": "de"},
    {"country": "D"},
    {"country": "DE\n"},
    {"country": None},
    {"email": "a\0b"},
    {"company": "x" * 501},
    {"address": "x" * 1001},
    {"address": "a\x1bb"},
    {"tax_id": "x" * 201},
    {"tax_id": " "},
    {"evidence": ("a",) * 6},
    {"evidence": ["a"]},
    {"evidence": "abc"},
    {"price": 1},
]


@pytest.mark.parametrize("bad", BAD_CONSENTS, ids=str)
def test_a_consent_is_strict_and_carries_a_zone(bad: dict[str, Any]) -> None:
    given_ = {"kind": "terms", "text": "I agree.", "accepted_at": NOON, "locale": "en", **bad}
    with pytest.raises(Invalid):
        Consent(**given_)


@pytest.mark.parametrize("bad", BAD_BILLING, ids=lambda bad: str(bad)[:40])
def test_billing_is_strict_and_bounded(bad: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        Billing(**{"name": "Ada", "country": "GB", **bad})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Billing(name="", country="GB"),
        lambda: Consent(kind="", text="", accepted_at=NOON, locale="en"),
        lambda: PayWhatYouWant(minimum=usd("-1")),
    ],
    ids=["billing", "consent", "price"],
)
def test_one_except_clause_catches_bad_values_made_by_hand(make: Callable[[], object]) -> None:
    """payments.md, section 12: bad billing is ``Invalid(billing)``."""
    with pytest.raises(Invalid):
        make()


# Time


def test_an_order_expires_at_its_own_time_and_not_before() -> None:
    assert not has_expired(NOON, NOON - timedelta(microseconds=1))
    assert has_expired(NOON, NOON)
    assert has_expired(NOON, NOON + timedelta(days=1))
