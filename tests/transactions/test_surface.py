"""Every operation of the public surface, inside a host's transaction.

Either it is joined, and gone with the host's rollback, or it is refused, and has written nothing
and called nobody. The calls are those of the table of who may do what, so that an operation cannot
be added without a row there, nor without its answer here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import StaticPool

from digistore.downloads import DownloadRequest
from digistore.errors import InsideTransaction
from digistore.short_urls import Visit
from tests.acceptance.test_who_may import ACTORS, HOST_ONLY, TABLE
from tests.acceptance.world import World
from tests.payments.end_state import every_row

Call = Callable[[Any], Any]

REFUSED = {
    "catalog.release",  # writes a file
    "orders.checkout",  # where it costs something, a gateway opens a checkout
    "orders.checkout: gift",
    "orders.cancel",  # where a checkout is open at a gateway
    "payments.confirm",
    "payments.handle_webhook",
    "payments.reconcile",
    "payments.record",  # as cancel
    "payments.refund",
    "support.request",
    "support.waive",
    "files.collect",
    "files.verify",
    "store.doctor",
    "store.run_due",
}

ALONE: dict[str, Call] = {
    "users.register": lambda w: w.store.users.register("new@example.com"),
    "users.ensure": lambda w: w.store.users.ensure("host-2"),
    "users.guest": lambda w: w.store.users.guest("new@example.com"),
    "users.start_claim": lambda w: w.store.users.start_claim("guest@example.com"),
    "users.claim": lambda w: w.store.users.claim(w.stranger, "new@example.com", w.code),
    "payments.handle_webhook": lambda w: w.store.payments.handle_webhook("sandbox", *w.signed),
    "payments.reconcile": lambda w: w.store.payments.reconcile(),
    "files.verify": lambda w: w.store.files.verify(),
    "files.collect": lambda w: w.store.files.collect(dry_run=False),
    "downloads.plan": lambda w: w.store.downloads.plan(w.token, DownloadRequest("GET", {})),
    "downloads.finish": lambda w: w.store.downloads.finish(
        w.store.downloads.plan(w.token, DownloadRequest("GET", {})), 0
    ),
    "short_urls.resolve": lambda w: w.store.short_urls.resolve("my-book", Visit("GET", {})),
    "short_urls.roll_up": lambda w: w.store.short_urls.roll_up(),
    "short_urls.qr": lambda w: w.store.short_urls.qr(w.link, base="https://shop.example/s"),
    "store.migrate": lambda w: w.store.migrate(),
    "store.check_schema": lambda w: w.store.check_schema(),
    "store.doctor": lambda w: w.store.doctor(),
    "store.run_due": lambda w: w.store.run_due(),
    "store.close": lambda w: w.store.close(),
}


def calls() -> Iterator[Any]:
    """Every operation, by somebody who may."""
    for name, (answers, act) in TABLE.items():
        may = [who for who, one in zip(ACTORS, answers.split(), strict=True) if one == "+"]
        if may:
            yield pytest.param(name, may[0], act, id=name)
    for name, alone in ALONE.items():
        yield pytest.param(name, "system", lambda w, _, call=alone: call(w), id=name)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.of_kind("SQLite-Store") as made:
        found: Any = made
        found.code = made.store.users.start_claim("new@example.com")
        found.token = made.store.downloads.link(made.buyer, made.book).token
        made.saved = made.save(), made.provider()
        yield made


@pytest.fixture(scope="module")
def engine(world: World) -> Engine:
    """A host's engine on the memory of the store: the same connection of the driver."""
    driver = world.store._shop.database.engine.raw_connection().driver_connection
    found = create_engine("sqlite://", creator=lambda: driver, poolclass=StaticPool)
    event.listen(found, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return found


@contextmanager
def joined(world: World, engine: Engine) -> Iterator[Callable[[], Any]]:
    """Let the world be inside a transaction; what is yielded tells all that is stored there."""
    own = world.store
    with engine.connect() as lent, lent.begin() as transaction:
        world.store = own.using(lent)
        try:
            yield lambda: (every_row(lambda sql: _rows(lent, sql)), world.provider())
        finally:
            world.store = own
            transaction.rollback()


def _rows(lent: Connection, sql: str) -> list[tuple[Any, ...]]:
    found = lent.exec_driver_sql(sql, execution_options={"no_parameters": True})
    return [tuple(row) for row in found]


@pytest.mark.parametrize(("name", "who", "act"), list(calls()))
def test_it_is_joined_or_refused_before_anything_is_written(
    world: World, engine: Engine, name: str, who: str, act: Callable[[World, Any], Any]
) -> None:
    world.put_back()
    actor = world.actor(who)
    before = world.digest()
    with joined(world, engine) as stored:
        known = stored()
        if name in REFUSED:
            with pytest.raises(InsideTransaction):
                act(world, actor)
            assert stored() == known
        else:
            act(world, actor)
    assert world.digest() == before, "what the host has taken back is still there"


def test_no_operation_is_without_an_answer() -> None:
    assert set(ALONE) == HOST_ONLY
    assert set(TABLE) | HOST_ONLY >= REFUSED
