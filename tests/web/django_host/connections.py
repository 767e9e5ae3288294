"""Connections of other kinds than Django's usual one, and all that ends a transaction there."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, cast
from unittest import skipUnless
from unittest.mock import patch

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core import signals
from django.db import connection, connections, transaction
from django.test import TransactionTestCase
from sqlalchemy import event

from digistore import Store
from digistore.database.postgresql import PostgreSQL
from digistore.errors import Busy, ConfigError, InsideTransaction
from digistore.events import AccessGranted
from digistore.gateways.sandbox import SandboxGateway
from digistore.web import django
from tests.conftest import RETURN, SECRET
from tests.past import database_of
from tests.web.django_host.stories import (
    before,
    heard,
    named,
    names,
    numbers,
    on_sale,
    person,
    rolled_back,
)
from tests.web.django_host.wiring import store

IS_POSTGRESQL = connection.vendor == "postgresql"
KINDS = ("default", "kept", "pooled") if IS_POSTGRESQL else ("default", "kept")


@cache
def store_on(alias: str) -> Store:
    """A second store on the same rows, by connections of another kind."""
    return django.store(
        files="memory://", gateways=[SandboxGateway()], secret=SECRET, database=alias
    )


def come(alias: str, name: str) -> None:
    """Register somebody by the connections of *alias*."""
    store_on(alias).users.register(f"{next(numbers)}@example.net", name=name)


def cut(alias: str) -> None:
    """Let the server end the connection of this thread."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    params = connection.get_connection_params()
    with psycopg.connect(**params) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [process])


class _Story(TransactionTestCase):
    def setUp(self) -> None:
        """Begin where the test before has ended: no table of ours is a model, to be flushed."""
        store().run_due()
        heard.clear()
        before.clear()
        before.update(named())

    @classmethod
    def tearDownClass(cls) -> None:
        """Let go of the database, which is dropped in the end."""
        super().tearDownClass()
        for alias in KINDS[1:]:
            connections[alias].close()
        if IS_POSTGRESQL:
            cast("Any", connections["pooled"]).close_pool()


class Endings(_Story):
    """How a transaction may end."""

    def test_what_waits_for_the_commit_is_done_after_it(self) -> None:
        gift = on_sale("0.00")
        one, two = person(), person()
        with rolled_back():
            store().orders.checkout(one, [gift], return_url=RETURN)
            transaction.on_commit(store().run_due)
        assert heard == []
        with transaction.atomic(), transaction.atomic():
            store().orders.checkout(two, [gift], return_url=RETURN)
            transaction.on_commit(store().run_due)
        assert len(heard) == 1

    def test_a_durable_transaction_keeps_what_its_savepoints_have_not_taken_back(self) -> None:
        with transaction.atomic(durable=True):
            person("kept")
            with transaction.atomic():
                person("kept, too")
                with rolled_back():
                    person("taken back")
        assert names() == ["kept", "kept, too"]

    def test_a_handler_may_have_a_durable_transaction_of_its_own(self) -> None:
        gift, buyer = on_sale("0.00"), person()

        @transaction.atomic(durable=True)
        def keep(event: AccessGranted) -> None:
            User.objects.create(username=event.subject)

        shop = django.store(files="memory://", gateways=[], secret=SECRET)
        shop.on(AccessGranted, keep, name="keeper")
        shop.run_due()
        store().orders.checkout(buyer, [gift], return_url=RETURN)
        shop.run_due()
        assert User.objects.count() == 1

    def test_a_transaction_that_is_begun_by_hand_is_joined(self) -> None:
        transaction.set_autocommit(False)
        try:
            person("taken back")
            with pytest.raises(InsideTransaction):
                store().run_due()
            transaction.rollback()
            person("kept")
            transaction.commit()
        finally:
            transaction.set_autocommit(True)
        assert names() == ["kept"]


class Aliases(_Story):
    """Which connection a store has."""

    databases = set(KINDS)  # noqa: RUF012  as Django has it

    def test_the_transaction_of_another_connection_is_not_joined(self) -> None:
        if IS_POSTGRESQL:  # in SQLite the other one would have to wait
            with rolled_back():
                come("kept", "kept")
        with transaction.atomic(using="kept"):
            come("kept", "taken back")
            transaction.set_rollback(True, using="kept")
        assert names() == (["kept"] if IS_POSTGRESQL else [])

    def test_a_connection_that_stays_is_used_for_one_request_after_another(self) -> None:
        come("kept", "first")
        one = connections["kept"].connection
        new_request()
        come("kept", "second")
        assert (connections["kept"].connection is one, names()) == (True, ["first", "second"])


@skipUnless(IS_POSTGRESQL, "a connection to SQLite ends with its process")
class Cuts(_Story):
    """The server ends connections."""

    databases = set(KINDS)  # noqa: RUF012  as Django has it

    def test_between_requests(self) -> None:
        for alias in KINDS:
            come(alias, "before")
            cut(alias)
            new_request()
            assert store_on(alias).orders.my_orders(person()).items == ()
            come(alias, "after")
        assert names() == ["after"] * 3 + ["before"] * 3

    def test_where_django_looks_before_each_request_nothing_fails(self) -> None:
        said: list[str] = []
        connections["kept"].close()
        event.listen(
            database_of(store_on("kept")).engine,
            "before_cursor_execute",
            lambda *given: said.append(given[2]),
        )
        come("kept", "before")
        cut("kept")
        new_request()
        said.clear()
        come("kept", "after")
        assert said.count(PostgreSQL.begin) == 1
        assert names() == ["after", "before"]

    def test_a_server_that_is_away_is_busy(self) -> None:
        """A regression: an error of Django's came through."""
        somebody = person()
        for alias in KINDS[:2]:
            connections[alias].close()
            with patch.dict(connections[alias].settings_dict, HOST="/nowhere"), pytest.raises(Busy):
                store_on(alias).orders.my_orders(somebody)
            assert store_on(alias).orders.my_orders(somebody).items == ()

    def test_a_server_that_is_too_old_is_refused_before_anything_is_asked_of_it(self) -> None:
        connections["kept"].close()
        too_old = patch("digistore.database.postgresql.OLDEST", 99)
        with too_old, pytest.raises(ConfigError, match="99 or newer is needed"):
            come("kept", "never")
        come("kept", "after")
        assert names() == ["after"]

    def test_inside_of_atomic_it_is_busy_and_nothing_is_kept(self) -> None:
        for alias in KINDS:
            with pytest.raises(Busy, match="roll your transaction back"):
                self.come_and_be_cut(alias)
            come(alias, "after")
        assert names() == ["after"] * 3

    def come_and_be_cut(self, alias: str) -> None:
        with transaction.atomic(alias):
            come(alias, "never")
            cut(alias)
            come(alias, "never, too")


@skipUnless(IS_POSTGRESQL, "for SQLite Django has no pool")
class Pool(_Story):
    """Django's own pool lends a connection for the length of a request."""

    databases = set(KINDS)  # noqa: RUF012  as Django has it

    def test_a_thread_gives_its_connection_back(self) -> None:
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(request_of_its_own, range(24)))
        assert sorted(names()) == sorted(f"thread {number}" for number in range(24))

    def test_a_transaction_is_whole_on_a_connection_of_the_pool(self) -> None:
        with transaction.atomic("pooled"):
            come("pooled", "taken back")
            transaction.set_rollback(True, using="pooled")
        new_request()
        come("pooled", "kept")
        assert names() == ["kept"]

    def test_nobody_listens_to_a_connection_that_was_given_back(self) -> None:
        """A regression: each request added two listeners to a connection that stays in the pool."""
        gc.collect()  # what threads that have ended still listened to
        for number in range(5):
            come("pooled", f"{number}")
            listening = connections["pooled"].connection._notice_handlers
            assert len(listening) <= LISTENERS
            new_request()


LISTENERS = 2  # of SQLAlchemy, and ours for a COMMIT that no standby has confirmed


def request_of_its_own(number: int) -> None:
    """What a thread of a server does: a request, and what Django does after it."""
    come("pooled", f"thread {number}")
    connections["pooled"].close()


def new_request() -> None:
    """End a request, and begin another."""
    signals.request_finished.send(_Story)
    signals.request_started.send(_Story)
