"""What the doctor once found in random histories."""

from __future__ import annotations

from digistore import SYSTEM, Money
from tests.conftest import RETURN, Shop


def test_access_closes_once_all_money_is_back_whoever_gave_it_back(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.sandbox.fail_next("timeout", method="refund")
    shop.store.payments.refund(shop.seller, checkout.order, reason="asked for")
    shop.deliver(shop.sandbox.dashboard_refund(checkout))
    shop.clock.go(minutes=5)
    shop.store.run_due()
    assert not shop.store.entitlements.check(shop.buyer, book)


def test_paid_help_without_access_is_asked_about_even_after_a_dispute(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", "USD"), scope="One hour."
    )
    asked = shop.store.support.request(
        shop.buyer, book, kind="setup", subject="a", body="b", return_url=RETURN
    )
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    shop.store.entitlements.revoke(shop.operator, purchase, reason="shared")
    shop.sandbox.pay(asked)
    shop.deliver(shop.sandbox.open_dispute(asked))
    shop.deliver(shop.sandbox.close_dispute(asked, "won"))
    kinds = [action.kind for action in shop.store.payments.needing_action(shop.operator)]
    assert kinds == ["support_without_access"]


def test_a_late_payment_partly_returned_and_then_accepted_is_split_over_its_lines(
    shop: Shop,
) -> None:
    items = [shop.product("A", Money("10.00", "USD")), shop.product("B", Money("19.00", "USD"))]
    order = shop.store.orders.checkout(shop.buyer, items, return_url=RETURN).order
    shop.store.orders.cancel(shop.buyer, order)
    now = shop.clock()
    shop.store.payments.record(
        SYSTEM,
        order,
        amount=Money("29.00", "USD"),
        method="bank_transfer",
        reference="1",
        received_at=now,
    )
    shop.store.payments.record_refund(
        SYSTEM, order, amount=Money("2.00", "USD"), reference="2", returned_at=now, reason="some"
    )
    [late] = shop.store.payments.needing_action(SYSTEM)
    shop.store.payments.resolve(SYSTEM, late, choice="accept", reason="it is here")
    kinds = {str(action.kind) for action in shop.store.payments.needing_action(SYSTEM)}
    assert kinds == {"unassigned_reversal"}
    for item in items:
        assert shop.store.entitlements.check(shop.buyer, item)


def test_a_duplicate_is_not_given_back_while_the_bank_asks_for_it(shop: Shop) -> None:
    checkout = shop.checkout(shop.product())
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    shop.store.payments.record(
        SYSTEM,
        checkout.order,
        amount=Money("29.00", "USD"),
        method="bank_transfer",
        reference="1",
        received_at=shop.clock(),
    )
    shop.sandbox.clear(checkout)
    shop.deliver(shop.sandbox.open_dispute(checkout))
    assert shop.count("refunds") == 0
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    shop.store.run_due()
    assert shop.rows("SELECT state, amount FROM digistore_refunds") == [("succeeded", 2900)]
