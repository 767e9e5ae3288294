"""Checkout: one wish is one order, whatever is clicked, lost or repeated."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from digistore import SYSTEM, Billing, Consent, DigistoreError, Money, PayWhatYouWant, Product
from digistore.errors import (
    AlreadyOwned,
    AmountNotSupported,
    Forbidden,
    GatewayRateLimited,
    GatewayUnavailable,
    IdempotencyConflict,
    Invalid,
    InvalidTransition,
    NotForSale,
    NotFound,
    PaymentInFlight,
)
from digistore.gateways import MoneyRules
from digistore.gateways.sandbox import SandboxGateway
from digistore.gateways.sandbox.controls import FaultName
from digistore.orders import OrderState
from tests.conftest import RETURN, OpenStore, Shop

USD = "USD"


def created(shop: Shop) -> list[str]:
    """The keys under which checkouts were asked for, each once."""
    return sorted(
        {str(call.key) for call in shop.sandbox.calls if call.method == "create_checkout"}
    )


def test_D13_an_order_is_created_before_payment_and_kept_whatever_happens(shop: Shop) -> None:
    book = shop.product()
    order = shop.checkout(book).order
    assert order.state is OrderState.OPEN
    shop.clock.go(hours=13)
    shop.store.payments.reconcile()
    assert shop.store.orders.get(shop.buyer, order).state is OrderState.EXPIRED
    assert shop.count("orders") == 1


def test_a_double_click_is_one_order_with_one_url(shop: Shop) -> None:
    book = shop.product()
    first, second = shop.checkout(book), shop.checkout(book)
    assert (first.order.id, first.url) == (second.order.id, second.url)
    assert shop.count("orders") == 1
    assert len(created(shop)) == 1


def test_the_same_key_gives_the_same_order_even_when_it_is_paid(shop: Shop) -> None:
    book = shop.product()
    first = shop.buy(book, idempotency_key="k1")
    again = shop.checkout(book, idempotency_key="k1")
    assert again.order.id == first.order.id
    assert again.order.state is OrderState.PAID
    assert again.url is None


def test_the_same_key_for_other_content_is_a_conflict(shop: Shop) -> None:
    shop.checkout(shop.product(), idempotency_key="k1")
    with pytest.raises(IdempotencyConflict) as conflict:
        shop.checkout(shop.product("Other"), idempotency_key="k1")
    assert conflict.value.key == "k1"
    assert shop.count("orders") == 1


def test_equal_keys_of_two_buyers_do_not_collide(shop: Shop) -> None:
    book, other = shop.product(), shop.store.users.register("other@example.com")
    first = shop.checkout(book, idempotency_key="k1")
    assert shop.checkout(book, other, idempotency_key="k1").order.id != first.order.id


def test_what_is_owned_is_not_sold_again_unless_the_host_has_asked(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    with pytest.raises(AlreadyOwned) as owned:
        shop.checkout(book)
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    assert owned.value.purchase_id == purchase.id
    repeat = shop.buy(book, allow_repeat=True)
    assert shop.store.orders.get(shop.buyer, repeat.order).state is OrderState.PAID


def test_money_on_its_way_refuses_another_order_of_the_product(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    for allow_repeat in (False, True):
        with pytest.raises(PaymentInFlight) as flight:
            shop.checkout(book, allow_repeat=allow_repeat)
        assert flight.value.order_id == checkout.order.id


def test_other_content_ends_the_older_open_order_at_its_gateway_first(shop: Shop) -> None:
    book, extra = shop.product(), shop.product("Extra")
    old = shop.checkout(book)
    new = shop.store.orders.checkout(shop.buyer, [book, extra], return_url=RETURN)
    assert shop.store.orders.get(shop.buyer, old.order).state is OrderState.CANCELED
    assert new.order.total == Money("58.00", USD)
    assert "expire" in {call.method for call in shop.sandbox.calls}


def test_if_the_older_order_turns_out_to_be_paid_the_newer_one_is_refused(shop: Shop) -> None:
    book, extra = shop.product(), shop.product("Extra")
    old = shop.checkout(book)
    shop.sandbox.pay(old)  # and the message never comes
    with pytest.raises(AlreadyOwned):
        shop.store.orders.checkout(shop.buyer, [book, extra], return_url=RETURN)
    assert shop.store.orders.get(shop.buyer, old.order).state is OrderState.PAID
    assert shop.count("orders") == 1


def test_a_free_product_is_paid_at_once_and_no_gateway_hears_of_it(shop: Shop) -> None:
    gift = shop.product(price=Money("0.00", USD))
    checkout = shop.checkout(gift)
    assert checkout.url is None
    assert checkout.order.state is OrderState.PAID
    assert shop.store.entitlements.check(shop.buyer, gift)
    assert shop.rows("SELECT gateway, captured FROM digistore_payments") == [("free", 0)]
    assert shop.sandbox.calls == ()


@pytest.mark.parametrize(
    ("pay", "word"),
    [
        (None, "missing"),
        (Money("4.99", USD), "out_of_bounds"),
        (Money("50.01", USD), "out_of_bounds"),
        (Money("5.00", "EUR"), "currency"),
        (5, "currency"),
        (5.0, "currency"),
        (True, "currency"),
    ],
)
def test_what_a_buyer_names_stays_within_bounds(shop: Shop, pay: object, word: str) -> None:
    price = PayWhatYouWant(minimum=Money("5.00", USD), maximum=Money("50.00", USD))
    book = shop.product(price=price)
    with pytest.raises(Invalid) as refused:
        shop.checkout(book, pay=pay)
    assert refused.value.fields == {"pay": word}
    assert shop.count("orders") == 0


def test_a_buyer_pays_what_they_named(shop: Shop) -> None:
    book = shop.product(price=PayWhatYouWant(minimum=Money("0.00", USD)))
    assert shop.checkout(book, pay=Money("7.00", USD)).order.total == Money("7.00", USD)
    with pytest.raises(Invalid):
        shop.checkout(shop.product("Fixed"), pay=Money("7.00", USD))


def test_CVE_2020_15109_a_snapshot_never_changes(shop: Shop) -> None:
    book = shop.product()
    order = shop.checkout(book).order
    shop.store.catalog.update_product(shop.seller, book, title="Renamed", price=Money("99.00", USD))
    kept = shop.store.orders.get(shop.buyer, order)
    assert (kept.lines[0].title, kept.total) == ("Async Python", Money("29.00", USD))
    assert shop.checkout(book).order.total == Money("99.00", USD)  # a new price is a new order


def test_billing_and_consents_are_kept_as_they_were_given(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(required_consents=frozenset({"terms"}))
    book = shop.product()
    with pytest.raises(Invalid) as missing:
        shop.checkout(book)
    assert missing.value.fields == {"consents": "missing"}
    consent = Consent(
        kind="terms", text="I agree.", accepted_at=datetime(2026, 1, 1, tzinfo=UTC), locale="en"
    )
    billing = Billing(name="Ann", country="DE", tax_id="DE123")
    order = shop.checkout(book, consents=[consent], billing=billing).order
    assert order.billing == billing
    assert order.consents == (consent,)
    with pytest.raises(Invalid) as twice:
        shop.checkout(book, consents=[consent, consent])
    assert twice.value.fields == {"consents": "twice"}


# The gateway misbehaves.


@pytest.mark.parametrize("fault", ["timeout", "lost_reply", "server_error"])
def test_an_unknown_outcome_is_continued_with_the_same_key(shop: Shop, fault: FaultName) -> None:
    book = shop.product()
    shop.sandbox.fail_next(fault, method="create_checkout")
    with pytest.raises(GatewayUnavailable) as down:
        shop.checkout(book)
    assert down.value.order_id is not None
    assert shop.rows("SELECT state FROM digistore_payment_attempts") == [("unknown",)]
    again = shop.checkout(book)
    assert again.order.id == down.value.order_id
    assert len(created(shop)) == 1
    shop.deliver(shop.sandbox.pay(again))
    assert shop.store.entitlements.check(shop.buyer, book)


def test_a_rate_limit_did_nothing_and_is_continued(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("rate_limit", method="create_checkout")
    with pytest.raises(GatewayRateLimited):
        shop.checkout(book)
    assert shop.checkout(book).url is not None
    assert len(created(shop)) == 1


def test_an_unanswered_attempt_is_finished_by_reconcile(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    shop.clock.go(minutes=2)
    shop.store.payments.reconcile()
    assert shop.rows("SELECT state FROM digistore_payment_attempts") == [("open",)]
    assert shop.count("payment_attempts") == 1


def test_a_key_that_may_be_forgotten_is_looked_up_and_never_repeated(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    asked = len([call for call in shop.sandbox.calls if call.method == "create_checkout"])
    shop.clock.go(hours=21)
    shop.store.payments.reconcile()
    later = len([call for call in shop.sandbox.calls if call.method == "create_checkout"])
    assert later == asked
    assert shop.rows("SELECT state FROM digistore_payment_attempts") == [("expired",)]


def test_an_attempt_that_never_reached_the_gateway_is_given_up(shop: Shop) -> None:
    book = shop.product()
    shop.sandbox.fail_next("timeout", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(book)
    shop.clock.go(hours=21)
    shop.store.payments.reconcile()
    assert shop.rows("SELECT state FROM digistore_payment_attempts") == [("abandoned",)]
    shop.store.payments.reconcile()
    assert shop.rows("SELECT state FROM digistore_orders") == [("expired",)]


# Cancel, expire.


def test_cancel_ends_the_checkout_and_stays_canceled(shop: Shop) -> None:
    order = shop.checkout(shop.product()).order
    assert shop.store.orders.cancel(shop.buyer, order).state is OrderState.CANCELED
    assert shop.store.orders.cancel(shop.buyer, order).state is OrderState.CANCELED
    assert shop.rows("SELECT state FROM digistore_payment_attempts") == [("expired",)]


def test_cancel_of_what_was_paid_meanwhile_settles_it(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    with pytest.raises(InvalidTransition):
        shop.store.orders.cancel(shop.buyer, checkout.order)
    assert shop.store.entitlements.check(shop.buyer, book)


def test_cancel_waits_for_money_on_its_way(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    with pytest.raises(PaymentInFlight):
        shop.store.orders.cancel(shop.buyer, checkout.order)


def test_who_may_cancel(shop: Shop) -> None:
    order = shop.checkout(shop.product()).order
    with pytest.raises(NotFound):
        shop.store.orders.cancel(shop.store.users.register("s@example.com"), order)
    with pytest.raises(Forbidden):
        shop.store.orders.cancel(shop.seller, order)
    assert shop.store.orders.cancel(SYSTEM, order).state is OrderState.CANCELED


def test_a_declined_card_leaves_the_checkout_open(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "declined"))
    assert shop.store.orders.get(shop.buyer, checkout.order).state is OrderState.OPEN
    shop.deliver(shop.sandbox.pay(checkout))
    assert shop.store.entitlements.check(shop.buyer, book)


def test_an_expired_order_that_is_paid_after_all_is_paid_and_flagged_late(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout, "delayed")  # nobody tells us
    shop.clock.go(hours=13)
    shop.store.payments.reconcile()
    shop.deliver(shop.sandbox.clear(checkout))
    order = shop.store.orders.get(shop.buyer, checkout.order)
    assert order.state is OrderState.PAID
    assert shop.store.entitlements.check(shop.buyer, book)


# Reading.


def test_orders_are_seen_by_buyer_seller_and_operators_alone(shop: Shop) -> None:
    order = shop.checkout(shop.product()).order
    for actor in (shop.buyer, shop.seller, shop.operator, SYSTEM):
        assert shop.store.orders.get(actor, order).id == order.id
    for stranger in (
        shop.store.users.register("stranger@example.com"),
        shop.new_seller("rival@example.com"),
    ):
        with pytest.raises(NotFound):
            shop.store.orders.get(stranger, order)


def test_my_orders_are_paged_without_a_gap_or_a_repeat(shop: Shop) -> None:
    made = []
    for number in range(5):
        shop.clock.go(seconds=number % 2)  # some at the same moment
        made.append(shop.checkout(shop.product(f"Book {number}")).order.id)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = shop.store.orders.my_orders(shop.buyer, after=cursor, limit=2)
        seen += [order.id for order in page]
        cursor = page.next
        if cursor is None:
            break
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(made)


def test_a_receipt_exists_for_what_is_paid_and_shows_what_went_back(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    with pytest.raises(NotFound):
        shop.store.orders.receipt(shop.buyer, checkout.order)
    shop.deliver(shop.sandbox.pay(checkout))
    shop.store.payments.refund(
        shop.seller, checkout.order, amount=Money("9.00", USD), reason="late"
    )
    receipt = shop.store.orders.receipt(shop.buyer, checkout.order)
    assert (receipt.refunded, receipt.net) == (Money("9.00", USD), Money("20.00", USD))
    assert receipt.buyer_email == "buyer@example.com"
    assert receipt.issuer == shop.seller.id


def test_a_quote_writes_nothing(shop: Shop) -> None:
    book = shop.product()
    before = shop.count("audit")
    quote = shop.store.orders.quote(shop.buyer, [book])
    assert (quote.total, quote.gateway) == (Money("29.00", USD), "sandbox")
    assert (shop.count("orders"), shop.count("audit")) == (0, before)


# Bad input: a typed error before anything is written.


def test_items_are_one_to_a_hundred_different_products_of_one_shop(shop: Shop) -> None:
    book = shop.product()
    euro = shop.product("Euro", price=Money("29.00", "EUR"))
    other = shop.product("Other", seller=shop.new_seller("two@example.com"))
    for items, field in [
        ([], "items"),
        ([book, book], "items"),
        (book, "items"),
        (book.id, "items"),
        ([book, euro], "currency"),
        ([book, other], "seller"),
    ]:
        with pytest.raises(Invalid) as refused:
            shop.store.orders.checkout(shop.buyer, items, return_url=RETURN)  # type: ignore[arg-type]
        assert field in refused.value.fields
    assert shop.count("orders") == 0


def test_only_what_is_on_sale_and_deliverable_is_sold(shop: Shop) -> None:
    book = shop.product()
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=Money("1.00", USD))
    shop.store.catalog.withdraw(shop.seller, book)
    empty = shop.product("Empty")
    release = shop.store.catalog.latest(shop.seller, empty)
    assert release is not None
    shop.store.catalog.yank(shop.seller, release, reason="broken")
    refused: list[tuple[Product | str, type[DigistoreError]]] = [
        (draft, NotFound),
        (book, NotForSale),
        (empty, NotForSale),
        ("prd_none", NotFound),
    ]
    for product, error in refused:
        with pytest.raises(error):
            shop.store.orders.checkout(shop.buyer, [product], return_url=RETURN)
    assert shop.count("orders") == 0


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/thanks",
        "thanks",
        "//evil.example/x",
        "javascript:alert(1)",
        "ftp://shop.example/",
        "https://user:pw@shop.example/",
        "https://shop.example/\r\nSet-Cookie: x=1",
        "https://shop.example/ x",
        "https://shop.example\\@evil.example/",
        "https://",
        "https://shop.example:99999/",
        "https://shop.example/" + "x" * 3000,
        7,
    ],
)
@pytest.mark.parametrize("field", ["return_url", "cancel_url"])
def test_customers_are_sent_to_plain_web_addresses_only(
    shop: Shop, url: object, field: str
) -> None:
    book = shop.product()
    given = {"return_url": RETURN, field: url}
    if field == "cancel_url" and not url:
        return
    with pytest.raises(Invalid) as refused:
        shop.store.orders.checkout(shop.buyer, [book], **given)  # type: ignore[arg-type]
    assert field in refused.value.fields
    assert shop.count("orders") == 0


def test_return_hosts_can_be_listed(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(return_hosts=frozenset({"shop.example"}))
    book = shop.product()
    with pytest.raises(Invalid):
        shop.store.orders.checkout(shop.buyer, [book], return_url="https://evil.example/")
    assert shop.checkout(book).url


def test_gateways_take_the_amounts_and_currencies_they_say(open_store: OpenStore) -> None:
    rules = MoneyRules(currencies=frozenset({"USD"}), minimum={"USD": 50})
    sandbox = SandboxGateway(money=rules)
    store = open_store(gateways=[sandbox])
    house = store.catalog.add_product(SYSTEM, title="Cheap", price=Money("0.20", USD))
    euro = store.catalog.add_product(SYSTEM, title="Euro", price=Money("9.00", "EUR"))
    for product in (house, euro):
        store.catalog.release(SYSTEM, product, version="1", files={"a.txt": b"a"})
        store.catalog.put_on_sale(SYSTEM, product)
    buyer = store.users.register("b@example.com")
    with pytest.raises(AmountNotSupported) as small:
        store.orders.quote(buyer, [house])
    assert small.value.nearest == (Money("0.50", USD),)
    with pytest.raises(Invalid) as foreign:
        store.orders.checkout(buyer, [euro], return_url=RETURN)
    assert foreign.value.fields == {"gateway": "currency"}
    with pytest.raises(Invalid) as unknown:
        store.orders.checkout(buyer, [house], return_url=RETURN, gateway="stripe")
    assert unknown.value.fields == {"gateway": "unknown"}


@pytest.mark.parametrize("key", ["", " ", "a b", "\x00", "ä", "x" * 201, 7])
def test_a_key_is_printable_ascii_of_bounded_length(shop: Shop, key: object) -> None:
    book = shop.product()
    with pytest.raises(Invalid) as refused:
        shop.checkout(book, idempotency_key=key)
    assert "idempotency_key" in refused.value.fields
    assert shop.count("orders") == 0


def test_CVE_2026_2888_N4_nothing_in_a_request_sets_an_amount(shop: Shop) -> None:
    book = shop.product()
    for name in ("price", "total", "amount", "state", "seller_id", "paid_at"):
        with pytest.raises(TypeError):
            shop.checkout(book, **{name: 1})
    assert shop.count("orders") == 0


def test_SYSTEM_buys_nothing(shop: Shop) -> None:
    with pytest.raises(Forbidden):
        shop.store.orders.checkout(SYSTEM, [shop.product()], return_url=RETURN)  # type: ignore[arg-type]
