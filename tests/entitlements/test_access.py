"""May this user open this product: one statement, always from the facts, for life."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import select

from digistore.blocking import run
from digistore.entitlements.holding import Moment, derive, facts_of, grants_of, stored_grants
from digistore.entitlements.tables import purchased_products
from tests.conftest import BLOCKING, RETURN, Shop
from tests.payments.asking import record, usd


def test_access_carries_its_purchase_and_the_latest_release(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    access = shop.store.entitlements.check(shop.buyer, book)
    assert access
    assert (access.granted, access.reason) == (True, "live")
    assert access.purchase is not None
    assert access.latest is not None
    assert (access.purchase.user_id, access.purchase.product_id) == (shop.buyer.id, book.id)
    assert access.purchase.order_line_id == checkout.order.lines[0].id
    assert (access.purchase.acquired_at, access.latest.version) == (shop.clock(), "1.0")


def test_no_access_says_why(shop: Shop) -> None:
    check = shop.store.entitlements.check
    book = shop.product()
    checkout = shop.checkout(book)
    assert check(shop.buyer, book).reason == "not_purchased"
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    assert check(shop.buyer, book).reason == "not_purchased"
    shop.deliver(shop.sandbox.clear(checkout))
    shop.deliver(shop.sandbox.open_dispute(checkout))
    assert check(shop.buyer, book).reason == "suspended"
    shop.deliver(shop.sandbox.close_dispute(checkout, "lost"))
    found = check(shop.buyer, book)
    assert (bool(found), found.reason, found.purchase, found.latest) == (
        False,
        "revoked",
        None,
        None,
    )


def test_what_nobody_knows_nobody_may_open(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    check = shop.store.entitlements.check
    for user, product in (
        ("usr_unknown", book.id),
        (shop.buyer.id, "prd_unknown"),
        (shop.seller.id, book.id),  # who sells it has not bought it
        (shop.buyer.id, book.slug),  # a name is no authority
        ("", ""),
        ("' OR 1 = 1 --", book.id),
    ):
        assert not check(user, product), (user, product)


def test_one_answer_of_many_is_the_answer_of_one(shop: Shop) -> None:
    live, gone, never = (shop.product(title) for title in ("live", "gone", "never"))
    shop.buy(live)
    shop.store.payments.refund(shop.seller, shop.buy(gone).order, reason="x")
    many = shop.store.entitlements.check_many(shop.buyer, [live, gone, never])
    for product in (live, gone, never):
        assert many[product.id] == shop.store.entitlements.check(shop.buyer, product)


def test_access_is_what_any_live_grant_gives(shop: Shop) -> None:
    """D7: reversing one grant never touches another (woocommerce#7496)."""
    book = shop.product()
    orders = [shop.buy(book, allow_repeat=True).order for _ in range(3)]
    for order in orders[:2]:
        shop.store.payments.refund(shop.seller, order, reason="x")
        assert shop.store.entitlements.check(shop.buyer, book)
    shop.store.payments.refund(shop.seller, orders[2], reason="x")
    assert not shop.store.entitlements.check(shop.buyer, book)


def test_a_purchase_after_a_refund_opens_again(shop: Shop) -> None:
    book = shop.product()
    shop.store.payments.refund(shop.seller, shop.buy(book).order, reason="x")
    shop.buy(book)
    assert shop.store.entitlements.check(shop.buyer, book)


@BLOCKING
def test_rebuilding_from_the_facts_changes_nothing(shop: Shop) -> None:
    """I20: what is stored is what the facts say, of every purchase of an eventful shop."""
    pay = shop.store.payments
    titles = ("kept", "refunded", "partly", "failed", "disputed", "won", "lost", "forbidden", "two")
    books = {title: shop.product(title) for title in titles}
    sold = {title: shop.buy(book) for title, book in books.items()}
    pay.refund(shop.seller, sold["refunded"].order, reason="x")
    pay.refund(shop.seller, sold["partly"].order, amount=usd("1"), reason="x")
    pay.refund(shop.seller, sold["failed"].order, reason="x")
    shop.deliver(shop.sandbox.fail_refund(sold["failed"]))
    for title in ("disputed", "won", "lost"):
        shop.deliver(shop.sandbox.open_dispute(sold[title]))
    shop.deliver(shop.sandbox.close_dispute(sold["won"], "won"))
    shop.deliver(shop.sandbox.close_dispute(sold["lost"], "lost"))
    forbidden = shop.store.entitlements.check(shop.buyer, books["forbidden"]).purchase
    assert forbidden is not None
    shop.store.entitlements.revoke(shop.operator, forbidden, reason="x")
    shop.buy(books["two"], allow_repeat=True)
    both = shop.store.orders.checkout(
        shop.buyer, [shop.product("A"), shop.product("B")], return_url=RETURN
    )
    record(shop, both, usd("58"))
    assert rebuilt(shop) == 12


def rebuilt(shop: Shop) -> int:
    """Derive every holding again; return how many purchases there are."""
    database = getattr(shop.store, "_target", shop.store)._shop.database
    moment = Moment(datetime(2026, 1, 1, tzinfo=UTC), lambda prefix: f"{prefix}_x", "test")
    columns = (purchased_products.c.user_id, purchased_products.c.product_id)
    purchases = 0
    for pair in {tuple(row) for row in run(database.rows(select(*columns)))}:
        rows = run(database.rows(grants_of({pair}))), run(database.rows(facts_of({pair})))
        held = stored_grants(*rows)
        derived = derive(held, moment)
        assert derived.states == {grant.id: grant.state for grant in held}
        assert (derived.writes, derived.changes) == ([], [])
        purchases += len(held)
    return purchases


def test_I17_a_fact_is_kept_once_whatever_comes_after_it(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("1"), reason="x")
    shop.deliver(shop.sandbox.open_dispute(checkout))
    shop.deliver(shop.sandbox.close_dispute(checkout, "won"))
    kept = shop.rows("SELECT kind, state FROM digistore_entitlement_facts ORDER BY sequence")
    assert kept == [
        ("payment", "succeeded"),
        ("refund", "succeeded"),
        ("dispute", "open"),
        ("dispute", "won"),
    ]
