"""What a full shop costs: the same steps as a small one, by indexes, never by looking at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from digistore.analytics import Period
from digistore.database.sources import FileSource
from tests.conftest import Shop
from tests.past import database_of
from tests.performance.hearing import forget, hearing, said_by
from tests.performance.plans import cost_of, plan_of, scanned
from tests.performance.planting import HEAVY, PRODUCTS

Use = Callable[[Shop], object]
SMALL = {"digistore_event_handlers"}  # however much is sold


def closed(shop: Shop) -> Period:
    last = shop.clock().date() - timedelta(days=10)
    return Period(last - timedelta(days=29), last)


def opened(shop: Shop) -> Period:
    last = shop.clock().date()
    return Period(last - timedelta(days=1), last)


def page(after: str | None = None) -> Use:
    return lambda shop: shop.store.entitlements.my_products(HEAVY, after=after, limit=20)


def buying(shop: Shop) -> Any:
    """A message that a payment was made, of a buyer who has not been here before."""
    buyer = shop.store.users.ensure(f"host-{shop.count('users')}", email="new@example.com")
    return shop.sandbox.pay(shop.checkout(shop.product(), buyer))


READS: dict[str, Use] = {
    "check, granted": lambda shop: shop.store.entitlements.check("usr_3", f"prd_{60 * 37 % 1000}"),
    "check, refused": lambda shop: shop.store.entitlements.check("usr_3", "prd_none"),
    "check many, of 20": lambda shop: shop.store.entitlements.check_many(
        "usr_3", [f"prd_{n}" for n in range(500)]
    ),
    "check many, of 1000": lambda shop: shop.store.entitlements.check_many(
        HEAVY, [f"prd_{n}" for n in range(0, 2000, 4)]
    ),
    "my products": page(),
    "my orders": lambda shop: shop.store.orders.my_orders("usr_3"),
    "the catalogue": lambda shop: shop.store.catalog.find(None),
    "short link": lambda shop: shop.store.short_urls.resolve("code7"),
    "closed days": lambda shop: shop.store.analytics.sales(shop.operator, closed(shop)),
}
GROWING: dict[str, Use] = {  # with what happened on these days
    "open days": lambda shop: shop.store.analytics.sales(shop.operator, opened(shop)),
}


@pytest.mark.parametrize("use", READS)
def test_a_read_takes_as_many_steps_in_a_shop_a_hundred_times_as_full(
    sizes: tuple[Shop, Shop], use: str
) -> None:
    few, many = sizes
    assert steps(many, READS[use]) == pytest.approx(steps(few, READS[use]), rel=0.1)


def test_settling_takes_as_many_steps_in_a_shop_a_hundred_times_as_full(
    sizes: tuple[Shop, Shop],
) -> None:
    few, many = (steps_of(shop, _delivering(shop, buying(shop))) for shop in sizes)
    assert many <= 1.1 * few  # where there is little, SQLite may choose to look at all of it


def test_a_later_page_takes_as_many_steps_as_the_first(sizes: tuple[Shop, Shop]) -> None:
    _few, many = sizes
    after, taken = None, list[int]()
    for _ in range(5):
        taken.append(steps(many, page(after)))
        after = many.store.entitlements.my_products(HEAVY, after=after, limit=20).next
    assert max(taken) == pytest.approx(min(taken), rel=0.1)


def test_who_owns_more_than_256_costs_one_statement_more(old_shop: Shop) -> None:
    shop = old_shop
    owned = [f"prd_{number}" for number in range(PRODUCTS)]
    odd = ["prd_\ud800", "prd_caf\xe9", "prd_none"]
    wanted = [*owned[::3], *odd]
    check = shop.store.entitlements.check_many
    found = check(HEAVY, wanted)
    assert list(found) == wanted
    assert {one for one in wanted if not found[one]} == set(odd)
    for user, count in ((HEAVY, 2), ("usr_3", 1)):
        said = said_by(shop.store, lambda user=user: check(user, owned[:3]))  # type: ignore[misc]
        assert said == ["SELECT purchased_products releases"] * count
    one_by_one = {one: shop.store.entitlements.check(HEAVY, one) for one in owned[::50]}
    assert check(HEAVY, owned[::50]) == one_by_one


WRITES: dict[str, Callable[[Shop], Callable[[], object]]] = {
    "settle": lambda shop: _delivering(shop, buying(shop)),
}


def _delivering(shop: Shop, message: Any) -> Callable[[], object]:
    return lambda: shop.deliver(message)


@pytest.mark.parametrize("use", [*READS, *GROWING, *WRITES])
def test_every_statement_finds_its_rows_by_an_index(old_shop: Shop, use: str) -> None:
    reads = {**READS, **GROWING}
    call = WRITES[use](old_shop) if use in WRITES else lambda: reads[use](old_shop)
    with hearing(old_shop.store) as said:
        call()
    looked_at = [one for one in said if one.startswith(("SELECT", "UPDATE"))]
    assert looked_at
    assert scanned(old_shop.store, looked_at) - SMALL == set()


def test_no_statement_of_settling_walks_along_an_index(on_postgresql: Shop) -> None:
    """A condition on its second column alone is one "by index", too, and grows with the shop."""
    deliver = WRITES["settle"](on_postgresql)
    with hearing(on_postgresql.store) as said:
        deliver()
    costs = [cost_of(on_postgresql.store, one) for one in said if one.startswith("SELECT")]
    assert max(costs) < 100  # a lookup costs 8; to walk by 3,000 entries, 170 more


def test_a_check_is_a_search_by_user_and_product(old_shop: Shop) -> None:
    with hearing(old_shop.store) as said:
        old_shop.store.entitlements.check("usr_3", "prd_7")
    [check] = [one for one in said if one.startswith("SELECT")]
    plan = plan_of(old_shop.store, check)
    for search in _SEARCHES[database_of(old_shop.store).engine.dialect.name]:
        assert search in plan


def steps(shop: Shop, use: Use) -> int:
    """How many steps of SQLite's virtual machine *use* takes: the same on every machine."""
    use(shop)  # what is done once in a process is none
    return steps_of(shop, lambda: use(shop))


def steps_of(shop: Shop, call: Callable[[], object]) -> int:
    """How many *call* takes, on whatever connections; their settings are as many in every shop."""
    source = database_of(shop.store)._source
    assert isinstance(source, FileSource)
    engines = (source.engine, source._readers._engine)
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    def listen(driver: Any, _record: object) -> None:
        driver.set_progress_handler(step, 1)

    forget(shop.store, source)  # only connections made from now on are listened to
    for engine in engines:
        event.listen(engine, "connect", listen)
    try:
        call()
    finally:
        for engine in engines:
            event.remove(engine, "connect", listen)
        forget(shop.store, source)
    assert taken
    return taken


_SEARCHES = {
    "sqlite": (
        "SEARCH digistore_purchased_products USING INDEX sqlite_autoindex_",
        "(user_id=? AND product_id=?)",
        "(product_id=? AND latest_key=?)",
    ),
    "postgresql": (
        "digistore_purchased_products_one_live_purchase",
        "digistore_releases_one_latest_release",
    ),
}
