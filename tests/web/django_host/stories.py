"""What Django's own test runner runs: each promise of a shared connection is one test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import SimpleTestCase, TestCase, TransactionTestCase
from sqlalchemy.exc import DBAPIError

from digistore import SYSTEM, Money, Product, Role, Settings
from digistore.errors import ConfigError, InsideTransaction, Invalid, TransactionFailed
from digistore.events import AccessGranted
from digistore.short_urls import Visit
from digistore.testing import FrozenClock, check_invariants
from digistore.users import User as ShopUser
from digistore.web import django
from tests.conftest import RETURN, SECRET
from tests.web.django_host.wiring import sandbox, store

heard: list[str] = []
before: set[str] = set()
numbers = count()
store().on(AccessGranted, lambda event: heard.append(event.subject), name="mail")


@contextmanager
def rolled_back() -> Iterator[None]:
    """A transaction, or a savepoint, in which the host changes its mind."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def named() -> dict[str, str]:
    """All of our users that have a name, by id, as Django's connection sees them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM digistore_users WHERE name IS NOT NULL ORDER BY name")
        return dict(cursor.fetchall())


def names() -> list[str]:
    """The names of those since the test began."""
    return [name for key, name in named().items() if key not in before]


def person(name: str | None = None) -> ShopUser:
    """A user of ours."""
    return store().users.register(f"{next(numbers)}@example.com", name=name)


def on_sale(price: str) -> Product:
    """A product of the house."""
    seller = person()
    store().users.grant_role(SYSTEM, seller, Role.SELLER)
    made = store().catalog.add_product(seller, title="Book", price=Money(price, "USD"))
    store().catalog.release(seller, made, version="1.0", files={"book.txt": b"a book"})
    return store().catalog.put_on_sale(seller, made)


class Transactions(TransactionTestCase):
    """Real commits and rollbacks."""

    def setUp(self) -> None:
        """Begin where the test before has ended: no table of ours is a model, to be flushed."""
        store().run_due()
        heard.clear()
        before.clear()
        before.update(named())

    def test_both_are_committed(self) -> None:
        with transaction.atomic():
            User.objects.create(username="ada")
            person("ours")
        assert (User.objects.count(), names()) == (1, ["ours"])

    def test_outside_of_atomic_it_commits_by_itself(self) -> None:
        person("ours")
        with rolled_back():
            User.objects.create(username="ada")
        assert names() == ["ours"]

    def test_a_rollback_of_the_hosts_takes_ours(self) -> None:
        with rolled_back():
            person("ours")
            User.objects.create(username="ada")
        assert (User.objects.count(), names()) == (0, [])

    def test_a_savepoint_of_the_hosts_takes_ours(self) -> None:
        with transaction.atomic():
            person("kept")
            with rolled_back():
                person("taken back")
        assert names() == ["kept"]

    def test_a_failure_of_ours_leaves_the_hosts_rows(self) -> None:
        with transaction.atomic():
            User.objects.create(username="ada")
            with pytest.raises(Invalid):
                store().users.register("no address")
            User.objects.create(username="bob")
        assert (User.objects.count(), names()) == (2, [])

    def test_a_constraint_error_is_contained(self) -> None:
        with self.lightning(), transaction.atomic():
            User.objects.create(username="ada")
            with pytest.raises(DBAPIError):
                person("never")
            User.objects.create(username="bob")
        assert (User.objects.count(), names()) == (2, [])

    def test_it_sees_what_is_not_committed(self) -> None:
        with transaction.atomic():
            made = person("ours")
            assert store().users.get(SYSTEM, made) == made
            assert names() == ["ours"]

    def test_a_transaction_that_has_failed_is_told_of(self) -> None:
        with transaction.atomic():
            User.objects.create(username="ada")
            with suppress(IntegrityError), transaction.atomic(savepoint=False):
                User.objects.create(username="ada")
            with pytest.raises(TransactionFailed):
                person("never")
        assert names() == []

    def test_a_purchase_outside_of_atomic_is_whole(self) -> None:
        book, buyer = on_sale("29.00"), person()
        checkout = store().orders.checkout(buyer, [book], return_url=RETURN)
        store().payments.handle_webhook("sandbox", *sandbox.pay(checkout))
        assert store().entitlements.check(buyer, book)
        store().run_due()
        assert len(heard) == 1
        with store().downloads.open(buyer, book) as file:
            assert file.read() == b"a book"
        check_invariants(store())

    def test_an_event_shares_the_hosts_fate(self) -> None:
        gift = on_sale("0.00")
        one, two = person(), person()
        with rolled_back():
            store().orders.checkout(one, [gift], return_url=RETURN)
        store().run_due()
        assert heard == []
        with transaction.atomic():
            store().orders.checkout(two, [gift], return_url=RETURN)
        store().run_due()
        assert len(heard) == 1

    def test_under_atomic_requests_checkout_names_the_cure_and_leaves_nothing(self) -> None:
        book, buyer = on_sale("29.00"), person()
        asked = {"buyer": buyer.id, "product": book.id}
        with self.assertRaisesMessage(InsideTransaction, "non_atomic_requests"):
            self.client.get("/buy", asked)
        assert store().orders.my_orders(buyer).items == ()
        answer = self.client.get("/buy-outside", asked)
        assert answer.json()["url"]

    def test_the_mounted_views_are_outside_of_atomic_requests(self) -> None:
        book, buyer = on_sale("29.00"), person()
        answer = self.client.post(
            "/shop/api/checkout",
            {"items": [book.id]},
            content_type="application/json",
            headers={"X-User": buyer.id},
        )
        assert answer.status_code == 200, answer.content

    def test_a_sale_over_the_mounted_views_is_whole(self) -> None:
        book, buyer = on_sale("29.00"), person()
        checkout = store().orders.checkout(buyer, [book], return_url=RETURN)
        body, headers = sandbox.pay(checkout)
        told = self.client.post(
            "/shop/webhooks/sandbox", body, content_type="application/json", headers=headers
        )
        assert (told.status_code, bool(store().entitlements.check(buyer, book))) == (200, True)
        link = store().downloads.link(buyer, book)
        sent = self.client.get(f"/shop/d/{link.token}")
        assert sent.getvalue() == b"a book"
        assert len(heard) == 1  # what is due was done after the webhook

    def test_a_connection_that_was_lost_is_made_anew(self) -> None:
        person("before")
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                (process,) = cursor.fetchone()
            with psycopg.connect(**connection.get_connection_params()) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [process])
        else:
            connection.close()
        assert store().users.get(SYSTEM, person("after")).name == "after"
        assert names() == ["after", "before"]

    def test_clicks_that_wait_are_not_lost_with_the_hosts_transaction(self) -> None:
        clock = FrozenClock()
        shop = django.store(
            files="memory://",
            gateways=[],
            secret=SECRET,
            clock=clock,
            settings=Settings(clicks="buffered", link_hosts=frozenset({"example.com"})),
        )
        link = shop.short_urls.shorten(SYSTEM, "https://example.com/book")
        visit = Visit("GET", {}, client="203.0.113.9")
        shop.short_urls.resolve(link.code, visit)
        clock.go(seconds=3)  # the next click would write both
        with rolled_back():
            shop.short_urls.resolve(link.code, visit)
        shop.close()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM digistore_clicks")
            assert cursor.fetchone() == (2,)

    def lightning(self) -> Any:
        """Let the database refuse every new user of ours."""
        return _Lightning()


class _Lightning:
    def __enter__(self) -> None:
        self._run(*STRIKE[connection.vendor])

    def __exit__(self, *_: object) -> None:
        self._run(*END[connection.vendor])

    def _run(self, *statements: str) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


STRIKE = {
    "sqlite": (
        (
            "CREATE TRIGGER lightning BEFORE INSERT ON digistore_users"
            " BEGIN SELECT RAISE(ABORT, 'hit'); END"
        ),
    ),
    "postgresql": (
        (
            "CREATE FUNCTION lightning() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE EXCEPTION 'hit'; END $$"
        ),
        (
            "CREATE TRIGGER lightning BEFORE INSERT ON digistore_users"
            " FOR EACH ROW EXECUTE FUNCTION lightning()"
        ),
    ),
}
END = {
    "sqlite": ("DROP TRIGGER lightning",),
    "postgresql": ("DROP FUNCTION lightning CASCADE",),
}


class Isolation(TestCase):
    """Each test finds the rows of none before it, though each writes the same."""

    def test_one(self) -> None:
        self.write()

    def test_two(self) -> None:
        self.write()

    def write(self) -> None:
        assert (names(), User.objects.count()) == ([], 0)
        User.objects.create(username="ada")
        ada = person("ours")
        store().users.grant_role(SYSTEM, ada, Role.SELLER)
        store().catalog.add_product(ada, title="Book", price=Money("29.00", "USD"))
        assert names() == ["ours"]

    def test_what_calls_a_provider_or_writes_files_says_what_it_needs(self) -> None:
        ada = person("ours")
        store().users.grant_role(SYSTEM, ada, Role.SELLER)
        book = store().catalog.add_product(ada, title="Book", price=Money("29.00", "USD"))
        with self.assertRaisesMessage(InsideTransaction, "TransactionTestCase"):
            store().catalog.release(ada, book, version="1.0", files={"a.txt": b"a"})
        with self.assertRaisesMessage(InsideTransaction, "TransactionTestCase"):
            store().run_due()
        assert names() == ["ours"]


class Databases(SimpleTestCase):
    """What cannot be shared."""

    def test_a_database_that_is_neither_is_refused(self) -> None:
        words = {
            "neither": "SQLite or PostgreSQL",
            "missing": "there is no",
            "by_hand": "AUTOCOMMIT: False",
        }
        for alias, told in words.items():
            with pytest.raises(ConfigError, match=told):
                django.store(files="memory://", gateways=[], secret=SECRET, database=alias)
