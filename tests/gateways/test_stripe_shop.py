"""A shop in either colour sells by Stripe: the real SDK, over HTTP, against the strict double."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from digistore import Money, Store
from digistore.catalog import Product
from digistore.errors import (
    AmountNotSupported,
    GatewayKeyConflict,
    GatewayRateLimited,
    GatewayUnavailable,
    InvalidSignature,
    InvalidTransition,
    MalformedEvent,
    NotRefundable,
)
from digistore.orders import Checkout
from digistore.payments.models import ActionKind, RefundStatus, WebhookResult
from digistore.settings import Settings
from digistore.testing import FrozenClock
from digistore.testing.stripe import StripeDouble
from tests.conftest import RETURN, OpenStore, Shop
from tests.gateways.stripe_kit import over, signed
from tests.past import connection_to
from tests.support.desk import ask, offer

PRICE = Money("29.00", "EUR")
SESSIONS = "/v1/checkout/sessions"


class StripeShop(Shop):
    """A shop whose only gateway is Stripe."""

    double: StripeDouble

    def book(self, title: str = "The Book", price: Money = PRICE) -> Product:
        return self.product(title, price)

    def hear(self, **how: Any) -> list[int]:
        """Deliver all events that nobody has acknowledged; return the statuses of the replies."""
        take = self.store.payments.handle_webhook
        return [
            one.status
            for one in self.double.deliver(lambda *message: take("stripe", *message), **how)
        ]

    def sold(self, *products: Product, **kwargs: Any) -> Checkout:
        """A paid order, told by webhooks."""
        checkout = self.store.orders.checkout(self.buyer, products, return_url=RETURN, **kwargs)
        self.double.pay(checkout)
        assert set(self.hear()) == {200}
        return checkout

    def owns(self, product: Product) -> bool:
        return bool(self.store.entitlements.check(self.buyer, product).granted)

    def posts(self, path: str) -> list[Any]:
        return [one for one in self.double.requests if (one.method, one.path) == ("POST", path)]

    def actions(self) -> list[ActionKind]:
        return [one.kind for one in self.store.payments.needing_action(self.operator).items]

    def reconcile(self, rounds: int = 2) -> None:
        for _ in range(rounds):
            report = self.store.payments.reconcile()
            assert report.failed == 0


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture
def double(clock: FrozenClock) -> Iterator[StripeDouble]:
    with StripeDouble(clock=clock) as double:
        yield double


MakeShop = Callable[..., StripeShop]


@pytest.fixture
def shop_of(
    open_store: OpenStore, double: StripeDouble, clock: FrozenClock, sandbox: Any
) -> MakeShop:
    """Make a shop whose gateway has settings of its own: ``shop_of(tax_behavior="inclusive")``."""

    def make(settings: Settings | None = None, **gateway: Any) -> StripeShop:
        store: Store = open_store(gateways=[over(double, clock, **gateway)], settings=settings)
        shop = StripeShop(store, sandbox, clock)
        shop.double = double
        return shop

    return make


@pytest.fixture
def shop(shop_of: MakeShop) -> StripeShop:
    return shop_of()


def test_a_product_is_sold(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    assert not shop.owns(book)

    shop.double.pay(checkout)
    assert set(shop.hear(shuffle=1, duplicate=2, retell=2)) == {200}

    assert shop.owns(book)
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "paid"
    assert shop.count("payments") == shop.count("purchased_products") == 1
    assert shop.store.doctor().healthy


def test_a_support_request_is_sold_in_the_same_way(shop: StripeShop) -> None:
    book = shop.book()
    offer(shop, book, price=Money("49.00", "EUR"))
    shop.sold(book)
    made = ask(shop, book)
    assert shop.store.support.get(shop.buyer, made.request.id).state == "unpaid"

    shop.double.pay(made)
    shop.hear()

    assert shop.store.support.get(shop.buyer, made.request.id).state == "open"
    [line] = shop.posts(SESSIONS)[-1].parameters["line_items"].values()
    assert line["price_data"]["unit_amount"] == "4900"


def test_the_return_page_alone_is_enough(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout)

    confirmed = shop.store.payments.confirm(shop.buyer, checkout.order)

    assert confirmed.order.state == "paid"
    assert shop.owns(book)


@pytest.mark.parametrize("refunded", [False, True])
def test_all_webhooks_lost_and_reconcile_finds_everything(shop: StripeShop, refunded: bool) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout)
    if refunded:
        shop.double.dashboard_refund(checkout)
    shop.hear(lose=100)
    assert not shop.owns(book)

    shop.reconcile()

    assert shop.owns(book) is not refunded
    before = (
        shop.rows("SELECT * FROM digistore_payments"),
        shop.rows("SELECT * FROM digistore_purchased_products"),
    )
    shop.reconcile()
    assert before == (
        shop.rows("SELECT * FROM digistore_payments"),
        shop.rows("SELECT * FROM digistore_purchased_products"),
    )


def test_a_bank_debit_opens_once_it_has_cleared(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout, "delayed")
    shop.hear()
    assert shop.store.orders.get(shop.buyer, checkout.order).state == "processing"
    assert not shop.owns(book)

    shop.double.clear(checkout)
    shop.hear()

    assert shop.owns(book)


def test_a_bank_debit_that_failed_may_be_paid_again(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout, "delayed")
    shop.double.clear(checkout, ok=False)
    shop.hear()
    assert not shop.owns(book)

    again = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    assert again.order.id == checkout.order.id
    assert again.url not in {None, checkout.url}
    shop.double.pay(again)
    shop.hear()

    assert shop.owns(book)
    assert {one.key for one in shop.posts(SESSIONS)} == {
        f"co:{one}" for (one,) in shop.rows("SELECT id FROM digistore_payment_attempts")
    }


def test_a_part_goes_back_and_access_stays_then_the_rest_closes_it(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.sold(book)

    part = shop.store.payments.refund(
        shop.seller, checkout.order, amount=Money("9.00", "EUR"), reason="a flaw"
    )
    assert part.state is RefundStatus.SUCCEEDED
    assert shop.owns(book)
    rest = shop.store.payments.refund(shop.seller, checkout.order, reason="not as described")
    shop.hear()

    assert rest.amount == Money("20.00", "EUR")
    assert not shop.owns(book)
    assert shop.count("refunds") == 2
    with pytest.raises(NotRefundable):
        shop.store.payments.refund(shop.seller, checkout.order, reason="again")


def test_a_refund_in_the_dashboard_closes_access(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.sold(book)
    asked = len(shop.double.requests)

    shop.double.dashboard_refund(checkout)
    shop.hear(types={"refund.created"})

    # Session, refunds, disputes: once, as the shop knows whose payment it is.
    assert len(shop.double.requests) - asked == 3
    shop.hear()

    assert not shop.owns(book)
    assert shop.rows("SELECT origin, amount FROM digistore_refunds") == [("gateway", 2900)]


def test_a_refund_that_fails_later_gives_access_back_and_asks(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.sold(book)
    shop.store.payments.refund(shop.seller, checkout.order, reason="not as described")
    assert not shop.owns(book)

    shop.double.fail_refund(checkout)
    shop.hear()

    assert shop.owns(book)
    assert shop.actions() == [ActionKind.REFUND_FAILED]


@pytest.mark.parametrize(("end", "owns"), [("won", True), ("lost", False), ("prevented", False)])
def test_a_dispute_suspends_and_its_end_decides(shop: StripeShop, end: Any, owns: bool) -> None:
    book = shop.book()
    checkout = shop.sold(book)
    shop.double.open_dispute(checkout)
    shop.hear()
    assert not shop.owns(book)
    with pytest.raises(NotRefundable):
        shop.store.payments.refund(shop.seller, checkout.order, reason="to make peace")
    assert shop.posts("/v1/refunds") == []

    shop.double.close_dispute(checkout, end)
    shop.hear()

    assert shop.owns(book) is owns


def test_an_inquiry_and_a_warning_of_fraud_change_nothing(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.sold(book)

    shop.double.warn_of_fraud(checkout)
    shop.double.open_dispute(checkout, warning=True)
    shop.hear()

    assert shop.owns(book)


def test_a_lost_reply_costs_the_buyer_one_more_click_and_never_a_second_session(
    shop: StripeShop,
) -> None:
    book = shop.book()
    shop.double.fail_next("drop_after", method="POST")
    with pytest.raises(GatewayUnavailable) as lost:
        shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    assert checkout.order.id == lost.value.order_id
    assert len({one.key for one in shop.posts(SESSIONS)}) == 1
    shop.double.pay(checkout)
    shop.hear()
    assert shop.owns(book)


def test_a_lost_reply_to_a_refund_moves_the_money_once(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.sold(book)
    shop.double.fail_next("drop_after", method="POST", path="/v1/refunds")
    made = shop.store.payments.refund(shop.seller, checkout.order, reason="a flaw")
    assert made.state is RefundStatus.UNKNOWN

    shop.clock.go(minutes=2)
    shop.reconcile()

    assert shop.rows("SELECT state, amount, origin FROM digistore_refunds") == [
        ("succeeded", 2900, "store")
    ]
    assert not shop.owns(book)


def test_a_failure_of_stripe_that_its_key_keeps_does_not_lock_the_buyer_out(
    shop: StripeShop,
) -> None:
    book = shop.book()
    shop.double.fail_next("error_500", method="POST")
    with pytest.raises(GatewayUnavailable) as failed:
        shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    assert checkout.order.id == failed.value.order_id
    assert checkout.url is not None
    states = shop.rows("SELECT state FROM digistore_payment_attempts")
    assert sorted(states) == [("abandoned",), ("open",)]
    shop.double.pay(checkout)
    shop.hear()
    assert shop.owns(book)


def test_a_failure_that_a_refunds_key_keeps_is_put_before_an_operator(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.sold(book)
    shop.double.fail_next("error_500", method="POST", path="/v1/refunds")
    shop.store.payments.refund(shop.seller, checkout.order, reason="a flaw")

    shop.clock.go(minutes=2)
    shop.reconcile()

    assert shop.rows("SELECT state FROM digistore_refunds") == [("rejected",)]
    assert shop.actions() == [ActionKind.REFUND_FAILED]
    assert shop.owns(book)
    again = shop.store.payments.refund(shop.seller, checkout.order, reason="a flaw")
    assert again.state is RefundStatus.SUCCEEDED


def test_too_many_requests_is_for_later(shop: StripeShop) -> None:
    book = shop.book()
    shop.double.fail_next("rate_limit", method="POST")
    with pytest.raises(GatewayRateLimited):
        shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    assert checkout.url is not None
    assert shop.count("orders") == shop.count("payment_attempts") == 1


@pytest.mark.parametrize("fault", ["drop_before", "error_500", "rate_limit", "malformed"])
def test_a_webhook_that_cannot_be_settled_is_kept_and_sent_again(
    shop: StripeShop, fault: Any
) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout)
    shop.double.fail_next(fault, method="GET")
    assert sorted(set(shop.hear(types={"checkout.session.completed"}))) == [503]
    assert not shop.owns(book)

    assert set(shop.hear()) == {200}

    assert shop.owns(book)


def test_a_webhook_that_nobody_sends_again_is_finished_by_reconcile(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout)
    shop.double.fail_next("drop_before", method="GET")
    shop.hear(types={"checkout.session.completed"})
    shop.clock.go(minutes=10)

    report = shop.store.payments.reconcile()

    assert report.events == 1
    assert shop.owns(book)


@pytest.mark.parametrize(("behavior", "captured"), [("inclusive", 2900), ("exclusive", 3451)])
def test_gateway_tax_contained_or_added_covers_the_order(
    shop_of: MakeShop, behavior: Any, captured: int
) -> None:
    shop = shop_of(tax_behavior=behavior)
    shop.double.tax_percent = 19
    book = shop.book()

    checkout = shop.sold(book)

    assert shop.owns(book)
    assert shop.actions() == []
    [(taken, tax)] = shop.rows("SELECT captured, tax FROM digistore_payments")
    assert taken == captured
    assert tax == (463 if behavior == "inclusive" else 551)
    given = shop.store.payments.refund(shop.seller, checkout.order, reason="not as described")
    assert given.amount == Money.from_minor(captured, "EUR")
    assert not shop.owns(book)


@pytest.mark.parametrize("behavior", ["inclusive", "exclusive"])
def test_one_unit_less_than_what_was_asked_for_is_underpaid(
    shop_of: MakeShop, behavior: Any
) -> None:
    shop = shop_of(tax_behavior=behavior)
    shop.double.tax_percent = 19
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    shop.double.pay(checkout, amount=2899 if behavior == "inclusive" else 3450)
    shop.hear()

    assert not shop.owns(book)
    assert shop.actions() == [ActionKind.UNDERPAID]


@pytest.mark.parametrize("behavior", ["inclusive", "exclusive"])
def test_a_surplus_that_is_not_tax_is_put_before_an_operator(
    shop_of: MakeShop, behavior: Any
) -> None:
    shop = shop_of(tax_behavior=behavior)
    shop.double.tax_percent = 19
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    shop.double.pay(checkout, amount=2901 if behavior == "inclusive" else 3452)
    shop.hear()

    assert shop.owns(book)
    assert shop.actions() == [ActionKind.OVERPAID]


def test_added_tax_goes_back_with_its_line_and_nothing_stays_behind(shop_of: MakeShop) -> None:
    shop = shop_of(tax_behavior="exclusive")
    shop.double.tax_percent = 19
    books = [shop.book("One", Money("10.00", "EUR")), shop.book("Two", Money("19.99", "EUR"))]
    checkout = shop.sold(*books)
    [(captured,)] = shop.rows("SELECT captured FROM digistore_payments")

    back = [
        shop.store.payments.refund(shop.seller, line.id, reason="a flaw").amount.amount
        for line in checkout.order.lines
    ]

    assert back[0] == 1190
    assert sum(back) == captured
    assert not any(shop.owns(book) for book in books)
    assert shop.actions() == []


def test_a_buyer_who_comes_again_is_known(shop: StripeShop) -> None:
    shop.sold(shop.book("One"))
    shop.sold(shop.book("Two"))

    first, second = (one.parameters for one in shop.posts(SESSIONS))
    assert first["customer_email"] == "buyer@example.com"
    assert second["customer"].startswith("cus_")
    assert "customer_email" not in second
    customers = shop.rows("SELECT DISTINCT customer FROM digistore_payments")
    assert customers == [(second["customer"],)]


def test_nobody_is_taken_for_another(shop: StripeShop) -> None:
    book = shop.book()
    shop.sold(book)
    other = shop.store.users.register("other@example.com")
    shop.store.orders.checkout(other, [book], return_url=RETURN)

    assert "customer" not in shop.posts(SESSIONS)[-1].parameters


def test_a_customer_who_is_gone_at_stripe_stops_no_sale(shop: StripeShop) -> None:
    shop.sold(shop.book("One"))
    forget(shop)
    book = shop.book("Two")

    shop.sold(book)

    assert shop.owns(book)
    assert shop.posts(SESSIONS)[-1].parameters["customer_email"] == "buyer@example.com"


def forget(shop: StripeShop) -> None:
    """Let Stripe know nothing of the customer of whom the shop does."""
    target: Any = getattr(shop.store, "_target", shop.store)
    with connection_to(target._shop.database) as connection:
        connection.exec_driver_sql("UPDATE digistore_payments SET customer = 'cus_gone'")
        connection.commit()


def test_what_stripe_cannot_take_is_told_before_there_is_an_order(shop: StripeShop) -> None:
    book = shop.book(price=Money("0.49", "EUR"))

    with pytest.raises(AmountNotSupported) as refusal:
        shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    assert refusal.value.nearest == (Money("0.50", "EUR"),)
    assert shop.count("orders") == 0
    assert shop.double.requests == ()


def test_what_is_not_ours_is_heard_without_an_error_and_not_kept(shop: StripeShop) -> None:
    take = shop.store.payments.handle_webhook
    foreign = shop.double.foreign_event()
    body = shop.double.pay(
        shop.store.orders.checkout(shop.buyer, [shop.book()], return_url=RETURN)
    )[0]
    live = body.replace(b'"livemode": false', b'"livemode": true')
    connected = body.replace(b'"object": "event"', b'"object": "event", "account": "acct_9"')
    unknown = body.replace(b"checkout.session.completed", b"checkout.session.renamed")

    for message in (
        foreign,
        *((one, shop.double.sign(one)) for one in (live, connected, unknown)),
    ):
        outcome = take("stripe", *message)
        assert (outcome.status, outcome.result) == (200, WebhookResult.IGNORED)
    assert shop.count("provider_events") == 0
    assert shop.count("payments") == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{}", MalformedEvent),
        (b"\xff", MalformedEvent),
        (b'{"object": "event", "object": "event"}', MalformedEvent),
        (b"x" * 10 * 1024 * 1024, MalformedEvent),
    ],
)
def test_what_is_no_event_is_refused_and_not_kept(
    shop: StripeShop, body: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        shop.store.payments.handle_webhook("stripe", body, shop.double.sign(body))
    with pytest.raises((InvalidSignature, MalformedEvent)):
        shop.store.payments.handle_webhook("stripe", body, signed(body, shop.clock()))
    assert shop.count("provider_events") == 0


def test_secrets_roll_without_losing_an_event(
    shop_of: MakeShop, double: StripeDouble, clock: FrozenClock
) -> None:
    before = double.webhook_secret
    after = double.roll_webhook_secret()
    shop = shop_of(webhook_secrets=[after, before])
    clock.go(hours=25)  # now only the new one signs

    book = shop.book()
    shop.sold(book)

    assert shop.owns(book)


def test_an_order_that_is_canceled_ends_its_session_first(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    canceled = shop.store.orders.cancel(shop.buyer, checkout.order)

    assert canceled.state == "canceled"
    assert shop.double.look_up(checkout)["status"] == "expired"


def test_an_order_that_was_paid_meanwhile_is_paid_not_canceled(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.double.pay(checkout)

    with pytest.raises(InvalidTransition, match="refund"):
        shop.store.orders.cancel(shop.buyer, checkout.order)

    assert shop.owns(book)


def test_an_order_expires_with_its_session(shop: StripeShop) -> None:
    book = shop.book()
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    shop.clock.go(hours=13)

    shop.reconcile()

    assert shop.store.orders.get(shop.buyer, checkout.order).state == "expired"


def test_a_settings_change_between_two_tries_is_a_conflict_that_is_told(
    shop_of: MakeShop,
) -> None:
    shop = shop_of()
    book = shop.book()
    shop.double.fail_next("drop_after", method="POST")
    with pytest.raises(GatewayUnavailable):
        shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    changed = over(shop.double, shop.clock, extra={"locale": "de"})
    target: Any = getattr(shop.store, "_target", shop.store)
    target._shop.gateways["stripe"] = changed

    with pytest.raises(GatewayKeyConflict):
        shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)
    checkout = shop.store.orders.checkout(shop.buyer, [book], return_url=RETURN)

    assert checkout.url is not None


def test_a_shorter_life_of_checkouts_is_passed_on(shop_of: MakeShop) -> None:
    shop = shop_of(Settings(checkout_ttl=timedelta(minutes=31)))
    shop.store.orders.checkout(shop.buyer, [shop.book()], return_url=RETURN)

    [asked] = shop.posts(SESSIONS)
    assert int(asked.parameters["expires_at"]) == int(shop.clock().timestamp()) + 31 * 60


def test_a_discount_in_a_currency_of_whole_tens_can_be_paid(shop: StripeShop) -> None:
    """Spread over lines it made parts that Stripe refuses, and nobody could pay the order."""
    books = [shop.book("A", Money("1.000", "KWD")), shop.book("B", Money("2.000", "KWD"))]
    shop.store.orders.add_discount(shop.seller, "OFF", amount=Money("0.100", "KWD"))
    checkout = shop.sold(*books, discount="off")
    assert checkout.order.total == Money("2.900", "KWD")
    assert {line.total.amount % 10 for line in checkout.order.lines} != {0}
    assert all(shop.owns(book) for book in books)


def test_a_refund_that_stripe_cannot_write_down_reserves_nothing(shop: StripeShop) -> None:
    """It was surely not done, and yet blocked the rest of the money for hours."""
    book = shop.book(price=Money("29.000", "KWD"))
    checkout = shop.sold(book)
    refund = shop.store.payments.refund
    with pytest.raises(AmountNotSupported):
        refund(shop.seller, checkout.order, amount=Money("0.001", "KWD"), reason="x")
    rest = refund(shop.seller, checkout.order, reason="x")
    assert (rest.amount, rest.state) == (Money("29.000", "KWD"), RefundStatus.SUCCEEDED)
    assert not shop.owns(book)
