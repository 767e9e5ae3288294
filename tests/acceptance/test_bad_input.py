"""Bad input gets its typed error before anything is written."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
    Invalid,
    InvalidSignature,
    MalformedEvent,
    NotForSale,
    NotFound,
    NothingToDeliver,
    NotRefundable,
    PaymentInFlight,
)
from tests.conftest import RETURN, OpenStore, Shop

USD = "USD"
CONTROL = "a\x00b"
LONG = "x" * 60_000


def digest(shop: Shop) -> str:
    """A digest of all rows of all tables."""
    tables = shop.rows(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'digistore%'"
        " ORDER BY name"
    )
    content = [(name, sorted(map(repr, shop.rows(f"SELECT * FROM {name}")))) for (name,) in tables]
    return hashlib.sha256(repr(content).encode()).hexdigest()


def refused(shop: Shop, error: type[DigistoreError], call: Callable[[], Any]) -> DigistoreError:
    """The error of a call that changes nothing."""
    before = digest(shop)
    with pytest.raises(error) as found:
        call()
    assert digest(shop) == before
    return found.value


AMOUNTS = [29.0, float("nan"), float("inf"), True, False, "abc", "", "1e3", "29.001", " 29", None]


@pytest.mark.parametrize("amount", [*AMOUNTS, Decimal("NaN"), Decimal("29.001"), [29]], ids=repr)
def test_an_amount_is_exact_or_refused(amount: Any) -> None:
    with pytest.raises(Invalid):
        Money(amount, USD)


@pytest.mark.parametrize("amount", [29.0, True, "29", None, 2**53, Decimal(29)], ids=repr)
def test_minor_units_are_whole_numbers(amount: Any) -> None:
    with pytest.raises(Invalid):
        Money.from_minor(amount, USD)


def test_two_currencies_are_never_mixed() -> None:
    with pytest.raises(Invalid):
        Money("1.00", USD) + Money("1.00", "EUR")


@pytest.mark.parametrize("price", [Money("-1.00", USD), 29, 29.0, "29.00", None, True], ids=repr)
def test_a_price_is_money_of_zero_or_more(shop: Shop, price: Any) -> None:
    catalog = shop.store.catalog
    error = refused(
        shop, Invalid, lambda: catalog.add_product(shop.seller, title="Book", price=price)
    )
    assert isinstance(error, Invalid)
    assert "price" in error.fields


@pytest.mark.parametrize("price", [Money("-1.00", USD), Money("0.00", USD), 49, 49.0, None, True])
def test_support_costs_money_above_zero(shop: Shop, price: Any) -> None:
    book = shop.product()
    offer = shop.store.support.offer
    refused(shop, Invalid, lambda: offer(shop.seller, book, kind="setup", price=price, scope="x"))


@pytest.mark.parametrize(
    "amount",
    [Money("0.00", USD), Money("-1.00", USD), Money("1.00", "EUR"), 1, 1.0, True, "1.00"],
    ids=repr,
)
def test_a_refund_is_money_above_zero_in_the_currency_that_was_paid(
    shop: Shop, amount: Any
) -> None:
    order = shop.buy(shop.product()).order
    refund = shop.store.payments.refund
    refused(shop, Invalid, lambda: refund(shop.seller, order, amount=amount, reason="why"))


def test_a_refund_is_never_above_what_is_left(shop: Shop) -> None:
    order = shop.buy(shop.product()).order
    refund = shop.store.payments.refund
    error = refused(
        shop,
        NotRefundable,
        lambda: refund(shop.seller, order, amount=Money("29.01", USD), reason="why"),
    )
    assert isinstance(error, NotRefundable)
    assert error.left == Money("29.00", USD)


@pytest.mark.parametrize(
    "text", [CONTROL, LONG, "a\x1b[31m", "\ud800"], ids=["nul", "long", "esc", "cut"]
)
@pytest.mark.parametrize("field", ["title", "summary", "description"])
def test_text_is_bounded_and_has_no_control_characters(shop: Shop, field: str, text: str) -> None:
    given: dict[str, Any] = {"title": "Book", "price": Money("1.00", USD), field: text}
    catalog = shop.store.catalog
    error = refused(shop, Invalid, lambda: catalog.add_product(shop.seller, **given))
    assert isinstance(error, Invalid)
    assert list(error.fields) == [field]
    assert text not in str(error)


@pytest.mark.parametrize("email", ["", "a", "@", "a@", "@b.c", "a b@c.de", "a@b@c", CONTROL, LONG])
def test_an_address_is_one_mailbox(shop: Shop, email: str) -> None:
    users = shop.store.users
    for call in (users.register, users.guest):
        refused(shop, Invalid, lambda call=call: call(email))  # type: ignore[misc]


@pytest.mark.parametrize("external_id", ["", CONTROL, "x" * 201])
def test_a_host_user_has_a_plain_id(shop: Shop, external_id: str) -> None:
    refused(shop, Invalid, lambda: shop.store.users.ensure(external_id))
    refused(shop, Invalid, lambda: shop.store.entitlements.my_products(HostUser(external_id)))


def test_a_version_exists_once(shop: Shop) -> None:
    book = shop.product()
    release = shop.store.catalog.release
    refused(
        shop,
        AlreadyExists,
        lambda: release(shop.seller, book, version="1.0", files={"a.pdf": b"other"}),
    )


@pytest.mark.parametrize(
    ("files", "word"),
    [
        ({}, "empty"),
        ({"a/b.pdf": b"x"}, "name_invalid"),
        ({"..\\b.pdf": b"x"}, "name_invalid"),
        ({"..": b"x"}, "name_invalid"),
        ({CONTROL: b"x"}, "name_invalid"),
        ({"": b"x"}, "name_invalid"),
    ],
)
def test_a_release_has_files_with_plain_names(
    shop: Shop, files: dict[str, bytes], word: str
) -> None:
    book = shop.product()
    release = shop.store.catalog.release
    error = refused(shop, Invalid, lambda: release(shop.seller, book, version="2.0", files=files))
    assert isinstance(error, Invalid)
    assert word in error.fields.values()


def test_an_empty_file_is_no_release(shop: Shop) -> None:
    book = shop.product()
    with pytest.raises(Invalid) as found:
        shop.store.catalog.release(shop.seller, book, version="2.0", files={"a.pdf": b""})
    assert found.value.fields == {"file": "file_empty"}
    assert shop.count("releases") == 1


def test_a_release_is_made_by_who_sells_the_product(shop: Shop) -> None:
    book = shop.product()
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=Money("1.00", USD))
    release = shop.store.catalog.release
    for actor in (shop.buyer, shop.new_seller("rival@example.com")):
        for product, error in ((book, Forbidden), (draft, NotFound)):
            refused(
                shop,
                error,
                lambda actor=actor, product=product: release(  # type: ignore[misc]
                    actor, product, version="9", files={"a.pdf": b"x"}
                ),
            )


def test_nothing_goes_on_sale_with_nothing_to_deliver(shop: Shop) -> None:
    catalog = shop.store.catalog
    bare = catalog.add_product(shop.seller, title="Bare", price=Money("1.00", USD))
    refused(shop, NothingToDeliver, lambda: catalog.put_on_sale(shop.seller, bare))
    catalog.release(shop.seller, bare, version="1b", files={"a.pdf": b"x"}, channel="beta")
    refused(shop, NothingToDeliver, lambda: catalog.put_on_sale(shop.seller, bare))


def test_what_is_withdrawn_or_a_draft_is_not_bought(shop: Shop) -> None:
    book = shop.product()
    shop.store.catalog.withdraw(shop.seller, book)
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=Money("1.00", USD))
    refused(shop, NotForSale, lambda: shop.checkout(book))
    refused(shop, NotFound, lambda: shop.checkout(draft))


def test_what_is_owned_or_on_its_way_is_not_bought_again(shop: Shop) -> None:
    book, other = shop.product(), shop.product("Other")
    shop.buy(book)
    refused(shop, AlreadyOwned, lambda: shop.checkout(book))
    shop.deliver(shop.sandbox.pay(shop.checkout(other), "delayed"))
    refused(shop, PaymentInFlight, lambda: shop.checkout(other))


@pytest.mark.parametrize(
    "secret", ["", "short", "x" * 31, " " * 40, [], ["x" * 31], ["x" * 40, ""]]
)
def test_K1_a_secret_has_at_least_32_characters(open_store: OpenStore, secret: Any) -> None:
    with pytest.raises(ConfigError):
        open_store(secret=secret)


def test_a_webhook_is_signed_now_by_its_gateway(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    body, headers = shop.sandbox.pay(checkout)
    handle = shop.store.payments.handle_webhook
    [(name, value)] = [pair for pair in headers.items() if "ignature" in pair[0]]
    for wrong in ({}, {name: ""}, {name: "t=1,v1=00"}, {name: value[:-1] + "0x"}, {name: CONTROL}):
        refused(shop, InvalidSignature, lambda wrong=wrong: handle("sandbox", body, wrong))  # type: ignore[misc]
    refused(shop, InvalidSignature, lambda: handle("sandbox", body + b" ", headers))
    refused(shop, NotFound, lambda: handle("stripe", body, headers))
    junk = b'{"id": 1}'
    refused(shop, MalformedEvent, lambda: handle("sandbox", junk, shop.sandbox.sign(junk)))
    for hours in (1, -1):
        shop.clock.go(hours=hours)
        refused(shop, InvalidSignature, lambda: handle("sandbox", body, headers))
        shop.clock.go(hours=-hours)
    shop.deliver((body, headers))
    assert shop.count("payments") == 1


def test_support_is_asked_for_with_a_purchase_of_ones_own(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", USD), scope="One hour."
    )
    stranger = shop.store.users.register("stranger@example.com")
    given: dict[str, Any] = {"kind": "setup", "subject": "Hi", "body": "...", "return_url": RETURN}
    request = shop.store.support.request
    refused(shop, AccessRequired, lambda: request(stranger, book, **given))
    refused(shop, Invalid, lambda: request(shop.buyer, book, **{**given, "kind": "other"}))
    refused(shop, Invalid, lambda: request(shop.buyer, book, **{**given, "subject": CONTROL}))
    refused(shop, Invalid, lambda: request(shop.buyer, book, **{**given, "body": LONG}))
    asked = request(shop.buyer, book, **given)
    for call in (shop.store.support.get, shop.store.support.resolve, shop.store.support.close):
        refused(shop, NotFound, lambda call=call: call(stranger, asked.request))  # type: ignore[misc]


UNKNOWN = ["", "prd_none", "ord_1", CONTROL, "../../etc/passwd", "' OR 1=1 --", 7, None, b"x"]


@pytest.mark.parametrize("ref", UNKNOWN, ids=repr)
def test_an_unknown_id_of_any_kind_is_not_found(shop: Shop, ref: Any) -> None:
    store = shop.store
    calls: list[Callable[[], Any]] = [
        lambda: store.catalog.product(SYSTEM, ref),
        lambda: store.catalog.publish(SYSTEM, ref),
        lambda: store.orders.get(SYSTEM, ref),
        lambda: store.orders.cancel(SYSTEM, ref),
        lambda: store.payments.refund(SYSTEM, ref, reason="x"),
        lambda: store.payments.resolve(SYSTEM, ref, choice="keep", reason="x"),
        lambda: store.entitlements.revoke(SYSTEM, ref, reason="x"),
        lambda: store.downloads.revoke_links(SYSTEM, ref),
        lambda: store.support.get(SYSTEM, ref),
        lambda: store.short_urls.disable(SYSTEM, ref),
        lambda: store.users.get(SYSTEM, ref),
        lambda: store.orders.checkout(shop.buyer, [ref], return_url=RETURN),
    ]
    for call in calls:
        refused(shop, NotFound, call)
