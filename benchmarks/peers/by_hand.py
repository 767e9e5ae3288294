"""The floor that all peers share: a small schema of a shop, and ``sqlite3`` on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from itertools import count, cycle
from pathlib import Path

from benchmarks.runner import Case, repeat

PURCHASES, EACH = 10_000, 20
SCHEMA = """
CREATE TABLE orders (id INTEGER PRIMARY KEY, buyer TEXT NOT NULL, state TEXT NOT NULL);
CREATE TABLE payments (ref TEXT PRIMARY KEY, order_id INTEGER NOT NULL, amount INTEGER NOT NULL);
CREATE TABLE purchases (buyer TEXT, product TEXT, order_id INTEGER, PRIMARY KEY (buyer, product));
CREATE TABLE outbox (id INTEGER PRIMARY KEY, what TEXT NOT NULL);
CREATE TABLE events (id TEXT PRIMARY KEY);
"""
PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "wal_autocheckpoint = 0")


def owned(number: int) -> tuple[str, str]:
    """Return the buyer and the product of a purchase."""
    return f"user-{number // EACH}", f"product-{number % EACH}"


def asked() -> list[tuple[str, str]]:
    """Return 400 questions, half of them about what is owned."""
    found = []
    for number in range(0, PURCHASES, PURCHASES // 200):
        buyer, product = owned(number)
        found += [(buyer, product), (buyer, "product-none")]
    return found


class ByHand:
    """A shop in a file of its own."""

    def __init__(self, folder: Path) -> None:
        """Fill it."""
        self.path = folder / "by-hand.db"
        driver = sqlite3.connect(self.path)
        driver.execute("PRAGMA journal_mode = WAL")
        driver.executescript(SCHEMA)
        rows = [(*owned(number), number) for number in range(PURCHASES)]
        driver.executemany("INSERT INTO purchases VALUES (?, ?, ?)", rows)
        driver.commit()
        driver.close()
        self._numbers = count(PURCHASES)

    def driver(self) -> sqlite3.Connection:
        """Connect."""
        driver = sqlite3.connect(self.path, isolation_level=None)
        for pragma in PRAGMAS:
            driver.execute(f"PRAGMA {pragma}")
        return driver

    def check(self) -> Case:
        """Ask whether a product is owned."""
        driver, turn = self.driver(), cycle(asked())
        text = "SELECT order_id FROM purchases WHERE buyer = ? AND product = ?"
        return repeat(lambda: driver.execute(text, next(turn)).fetchall())

    def page(self) -> Case:
        """Read the 20 purchases of somebody."""
        driver = self.driver()
        text = "SELECT product, order_id FROM purchases WHERE buyer = ? ORDER BY product LIMIT 20"
        return repeat(lambda: driver.execute(text, ("user-3",)).fetchall())

    def settle(self) -> Case:
        """Order, payment, purchase, outbox: one transaction, each time of another order."""
        return repeat(self._settling(self.driver()))

    def _settling(self, driver: sqlite3.Connection) -> Callable[[], object]:
        def once() -> None:
            number = next(self._numbers)
            driver.execute("BEGIN IMMEDIATE")
            driver.execute("INSERT INTO events VALUES (?) ON CONFLICT DO NOTHING", (f"e{number}",))
            driver.execute("INSERT INTO orders VALUES (?, ?, 'paid')", (number, f"buyer-{number}"))
            driver.execute("INSERT INTO payments VALUES (?, ?, 2900)", (f"pay-{number}", number))
            driver.execute("INSERT INTO purchases VALUES (?, 'p', ?)", (f"buyer-{number}", number))
            driver.execute("INSERT INTO outbox VALUES (?, 'paid')", (number,))
            driver.execute("COMMIT")

        return once

    def replay(self) -> Case:
        """Insert an event that is there, or do nothing."""
        driver = self.driver()
        driver.execute("INSERT INTO events VALUES ('again') ON CONFLICT DO NOTHING")

        def once() -> None:
            driver.execute("BEGIN IMMEDIATE")
            driver.execute("INSERT INTO events VALUES ('again') ON CONFLICT DO NOTHING")
            driver.execute("COMMIT")

        return repeat(once)
