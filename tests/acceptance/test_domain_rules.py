"""The domain's rules D1 to D16, each in code and, where it can say it, in the database too."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

import digistore
from digistore import SYSTEM, HostUser, Money, Period, Product, Role, Store
from digistore.errors import (
    AccessRequired,
    AlreadyOwned,
    Forbidden,
    GatewayUnavailable,
    Invalid,
    NotFound,
)
from digistore.orders import Checkout
from tests.conftest import RETURN, Shop
from tests.past import connection_to, database_of, lightning
from tests.payments.asking import access, calls, events, given_back, record, state, usd, waiting
from tests.payments.end_state import every_row
from tests.support.desk import ask, bought, now, offer, opened


@contextmanager
def refused_by_the_database(shop: Shop, about: str = "FOREIGN KEY") -> Iterator[Any]:
    """Write past the library; the database itself must refuse."""
    database = getattr(shop.store, "_target", shop.store)._shop.database
    with (
        connection_to(database) as connection,
        pytest.raises(IntegrityError, match=f"(?i){about}"),
    ):
        yield connection.exec_driver_sql


def fetch(shop: Shop, product: Product, user: Any = None) -> bytes:
    with shop.store.downloads.open(user or shop.buyer, product) as stream:
        return stream.read()


# D1: a product exists without any user, order or payment.


def test_D1_a_product_lives_without_a_single_user(store: Store) -> None:
    catalog = store.catalog
    shelf = catalog.add_category(SYSTEM, "Books")
    book = catalog.add_product(
        SYSTEM, title="Async Python", price=Money("29.00", "USD"), categories=[shelf]
    )
    made = catalog.release(SYSTEM, book, version="1.0", files={"book.pdf": b"1.0"})
    catalog.put_on_sale(SYSTEM, book)
    catalog.update_product(SYSTEM, book, summary="Tasks", price=Money("19.00", "USD"))
    draft = catalog.release(SYSTEM, book, version="1.1", files={"book.pdf": b"1.1"}, publish=False)
    catalog.publish(SYSTEM, draft)
    catalog.yank(SYSTEM, made, reason="typing errors")
    store.support.offer(SYSTEM, book, kind="setup", price=Money("9.00", "USD"), scope="All.")
    shown = catalog.product(None, book.slug)
    assert (shown.seller_id, shown.summary, shown.price) == (None, "Tasks", Money("19.00", "USD"))
    assert catalog.find(None, "async", category=shelf).items == (shown,)
    assert catalog.offer(None, book).action == "sign_in"
    latest = catalog.latest(None, book)
    assert latest is not None
    assert latest.version == "1.1"
    assert len(store.support.offers(None, book)) == 1
    catalog.withdraw(SYSTEM, book)
    database = getattr(store, "_target", store)._shop.database
    with connection_to(database) as connection:
        for table in ("users", "orders", "payments", "purchased_products"):
            sql = f"SELECT count(*) FROM digistore_{table}"
            assert connection.exec_driver_sql(sql).scalar() == 0, table


# D2: a user exists without purchases.


def test_D2_registering_makes_a_customer_and_nothing_else(shop: Shop) -> None:
    users = shop.store.users
    for user in (
        users.register("new@example.com"),
        users.ensure("host-42", email="host@example.com"),
        users.guest("guest@example.com"),
    ):
        assert user.roles == {Role.CUSTOMER}
        assert shop.store.entitlements.my_products(user).items == ()
        assert shop.store.orders.my_orders(user).items == ()
        assert shop.store.support.my_supports(user).items == ()
    with refused_by_the_database(shop, "digistore_user_roles_known_role") as write:
        write("UPDATE digistore_user_roles SET role = 'owner'")


# D3: roles are additive.


def test_D3_a_seller_does_all_that_a_customer_does(shop: Shop) -> None:
    other = shop.new_seller("other@example.com")
    book = shop.product(seller=other)
    offer(shop, book)
    shop.buy(book, shop.seller)
    made = ask(shop, book, user=shop.seller)
    shop.deliver(shop.sandbox.pay(made))
    assert fetch(shop, book, shop.seller) == b"Async Python 1.0"
    assert [one.product.id for one in shop.store.entitlements.my_products(shop.seller)] == [book.id]
    assert [one.state for one in shop.store.support.my_supports(shop.seller)] == ["open"]


def test_D3_a_seller_buys_an_own_product_and_it_is_no_sale(shop: Shop) -> None:
    book = shop.product()
    today = Period(shop.clock().date(), shop.clock().date())
    own = shop.buy(book, shop.seller)
    assert shop.store.orders.get(shop.seller, own.order).self_purchase
    assert access(shop, book, shop.seller) == "live"
    before = shop.store.analytics.overview(shop.seller, today)
    shop.buy(book)
    after = shop.store.analytics.overview(shop.seller, today)
    assert before.revenue == ()
    assert [(one.orders, one.gross) for one in after.revenue] == [(1, usd("29.00"))]


def test_D3_a_role_that_is_taken_away_leaves_a_customer(shop: Shop) -> None:
    book, own = shop.product(seller=shop.new_seller("other@example.com")), shop.product("Own")
    shop.buy(book, shop.seller)
    left = shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    assert left.roles == {Role.CUSTOMER}
    assert access(shop, book, shop.seller) == "live"
    assert shop.store.catalog.product(None, own).status == "on_sale"  # until somebody acts
    with pytest.raises(Forbidden):
        shop.store.catalog.withdraw(shop.seller, own)
    with pytest.raises(Invalid):
        shop.store.users.revoke_role(SYSTEM, shop.seller, Role.CUSTOMER)
    with refused_by_the_database(shop, "UNIQUE") as write:
        write(f"INSERT INTO digistore_user_roles VALUES ('{shop.seller.id}', 'customer', 0)")


# D4: a purchase exists only where a payment covers its line.


def test_D4_no_purchase_without_a_payment_that_covers_it(shop: Shop) -> None:
    titles = ("open", "pending", "failed", "short", "euro", "canceled")
    books = {title: shop.product(title) for title in titles}
    made = {title: shop.checkout(book) for title, book in books.items()}
    shop.deliver(shop.sandbox.pay(made["pending"], "delayed"))
    shop.deliver(shop.sandbox.pay(made["failed"], "delayed"))
    shop.deliver(shop.sandbox.clear(made["failed"], ok=False))
    shop.deliver(shop.sandbox.pay(made["short"], amount=usd("28.99")))
    shop.deliver(shop.sandbox.pay(made["euro"], amount=Money("29.00", "EUR")))
    shop.store.orders.cancel(shop.buyer, made["canceled"].order)
    assert {access(shop, book) for book in books.values()} == {"not_purchased"}
    assert shop.count("purchased_products") == 0


def test_D4_the_database_knows_no_purchase_without_its_payment(shop: Shop) -> None:
    paid, unpaid = shop.buy(shop.product("A")), shop.checkout(shop.product("B"))
    line = unpaid.order.lines[0]
    elsewhere = f"order_line_id = '{line.id}', order_id = '{unpaid.order.id}'"
    for change in (
        f"{elsewhere}, product_id = '{line.product_id}'",
        "payment_id = 'pay_invented'",
        "covered_total = 1",
        "product_id = (SELECT product_id FROM digistore_order_lines WHERE title = 'B')",
    ):
        with refused_by_the_database(shop) as write:
            write(f"UPDATE digistore_purchased_products SET {change}")
    with refused_by_the_database(shop) as write:  # what was paid cannot become dearer
        write(
            "UPDATE digistore_orders SET total = total + 1, subtotal = subtotal + 1"
            f" WHERE id = '{paid.order.id}'"
        )
    with refused_by_the_database(shop, "CHECK") as write:  # nor the payment pending again
        write("UPDATE digistore_payments SET state = 'pending'")


def test_D4_what_costs_nothing_is_a_recorded_payment_of_zero(shop: Shop) -> None:
    book = shop.product(price=usd("0"))
    checkout = shop.checkout(book)
    assert (checkout.url, checkout.order.state, access(shop, book)) == (None, "paid", "live")
    found = shop.rows("SELECT gateway, ref, captured, disposition FROM digistore_payments")
    assert found == [("free", checkout.order.id, 0, "covering")]
    assert shop.sandbox.calls == ()
    assert shop.count("payment_attempts") == 0


# D5: access is for life.


def test_D5_nothing_but_returned_money_or_an_operator_ends_access(shop: Shop) -> None:
    host = HostUser("host-1", email="old@example.com")
    book = shop.product()
    shop.buy(book, host)
    shop.clock.go(days=36_500)
    shop.store.catalog.update_product(shop.seller, book, price=usd("999"), title="Another title")
    shop.store.catalog.release(shop.seller, book, version="2.0", files={"book.pdf": b"2.0"})
    shop.store.catalog.withdraw(shop.seller, book)
    shop.store.users.revoke_role(SYSTEM, shop.seller, Role.SELLER)
    shop.store.users.ensure("host-1", email="new@example.com", name="New Name")
    shop.store.run_due()
    assert shop.store.entitlements.check(host, book)
    assert fetch(shop, book, host) == b"2.0"
    latest = shop.store.catalog.latest(host, book)
    assert latest is not None
    shop.store.catalog.yank(shop.operator, latest, reason="broken")
    assert fetch(shop, book, host) == b"Async Python 1.0"


def test_D5_undoing_the_cause_restores_access(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    assert access(shop, book) == "revoked"
    shop.deliver(shop.sandbox.fail_refund(checkout))
    assert access(shop, book) == "live"
    purchase = shop.store.entitlements.check(shop.buyer, book).purchase
    assert purchase is not None
    shop.store.entitlements.revoke(shop.operator, purchase, reason="x")
    assert access(shop, book) == "revoked"
    shop.store.entitlements.restore(shop.operator, purchase, reason="x")
    assert access(shop, book) == "live"


# D6: a new release reaches every holder at once, with no write per buyer.


def test_D6_a_new_release_opens_for_old_purchases_without_a_write(shop: Shop) -> None:
    book = shop.product()
    friend = shop.store.users.register("friend@example.com")
    for user in (shop.buyer, friend):
        shop.buy(book, user)

    def per_buyer() -> dict[str, Any]:
        tables = every_row(shop.rows)
        catalog = ("products", "release", "blobs", "uploads", "audit", "events")
        return {name: rows for name, rows in tables.items() if not any(c in name for c in catalog)}

    before = per_buyer()
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"1.1"})
    assert per_buyer() == before
    assert shop.count("events", "type = 'ReleasePublished'") == 2  # one per release, not per buyer
    for user in (shop.buyer, friend):
        found = shop.store.entitlements.check(user, book)
        assert found.latest is not None
        assert found.latest.version == "1.1"
        assert fetch(shop, book, user) == b"1.1"
    assert shop.count("payments") == 2


# D7 and D8: any live grant opens, and there is one place.


def two_grants(shop: Shop, book: Product) -> tuple[Checkout, Checkout]:
    return shop.buy(book), shop.buy(book, allow_repeat=True)


def test_D7_reversing_one_grant_never_touches_another(shop: Shop) -> None:
    for reverse in ("first", "second"):
        book = shop.product(reverse)
        first, second = two_grants(shop, book)
        gone, kept = (first, second) if reverse == "first" else (second, first)
        shop.store.payments.refund(shop.seller, gone.order, reason="x")
        purchase = shop.store.entitlements.check(shop.buyer, book).purchase
        assert purchase is not None
        assert purchase.order_id == kept.order.id


def test_D8_one_live_purchase_per_person_and_product(shop: Shop) -> None:
    book = shop.product()
    two_grants(shop, book)
    with pytest.raises(AlreadyOwned) as caught:
        shop.checkout(book)
    owned = shop.store.entitlements.check(shop.buyer, book).purchase
    assert owned is not None
    assert caught.value.purchase_id == owned.id
    with refused_by_the_database(shop, "UNIQUE") as write:
        write("UPDATE digistore_purchased_products SET state = 'live', live_key = 1")


def test_D8_money_for_a_second_one_is_never_dropped(shop: Shop) -> None:
    book = shop.product()
    first = shop.buy(book)
    shop.deliver(shop.sandbox.open_dispute(first))
    second = shop.checkout(book)  # allowed while the first one is suspended
    shop.deliver(shop.sandbox.close_dispute(first, "won"))
    shop.deliver(shop.sandbox.pay(second))
    assert state(shop, second) == "paid"
    for _ in range(2):
        shop.store.run_due()
    assert given_back(shop, second) == [(2900, "succeeded")]
    assert events(shop).count("DuplicateReturned") == 1
    assert access(shop, book) == "live"


# D9, D10 and D11: support.


def test_D9_help_needs_live_access_when_it_is_asked_for_and_when_it_is_paid(shop: Shop) -> None:
    book = shop.product()
    offer(shop, book)
    with pytest.raises(AccessRequired):
        ask(shop, book)
    checkout = shop.buy(book)
    made = ask(shop, book)
    shop.store.payments.refund(shop.seller, checkout.order, reason="x")
    shop.deliver(shop.sandbox.pay(made))
    assert (now(shop, made.request).state, waiting(shop)) == ("unpaid", ["support_without_access"])


def test_D9_help_is_never_free_and_a_waiver_is_a_refund(shop: Shop) -> None:
    book = bought(shop)
    with pytest.raises(Invalid):
        offer(shop, book, price=usd("0"))
    request = opened(shop, book)
    assert shop.store.support.waive(shop.seller, request, reason="a bug").amount == request.price
    for table in ("support_offers", "support_requests"):
        with refused_by_the_database(shop, "never_free") as write:
            write(f"UPDATE digistore_{table} SET price = 0")
    with refused_by_the_database(shop, "support_is_never_free") as write:
        write("UPDATE digistore_order_lines SET total = 0 WHERE kind = 'support'")
    with refused_by_the_database(shop, "paid_before_it_opens") as write:
        ask(shop, book, "Not paid")
        write("UPDATE digistore_support_requests SET state = 'open' WHERE payment_id IS NULL")


def test_D10_each_request_has_its_own_line_payment_life_and_refund(shop: Shop) -> None:
    book = bought(shop)
    requests = [opened(shop, book, subject) for subject in ("One", "Two", "Three")]
    shop.store.support.resolve(shop.seller, requests[0])
    shop.store.support.waive(shop.seller, requests[1], reason="x")
    assert [now(shop, one).state for one in requests] == ["resolved", "canceled", "open"]
    paid = shop.rows("SELECT count(DISTINCT payment_id) FROM digistore_support_requests")
    assert paid == [(3,)]
    with refused_by_the_database(shop, "UNIQUE") as write:
        write(
            "UPDATE digistore_support_requests SET order_line_id ="
            " (SELECT min(order_line_id) FROM digistore_support_requests)"
        )


def test_D11_updates_never_depend_on_support_nor_support_on_a_subscription(shop: Shop) -> None:
    book = bought(shop)
    request = opened(shop, book)
    shop.store.payments.refund(shop.seller, request.order_id, reason="x")
    shop.store.catalog.release(shop.seller, book, version="1.1", files={"book.pdf": b"1.1"})
    assert fetch(shop, book) == b"1.1"
    shop.clock.go(days=3650)
    assert opened(shop, book, "Years later").state == "open"


# D12: a short link lives and dies on its own.


def test_D12_a_short_link_needs_no_product_and_outlives_one(shop: Shop) -> None:
    links = shop.store.short_urls
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=usd("1"))
    alone = links.shorten(SYSTEM, "https://example.com/a")
    about = links.shorten(SYSTEM, "https://example.com/b", product=draft.id)
    nobody = links.shorten(SYSTEM, "https://example.com/c", product="prd_never_there")
    database = getattr(shop.store, "_target", shop.store)._shop.database
    with connection_to(database) as connection:  # only to look: it is not committed
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"DELETE FROM digistore_products WHERE id = '{draft.id}'")
        kept = connection.exec_driver_sql("SELECT count(*) FROM digistore_short_urls").scalar()
        connection.exec_driver_sql("ROLLBACK")
    assert kept == 3
    for link in (alone, about, nobody):
        assert links.resolve(link.code).url == link.target
    links.disable(SYSTEM, about)
    with pytest.raises(NotFound):
        links.resolve(about.code)


# D13: an order is made before its payment and kept whatever becomes of it.


def test_D13_an_order_is_there_before_any_gateway_hears_of_it(shop: Shop) -> None:
    shop.sandbox.fail_next("timeout", method="create_checkout")
    with pytest.raises(GatewayUnavailable) as caught:
        shop.checkout(shop.product())
    assert caught.value.order_id is not None
    assert shop.store.orders.get(shop.buyer, caught.value.order_id).state == "open"
    assert len(calls(shop, "create_checkout")) == 1


def test_D13_an_order_is_kept_whatever_becomes_of_its_payment(shop: Shop) -> None:
    names = ("canceled", "expired", "declined", "failed", "refunded", "disputed")
    made = {name: shop.checkout(shop.product(name)) for name in names}
    shop.store.orders.cancel(shop.buyer, made["canceled"].order)
    shop.deliver(shop.sandbox.pay(made["declined"], "declined"))
    shop.deliver(shop.sandbox.pay(made["failed"], "delayed"))
    shop.deliver(shop.sandbox.clear(made["failed"], ok=False))
    for name in ("refunded", "disputed"):
        shop.deliver(shop.sandbox.pay(made[name]))
    shop.deliver(shop.sandbox.dashboard_refund(made["refunded"]))
    shop.deliver(shop.sandbox.open_dispute(made["disputed"]))
    shop.clock.go(days=400)
    shop.store.run_due()
    listed = {order.id: order.state for order in shop.store.orders.my_orders(shop.buyer)}
    assert [listed[made[name].order.id] for name in names] == [
        "canceled",
        "expired",
        "expired",
        "expired",
        "paid",
        "paid",
    ]


# D14: each slice writes its own tables; flows across slices are one transaction.

SRC = Path(digistore.__file__).parent
WRITES = {"insert", "upsert", "update", "delete", "inserting", "changing"}


def foreign_writes(path: Path) -> Iterator[str]:
    """Yield where a module writes the table of another slice."""
    own = path.relative_to(SRC).parts[0]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    owners = {
        alias.asname or alias.name: node.module.split(".")[1]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.endswith(".tables")
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        table = node.args[0] if node.func.id in WRITES and node.args else None
        if isinstance(table, ast.Name) and owners.get(table.id, own) != own:
            yield f"{path.relative_to(SRC)}:{node.lineno} writes {table.id}"


def test_D14_each_slice_writes_its_own_tables() -> None:
    found = [one for path in sorted(SRC.rglob("*.py")) for one in foreign_writes(path)]
    assert found == []
    assert list(foreign_writes(SRC / "orders" / "writes.py")) == []


def test_D14_what_crosses_slices_is_one_transaction(shop: Shop) -> None:
    """No reader ever sees a payment without its purchase, not even after a crash."""
    book = shop.product()
    signed = shop.sandbox.pay(shop.checkout(book))
    before = every_row(shop.rows)
    errors = database_of(shop.store).errors
    with lightning(shop.store, "digistore_purchased_products"), pytest.raises(errors):
        shop.deliver(signed)
    assert every_row(shop.rows) == before
    assert shop.deliver(signed).status == 200
    assert access(shop, book) == "live"


# D15: everybody acts as somebody.


def test_D15_nobody_does_nothing_and_a_stranger_learns_nothing(shop: Shop) -> None:
    book = shop.product()
    draft = shop.store.catalog.add_product(shop.seller, title="Draft", price=usd("1"))
    order = shop.buy(book).order
    stranger = shop.store.users.register("stranger@example.com")
    store: Any = shop.store
    with pytest.raises(Forbidden) as caught:
        store.orders.checkout(None, [book], return_url=RETURN)
    assert caught.value.reason == "sign_in"
    get, product, refund, user = (
        partial(store.orders.get, stranger),
        partial(store.catalog.product, stranger),
        partial(store.payments.refund, stranger, reason="x"),
        partial(store.users.get, stranger),
    )
    for act, foreign, unknown in (
        (get, order, "ord_x"),
        (product, draft, "prd_x"),
        (refund, order, "ord_x"),
        (refund, order.lines[0], "lin_x"),
        (user, shop.buyer, "usr_x"),
    ):
        told = []
        for ref in (foreign, unknown):
            with pytest.raises(NotFound) as refused:
                act(ref)
            told.append((type(refused.value), str(refused.value)))
        assert told[0] == told[1]


def test_D15_the_acting_user_is_who_the_audit_names(shop: Shop) -> None:
    book = shop.product()
    checkout = shop.buy(book)
    shop.store.payments.refund(shop.seller, checkout.order, amount=usd("1"), reason="x")
    record(shop, shop.checkout(shop.product("Other")), usd("29"))
    said = shop.rows("SELECT DISTINCT cause, actor FROM digistore_audit")
    assert ("refund", shop.seller.id) in said
    assert ("record", shop.operator.id) in said
    assert ("checkout", shop.buyer.id) in said
    assert shop.count("audit", "actor = '' OR cause = ''") == 0


# D16: nothing that was sold can be deleted.


def test_D16_what_was_sold_is_withdrawn_or_yanked_and_never_deleted(shop: Shop) -> None:
    book = bought(shop)
    opened(shop, book)
    fetch(shop, book)
    sold = ("products", "releases", "release_files", "blobs", "users", "orders", "order_lines")
    for table in (*sold, "payments", "purchased_products", "support_requests"):
        with refused_by_the_database(shop, "FOREIGN KEY|never change|only ever added") as write:
            write(f"DELETE FROM digistore_{table}")
    for table in ("audit", "entitlement_facts", "support_facts"):
        with refused_by_the_database(shop, "only ever added") as write:
            write(f"DELETE FROM digistore_{table}")
    with refused_by_the_database(shop, "never change") as write:
        write("UPDATE digistore_release_files SET display_name = 'other.pdf'")
    for service in (shop.store.catalog, shop.store.orders, shop.store.payments):
        names = dir(getattr(service, "_target", service))
        assert not [name for name in names if name.startswith(("delete", "remove"))]
    (release,) = shop.store.catalog.releases(shop.seller, book)
    with pytest.raises(Invalid):
        shop.store.catalog.yank(shop.seller, release, reason="")
    yanked = shop.store.catalog.yank(shop.seller, release, reason="a typing error")
    assert (yanked.status, yanked.yank_reason) == ("yanked", "a typing error")
    shop.store.catalog.withdraw(shop.seller, book)
    assert shop.store.downloads.files(shop.buyer, book, release=release)
