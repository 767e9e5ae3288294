"""The rules of the domain, D1 to D16, through the public API and past it.

Where a rule is a constraint as well, the database is asked to break it and must refuse.
"""

from __future__ import annotations

import sqlite3

import pytest

from digistore import SYSTEM, Money, Product, Role
from digistore.errors import AccessRequired, AlreadyOwned, Forbidden, Invalid, NotFound
from digistore.orders import OrderState
from digistore.support import SupportCheckout
from tests.conftest import RETURN, OpenStore, Shop

USD = "USD"


def refused_by_the_database(shop: Shop, sql: str) -> str:
    """What the database says to a statement that no code path of ours would send."""
    target = getattr(shop.store, "_target", shop.store)
    connection = sqlite3.connect(str(target._shop.database.url.database))
    connection.execute("PRAGMA foreign_keys = ON")
    try:
        with pytest.raises(sqlite3.IntegrityError) as refused:
            connection.executescript(f"BEGIN; {sql}; COMMIT;")
    finally:
        connection.close()
    return str(refused.value)


def ask(shop: Shop, product: Product, subject: str = "Where do I start?") -> SupportCheckout:
    return shop.store.support.request(
        shop.buyer,
        product,
        kind="setup",
        subject=subject,
        body="...",
        return_url=RETURN,
    )


def test_D1_a_product_needs_no_user_order_or_payment(open_store: OpenStore) -> None:
    store = open_store()
    product = store.catalog.add_product(SYSTEM, title="Alone", price=Money("1.00", USD))
    store.catalog.update_product(SYSTEM, product, summary="edited")
    store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    store.catalog.put_on_sale(SYSTEM, product)
    assert [shown.summary for shown in store.catalog.find(None)] == ["edited"]
    assert store.catalog.offer(None, product).action == "sign_in"
    latest = store.catalog.latest(None, product)
    assert latest is not None
    assert latest.version == "1.0"
    assert list(store.catalog.find(None, "alone")) == list(store.catalog.find(None))


def test_D2_a_user_needs_no_purchase(shop: Shop) -> None:
    user = shop.store.users.register("new@example.com")
    assert user.roles == {Role.CUSTOMER}
    assert list(shop.store.entitlements.my_products(user)) == []
    assert list(shop.store.orders.my_orders(user)) == []


def test_D3_a_seller_is_a_customer_with_more_rights(shop: Shop) -> None:
    rival = shop.new_seller("rival@example.com")
    assert rival.roles == {Role.CUSTOMER, Role.SELLER}
    others, own = shop.product(), shop.product("Own", seller=rival)
    shop.buy(others, rival)
    checkout = shop.buy(own, rival)
    assert shop.store.entitlements.check(rival, others)
    assert len(shop.store.entitlements.my_products(rival)) == 2
    assert shop.store.orders.get(rival, checkout.order).self_purchase
    shop.store.users.revoke_role(SYSTEM, rival, Role.SELLER)
    assert shop.store.entitlements.check(rival, others)
    refused_by_the_database(
        shop, f"INSERT INTO digistore_user_roles VALUES ('{rival.id}', 'customer', 0)"
    )


def test_D4_no_purchase_without_a_successful_payment(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    for outcome in ("declined", "delayed"):
        shop.deliver(shop.sandbox.pay(checkout, outcome))
        assert not shop.store.entitlements.check(shop.buyer, book)
    assert shop.count("purchased_products") == 0
    line = checkout.order.lines[0]
    refused_by_the_database(
        shop,
        "INSERT INTO digistore_purchased_products (id, product_id, user_id, order_line_id,"
        " line_kind, payment_id, order_id, covered_total, acquired_at, state, live_key, epoch,"
        f" version) SELECT 'pur_x', '{book.id}', '{shop.buyer.id}', '{line.id}', 'product', id,"
        " order_id, 2900, 0, 'live', 1, 1, 1 FROM digistore_payments",
    )
    shop.deliver(shop.sandbox.clear(checkout))
    assert shop.store.entitlements.check(shop.buyer, book)


def test_D4_a_zero_total_is_a_recorded_payment_of_zero(shop: Shop) -> None:
    free = shop.product(price=Money("0.00", USD))
    order = shop.checkout(free).order
    assert shop.rows("SELECT gateway, ref, captured, disposition FROM digistore_payments") == [
        ("free", order.id, 0, "covering")
    ]


def test_D5_access_is_for_life(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    store = shop.store
    store.catalog.update_product(shop.seller, book, price=Money("99.00", USD))
    store.catalog.release(shop.seller, book, version="2.0", files={"book.pdf": b"two"})
    latest = store.catalog.latest(shop.seller, book)
    assert latest is not None
    store.catalog.yank(shop.seller, latest, reason="broken")
    store.catalog.withdraw(shop.seller, book)
    store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    shop.clock.go(days=365 * 40)
    store.run_due()
    access = store.entitlements.check(shop.buyer, book)
    assert access
    with store.downloads.open(
        shop.buyer, book, release=store.catalog.releases(shop.buyer, book)[0]
    ) as file:
        assert file.read() == b"Async Python 1.0"


def test_D5_a_revocation_by_an_operator_is_undone_by_a_restoration(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    shop.store.entitlements.revoke(shop.operator, purchase, reason="shared in public")
    assert not shop.store.entitlements.check(shop.buyer, book)
    shop.store.entitlements.restore(shop.operator, purchase, reason="a mistake")
    assert shop.store.entitlements.check(shop.buyer, book)


def test_D6_a_release_reaches_every_holder_without_a_write_per_buyer(shop: Shop) -> None:
    book = shop.product()
    buyers = [shop.store.users.register(f"b{number}@example.com") for number in range(5)]
    for buyer in buyers:
        shop.buy(book, buyer)
    before = shop.rows("SELECT * FROM digistore_purchased_products")
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"one-one"})
    assert shop.rows("SELECT * FROM digistore_purchased_products") == before
    for buyer in buyers:
        latest = shop.store.entitlements.check(buyer, book).latest
        assert latest is not None
        assert latest.version == "1.1"
        with shop.store.downloads.open(buyer, book) as file:
            assert file.read() == b"one-one"


def test_D7_reversing_one_grant_never_touches_another(shop: Shop) -> None:
    book = shop.product()
    first = shop.buy(book)
    second = shop.buy(book, allow_repeat=True)
    states = "SELECT order_id, state FROM digistore_purchased_products"
    assert dict(shop.rows(states)) == {first.order.id: "live", second.order.id: "standby"}
    shop.store.payments.refund(shop.seller, first.order, reason="asked for")
    assert dict(shop.rows(states)) == {first.order.id: "revoked", second.order.id: "live"}
    assert shop.store.entitlements.check(shop.buyer, book)


def test_D8_at_most_one_live_purchase_and_no_money_is_dropped(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    with pytest.raises(AlreadyOwned):
        shop.checkout(book)
    # The only other way to pay twice: one order, paid through the gateway and by bank transfer.
    other = shop.product("Other")
    checkout = shop.checkout(other)
    shop.deliver(shop.sandbox.pay(checkout, "delayed"))
    shop.store.payments.record(
        shop.operator,
        checkout.order,
        amount=Money("29.00", USD),
        method="bank_transfer",
        reference="1",
        received_at=shop.clock(),
    )
    shop.deliver(shop.sandbox.clear(checkout))
    shop.store.run_due()
    sums = "SELECT disposition, captured, own_refunds FROM digistore_payments ORDER BY disposition"
    assert ("duplicate", 2900, 2900) in shop.rows(sums)
    assert shop.count("purchased_products", "live_key = 1") == 2
    refused_by_the_database(
        shop,
        "UPDATE digistore_purchased_products SET product_id = "
        "(SELECT min(product_id) FROM digistore_purchased_products)",
    )


def test_D9_support_needs_live_access_and_costs_something(shop: Shop) -> None:
    book = shop.product()
    offer = shop.store.support.offer
    with pytest.raises(Invalid):
        offer(shop.seller, book, kind="setup", price=Money("0.00", USD), scope="Free?")
    offer(shop.seller, book, kind="setup", price=Money("49.00", USD), scope="One hour.")
    with pytest.raises(AccessRequired):
        ask(shop, book)
    assert shop.count("orders") == 0
    refused_by_the_database(shop, "UPDATE digistore_support_offers SET price = 0")


def test_D9_access_is_asked_for_again_when_support_is_paid(shop: Shop) -> None:
    book = shop.product()
    bought = shop.buy(book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", USD), scope="One hour."
    )
    asked = ask(shop, book)
    shop.store.payments.refund(shop.seller, bought.order, reason="asked for")
    shop.deliver(shop.sandbox.pay(asked))
    [request] = shop.store.support.my_supports(shop.buyer)
    assert request.state == "unpaid"
    assert [a.kind for a in shop.store.payments.needing_action(shop.operator)] == [
        "support_without_access"
    ]


def test_D10_each_request_is_its_own_charge(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.store.support.offer(
        shop.seller, book, kind="setup", price=Money("49.00", USD), scope="One hour."
    )
    first, second = ask(shop, book, "First"), ask(shop, book, "Second")
    shop.deliver(shop.sandbox.pay(first))
    states = {one.subject: str(one.state) for one in shop.store.support.my_supports(shop.buyer)}
    assert states == {"First": "open", "Second": "unpaid"}
    shop.deliver(shop.sandbox.pay(second))
    assert shop.count("payments") == 3
    [one, _] = shop.store.support.my_supports(shop.buyer)
    shop.store.support.waive(shop.seller, one, reason="a bug of ours")
    states = {one.subject: str(one.state) for one in shop.store.support.my_supports(shop.buyer)}
    assert sorted(states.values()) == ["canceled", "open"]


def test_D11_updates_never_depend_on_support(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"new"})
    assert shop.count("support_requests") == 0
    with shop.store.downloads.open(shop.buyer, book) as file:
        assert file.read() == b"new"


def test_D12_a_short_link_outlives_its_product_and_needs_none(shop: Shop) -> None:
    book = shop.product()
    with_product = shop.store.short_urls.shorten(
        SYSTEM, "https://shop.example/book", product=book.id
    )
    without = shop.store.short_urls.shorten(SYSTEM, "https://shop.example/news")
    shop.store.catalog.withdraw(shop.seller, book)
    for link in (with_product, without):
        assert shop.store.short_urls.resolve(link.code).url == link.target


def test_D13_an_order_is_kept_whatever_happens_to_the_payment(shop: Shop) -> None:
    book = shop.product()
    canceled = shop.checkout(book).order
    shop.store.orders.cancel(shop.buyer, canceled)
    expired = shop.checkout(book).order
    shop.clock.go(days=2)
    shop.store.payments.reconcile()
    paid = shop.buy(book).order
    shop.store.payments.refund(shop.seller, paid, reason="asked for")
    states = [str(order.state) for order in shop.store.orders.my_orders(shop.buyer)]
    assert sorted(states) == ["canceled", "expired", "paid"]
    assert {canceled.id, expired.id, paid.id} == {
        order.id for order in shop.store.orders.my_orders(shop.buyer)
    }


def test_D14_a_flow_across_slices_is_whole_or_not_at_all(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.checkout(book)
    signed = shop.sandbox.pay(checkout)
    target = getattr(shop.store, "_target", shop.store)
    path = str(target._shop.database.url.database)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TRIGGER trouble BEFORE INSERT ON digistore_purchased_products"
            " BEGIN SELECT RAISE(ABORT, 'trouble'); END"
        )
    with pytest.raises(Exception, match="trouble"):
        shop.deliver(signed)
    assert shop.store.orders.get(shop.buyer, checkout.order).state is OrderState.OPEN
    assert (shop.count("payments"), shop.count("purchased_products")) == (0, 0)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TRIGGER trouble")
    connection.close()
    shop.clock.go(minutes=1)
    shop.store.payments.reconcile()
    assert shop.store.entitlements.check(shop.buyer, book)


def test_D15_everybody_acts_as_somebody_and_a_stranger_learns_nothing(shop: Shop) -> None:
    book = shop.product()
    order = shop.buy(book).order
    stranger = shop.store.users.register("stranger@example.com")
    messages = set()
    for ref in (order.id, "ord_none", "lin_none", ""):
        with pytest.raises(NotFound) as unknown:
            shop.store.orders.get(stranger, ref)
        messages.add(str(unknown.value))
    assert len(messages) == 1
    with pytest.raises(Forbidden) as nobody:
        shop.store.orders.get(None, order)  # type: ignore[arg-type]
    assert nobody.value.reason == "sign_in"


def test_D16_what_was_sold_cannot_be_deleted(shop: Shop) -> None:
    book = shop.product()
    shop.buy(book)
    for table in ("products", "releases", "release_files", "orders", "order_lines", "payments"):
        refused_by_the_database(shop, f"DELETE FROM digistore_{table}")
    for table in ("audit", "entitlement_facts"):
        assert "only ever added" in refused_by_the_database(shop, f"DELETE FROM digistore_{table}")
    assert "never change" in refused_by_the_database(
        shop, "UPDATE digistore_release_files SET display_name = 'other.pdf'"
    )
