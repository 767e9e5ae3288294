"""Every public operation takes as many steps in a full shop as in a small one.

Without the statistics of ANALYZE, which nobody takes in a shop that began small: SQLite then
believes in an index by how many of its columns are named, and would rather go through all payments
of a gateway than look up those of one buyer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any, ClassVar

import pytest

from digistore import SYSTEM, Period
from digistore.blocking import run
from digistore.database.types import metadata
from digistore.downloads import DownloadRequest
from tests.acceptance.test_who_may import ACTORS, HOST_ONLY, TABLE, Try
from tests.acceptance.world import World
from tests.conftest import RETURN
from tests.doctor.story import Licence, tell
from tests.extent import PART
from tests.payments.memory import connection_of
from tests.performance.cloning import clone

FEW, MANY = 60, 360
BEFORE = Period(date(2025, 12, 1), date(2025, 12, 2))


class Full(World):
    """A world as it is after years."""

    more: ClassVar = {"personalisers": {"licence-1": Licence()}}
    downloaded: str
    as_saved = -1

    def fill(self) -> None:
        self.clock.go(days=-5)
        tell(self)
        self.clock.now = self.began
        super().fill()
        self.downloaded = self.store.downloads.link(self.buyer, self.book).token


def follow(world: Any, _: Any) -> object:
    return world.store.downloads.plan(world.downloaded, DownloadRequest("GET"))


def customer_at_the_gateway(world: World, _: Any) -> object:
    settle = world.store._shop.payments._settle
    return run(settle.customer_at(world.sandbox.profile, world.buyer.id))


HOSTS: dict[str, Try] = {
    "users.register": lambda w, _: w.store.users.register("new@example.com"),
    "users.ensure": lambda w, _: w.store.users.ensure("host-1", name="Known"),
    "users.ensure: new": lambda w, _: w.store.users.ensure("host-2", email="new@example.com"),
    "users.guest": lambda w, _: w.store.users.guest("guest@example.com"),
    "users.start_claim": lambda w, _: w.store.users.start_claim("buyer@example.com"),
    "payments.handle_webhook": lambda w, _: w.deliver(w.signed),
    "payments.handle_webhook: again": lambda w, _: [w.deliver(w.signed) for _ in range(2)],
    "payments: a known customer": customer_at_the_gateway,
    "downloads.plan": follow,
    "short_urls.resolve": lambda w, _: w.store.short_urls.resolve("my-book"),
    "orders.checkout: what many bought": lambda w, _: w.store.orders.checkout(
        w.stranger, [w.book], return_url=RETURN
    ),
    "support.queue: open": lambda w, _: w.store.support.queue(SYSTEM, state="open"),
}
ROUNDS: dict[str, Try] = {
    "store.run_due": lambda w, _: w.store.run_due(),
    "payments.reconcile": lambda w, _: w.store.payments.reconcile(),
}
# They go through all that there is: a part at a time, in bounded memory.
WHOLE = {
    "users.claim",  # needs a code from an e-mail; it moves all that a guest has
    "files.verify",
    "files.collect",
    "downloads.finish",  # of a plan
    "short_urls.roll_up",
    "short_urls.qr",  # only draws
    "store.migrate",
    "store.check_schema",
    "store.doctor",
    "store.close",
}
# A day's figures are made of that day's sales until it is closed; here of a day without any.
FIGURES: dict[str, Try] = {
    "analytics.link_report": lambda w, a: w.store.analytics.link_report(a, BEFORE),
    "analytics.overview": lambda w, a: w.store.analytics.overview(a, BEFORE),
    "analytics.sales": lambda w, a: w.store.analytics.sales(a, BEFORE),
}
NOTHING_IS_DUE = [
    f"UPDATE {table} SET next_check_at = {2**53 - 2} WHERE next_check_at IS NOT NULL"
    for table in metadata.tables.values()
    if "next_check_at" in table.columns
]
GROWING = {
    ("of the same products", "short_urls.export_links by seller"): "exports all of them",
    ("of the same products", "analytics.link_report by seller"): "looks at each of their links",
    ("of the same products", "analytics.overview by seller"): "looks at each of their links",
    ("of others", "payments.needing_action by seller"): "goes through what waits for anybody",
    ("of the same products", "support.queue by seller"): "sorts what they were asked",
    ("of the same products", "analytics.link_report by operator"): "goes through all help",
    ("of others", "analytics.link_report by operator"): "goes through all help",
    ("of others", "analytics.link_report by seller"): "goes through all help",
    ("of others", "store.run_due"): "looks for files to scan in all of the catalogue",
    ("of others", "downloads.log by seller"): "goes through what anybody has fetched",
    **{
        ("of others", f"catalog.categories by {who}"): "lists all of them"
        for who in ("buyer", "seller", "operator")
    },
    ("of the same products", "short_urls.export_links by operator"): "exports all of them",
}
_SELLERS_AND_WHAT_THEY_SELL = """
    SELECT user_id FROM digistore_user_roles WHERE role <> 'customer'
    UNION ALL SELECT id FROM digistore_products
    UNION ALL SELECT id FROM digistore_releases
    UNION ALL SELECT id FROM digistore_release_files
    UNION ALL SELECT id FROM digistore_support_offers
    UNION ALL SELECT id FROM digistore_categories
"""
KEPT: dict[str, Callable[[World], list[str]]] = {
    "of others": lambda _: [],
    "of the same products": lambda world: [
        one for (one,) in world.rows(_SELLERS_AND_WHAT_THEY_SELL)
    ],
}


def cases() -> Iterator[Any]:
    for operation, (answers, act) in TABLE.items():
        may = dict(zip(ACTORS, answers.split(), strict=True))
        for who in ("buyer", "seller", "operator"):
            if may[who] == "+":
                yield pytest.param(who, FIGURES.get(operation, act), id=f"{operation} by {who}")
    for operation, act in HOSTS.items():
        yield pytest.param("system", act, id=operation)


@pytest.fixture(scope="module", params=[*KEPT][PART:])
def worlds(request: pytest.FixtureRequest) -> Iterator[tuple[Full, Full]]:
    with Full.of_kind("SQLite-Store") as few, Full.of_kind("SQLite-Store") as many:
        for world, times in ((few, FEW), (many, MANY)):
            world.store.run_due()
            clone(connection_of(world.store), times, KEPT[request.param](world))
            for statement in NOTHING_IS_DUE:
                connection_of(world.store).execute(statement)
            world.store.run_due()
            world.saved = world.save(), world.provider()
        yield few, many


@pytest.mark.parametrize(("who", "act"), list(cases()))
def test_an_operation_takes_as_many_steps_however_much_was_sold(
    worlds: tuple[Full, Full], who: str, act: Try, request: pytest.FixtureRequest
) -> None:
    compare(request, *(steps(world, who, act) for world in worlds))


def compare(request: pytest.FixtureRequest, few: int, many: int) -> None:
    kind, _, operation = request.node.callspec.id.partition("-")
    if (kind, operation) in GROWING:
        assert few < many <= 1.2 * few * MANY / FEW
    else:
        assert many <= 1.2 * few + 200


@pytest.mark.parametrize("act", ROUNDS.values(), ids=ROUNDS)
def test_a_round_with_nothing_due_takes_as_many_steps(
    worlds: tuple[Full, Full], act: Try, request: pytest.FixtureRequest
) -> None:
    """But for what waits for an operator, which it counts."""
    nobody_is_asked = "DELETE FROM digistore_payment_actions"
    compare(request, *(steps(world, "system", act, nobody_is_asked) for world in worlds))


def test_no_operation_of_hosts_is_forgotten() -> None:
    tried = {name.partition(":")[0] for name in (*HOSTS, *ROUNDS)}
    assert HOST_ONLY - tried == WHOLE


def steps(world: Full, who: str, act: Try, first: str = "SELECT 1") -> int:
    """How many steps SQLite's virtual machine takes, once *first* is done."""
    if world.changes != world.as_saved:  # most operations only read
        world.put_back()
        world.as_saved = world.changes
        world.rows("SELECT 1 FROM digistore_users LIMIT 1")  # which reads the schema anew
    driver, taken = connection_of(world.store), 0
    actor = world.actor(who)
    driver.execute(first)
    driver.commit()

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    driver.set_progress_handler(step, 1)
    try:
        act(world, actor)
    finally:
        driver.set_progress_handler(None, 1)
    return taken
