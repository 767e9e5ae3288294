"""What a buyer's bank does: access is suspended, comes back or goes, by the order's own policy."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from digistore import AccessPolicy, Effect, Settings
from digistore.errors import Invalid, NotRefundable
from digistore.gateways.sandbox.controls import Ending
from digistore.orders import Checkout
from tests.conftest import RETURN, OpenStore, Shop
from tests.payments.asking import access, action, calls, events, state, usd, waiting

NewShop = Callable[..., Shop]


IN_ORDER = "SELECT state FROM digistore_purchased_products ORDER BY rowid"


def dispute(shop: Shop, checkout: Checkout, amount: str | None = None) -> None:
    money = None if amount is None else usd(amount)
    shop.deliver(shop.sandbox.open_dispute(checkout, money))


def end(shop: Shop, checkout: Checkout, how: Ending) -> None:
    shop.deliver(shop.sandbox.close_dispute(checkout, how))


def warn(shop: Shop, checkout: Checkout) -> None:
    shop.deliver(shop.sandbox.open_dispute(checkout, warning=True))


def test_a_dispute_suspends_and_its_end_decides(shop: Shop) -> None:
    """Reopened and decided otherwise, the newest word counts: an appeal is no exception."""
    book = shop.product()
    checkout = shop.buy(book)
    words: tuple[tuple[Ending, str], ...] = (
        ("won", "live"),
        ("lost", "revoked"),
        ("prevented", "revoked"),
        ("closed", "live"),
    )
    for ending, reason in words:
        dispute(shop, checkout)
        assert access(shop, book) == "suspended"
        end(shop, checkout, ending)
        assert access(shop, book) == reason, ending
    assert state(shop, checkout) == "paid"  # of an order nothing changes
    assert shop.count("disputes") == 1
    assert (events(shop).count("DisputeOpened"), events(shop).count("DisputeClosed")) == (4, 4)
    assert waiting(shop) == []


def test_a_warning_changes_nothing_until_it_is_a_dispute(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    warn(shop, checkout)
    assert access(shop, book) == "live"
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("1"), reason="prevent it")
    dispute(shop, checkout)
    assert access(shop, book) == "suspended"
    end(shop, checkout, "closed")
    assert access(shop, book) == "live"


def test_a_standby_steps_in_while_the_live_one_is_disputed(shop: Shop) -> None:
    """D7: any live grant opens; who has the place keeps it."""
    book = shop.product()
    first = shop.buy(book)
    second = shop.buy(book, allow_repeat=True)
    held = shop.rows(
        "SELECT l.order_id, p.state FROM digistore_purchased_products p"
        " JOIN digistore_order_lines l ON l.id = p.order_line_id ORDER BY p.rowid"
    )
    assert held == [(first.order.id, "live"), (second.order.id, "standby")]
    dispute(shop, first)
    found = shop.store.entitlements.check(shop.buyer, book).purchase
    assert found is not None
    assert found.order_id == second.order.id
    end(shop, first, "won")
    kept = shop.store.entitlements.check(shop.buyer, book).purchase
    assert kept == found  # restored, the first one waits
    assert [row[0] for row in shop.rows(IN_ORDER)] == [
        "standby",
        "live",
    ]


def test_nothing_is_refundable_before_the_dispute_is_over(shop: Shop) -> None:
    checkout = shop.buy(shop.product())
    shop.store.payments.request_refund(shop.buyer, checkout.order, reason="please")
    dispute(shop, checkout)
    wanted = action(shop, "refund_requested")
    for give in (
        lambda: shop.store.payments.refund(shop.seller, checkout.order, reason="x"),
        lambda: shop.store.payments.resolve(shop.operator, wanted, choice="refund", reason="x"),
    ):
        with pytest.raises(NotRefundable, match="in_dispute"):
            give()
    assert (shop.count("refunds"), calls(shop, "refund")) == (0, [])
    end(shop, checkout, "lost")
    with pytest.raises(NotRefundable, match="nothing_left"):
        shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    assert waiting(shop) == ["refund_requested"]  # what failed has decided nothing


def two_lines(shop: Shop) -> Checkout:
    items = [shop.product("A", price=usd("10.00")), shop.product("B", price=usd("20.00"))]
    checkout = shop.store.orders.checkout(shop.buyer, items, return_url=RETURN)
    shop.deliver(shop.sandbox.pay(checkout))
    return checkout


def both(shop: Shop, checkout: Checkout) -> list[str]:
    return [access(shop, line.product_id) for line in checkout.order.lines]


def test_a_partial_loss_keeps_all_lines_suspended_until_somebody_says_which(shop: Shop) -> None:
    checkout = two_lines(shop)
    first, _ = checkout.order.lines
    dispute(shop, checkout, "10.00")
    assert both(shop, checkout) == ["suspended", "suspended"]
    end(shop, checkout, "lost")
    assert both(shop, checkout) == ["suspended", "suspended"]
    assert waiting(shop) == ["unassigned_reversal"]
    found = action(shop, "unassigned_reversal")
    assert found.choices == ("assign",)
    with pytest.raises(Invalid):
        shop.store.payments.resolve(shop.operator, found, choice="assign", reason="x")
    shop.store.payments.resolve(
        shop.operator, found, choice="assign", reason="as the bank says", lines=[first]
    )
    assert both(shop, checkout) == ["revoked", "live"]
    assert waiting(shop) == []


def test_a_loss_of_all_the_money_takes_all_lines_and_needs_nobody(shop: Shop) -> None:
    checkout = two_lines(shop)
    dispute(shop, checkout)
    end(shop, checkout, "lost")
    assert both(shop, checkout) == ["revoked", "revoked"]
    assert waiting(shop) == []
    end(shop, checkout, "won")  # on appeal
    assert both(shop, checkout) == ["live", "live"]


def test_an_appeal_after_a_loss_that_was_assigned_gives_the_line_back(shop: Shop) -> None:
    checkout = two_lines(shop)
    dispute(shop, checkout, "10.00")
    end(shop, checkout, "lost")
    shop.store.payments.resolve(
        shop.operator,
        action(shop, "unassigned_reversal"),
        choice="assign",
        reason="as the bank says",
        lines=[checkout.order.lines[0]],
    )
    end(shop, checkout, "won")
    assert both(shop, checkout) == ["live", "live"]


def test_lost_again_after_an_appeal_it_takes_the_same_line_again(shop: Shop) -> None:
    checkout = two_lines(shop)
    dispute(shop, checkout, "10.00")
    end(shop, checkout, "lost")
    found = action(shop, "unassigned_reversal")
    lines = [checkout.order.lines[1]]
    resolve = shop.store.payments.resolve
    resolve(shop.operator, found, choice="assign", reason="the bank", lines=lines)
    for ending, after in (("won", ["live", "live"]), ("lost", ["live", "revoked"])):
        end(shop, checkout, ending)  # type: ignore[arg-type]
        assert both(shop, checkout) == after
    assert waiting(shop) == []


def test_whose_loss_it_was_does_not_matter_once_it_is_won(shop: Shop) -> None:
    checkout = two_lines(shop)
    dispute(shop, checkout, "10.00")
    end(shop, checkout, "lost")
    assert waiting(shop) == ["unassigned_reversal"]
    end(shop, checkout, "won")
    assert both(shop, checkout) == ["live", "live"]
    lines = [checkout.order.lines[0]]
    for asked in shop.store.payments.needing_action(shop.operator):  # if it is asked still
        shop.store.payments.resolve(
            shop.operator, asked, choice="assign", reason="too late", lines=lines
        )
    assert both(shop, checkout) == ["live", "live"]
    assert waiting(shop) == []


def test_refund_and_dispute_together_are_the_union(shop: Shop) -> None:
    checkout = two_lines(shop)
    first, _ = checkout.order.lines
    shop.store.payments.refund(shop.seller, first, reason="asked")
    dispute(shop, checkout, "20.00")
    assert both(shop, checkout) == ["revoked", "suspended"]
    end(shop, checkout, "won")
    assert both(shop, checkout) == ["revoked", "live"]


def test_a_dispute_that_nobody_told_of_is_found_by_reconcile(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    dispute(shop, checkout)
    shop.sandbox.close_dispute(checkout, "lost")  # its message is lost
    shop.clock.go(days=1, minutes=1)
    shop.store.payments.reconcile()
    assert access(shop, book) == "revoked"


POLICIES = {
    "warning": (AccessPolicy(dispute_warning=Effect.SUSPEND), "suspended"),
    "open": (AccessPolicy(dispute_opened=Effect.KEEP), "live"),
    "lost": (AccessPolicy(dispute_lost=Effect.KEEP), "live"),
    "refund": (AccessPolicy(partial_refund=Effect.REVOKE), "revoked"),
}


def reverse(shop: Shop, checkout: Checkout, how: str) -> None:
    if how == "refund":
        shop.store.payments.refund(shop.seller, checkout.order, amount=usd("1"), reason="x")
    elif how == "warning":
        warn(shop, checkout)
    else:
        dispute(shop, checkout)
        if how == "lost":
            end(shop, checkout, "lost")


@pytest.mark.parametrize("how", POLICIES)
def test_a_host_decides_what_a_reversal_does(shop_with: NewShop, how: str) -> None:
    policy, reason = POLICIES[how]
    shop = shop_with(access=policy)
    book = shop.product()
    reverse(shop, shop.buy(book), how)
    assert access(shop, book) == reason


def test_an_order_keeps_the_policy_of_its_time(open_store: OpenStore, shop: Shop) -> None:
    book = shop.product()
    old = shop.buy(book)
    lenient = AccessPolicy(dispute_opened=Effect.KEEP, dispute_lost=Effect.KEEP)
    shop.store = open_store(settings=Settings(access=lenient))
    other = shop.product("Other")
    new = shop.buy(other)
    for checkout in (old, new):
        dispute(shop, checkout)
    assert (access(shop, book), access(shop, other)) == ("suspended", "live")
    for checkout in (old, new):
        end(shop, checkout, "lost")
    assert (access(shop, book), access(shop, other)) == ("revoked", "live")
