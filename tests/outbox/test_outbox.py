"""Events outlive a crash: written with what they tell of, delivered at least once after it."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from digistore import SYSTEM, Money, Store
from digistore.blocking import run
from digistore.catalog import Product
from digistore.database import Transaction
from digistore.errors import Invalid
from digistore.events import AccessGranted, Event, OrderExpired, OrderPaid, ReleasePublished
from digistore.ids import EventId
from digistore.outbox import announce
from digistore.outbox.service import BACKOFF, LEASE
from digistore.testing import FrozenClock
from tests.conftest import SECRET, SQLITE, Shop
from tests.past import connection_to, lightning

TICK = timedelta(microseconds=1)


def publish(store: Store, title: str = "Book") -> Product:
    """Make one event: a release is published."""
    product = store.catalog.add_product(SYSTEM, title=title, price=Money("5.00", "USD"))
    store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    return product


def delivered(store: Store, **kwargs: Any) -> tuple[int, int]:
    report = store.run_due(**kwargs)
    return report.delivered, report.failed


def shop_of(store: Store) -> Any:
    return getattr(store, "_target", store)._shop


class Flaky:
    """A handler that fails the first times."""

    def __init__(self, failures: int = 10**6, error: BaseException | None = None) -> None:
        self.failures = failures
        self.error = error or OSError("the mail server is down")
        self.heard: list[Event] = []

    def __call__(self, told: Event) -> None:
        self.heard.append(told)
        if len(self.heard) <= self.failures:
            raise self.error


# Once after the commit


def test_an_event_is_delivered_after_the_commit_and_once(store: Store) -> None:
    heard: list[ReleasePublished] = []
    store.on(ReleasePublished, heard.append, name="mail")
    product = publish(store)
    assert heard == []
    assert delivered(store) == (1, 0)
    assert [told.product_id for told in heard] == [product.id]
    assert delivered(store) == (0, 0)
    assert len(heard) == 1


def test_an_event_says_what_when_and_by_whom(shop: Shop) -> None:
    heard: list[OrderPaid] = []
    shop.store.on(OrderPaid, heard.append, name="mail")
    checkout = shop.buy(shop.product())
    shop.store.run_due()
    (told,) = heard
    assert (told.order_id, told.buyer_id) == (checkout.order.id, shop.buyer.id)
    assert told.at == shop.clock()
    assert told.actor == "system"
    assert told.id.startswith("evt_")
    assert shop.count("payments", f"id = '{told.payment_id}'") == 1


def test_every_handler_of_an_event_gets_its_own_delivery(store: Store) -> None:
    one, two = Flaky(failures=0), Flaky(failures=0)
    store.on(ReleasePublished, one, name="mail")
    store.on(ReleasePublished, two, name="chat")
    publish(store)
    assert delivered(store) == (2, 0)
    assert [told.id for told in one.heard] == [told.id for told in two.heard]


def test_a_repeat_has_the_same_id_to_tell_it_by(store: Store, clock: FrozenClock) -> None:
    flaky = Flaky(failures=1)
    store.on(ReleasePublished, flaky, name="mail")
    publish(store)
    assert delivered(store) == (0, 1)
    clock.go(days=1)
    assert delivered(store) == (1, 0)
    assert flaky.heard[0] == flaky.heard[1]


def test_one_round_is_bounded_and_says_whether_there_is_more(store: Store) -> None:
    flaky = Flaky(failures=0)
    store.on(ReleasePublished, flaky, name="mail")
    for number in range(3):
        publish(store, f"Book {number}")
    assert delivered(store, limit=2) == (2, 0)
    report = store.run_due(limit=2)
    assert (report.delivered, report.failed) == (1, 0)
    assert not store.run_due(limit=2).more
    assert len({told.id for told in flaky.heard}) == 3


# Failing


def test_a_failing_handler_does_not_stop_others(store: Store) -> None:
    bad, good = Flaky(), Flaky(failures=0)
    store.on(ReleasePublished, bad, name="a-bad-one")
    store.on(ReleasePublished, good, name="good")
    publish(store, "One")
    publish(store, "Two")
    assert delivered(store) == (2, 2)
    assert len(good.heard) == 2


def test_a_failing_handler_is_asked_again_later_and_later(store: Store, clock: FrozenClock) -> None:
    flaky = Flaky()
    store.on(ReleasePublished, flaky, name="mail")
    publish(store)
    waits = [*BACKOFF, BACKOFF[-1], BACKOFF[-1]]
    assert delivered(store) == (0, 1)
    for wait in waits:
        clock.now += wait - TICK
        assert delivered(store) == (0, 0)
        clock.now += TICK
        assert delivered(store) == (0, 1)
    assert len(flaky.heard) == len(waits) + 1  # it is never forgotten


def test_the_kind_of_failure_is_noted_and_not_its_words(shop: Shop) -> None:
    flaky = Flaky(error=ValueError("buyer@example.com bounced"))
    shop.store.on(OrderPaid, flaky, name="mail")
    shop.buy(shop.product())
    shop.store.run_due()
    told = shop.rows("SELECT failure, tries FROM digistore_deliveries WHERE handler = 'mail'")
    assert told == [("ValueError", 1)]


def test_what_stops_the_process_leaves_the_delivery_leased(
    store: Store, clock: FrozenClock
) -> None:
    flaky = Flaky(failures=1, error=KeyboardInterrupt())
    store.on(ReleasePublished, flaky, name="mail")
    publish(store)
    with pytest.raises(KeyboardInterrupt):
        store.run_due()
    assert delivered(store) == (0, 0)
    clock.now += LEASE
    assert delivered(store) == (1, 0)


# Several processes


@pytest.fixture
def second(store: Store, clock: FrozenClock) -> Iterator[Store]:
    """Another process of the same shop."""
    url = shop_of(store).database.url.render_as_string()
    with Store.open(url, files="memory://", gateways=[], secret=SECRET, clock=clock) as other:
        yield other


def test_an_event_waits_for_a_process_with_a_handler(store: Store, second: Store) -> None:
    publish(store)
    assert delivered(store) == (0, 0)
    late = Flaky(failures=0)
    second.on(ReleasePublished, late, name="mail")
    assert delivered(store) == (0, 0)
    assert delivered(second) == (1, 0)
    assert len(late.heard) == 1


def test_handlers_of_another_process_get_theirs(store: Store, second: Store) -> None:
    mail, chat = Flaky(failures=0), Flaky(failures=0)
    store.on(ReleasePublished, mail, name="mail")
    second.on(ReleasePublished, chat, name="chat")
    assert delivered(second) == (0, 0)  # it is known from now on
    publish(store)
    assert delivered(store) == (1, 0)
    assert (len(mail.heard), len(chat.heard)) == (1, 0)
    assert delivered(second) == (1, 0)
    assert mail.heard == chat.heard


def test_two_processes_with_one_handler_share_the_work(store: Store, second: Store) -> None:
    one, two = Flaky(failures=0), Flaky(failures=0)
    store.on(ReleasePublished, one, name="mail")
    second.on(ReleasePublished, two, name="mail")
    publish(store)
    assert delivered(store) == (1, 0)
    assert delivered(second) == (0, 0)
    assert (len(one.heard), len(two.heard)) == (1, 0)


def test_deliveries_of_others_do_not_stand_in_the_way(store: Store, second: Store) -> None:
    """One name for two types: what only another process takes fills nobody's batch."""
    idle, busy = Flaky(failures=0), Flaky(failures=0)
    second.on(ReleasePublished, idle, name="mail")
    second.run_due()
    for number in range(3):
        publish(store, f"Book {number}")
    second.on(AccessGranted, idle, name="other")
    store.on(OrderPaid, busy, name="mail")
    store.run_due(limit=100)  # routes the three to the other process, which then sleeps
    buyer = store.users.register("buyer@example.com")
    product = store.catalog.add_product(SYSTEM, title="Free", price=Money.zero("USD"))
    store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    store.catalog.put_on_sale(SYSTEM, product)
    store.orders.checkout(buyer, [product], return_url="https://shop.example/thanks")
    assert delivered(store, limit=2) == (1, 0)
    assert len(busy.heard) == 1


def test_a_lease_that_ran_out_is_taken_over(
    store: Store, second: Store, clock: FrozenClock
) -> None:
    heard: list[str] = []

    def slow(_told: ReleasePublished) -> None:
        heard.append("slow")
        clock.now += LEASE - TICK
        assert delivered(second) == (0, 0)
        clock.now += TICK
        assert delivered(second) == (1, 0)

    store.on(ReleasePublished, slow, name="mail")
    second.on(ReleasePublished, lambda _: heard.append("quick"), name="mail")
    publish(store)
    store.run_due()
    assert heard == ["slow", "quick"]
    clock.go(days=1)
    assert (delivered(store), delivered(second)) == ((0, 0), (0, 0))


@pytest.mark.parametrize("late", ["succeeds", "fails"])
def test_who_comes_back_after_the_lease_closes_nothing(
    store: Store, second: Store, clock: FrozenClock, late: str
) -> None:
    """The rival is at work: its own outcome counts, not that of who slept past the lease."""
    heard: list[str] = []

    def slow(_told: ReleasePublished) -> None:
        heard.append("slow")
        clock.now += LEASE
        assert delivered(second) == (0, 1)
        if late == "fails":
            raise OSError

    def failing(_told: ReleasePublished) -> None:
        heard.append("rival")
        if heard.count("rival") == 1:
            raise OSError

    store.on(ReleasePublished, slow, name="mail")
    second.on(ReleasePublished, failing, name="mail")
    publish(store)
    store.run_due()
    clock.now += BACKOFF[1]
    assert delivered(second) == (1, 0)
    assert heard == ["slow", "rival", "rival"]


def test_who_comes_back_after_the_lease_does_not_close_what_another_has_in_hand(
    store: Store, second: Store, clock: FrozenClock
) -> None:
    in_hand, go_on = threading.Event(), threading.Event()

    def rival(_told: ReleasePublished) -> None:
        in_hand.set()
        go_on.wait(60)

    working = threading.Thread(target=second.run_due)

    def slow(_told: ReleasePublished) -> None:
        clock.now += LEASE
        working.start()
        in_hand.wait(60)

    store.on(ReleasePublished, slow, name="mail")
    second.on(ReleasePublished, rival, name="mail")
    publish(store)
    store.run_due()
    assert deliveries(second) == [("due", 2, True)]  # the rival's, and still leased to it
    go_on.set()
    working.join()
    assert deliveries(second) == [("done", 2, False)]


def deliveries(store: Store) -> list[tuple[object, ...]]:
    """Say of each delivery its state, its tries and whether somebody has it in hand."""
    with connection_to(shop_of(store).database) as connection:
        rows = connection.exec_driver_sql("SELECT state, tries, lease FROM digistore_deliveries")
        return [(state, tries, lease is not None) for state, tries, lease in rows]


def test_two_processes_that_lease_at_once_deliver_once(store: Store, second: Store) -> None:
    heard: list[str] = []

    def mail(told: ReleasePublished) -> None:
        if not heard:
            heard.append(told.id)
            assert delivered(second) == (0, 0)

    store.on(ReleasePublished, mail, name="mail")
    second.on(ReleasePublished, lambda told: heard.append(told.id), name="mail")
    publish(store)
    assert delivered(store) == (1, 0)
    assert len(heard) == 1


# If and only if the transaction commits


def test_no_event_without_a_commit(store: Store) -> None:
    """The release, its publication and its event are one transaction: so is their end."""
    product = store.catalog.add_product(SYSTEM, title="Book", price=Money("5.00", "USD"))
    database = shop_of(store).database
    with lightning(store, "digistore_audit"), pytest.raises(database.errors):  # the last row of all
        store.catalog.release(SYSTEM, product, version="1.0", files={"a.txt": b"a"})
    store.on(ReleasePublished, Flaky(failures=0), name="mail")
    assert delivered(store) == (0, 0)
    assert store.catalog.releases(SYSTEM, product) == ()


@SQLITE
def test_an_event_whose_transaction_is_repeated_is_written_once(store: Store) -> None:
    database = shop_of(store).database
    failed: list[str] = []

    def fail(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement == "COMMIT" and len(failed) < 3:
            failed.append(statement)
            error = sqlite3.OperationalError("database is locked")
            error.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise error

    flaky = Flaky(failures=0)
    store.on(ReleasePublished, flaky, name="mail")
    event.listen(database.engine, "before_cursor_execute", fail)
    publish(store)
    failed.clear()
    assert delivered(store) == (1, 0)  # its own transactions are repeated as well
    event.remove(database.engine, "before_cursor_execute", fail)
    assert len(failed) == 3
    assert len(flaky.heard) == 1


def test_a_transition_that_is_told_again_is_one_event(shop: Shop) -> None:
    orders = [shop.checkout(shop.product(title)).order for title in ("One", "Two")]
    told = [
        OrderExpired(
            id=EventId(f"evt_{number}"),
            at=shop.clock(),
            actor="system",
            order_id=orders[number // 2].id,
            buyer_id=shop.buyer.id,
        )
        for number in range(4)
    ]

    async def work(tx: Transaction) -> None:
        for one in told:
            await tx.rows(announce(one, "expired"))

    heard: list[OrderExpired] = []
    shop.store.on(OrderExpired, heard.append, name="mail")
    for _ in range(2):
        run(shop_of(shop.store).database.beside.transact(work))
    assert delivered(shop.store) == (2, 0)
    assert [one.id for one in heard] == ["evt_0", "evt_2"]


def test_nothing_personal_is_in_an_event(shop: Shop) -> None:
    secrets = ["Ada Lovelace", "ada@example.com", "Trade secret", "too many bugs", "Help me"]
    ada = shop.store.users.register(secrets[1], name=secrets[0])
    product = shop.product(title=secrets[2])
    release = shop.store.catalog.latest(shop.seller, product)
    assert release is not None
    checkout = shop.buy(product, ada)
    shop.store.support.offer(
        shop.seller, product, kind="setup", price=Money("9.00", "USD"), scope="1 h"
    )
    shop.deliver(
        shop.sandbox.pay(
            shop.store.support.request(
                ada, product, kind="setup", subject=secrets[4], body=secrets[4],
                return_url="https://shop.example/thanks",
            )
        )
    )  # fmt: skip
    shop.store.catalog.yank(shop.seller, release, reason=secrets[3])
    shop.store.payments.request_refund(ada, checkout.order, reason=secrets[3])
    rows = shop.rows("SELECT type, payload, dedupe_key, subject, actor FROM digistore_events")
    assert len({row[0] for row in rows}) >= 6
    for row in rows:
        assert not [secret for secret in secrets if secret in json.dumps(row)]


# Registering


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Event, "mail"),
        (str, "mail"),
        (None, "mail"),
        ("OrderPaid", "mail"),
        (type("OrderPaid", (Event,), {}), "mail"),
        (OrderPaid, ""),
        (OrderPaid, "x" * 101),
        (OrderPaid, "a\nb"),
        (OrderPaid, "\ud800"),
    ],
    ids=lambda value: getattr(value, "__name__", ascii(value)[:10]),
)
def test_a_handler_needs_an_event_and_a_name(store: Store, kind: Any, name: str) -> None:
    with pytest.raises(Invalid):
        store.on(kind, Flaky(), name=name)


def test_a_name_is_taken_once_per_event(store: Store) -> None:
    store.on(OrderPaid, Flaky(), name="mail")
    store.on(OrderExpired, Flaky(), name="mail")
    with pytest.raises(Invalid) as caught:
        store.on(OrderPaid, Flaky(), name="mail")
    assert caught.value.fields == {"name": "taken"}


def test_a_round_is_remembered_even_when_nothing_was_due(store: Store, clock: FrozenClock) -> None:
    outbox = shop_of(store).outbox
    assert asyncio.run(outbox.last_beat("run_due")) is None
    store.run_due()
    clock.go(minutes=1)
    store.run_due()
    assert asyncio.run(outbox.last_beat("run_due")) == clock()
