"""A plan that nobody takes holds nothing against the buyer."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Barrier

import pytest

from digistore import AsyncStore, Settings, Store
from digistore.downloads import DownloadRequest, Stream
from digistore.gateways.sandbox import SandboxGateway
from digistore.showing import THREADS
from digistore.testing import FrozenClock, check_invariants
from tests.conftest import SECRET, SQLITE, Shop
from tests.downloads.fetching import ask, bought, fetched, refusal, sessions, token
from tests.held import LONGEST, HeldStorage


def rest(shop: Shop) -> None:
    """Wait for the threads of an ``AsyncStore``: each may still hold what it returned last."""
    pool = getattr(getattr(shop.store, "_target", None), "_pool", None)
    if pool is not None:
        together = Barrier(THREADS)
        list(pool.map(lambda _: together.wait(LONGEST), range(THREADS)))


def test_plans_that_are_dropped_use_up_no_bytes(shop_with: Callable[..., Shop]) -> None:
    """As a host does whose middleware puts another answer in place of ours."""
    shop = shop_with(download_limit=1)
    link = token(shop, bought(shop))
    for _ in range(10):
        plan = ask(shop, link)
        assert plan.status == 200
        del plan
        rest(shop)
    assert fetched(shop, link)[0] == 200
    assert sessions(shop) == [(11, 16, 16)]


def test_what_a_dropped_plan_held_is_given_back_by_the_next_round(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(download_limit=1)
    link = token(shop, bought(shop))
    assert ask(shop, link).status == 200
    assert sessions(shop) == [(1, 16, 0)]
    rest(shop)
    shop.store.run_due()
    assert sessions(shop) == [(1, 0, 0)]


def test_a_script_finds_what_a_dropped_plan_held(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(download_limit=1)
    book = bought(shop)
    for _ in range(3):
        assert ask(shop, token(shop, book)).status == 200
    rest(shop)
    shop.store.downloads.open(shop.buyer, book).close()
    assert sessions(shop) == [(4, 16, 16)]


def test_a_plan_that_was_told_and_then_dropped_is_not_given_back_again(
    shop_with: Callable[..., Shop],
) -> None:
    shop = shop_with(download_limit=1)
    link = token(shop, bought(shop))
    for _ in range(3):
        assert fetched(shop, link)[0] == 200
    assert refusal(shop, link) == (429, "download_limit")
    assert sessions(shop) == [(3, 48, 48)]


def test_a_plan_that_is_held_keeps_what_it_reserved(shop_with: Callable[..., Shop]) -> None:
    shop = shop_with(download_limit=1)
    link = token(shop, bought(shop))
    plans = [ask(shop, link) for _ in range(3)]
    assert refusal(shop, link) == (429, "download_limit")
    for plan in plans:
        assert isinstance(plan.body, Stream)
        plan.body.reader.close()
    assert refusal(shop, link) == (429, "download_limit")  # closed, but nobody said what was sent
    plans.clear()
    rest(shop)
    assert fetched(shop, link)[0] == 200


@SQLITE
def test_what_a_busy_database_cannot_take_stays_owed(
    shop_with: Callable[..., Shop], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digistore.database.sqlite.BUSY_TIMEOUT", 10)
    monkeypatch.setattr("digistore.database.database.PATIENCE", 0)
    shop = shop_with(download_limit=1)
    link = token(shop, bought(shop))
    for _ in range(3):
        assert ask(shop, link).status == 200
    rest(shop)
    rival = sqlite3.connect(tmp_path / "shop.db", isolation_level=None)
    rival.execute("BEGIN IMMEDIATE")
    assert refusal(shop, link) == (503, "busy")
    rival.execute("ROLLBACK")
    rival.close()
    assert fetched(shop, link)[0] == 200
    assert sessions(shop) == [(4, 16, 16)]


def test_an_await_that_is_cancelled_gives_back_what_its_thread_reserved(
    template: Path, tmp_path: Path, clock: FrozenClock, sandbox: SandboxGateway
) -> None:
    """The thread goes on, and nobody takes its plan; closing the store waits for it."""
    path = tmp_path / "shop.db"
    path.write_bytes(template.read_bytes())
    held = HeldStorage(f"{tmp_path}/files")

    async def cancelled(link: str, times: int) -> None:
        async with AsyncStore.open(
            f"sqlite:///{path}",
            files=held,
            gateways=[sandbox],
            secret=SECRET,
            clock=clock,
            settings=Settings(download_limit=1),
        ) as store:
            for _ in range(times):
                held.hold()
                plan = store.downloads.plan(link, DownloadRequest("GET"))
                asking = asyncio.ensure_future(plan)
                assert await asyncio.to_thread(held.asked.wait, LONGEST)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                held.let_go()

    with Store.open(
        f"sqlite:///{path}",
        files=held,
        gateways=[sandbox],
        secret=SECRET,
        clock=clock,
        settings=Settings(download_limit=1),
    ) as store:
        shop = Shop(store, sandbox, clock)
        link = token(shop, bought(shop))
        asyncio.run(cancelled(link, times=3))
        assert sessions(shop) == [(3, 0, 0)]
        assert fetched(shop, link)[0] == 200
        check_invariants(store)
