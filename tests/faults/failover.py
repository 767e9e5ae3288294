"""Kill the primary under load, promote its standby, and count what became of each payment.

Eight clients buy and settle through the public API, on two servers of the system's PostgreSQL:
threads with a Store, or tasks of one event loop with an AsyncStore. Once half is settled, every
process of the primary dies by SIGKILL; the standby is promoted, and the clients go on as a web
application would: what was answered with ``Busy`` is asked for again. No settle that was
acknowledged may be lost, nothing may have happened twice.

``python -m tests.faults.failover --settles 10000 --hold sender --colour AsyncStore``: with *hold*,
the log is held back before the kill until all clients wait in COMMIT. At the ``sender`` those
commits do not leave the primary; at the ``receiver`` they have left it, but no client has heard of
them.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, TypeVar
from unittest.mock import patch

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, AsyncStore, Money, Product, Store
from digistore.blocking import run as drive
from digistore.database import Database
from digistore.errors import Busy, DigistoreError
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import check_invariants
from tests.faults.servers import Pair, pair
from tests.postgres import find_programs

T = TypeVar("T")

CLIENTS = 8
PATIENCE = 60.0  # seconds that a client asks again
SECRET = "a secret of at least thirty-two characters"
RETURN = "https://shop.example/thanks"
HOLDS = ("nobody", "sender", "receiver")


class GaveUp(Exception):
    """The shop did not come back."""


@dataclass
class Tally:
    """What the clients were told."""

    acknowledged: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    busy: int = 0
    unknown: int = 0
    longest_call: float = 0.0
    longest_wait: float = 0.0
    commits_done: int = 0
    commits_repeated: int = 0
    lock: Lock = field(default_factory=Lock)
    refused: Event = field(default_factory=Event)

    async def ask(self, call: Callable[[], Awaitable[T] | T]) -> T:
        """Ask until there is an answer, as a client does."""
        first = time.monotonic()
        while True:
            begun = time.monotonic()
            try:
                told = call()
                return await told if isinstance(told, Awaitable) else told
            except Busy as busy:
                with self.lock:
                    self.busy += 1
                    self.unknown += busy.outcome_unknown
                    self.refused.set()
                if begun - first > PATIENCE:
                    raise GaveUp from None
            finally:
                ended = time.monotonic()
                with self.lock:
                    self.longest_call = max(self.longest_call, ended - begun)
                    self.longest_wait = max(self.longest_wait, ended - first)


class Trial:
    """A shop, its clients, and the moment at which its server is struck."""

    def __init__(self, url: str, survivor: str, settles: int, strike: Callable[[], None]) -> None:
        """Let clients settle at *url*; once half is done, *strike*, and look at the *survivor*."""
        self.url = url
        self.survivor = survivor
        self.settles = settles
        self.strike = strike
        self.tally = Tally()
        self.sandbox = SandboxGateway()
        self.half = Event()
        self.down = 0.0

    def open(self) -> Store:
        """Open the shop."""
        return Store.open(self.url, files="memory://", gateways=[self.sandbox], secret=SECRET)

    def run(self) -> None:
        """Let the clients buy, and strike under them."""
        with self.open() as store, patch.object(Database, "_done", self._observed()):
            store.migrate()
            product = self._product(store)
            self._all(store, product)
            check_invariants(store)

    def _all(self, store: Store, product: Product) -> None:
        """Let threads buy: nothing that they await ever waits for a loop."""
        with ThreadPoolExecutor(CLIENTS) as pool:
            clients = [
                pool.submit(drive, self._client(store, product, number))
                for number in range(CLIENTS)
            ]
            self._strike()
            for client in clients:
                client.result()

    def _strike(self) -> None:
        self.half.wait()
        struck = time.monotonic()
        self.strike()
        self.down = time.monotonic() - struck

    def _observed(self) -> Any:
        """Count which commits without an answer turned out to be done."""
        done, tally = Database._done, self.tally

        async def counted(database: Database, attempt: Any) -> bool:
            found = await done(database, attempt)
            with tally.lock:
                tally.commits_done += found
                tally.commits_repeated += not found
            return found

        return counted

    def _product(self, store: Store) -> Product:
        product = store.catalog.add_product(SYSTEM, title="Book", price=Money("29.00", "USD"))
        store.catalog.release(SYSTEM, product, version="1.0", files={"book.pdf": b"book"})
        return store.catalog.put_on_sale(SYSTEM, product)

    async def _client(self, store: Store | AsyncStore, product: Product, number: int) -> None:
        for turn in range(number, self.settles, CLIENTS):
            try:
                await self._buy(store, product, turn)
            except (DigistoreError, GaveUp) as error:
                self.tally.errors.append(repr(error))
            if len(self.tally.acknowledged) + len(self.tally.errors) >= self.settles // 2:
                self.half.set()

    async def _buy(self, store: Any, product: Product, turn: int) -> None:
        ask = self.tally.ask
        buyer = await ask(lambda: store.users.ensure(f"buyer-{turn}", email=f"{turn}@example.com"))
        checkout = await ask(
            lambda: store.orders.checkout(
                buyer, [product], return_url=RETURN, idempotency_key=f"form-{turn}"
            )
        )
        body, headers = self.sandbox.pay(checkout)
        told = await ask(lambda: store.payments.handle_webhook("sandbox", body, headers))
        if told.status == 200:
            self.tally.acknowledged.append(checkout.order.id)
        else:
            self.tally.errors.append(f"{checkout.order.id}: {told}")

    def report(self) -> dict[str, Any]:
        """Compare what was acknowledged with what is there, and with what the gateway knows."""
        engine = create_engine(self.survivor, poolclass=NullPool)
        with engine.connect() as connection:

            def each(column: str) -> Counter[str]:
                table, _, name = column.partition(".")
                rows = connection.exec_driver_sql(f"SELECT {name} FROM digistore_{table}")
                return Counter(str(one) for (one,) in rows)

            opened, paid = each("purchased_products.order_id"), each("payments.order_id")
            once = (opened, paid, each("purchased_products.user_id"), each("orders.buyer_id"))
            people = each("users.email")
        tally = self.tally
        checkouts = {call.key for call in self.sandbox.calls if call.method == "create_checkout"}
        return {
            "acknowledged": len(tally.acknowledged),
            "lost": sum(opened[order] == 0 for order in tally.acknowledged),
            "doubled": sum(many > 1 for found in (*once, people) for many in found.values())
            + max(0, len(checkouts) - self.settles),
            "errors": len(tally.errors),
            "answered with Busy": tally.busy,
            "commits without an answer": tally.commits_done
            + tally.commits_repeated
            + tally.unknown,
            "of them done": tally.commits_done,
            "longest call (s)": round(tally.longest_call, 2),
            "longest wait of a client (s)": round(tally.longest_wait, 2),
            "from kill to new server (s)": round(self.down, 2),
        }


class AwaitedTrial(Trial):
    """The same with clients that are tasks of one event loop."""

    def _all(self, store: Store, product: Product) -> None:
        asyncio.run(self._tasks(product))

    async def _tasks(self, product: Product) -> None:
        async with AsyncStore.open(
            self.url, files="memory://", gateways=[self.sandbox], secret=SECRET
        ) as store:
            clients = [self._client(store, product, number) for number in range(CLIENTS)]
            await asyncio.gather(asyncio.to_thread(self._strike), *clients)


COLOURS = {"Store": Trial, "AsyncStore": AwaitedTrial}


def kill_and_promote(servers: Pair, hold: str) -> None:
    """Kill the primary, with the log held back before it, and let the standby take over."""
    held = None
    if hold != "nobody":
        held = servers.sender() if hold == "sender" else servers.receiver()
        os.kill(held, signal.SIGSTOP)
        servers.wait_for_commits(CLIENTS)
    servers.kill_primary()
    if hold == "receiver" and held is not None:
        os.kill(held, signal.SIGCONT)
    servers.promote()


def fail_over(settles: int, hold: str, colour: str) -> dict[str, Any]:
    """Do it once, on two new servers, and return the figures.

    Raises:
        RuntimeError: the system has no PostgreSQL with ``pg_basebackup``.
    """
    programs = find_programs()
    if programs is None or not (programs / "pg_basebackup").exists():
        raise RuntimeError("no initdb and pg_basebackup here (Debian: apt install postgresql)")
    with pair(programs) as servers:
        trial = COLOURS[colour](
            servers.url, servers.standby.url, settles, lambda: kill_and_promote(servers, hold)
        )
        begun = time.monotonic()
        trial.run()
        figures = trial.report()
    if trial.tally.errors:
        sys.stderr.write("\n".join([*trial.tally.errors[:10], ""]))
    return {
        "hold": hold,
        "colour": colour,
        **figures,
        "seconds": round(time.monotonic() - begun, 1),
    }


def main() -> int:
    """Print the figures; end with 1 where anything was lost, doubled or refused."""
    parser = argparse.ArgumentParser(description="Kill a primary under load and count.")
    parser.add_argument("--settles", type=int, default=10_000)
    parser.add_argument("--hold", choices=HOLDS, default="nobody")
    parser.add_argument("--colour", choices=COLOURS, default="Store")
    given = parser.parse_args()
    figures = fail_over(given.settles, given.hold, given.colour)
    for name, figure in figures.items():
        sys.stdout.write(f"{name:30} {figure}\n")
    whole = figures["acknowledged"] == given.settles
    return int(not whole or bool(figures["lost"] or figures["doubled"] or figures["errors"]))


if __name__ == "__main__":
    sys.exit(main())
