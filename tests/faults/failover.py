"""Kill the primary under load, promote its standby, and count what became of each payment.

Eight threads buy and settle through the public API, on two servers of the system's PostgreSQL.
Once half is settled, every process of the primary dies by SIGKILL; the standby is promoted, and
the threads go on as a web application would: what was answered with ``Busy`` is asked for again.
No settle that was acknowledged may be lost, nothing may have happened twice.

``python -m tests.faults.failover --settles 10000 --hold sender``: with *hold*, the log is held
back before the kill until all threads wait in COMMIT. At the ``sender`` those commits do not leave
the primary; at the ``receiver`` they have left it, but no client has heard of them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Any, TypeVar
from unittest.mock import patch

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from digistore import SYSTEM, Money, Product, Store
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
    longest_call: float = 0.0
    longest_wait: float = 0.0
    commits_done: int = 0
    commits_repeated: int = 0
    lock: Lock = field(default_factory=Lock)

    def ask(self, call: Callable[[], T]) -> T:
        """Ask until there is an answer, as a client does."""
        first = time.monotonic()
        while True:
            begun = time.monotonic()
            try:
                return call()
            except Busy:
                with self.lock:
                    self.busy += 1
                if begun - first > PATIENCE:
                    raise GaveUp from None
            finally:
                ended = time.monotonic()
                with self.lock:
                    self.longest_call = max(self.longest_call, ended - begun)
                    self.longest_wait = max(self.longest_wait, ended - first)


class Failover:
    """A shop on two servers, its clients, and the day on which one server dies."""

    def __init__(self, servers: Pair, settles: int, hold: str) -> None:
        self.servers = servers
        self.settles = settles
        self.hold = hold
        self.tally = Tally()
        self.sandbox = SandboxGateway()
        self.half = Event()
        self.down = 0.0

    def open(self) -> Store:
        """Open the shop on both servers."""
        return Store.open(
            self.servers.url, files="memory://", gateways=[self.sandbox], secret=SECRET
        )

    def run(self) -> None:
        """Let the clients buy, kill the primary under them, and promote the standby."""
        with self.open() as store, patch.object(Database, "_done", self._observed()):
            store.migrate()
            product = self._product(store)
            with ThreadPoolExecutor(CLIENTS) as pool:
                clients = [
                    pool.submit(self._client, store, product, number) for number in range(CLIENTS)
                ]
                self.half.wait()
                self._fail_over()
                for client in clients:
                    client.result()
            check_invariants(store)

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

    def _client(self, store: Store, product: Product, number: int) -> None:
        for turn in range(number, self.settles, CLIENTS):
            try:
                self._buy(store, product, turn)
            except (DigistoreError, GaveUp) as error:
                self.tally.errors.append(repr(error))
            if len(self.tally.acknowledged) + len(self.tally.errors) >= self.settles // 2:
                self.half.set()

    def _buy(self, store: Store, product: Product, turn: int) -> None:
        ask = self.tally.ask
        buyer = ask(lambda: store.users.ensure(f"buyer-{turn}", email=f"{turn}@example.com"))
        checkout = ask(
            lambda: store.orders.checkout(
                buyer, [product], return_url=RETURN, idempotency_key=f"form-{turn}"
            )
        )
        body, headers = self.sandbox.pay(checkout)
        told = ask(lambda: store.payments.handle_webhook("sandbox", body, headers))
        if told.status == 200:
            self.tally.acknowledged.append(checkout.order.id)
        else:
            self.tally.errors.append(f"{checkout.order.id}: {told}")

    def _fail_over(self) -> None:
        held = None
        if self.hold != "nobody":
            held = getattr(self.servers, self.hold)()
            os.kill(held, signal.SIGSTOP)
            self.servers.wait_for_commits(CLIENTS)
        killed = time.monotonic()
        self.servers.kill_primary()
        if self.hold == "receiver" and held is not None:
            os.kill(held, signal.SIGCONT)
        self.servers.promote()
        self.down = time.monotonic() - killed

    def report(self) -> dict[str, Any]:
        """Compare what was acknowledged with what is there, and with what the gateway knows."""
        engine = create_engine(self.servers.standby.url, poolclass=NullPool)
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
            "commits without an answer": tally.commits_done + tally.commits_repeated,
            "of them done": tally.commits_done,
            "longest call (s)": round(tally.longest_call, 2),
            "longest wait of a client (s)": round(tally.longest_wait, 2),
            "from kill to promotion (s)": round(self.down, 2),
        }


def fail_over(settles: int, hold: str) -> dict[str, Any]:
    """Do it once, on two new servers, and return the figures.

    Raises:
        RuntimeError: the system has no PostgreSQL with ``pg_basebackup``.
    """
    programs = find_programs()
    if programs is None or not (programs / "pg_basebackup").exists():
        raise RuntimeError("no initdb and pg_basebackup here (Debian: apt install postgresql)")
    with pair(programs) as servers:
        failover = Failover(servers, settles, hold)
        begun = time.monotonic()
        failover.run()
        figures = failover.report()
    if failover.tally.errors:
        sys.stderr.write("\n".join([*failover.tally.errors[:10], ""]))
    return {"hold": hold, **figures, "seconds": round(time.monotonic() - begun, 1)}


def main() -> int:
    """Print the figures; end with 1 where anything was lost, doubled or refused."""
    parser = argparse.ArgumentParser(description="Kill a primary under load and count.")
    parser.add_argument("--settles", type=int, default=10_000)
    parser.add_argument("--hold", choices=HOLDS, default="nobody")
    given = parser.parse_args()
    figures = fail_over(given.settles, given.hold)
    for name, figure in figures.items():
        sys.stdout.write(f"{name:30} {figure}\n")
    whole = figures["acknowledged"] == given.settles
    return int(not whole or bool(figures["lost"] or figures["doubled"] or figures["errors"]))


if __name__ == "__main__":
    sys.exit(main())
