"""Bad input gets its typed error before anything is written, here or at the gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from digistore import SYSTEM, HostUser, Money
from digistore.errors import (
    AccessRequired,
    AlreadyExists,
    AlreadyOwned,
    ConfigError,
    DigistoreError,
    Forbidden,
    IdempotencyConflict,
    Invalid,
    InvalidSignature,
    InvalidTransition,
    MalformedEvent,
    NotForSale,
    NotFound,
    NothingToDeliver,
    NotRefundable,
    PaymentInFlight,
)
from digistore.testing import check_invariants
from tests.acceptance.world import World
from tests.conftest import RETURN, STORES, OpenStore
from tests.payments.asking import usd

pytestmark = pytest.mark.on_postgresql(one_in=4)
NUL, LONG, CUT, ESCAPE = "a\x00b", "x" * 60_000, "\ud800", "a\x1b[31m"
EURO = Money("1.00", "EUR")
WHEN = datetime(2026, 1, 1, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001  on purpose

Call = Callable[[Any], Any]
Case = tuple[str, type[DigistoreError], str | None, Call]
"""What it is called, the error, the field that the error names, and the call."""


@pytest.fixture(scope="module", params=STORES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """One shop for all cases, as none of them changes it."""
    with World.of_kind(request.param) as made:
        yield made
        check_invariants(made.store)


def refused(world: World, error: type[DigistoreError], *calls: Callable[[], Any]) -> DigistoreError:
    """The last error of calls that all are refused and change nothing."""
    for call in calls:
        with pytest.raises(error) as found:
            call()
        assert type(found.value) is error
    world.assert_untouched()
    return found.value


def given(call: Callable[[Any, Any], Any], value: object) -> Call:
    return lambda world: call(world, value)


def checked(world: World, case: Case) -> None:
    _, error, field, call = case
    found = refused(world, error, lambda: call(world))
    if field is not None:
        assert isinstance(found, Invalid)
        assert set(found.fields) == {field}
    assert not {NUL, LONG, CUT, ESCAPE} & {str(found), *found.args}  # input is not echoed


def named(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case[0] for case in cases])


# Money is exact or refused.


@pytest.mark.parametrize(
    "amount",
    [
        *(29.0, float("nan"), float("inf"), True, False, None, [29]),
        *("abc", "", "1e3", "29.001", " 29", "-", "9" * 50, Decimal("NaN"), Decimal("29.001")),
    ],
    ids=repr,
)
def test_an_amount_is_exact_or_refused(amount: Any) -> None:
    with pytest.raises(Invalid):
        Money(amount, "USD")


@pytest.mark.parametrize("amount", [29.0, True, "29", None, 2**53, Decimal(29)], ids=repr)
def test_minor_units_are_whole_numbers(amount: Any) -> None:
    with pytest.raises(Invalid):
        Money.from_minor(amount, "USD")


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDX", "XXX", "BTC", None, 840], ids=repr)
def test_a_currency_is_one_that_is_in_use(currency: Any) -> None:
    with pytest.raises(Invalid):
        Money("1.00", currency)


def test_two_currencies_are_never_mixed() -> None:
    for mixed in (lambda: usd("1") + EURO, lambda: usd("1") - EURO, lambda: usd("1") < EURO):
        with pytest.raises(Invalid):
            mixed()


NO_MONEY: list[Any] = [usd("-1.00"), 29, 29.0, float("nan"), "29.00", True]
NOT_ABOVE_ZERO = [*NO_MONEY, usd("0.00")]
AMOUNTS: list[Case] = [
    *(
        (f"price {price!r}", Invalid, "price", lambda w, p=price: add(w, price=p))
        for price in [*NO_MONEY, None]
    ),
    *(
        (f"new price {price!r}", Invalid, "price", lambda w, p=price: change(w, price=p))
        for price in NO_MONEY
    ),
    *(
        (f"help for {price!r}", Invalid, "price", lambda w, p=price: offer(w, price=p))
        for price in [*NOT_ABOVE_ZERO, None]
    ),
    *(
        (f"refund of {money!r}", Invalid, "amount", lambda w, m=money: refund(w, amount=m))
        for money in [*NOT_ABOVE_ZERO, EURO]
    ),
    *(
        (f"transfer of {money!r}", Invalid, "amount", lambda w, m=money: record(w, amount=m))
        for money in [*NOT_ABOVE_ZERO, None]
    ),
    *(
        (f"sent back {money!r}", Invalid, "amount", lambda w, m=money: send_back(w, amount=m))
        for money in [*NOT_ABOVE_ZERO, EURO]
    ),
    *(
        (f"pays {money!r}", Invalid, "pay", lambda w, m=money: buy(w, [w.named_price], pay=m))
        for money in [*NOT_ABOVE_ZERO, None, EURO, usd("4.99"), usd("50.01")]
    ),
    ("pays for a fixed price", Invalid, "pay", lambda w: buy(w, [w.house], pay=usd("29.00"))),
    ("refund above what is left", NotRefundable, None, lambda w: refund(w, amount=usd("29.01"))),
    ("refund of nothing paid", NotRefundable, None, lambda w: refund(w, w.unpaid)),
    ("two currencies", Invalid, "currency", lambda w: buy(w, [w.house, w.yen])),
]


@named(AMOUNTS)
def test_amounts_are_money_that_makes_sense(world: World, case: Case) -> None:
    checked(world, case)


# Text is bounded, and plain.

BAD_TEXT = {"nul": NUL, "long": LONG, "escape": ESCAPE, "cut": CUT}
TEXT_IN: dict[str, Callable[[Any, str], Any]] = {
    "title": lambda w, t: add(w, title=t),
    "summary": lambda w, t: add(w, summary=t),
    "description": lambda w, t: add(w, description=t),
    "title changed": lambda w, t: change(w, title=t),
    "version": lambda w, t: release(w, version=t),
    "notes": lambda w, t: release(w, notes=t),
    "file": lambda w, t: release(w, files={t: b"x"}),
    "name": lambda w, t: w.store.catalog.add_category(w.operator, t),
    "kind": lambda w, t: offer(w, kind=t),
    "scope": lambda w, t: offer(w, scope=t),
    "subject": lambda w, t: ask(w, subject=t),
    "body": lambda w, t: ask(w, body=t),
    "body said": lambda w, t: w.store.support.reply(w.buyer, w.request, t),
    "reason of a refund": lambda w, t: refund(w, reason=t),
    "reason of a wish": lambda w, t: w.store.payments.request_refund(w.buyer, w.paid, reason=t),
    "reason of a yank": lambda w, t: w.store.catalog.yank(w.seller, w.published, reason=t),
    "reason of a word": lambda w, t: w.store.entitlements.revoke(w.operator, w.purchase, reason=t),
    "reason of a waiver": lambda w, t: w.store.support.waive(w.seller, w.request, reason=t),
    "reason decided": lambda w, t: decide(w, reason=t),
    "method": lambda w, t: record(w, method=t),
    "reference": lambda w, t: record(w, reference=t),
    "idempotency_key": lambda w, t: buy(w, [w.house], idempotency_key=t),
    "return_url": lambda w, t: buy(w, [w.house], return_url=f"https://x.org/{t}"),
    "cancel_url": lambda w, t: buy(w, [w.house], cancel_url=f"https://x.org/{t}"),
    "name of a user": lambda w, t: w.store.users.register("a@example.com", name=t),
    "email": lambda w, t: w.store.users.guest(f"{t}@example.com"),
    "external_id": lambda w, t: w.store.users.ensure(t),
    "external_id acting": lambda w, t: w.store.orders.my_orders(HostUser(t)),
    "target": lambda w, t: w.store.short_urls.shorten(w.seller, f"https://example.com/{t}"),
}
TEXTS: list[Case] = [
    (f"{field} {kind}", Invalid, field.partition(" ")[0], given(call, text))
    for kind, text in BAD_TEXT.items()
    for field, call in TEXT_IN.items()
]


@named(TEXTS)
def test_text_is_bounded_and_has_no_control_characters(world: World, case: Case) -> None:
    checked(world, case)


@pytest.mark.parametrize("email", ["", "a", "@", "a@", "@b.c", "a b@c.de", "a@b@c", None, 7])
def test_an_address_is_one_mailbox(world: World, email: Any) -> None:
    for call in (world.store.users.register, world.store.users.guest):
        refused(world, Invalid, lambda call=call: call(email))  # type: ignore[misc]


@pytest.mark.parametrize(
    "url",
    [
        *("", "/thanks", "shop.example", "ftp://shop.example", "javascript:alert(1)", "https://"),
        *("https://user:pass@shop.example", "https://shop.example\\@evil", "//evil.example", 7),
    ],
)
def test_the_way_back_is_an_absolute_address_without_credentials(world: World, url: Any) -> None:
    checked(world, ("", Invalid, "return_url", lambda w: buy(w, [w.house], return_url=url)))
    checked(world, ("", Invalid, "return_url", lambda w: ask(w, return_url=url)))


@pytest.mark.parametrize(
    "metadata",
    [
        *({"x": float("nan")}, {"x": float("inf")}, {"x": object()}, {1: 2}, "x", ["x"]),
        *({"x": "y" * 20_000}, {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}),
    ],
)
def test_metadata_is_small_finite_json(world: World, metadata: Any) -> None:
    for call in (
        lambda: add(world, metadata=metadata),
        lambda: buy(world, [world.house], metadata=metadata),
        lambda: ask(world, metadata=metadata),
    ):
        refused(world, Invalid, call)


# Things that are not there, not theirs, or not so.

UNKNOWN = ["", "prd_none", "ord_1", NUL, "../../etc/passwd", "' OR 1=1 --", 7, None, b"x"]


@pytest.mark.parametrize("ref", UNKNOWN, ids=repr)
def test_an_unknown_id_of_any_kind_is_not_found(world: World, ref: Any) -> None:
    store = world.store
    refused(
        world,
        NotFound,
        lambda: store.catalog.product(SYSTEM, ref),
        lambda: store.catalog.publish(SYSTEM, ref),
        lambda: store.catalog.yank(SYSTEM, ref, reason="x"),
        lambda: store.orders.get(SYSTEM, ref),
        lambda: store.orders.cancel(SYSTEM, ref),
        lambda: store.orders.receipt(SYSTEM, ref),
        lambda: store.payments.confirm(SYSTEM, ref),
        lambda: store.payments.refund(SYSTEM, ref, reason="x"),
        lambda: store.payments.resolve(SYSTEM, ref, choice="keep", reason="x"),
        lambda: store.payments.evidence(SYSTEM, ref),
        lambda: store.entitlements.revoke(SYSTEM, ref, reason="x"),
        lambda: store.entitlements.explain(SYSTEM, world.buyer, ref),
        lambda: store.downloads.revoke_links(SYSTEM, ref),
        lambda: store.downloads.link(world.buyer, ref),
        lambda: store.support.get(SYSTEM, ref),
        lambda: store.support.offers(SYSTEM, ref),
        lambda: store.short_urls.disable(SYSTEM, ref),
        lambda: store.users.get(SYSTEM, ref),
        lambda: store.users.legal_entity(SYSTEM, ref),
        lambda: store.orders.checkout(world.buyer, [ref], return_url=RETURN),
    )


CATALOG: list[Case] = [
    ("a version that exists", AlreadyExists, None, lambda w: release(w, version="1.0")),
    ("a release without files", Invalid, "files", lambda w: release(w, files={})),
    *(
        (f"a file called {name!r}", Invalid, "file", lambda w, n=name: release(w, files={n: b"x"}))
        for name in ("a/b.pdf", "..\\b.pdf", "..", "", ".", "/etc/passwd", "C:\\x", "x" * 256)
    ),
    ("a stranger's release", Forbidden, None, lambda w: release(w, actor=w.stranger)),
    ("another seller's release", Forbidden, None, lambda w: release(w, actor=w.other)),
    (
        "a release of a foreign draft",
        NotFound,
        None,
        lambda w: release(w, actor=w.other, product=w.draft),
    ),
    ("an unknown channel", Invalid, "channel", lambda w: release(w, channel="alpha")),
    (
        "nothing to deliver",
        NothingToDeliver,
        None,
        lambda w: w.store.catalog.put_on_sale(w.seller, w.draft),
    ),
    ("withdrawing a draft", InvalidTransition, None, lambda w: withdraw(w, w.draft)),
    ("an unknown shelf", Invalid, "categories", lambda w: add(w, categories=["cat_none"])),
    ("an unknown order", Invalid, "sort", lambda w: w.store.catalog.find(None, sort="id; DROP")),
    ("a long search", Invalid, "text", lambda w: w.store.catalog.find(None, LONG)),
]


def with_code(world: World, code: Any) -> Any:
    return buy(world, [world.house], discount=code)


def give_to(world: World, somebody: Any) -> Any:
    return buy(world, [world.house], gift_to=somebody)


def take_off(world: World, **given: Any) -> Any:
    code = given.pop("code", "FRESH")
    return world.store.orders.add_discount(world.seller, code, **{"percent": 10, **given})


def take_off_by(field: str) -> Callable[[Any, Any], Any]:
    return lambda world, value: take_off(world, **{field: value})


def take_off_amount(world: World, money: Any) -> Any:
    return take_off(world, percent=None, amount=money)


ORDERS: list[Case] = [
    *(
        (f"a legal entity that is {one!r}", Invalid, "entity", given(call_it, one))
        for one in (None, "Ada", {"name": "Ada", "country": "DE"}, ("Ada", "DE"))
        for call_it in (lambda w, e: w.store.users.set_legal_entity(w.seller, w.seller, e),)
    ),
    ("a withdrawn product", NotForSale, None, lambda w: buy(w, [w.gone])),
    ("a draft", NotFound, None, lambda w: buy(w, [w.draft])),
    ("what is owned", AlreadyOwned, None, lambda w: buy(w, [w.book])),
    ("what is on its way", PaymentInFlight, None, lambda w: buy(w, [w.pending])),
    ("nothing", Invalid, "items", lambda w: buy(w, [])),
    ("a product twice", Invalid, "items", lambda w: buy(w, [w.house, w.house.id])),
    ("a hundred and one", Invalid, "items", lambda w: buy(w, [w.house] * 101)),
    ("no list", Invalid, "items", lambda w: buy(w, w.house)),
    ("of two sellers", Invalid, "seller", lambda w: buy(w, [w.house, w.shelf])),
    *(
        (f"a discount {code!r}", Invalid, "discount", given(with_code, code))
        for code in ("TENTH", "NOBODY", "", NUL, LONG, CUT, 7)  # TENTH is of another seller
    ),
    *(
        (f"a gift to {one!r}", Invalid, "gift_to", given(give_to, one))
        for one in ("usr_nobody", "", f"{NUL}@example.com", f"{LONG}@example.com", "@", 7, SYSTEM)
    ),
    *(
        (f"off by {field} {value!r}", Invalid, field, given(take_off_by(field), value))
        for field, value in (
            *(("code", code) for code in ("", "AB", "A B C", NUL, LONG, CUT, None, 7)),
            *(("percent", part) for part in (0, -1, 101, 10.5, True, "10", Decimal("NaN"))),
            *(("kind", kind) for kind in ("subscription", "", None, 7)),
            *(("starts_at", time) for time in (NAIVE, "now", 7)),
            *(("ends_at", time) for time in (NAIVE, "never", 7)),
            *(("max_uses", uses) for uses in (0, -1, True, "1", 1.0, 10**10)),
            *(("max_uses_per_customer", uses) for uses in (0, -1, True, "1", 1.0, 10**10)),
            ("products", "prd_1"),
        )
    ),
    *(
        (f"off {money!r}", Invalid, "amount", given(take_off_amount, money))
        for money in NOT_ABOVE_ZERO
    ),
    ("off twice", Invalid, "percent", lambda w: take_off(w, amount=usd("1.00"))),
    ("off nothing", Invalid, "percent", lambda w: take_off(w, percent=None)),
    (
        "over before it starts",
        Invalid,
        "ends_at",
        lambda w: take_off(w, starts_at=WHEN, ends_at=WHEN),
    ),
    ("a code that is taken", AlreadyExists, None, lambda w: take_off(w, code="tenth")),
    ("off the house's", NotFound, None, lambda w: take_off(w, products=[w.house])),
    ("no such discount", NotFound, None, lambda w: w.store.orders.retire_discount(w.seller, NUL)),
    ("an unknown gateway", Invalid, "gateway", lambda w: buy(w, [w.house], gateway="paypal")),
    ("billing as a dict", Invalid, "billing", lambda w: buy(w, [w.house], billing={"name": "A"})),
    ("consent as text", Invalid, "consents", lambda w: buy(w, [w.house], consents=["terms"])),
    (
        "a key used for another order",
        IdempotencyConflict,
        None,
        lambda w: buy(w, [w.house], idempotency_key="the-only-key"),
    ),
    ("canceling what is paid", InvalidTransition, None, lambda w: cancel(w, w.paid)),
    ("canceling what is on its way", PaymentInFlight, None, lambda w: cancel(w, w.processing)),
]
MONEY: list[Case] = [
    ("an effect of its own", Invalid, "access", lambda w: refund(w, access="burn")),
    ("a naive time", Invalid, "received_at", lambda w: record(w, received_at=NAIVE)),
    ("a naive return", Invalid, "returned_at", lambda w: send_back(w, returned_at=NAIVE)),
    (
        "the reference of another order",
        IdempotencyConflict,
        None,
        lambda w: record(w, method="bank_transfer", reference="transfer 1"),
    ),
    ("no such choice", Invalid, "choice", lambda w: decide(w, choice="burn")),
    ("a choice of another kind", Invalid, "choice", lambda w: decide(w, choice="accept")),
    (
        "a transfer back by the gateway",
        NotRefundable,
        None,
        lambda w: refund(w, w.transferred),
    ),
]
SUPPORT: list[Case] = [
    ("help without access", AccessRequired, None, lambda w: ask(w, user=w.stranger)),
    ("help for another's purchase", AccessRequired, None, lambda w: ask(w, user=w.other)),
    ("help that is not offered", Invalid, "kind", lambda w: ask(w, kind="massage")),
    ("help with what is not sold", NotFound, None, lambda w: ask(w, product=w.draft)),
    (
        "a stranger's view",
        NotFound,
        None,
        lambda w: w.store.support.get(w.stranger, w.request),
    ),
    (
        "reopening what is open",
        InvalidTransition,
        None,
        lambda w: w.store.support.reopen(w.buyer, w.request),
    ),
    (
        "an unknown state",
        Invalid,
        "state",
        lambda w: w.store.support.queue(w.seller, state="lost"),
    ),
]
LIMITS: dict[str, Callable[[Any, Any], Any]] = {
    "limit of products": lambda w, n: w.store.catalog.find(None, limit=n),
    "limit of orders": lambda w, n: w.store.orders.my_orders(w.buyer, limit=n),
    "limit of my products": lambda w, n: w.store.entitlements.my_products(w.buyer, limit=n),
    "limit of requests": lambda w, n: w.store.support.my_supports(w.buyer, limit=n),
}
REST: list[Case] = [
    *(
        (
            f"a link for {lasts!r}",
            Invalid,
            "expires_in",
            lambda w, t=lasts: w.store.downloads.link(w.buyer, w.book, expires_in=t),
        )
        for lasts in (timedelta(0), timedelta(days=8), -1, 3600, True)
    ),
    (
        "a file of another product",
        NotFound,
        None,
        lambda w: w.store.downloads.link(w.buyer, w.book, file="other.pdf"),
    ),
    (
        "a release of another product",
        NotFound,
        None,
        lambda w: w.store.downloads.link(
            w.buyer, w.book, release=w.store.catalog.releases(w.seller, w.shelf)[0]
        ),
    ),
    (
        "an unknown role",
        Invalid,
        "role",
        lambda w: w.store.users.grant_role(SYSTEM, w.stranger, "owner"),
    ),
    (
        "an address that logs in already",
        AlreadyExists,
        None,
        lambda w: w.store.users.register("BUYER@example.com"),
    ),
    *(
        (f"{name} {many!r}", Invalid, None, given(call, many))
        for name, call in LIMITS.items()
        for many in (0, -1, 101, 1.5, True, "2", None)
    ),
]


@named([*CATALOG, *ORDERS, *MONEY, *SUPPORT, *REST])
def test_what_makes_no_sense_is_refused(world: World, case: Case) -> None:
    checked(world, case)


def test_an_empty_file_is_no_release(world: World) -> None:
    """Bytes are taken in before the release: what is kept of them says that they failed."""
    before = world.count("releases")
    with pytest.raises(Invalid) as found:
        release(world, files={"a.pdf": b""})
    assert found.value.fields == {"file": "file_empty"}
    assert world.count("releases") == before
    assert world.count("uploads", "state = 'open'") == 0
    world.seen = world.digest()


# Webhooks and secrets.


def test_a_webhook_is_signed_now_by_its_gateway(world: World) -> None:
    body, headers = world.signed
    handle = world.store.payments.handle_webhook
    [(name, value)] = headers.items()
    for wrong in ({}, {name: ""}, {name: "t=1,v1=00"}, {name: value[:-1] + "0x"}, {name: NUL}):
        refused(world, InvalidSignature, lambda wrong=wrong: handle("sandbox", body, wrong))  # type: ignore[misc]
    refused(world, InvalidSignature, lambda: handle("sandbox", body + b" ", headers))
    refused(world, NotFound, lambda: handle("stripe", body, headers))
    junk = b'{"id": 1}'
    refused(world, MalformedEvent, lambda: handle("sandbox", junk, world.sandbox.sign(junk)))
    for hours in (1, -1):
        world.clock.go(hours=hours)
        refused(world, InvalidSignature, lambda: handle("sandbox", body, headers))
        world.clock.go(hours=-hours)


@pytest.mark.parametrize(
    "secret", ["", "short", "x" * 31, " " * 40, [], ["x" * 31], ["x" * 40, ""], None, 7]
)
def test_k1_a_secret_has_at_least_32_characters(open_store: OpenStore, secret: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        open_store(secret=secret)
    assert "x" * 31 not in str(caught.value)


# The calls, with what is good about them.


def add(world: World, **given: Any) -> Any:
    return world.store.catalog.add_product(
        world.seller, **{"title": "New", "price": usd("1.00"), **given}
    )


def change(world: World, **given: Any) -> Any:
    return world.store.catalog.update_product(world.seller, world.book, **given)


def withdraw(world: World, product: Any) -> Any:
    return world.store.catalog.withdraw(world.seller, product)


def release(world: World, **given: Any) -> Any:
    product, actor = given.pop("product", world.book), given.pop("actor", world.seller)
    good = {"version": "9.0", "files": {"a.pdf": b"x"}}
    return world.store.catalog.release(actor, product, **{**good, **given})


def buy(world: World, items: Any, **given: Any) -> Any:
    return world.store.orders.checkout(world.buyer, items, **{"return_url": RETURN, **given})


def cancel(world: World, order: Any) -> Any:
    return world.store.orders.cancel(world.buyer, order)


def refund(world: World, order: Any = None, **given: Any) -> Any:
    what = world.paid if order is None else order
    return world.store.payments.refund(world.seller, what, **{"reason": "x", **given})


def record(world: World, **given: Any) -> Any:
    good = {"amount": usd("29"), "method": "cash", "reference": "1", "received_at": WHEN}
    return world.store.payments.record(SYSTEM, world.unpaid, **{**good, **given})


def send_back(world: World, **given: Any) -> Any:
    good = {"reference": "2", "returned_at": WHEN, "reason": "x"}
    return world.store.payments.record_refund(SYSTEM, world.transferred, **{**good, **given})


def decide(world: World, **given: Any) -> Any:
    good = {"choice": "keep", "reason": "x", **given}
    return world.store.payments.resolve(world.operator, world.action, **good)


def offer(world: World, **given: Any) -> Any:
    good = {"kind": "setup", "price": usd("49.00"), "scope": "One hour."}
    return world.store.support.offer(world.seller, world.book, **{**good, **given})


def ask(world: World, **given: Any) -> Any:
    user, product = given.pop("user", world.buyer), given.pop("product", world.book)
    good = {"kind": "setup", "subject": "Hm?", "body": "Help.", "return_url": RETURN}
    return world.store.support.request(user, product, **{**good, **given})
