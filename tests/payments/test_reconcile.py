"""The third door: alone it leads to the same end, however late, and it never stops half-way."""

from __future__ import annotations

import pytest

from digistore import SYSTEM
from digistore.errors import GatewayConfigError, GatewayUnavailable
from digistore.gateways.sandbox import SandboxGateway
from digistore.payments import ReconcileReport
from tests.conftest import OpenStore, Shop
from tests.past import connection_to
from tests.payments.asking import access, calls, given_back, state, usd, waiting
from tests.payments.end_state import every_row


def reconcile(shop: Shop) -> ReconcileReport:
    return shop.store.payments.reconcile()


def test_finds_an_order_of_last_year(shop: Shop) -> None:
    """gumroad#6698: a repair job that looked back 3 days. What is unresolved is no age."""
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)  # no message, no return
    shop.clock.go(days=400)
    reconcile(shop)
    assert (state(shop, checkout), access(shop, book)) == ("paid", "live")


# Each of its rounds alone.


def test_messages_that_could_not_be_worked_are_worked(shop: Shop) -> None:
    book = shop.product()
    signed = shop.sandbox.pay(shop.checkout(book))
    shop.sandbox.fail_next("server_error", method="fetch")
    shop.deliver(signed)
    shop.clock.go(minutes=2)
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    report = reconcile(shop)
    assert (report.events, access(shop, book)) == (1, "live")


def test_a_checkout_that_nobody_answered_for_is_finished_with_its_own_key(shop: Shop) -> None:
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as caught:
        shop.checkout(shop.product())
    shop.clock.go(minutes=2)
    assert reconcile(shop).attempts == 1
    assert len(set(calls(shop, "create_checkout"))) == 1
    (url,) = shop.rows("SELECT url FROM digistore_payment_attempts WHERE state = 'open'")[0]
    shop.deliver(shop.sandbox.pay(str(url)))
    order = shop.store.orders.get(shop.buyer, str(caught.value.order_id))
    assert order.state == "paid"


def test_a_checkout_is_asked_about_when_its_time_is_over(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    shop.clock.go(hours=12)
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    report = reconcile(shop)
    assert (report.attempts, state(shop, checkout), access(shop, book)) == (1, "paid", "live")


def test_delayed_money_is_asked_about_until_it_has_come(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    for _ in range(3):
        shop.clock.go(hours=2)
        reconcile(shop)
        assert state(shop, checkout) == "processing"
    shop.sandbox.clear(checkout)
    shop.clock.go(days=2)
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    reconcile(shop)
    assert access(shop, book) == "live"


def test_a_refund_that_waits_is_sent(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    shop.sandbox.fail_next("timeout", method="refund")
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    shop.clock.go(minutes=2)
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    assert reconcile(shop).refunds == 1
    assert given_back(shop, checkout) == [(2900, "succeeded")]


def test_a_dispute_is_asked_about_every_day(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.deliver(shop.sandbox.open_dispute(checkout))
    shop.clock.go(days=1)
    shop.sandbox.fail_next("timeout", times=99, method="poll")
    assert reconcile(shop).disputes == 1
    assert access(shop, book) == "suspended"
    shop.sandbox.close_dispute(checkout, "won")
    shop.clock.go(days=1)
    assert (reconcile(shop).disputes, access(shop, book)) == (1, "live")
    shop.clock.go(days=1)
    assert reconcile(shop).disputes == 0  # it is over


def test_what_happened_at_the_gateway_is_found_by_asking_what_is_new(shop: Shop) -> None:
    book, other = shop.product("A"), shop.product("B")
    refunded, disputed = shop.buy(book), shop.buy(other)
    shop.sandbox.dashboard_refund(refunded)
    shop.sandbox.open_dispute(disputed)
    shop.sandbox.foreign_event()
    report = reconcile(shop)
    assert report.polled == 2
    assert (access(shop, book), access(shop, other)) == ("revoked", "suspended")


def test_orders_past_their_time_expire(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.clock.go(hours=11, minutes=59)
    assert reconcile(shop).expired == 0
    shop.clock.go(minutes=1)
    reconcile(shop)
    assert state(shop, checkout) == "expired"
    assert shop.sandbox.look_up(checkout).state == "expired"
    assert shop.count("events", "type = 'OrderExpired'") == 1


def test_an_order_is_not_expired_while_its_gateway_is_silent(shop: Shop) -> None:
    """A payment may be behind the silence."""
    book = shop.product()
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    shop.clock.go(hours=13)
    shop.sandbox.fail_next("timeout", times=4)
    assert reconcile(shop).failed > 0
    assert state(shop, checkout) == "open"
    shop.clock.go(hours=1)
    reconcile(shop)
    assert access(shop, book) == "live"


# How it runs.


def eventful(shop: Shop) -> None:
    """A shop in which all messages were lost."""
    for title in ("paid", "refunded", "disputed"):
        checkout = shop.buy(shop.product(title))
        if title == "refunded":
            shop.sandbox.dashboard_refund(checkout, usd("5"))
        if title == "disputed":
            shop.sandbox.open_dispute(checkout)
    shop.sandbox.pay(shop.checkout(shop.product("lost")))
    shop.sandbox.pay(shop.checkout(shop.product("short")), amount=usd("1"))
    shop.sandbox.pay(shop.checkout(shop.product("delayed")), "delayed")
    shop.checkout(shop.product("left alone"))
    shop.clock.go(hours=13)


def test_a_second_run_changes_nothing(shop: Shop) -> None:
    eventful(shop)
    reconcile(shop)
    before = every_row(shop.rows)
    report = reconcile(shop)
    assert every_row(shop.rows) == before
    assert (report.events, report.attempts, report.refunds, report.expired) == (0, 0, 0, 0)
    assert (report.failed, report.open_actions) == (0, 1)
    assert report.oldest_unresolved == shop.clock()


def test_it_tells_how_far_it_is(shop: Shop) -> None:
    eventful(shop)
    told: list[tuple[str, int]] = []
    report = shop.store.payments.reconcile(progress=lambda name, many: told.append((name, many)))
    assert told
    for name in {name for name, _ in told}:
        numbers = [many for kind, many in told if kind == name]
        assert numbers == list(range(1, len(numbers) + 1))
        assert getattr(report, name) == len(numbers)


def test_a_run_is_bounded_and_the_next_one_goes_on(shop: Shop) -> None:
    checkouts = [shop.buy(shop.product(str(number))) for number in range(3)]
    for checkout in checkouts:
        shop.sandbox.fail_next("timeout", method="refund")
        shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    shop.clock.go(hours=1)
    counts = [shop.store.payments.reconcile(limit=1).refunds for _ in range(4)]
    assert counts == [1, 1, 1, 0]
    assert [given_back(shop, one) for one in checkouts] == [[(2900, "succeeded")]] * 3


def test_a_silence_about_one_order_does_not_stop_the_others(shop: Shop) -> None:
    first, second = shop.checkout(shop.product("A")), shop.checkout(shop.product("B"))
    for checkout in (first, second):
        shop.sandbox.pay(checkout)
    shop.clock.go(hours=12)
    shop.sandbox.fail_next("timeout", method="fetch")
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    shop.sandbox.fail_next("timeout", method="expire")
    report = reconcile(shop)
    assert (report.attempts, report.failed) == (1, 3)
    assert sorted([state(shop, first), state(shop, second)]) == ["open", "paid"]


def test_a_row_that_cannot_be_read_does_not_stop_the_others(shop: Shop) -> None:
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(shop.product("A"))
    spoil(shop, "UPDATE digistore_payment_attempts SET request = '{}'")
    book = shop.product("B")
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    shop.clock.go(hours=12)
    report = reconcile(shop)
    assert report.failed >= 1
    assert access(shop, book) == "live"


def test_a_gateway_that_is_not_configured_any_more_stops_nobody(
    open_store: OpenStore, shop: Shop
) -> None:
    """What was begun there waits for it, and says so."""
    left, silent = shop.checkout(shop.product("A")), shop.product("B")
    shop.sandbox.fail_next("lost_reply", method="create_checkout")
    with pytest.raises(GatewayUnavailable):
        shop.checkout(silent)
    old, shop.sandbox = shop.sandbox, SandboxGateway(name="new", clock=shop.clock)
    shop.store = open_store(gateways=[shop.sandbox])
    with pytest.raises(GatewayConfigError, match="sandbox") as caught:
        shop.store.orders.cancel(shop.buyer, left.order)
    assert caught.value.order_id == left.order.id
    with pytest.raises(GatewayConfigError):
        shop.store.payments.record(
            SYSTEM,
            left.order,
            amount=usd("29"),
            method="cash",
            reference="1",
            received_at=shop.clock(),
        )
    book = shop.product("C")
    checkout = shop.checkout(book)
    shop.sandbox.pay(checkout)
    shop.clock.go(hours=13)
    reconcile(shop)
    assert (access(shop, book), state(shop, left)) == ("live", "open")
    shop.store = open_store(gateways=[shop.sandbox, old])
    shop.clock.go(hours=13)
    reconcile(shop)
    assert state(shop, left) == "expired"


def spoil(shop: Shop, sql: str) -> None:
    """Write past the library."""
    target = getattr(shop.store, "_target", shop.store)
    with connection_to(target._shop.database) as connection:
        connection.exec_driver_sql(sql)


def test_a_message_that_stays_unanswered_is_counted_as_failed(shop: Shop) -> None:
    signed = shop.sandbox.pay(shop.checkout(shop.product()))
    shop.sandbox.fail_next("timeout", times=2, method="fetch")
    shop.deliver(signed)
    shop.clock.go(minutes=2)
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    report = reconcile(shop)
    assert (report.events, report.failed) == (0, 2)  # the message, and the question what is new


# What is new since when.


def watermark(shop: Shop) -> list[int]:
    return [row[0] for row in shop.rows("SELECT watermark FROM digistore_poll_marks")]


def now(shop: Shop) -> int:
    return int(shop.clock().timestamp()) * 1_000_000


def test_the_mark_moves_once_what_is_new_is_settled_or_kept(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    reconcile(shop)
    first = now(shop)
    assert watermark(shop) == [first]
    shop.clock.go(hours=2)
    shop.sandbox.dashboard_refund(checkout)
    shop.sandbox.fail_next("timeout", method="poll")
    reconcile(shop)
    assert watermark(shop) == [first]  # nobody said what is new
    shop.sandbox.fail_next("timeout", method="fetch")
    reconcile(shop)
    assert watermark(shop) == [now(shop)]  # what could not be read waits in the inbox
    assert shop.count("provider_events", "status = 'received'") == 1
    shop.clock.go(hours=2)
    shop.sandbox.fail_next("timeout", times=9, method="poll")
    reconcile(shop)
    assert shop.count("refunds") == 1
    assert shop.count("provider_events", "status = 'received'") == 0


def test_old_changes_are_asked_for_on_demand(shop: Shop) -> None:
    """As after a backup was restored."""
    checkout = shop.buy(shop.product())
    began = shop.clock()
    shop.sandbox.dashboard_refund(checkout)
    shop.clock.go(days=90)
    reconcile(shop)
    assert shop.count("refunds") == 0
    shop.store.payments.reconcile(since=began)
    assert (shop.count("refunds"), waiting(shop)) == (1, [])


def test_hundreds_of_changes_come_page_by_page(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    for _ in range(120):
        shop.sandbox.foreign_event()
    shop.sandbox.dashboard_refund(checkout)  # behind them all
    assert reconcile(shop).polled == 1
    assert shop.count("refunds") == 1
    assert len(calls(shop, "poll")) == 2
