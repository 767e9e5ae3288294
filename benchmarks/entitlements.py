"""(a) one access check, (b) many at once, (f) a page of what somebody owns."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from itertools import cycle
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks.runner import Case, Table, Way, interleave, repeat
from benchmarks.shops import Place, recording, say
from digistore import AsyncStore
from digistore.entitlements.service import access
from tests.conftest import SECRET
from tests.performance.planting import EACH, HEAVY, PRODUCTS

ASKED = 500
KEYS = 400
WHY = {
    "check": "the answer carries the purchase and the release, each a validated model",
    "awaited": "SQLAlchemy's pool lends the connection through its own coroutines",
    "many of 20": "each of the 500 names is looked at, and what is owned carries validated models",
    "many of 1000": "the answers to the 500 that are owned carry two validated models each",
    "page": "80 models are made of 20 rows, with JSON to read; the floor leaves rows as they are",
}


def keys(purchases: int) -> list[tuple[str, str]]:
    """Return users and products, half of them owned."""
    step = max(1, purchases // KEYS)
    found = []
    for number in range(1, purchases, step)[:KEYS]:
        owned = f"prd_{number * 37 % PRODUCTS}"
        found.append((f"usr_{number // EACH}", owned))
        found.append((f"usr_{number // EACH}", f"prd_none_{number}"))
    return found


def check(place: Place, rounds: int) -> Table:
    """(a) on a blocking store."""
    asked = keys(place.purchases)
    question = place.store.entitlements.check

    with closing(place.driver()) as driver:
        _same(
            [bool(question(*key)) for key in asked],
            [bool(say(driver, [_bound(place, *key)])) for key in asked],
        )

    def floor() -> Case:
        driver, turn = place.driver(), cycle([_bound(place, *key) for key in asked])
        cursor = driver.cursor

        def once() -> None:
            mine = cursor()
            mine.execute(*next(turn))
            mine.fetchall()
            mine.close()

        return repeat(once)

    turn = cycle(asked)
    ways = {
        "store.entitlements.check": Way(
            repeat(lambda: question(*next(turn))), place.goal(1.8, 1.3), WHY["check"]
        )
    }
    return interleave(place.subject("a", "check access"), floor, ways, rounds=rounds)


def _bound(place: Place, user: str, product: str) -> tuple[str, Any]:
    return access._ONE.bound(  # noqa: SLF001  the very statement
        place.dialect, {"user_id": user, "product_id": product}
    )


def check_awaited(place: Place, rounds: int) -> Table:
    """(a) on an event loop, with psycopg's own async connection as the floor."""
    asked, loop = keys(place.purchases), asyncio.new_event_loop()
    url = make_url(place.url).set(drivername="postgresql").render_as_string(hide_password=False)
    opened: list[Any] = []

    def floor() -> Case:
        driver = loop.run_until_complete(psycopg.AsyncConnection.connect(url, autocommit=True))
        opened.append(driver)
        turn = cycle([_bound(place, *key) for key in asked])

        async def many(times: int) -> None:
            for _ in range(times):
                cursor = await driver.execute(*next(turn))
                await cursor.fetchall()

        return _awaited(loop, many)

    store = AsyncStore.open(place.url, files="file:///nowhere", gateways=[], secret=SECRET)
    turn = cycle(asked)

    async def many(times: int) -> None:
        for _ in range(times):
            await store.entitlements.check(*next(turn))

    ways = {"store.entitlements.check": Way(_awaited(loop, many), 1.3, WHY["awaited"])}
    try:
        return interleave(place.subject("a", "check access on a loop"), floor, ways, rounds=rounds)
    finally:
        loop.run_until_complete(store.close())
        for driver in opened:
            loop.run_until_complete(driver.close())
        loop.close()


def _awaited(loop: asyncio.AbstractEventLoop, many: Callable[[int], Any]) -> Case:
    def case(times: int) -> float:
        begun = time.perf_counter()
        loop.run_until_complete(many(times))
        return time.perf_counter() - begun

    return case


def check_many(place: Place, rounds: int) -> list[Table]:
    """(b) for a user with 20 purchases and for one with 1,000."""
    asked = [f"prd_{number}" for number in range(0, 2 * ASKED, 2)]
    marks = ", ".join(["?"] * ASKED) if place.is_sqlite else ""
    among = f"IN ({marks})" if place.is_sqlite else "= ANY(%s)"
    text = access._ONE.text(place.dialect).partition("WHERE")[0]  # noqa: SLF001  same columns
    text = text.replace("%(latest_key_1)s", "%s")
    condition = f"user_id = {'?' if place.is_sqlite else '%s'} AND digistore_purchased_products"
    text += f"WHERE digistore_purchased_products.{condition}.product_id {among}"
    tables = []
    for user, owned, goal in (("usr_3", EACH, (0.3, 0.4)), (HEAVY, PRODUCTS, (1.8, 0.4))):
        values = [1, user, *asked] if place.is_sqlite else [1, user, asked]
        question = _asking(place, user, asked)
        with closing(place.driver()) as driver:
            by_hand = {row[1] for row in say(driver, [(text, tuple(values))])}
        _same(sorted(by_hand), sorted({one for one, found in question().items() if found}))

        def floor(values: Sequence[Any] = tuple(values)) -> Case:
            driver = place.driver()
            return repeat(lambda: say(driver, [(text, values)]))

        ways = {"check_many": Way(repeat(question), place.goal(*goal), WHY[f"many of {owned}"])}
        subject = place.subject("b", f"{ASKED} products, {owned:,} owned")
        tables.append(interleave(subject, floor, ways, rounds=rounds))
    return tables


def _asking(place: Place, user: str, asked: Sequence[str]) -> Callable[[], Any]:
    return lambda: place.store.entitlements.check_many(user, asked)


def my_products(place: Place, rounds: int) -> Table:
    """(f) the first page of 20 of 1,000, and the last."""
    page = place.store.entitlements.my_products
    with recording(place) as said:
        page(HEAVY)
    after = None
    for _ in range(PRODUCTS // 20 - 1):
        after = page(HEAVY, after=after).next

    def floor() -> Case:
        driver = place.driver()
        return repeat(lambda: say(driver, said))

    ways = {
        "my_products, page 1": Way(repeat(lambda: page(HEAVY)), place.goal(2.2, 1.5), WHY["page"]),
        "my_products, page 50": Way(
            repeat(lambda: page(HEAVY, after=after)), place.goal(2.2, 1.5), WHY["page"]
        ),
    }
    notes = [f"Floor: its {len(said)} statements, rows left as they are."]
    subject = place.subject("f", f"My Products, 20 of {PRODUCTS:,}")
    return interleave(subject, floor, ways, rounds=rounds, notes=notes)


def _same(one: object, other: object) -> None:
    """Stop where both sides do not answer alike: then there is nothing to compare."""
    if one != other:
        raise AssertionError
