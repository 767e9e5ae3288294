"""Every operation of the public surface, on a read replica: it reads, or it is refused at once.

The calls are those of the table of who may do what, so that an operation cannot be added without
its answer here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from digistore import SYSTEM
from digistore.errors import ReadOnlyReplica, StaleRead
from tests.acceptance.world import World
from tests.transactions.test_surface import calls

READS = {
    "analytics.link_report",
    "analytics.overview",
    "analytics.sales",
    "catalog.categories",
    "catalog.find",
    "catalog.latest",
    "catalog.offer",
    "catalog.offer: draft",
    "catalog.product",
    "catalog.product: draft",
    "catalog.product: withdrawn",
    "catalog.releases",
    "downloads.log",
    "downloads.log: purchase",
    "entitlements.explain",
    "entitlements.explain: draft",
    "entitlements.my_products",
    "orders.get",
    "orders.get: a gift",
    "orders.my_orders",
    "orders.quote",
    "orders.receipt",
    "payments.evidence",
    "payments.needing_action",
    "short_urls.export_links",
    "short_urls.mine",
    "short_urls.qr",
    "short_urls.stats",
    "store.check_schema",
    "store.close",
    "store.doctor",
    "support.eligibility",
    "support.get",
    "support.my_supports",
    "support.offers",
    "support.queue",
    "users.by_external_id",
    "users.get",
    "users.legal_entity",
}
DECIDES = {  # on access: only where the host takes an old answer
    "downloads.files",
    "downloads.files: draft",
    "downloads.files: draft release",
    "downloads.link",
    "entitlements.check",
    "entitlements.check_many",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A world whose replica is its own memory, so that whatever was written would show."""
    with World.of_kind("SQLite-Store") as made:
        found: Any = made
        found.nobody, found.system = None, SYSTEM
        found.code = made.store.users.start_claim("new@example.com")
        found.token = made.store.downloads.link(made.buyer, made.book).token
        made.saved = made.save(), made.provider()
        shop = made.store._shop
        shop._means = replace(shop._means, replica=shop.database)
        yield made


@pytest.mark.parametrize(("name", "who", "act"), list(calls()))
def test_it_reads_or_is_refused_before_anything_is_sent(
    world: World, name: str, who: str, act: Callable[[World, Any], Any]
) -> None:
    world.put_back()
    actor = world.actor(who)
    before = world.digest(), world.provider()
    own = world.store
    try:
        world.store = own.replica()
        if name in READS:
            act(world, actor)
        else:
            with pytest.raises(StaleRead if name in DECIDES else (ReadOnlyReplica, StaleRead)):
                act(world, actor)
        world.store = own.replica(stale_access=True)
        if name in DECIDES:
            act(world, actor)
        elif name not in READS:
            with pytest.raises(ReadOnlyReplica):
                act(world, actor)
    finally:
        world.store = own
    assert (world.digest(), world.provider()) == before
