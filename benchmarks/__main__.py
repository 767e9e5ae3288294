"""Measure all, or some, and write ``RESULTS.md`` and ``results.json``.

python -m benchmarks            1e4 and 1e5 purchases, and 1e6 for what only reads
python -m benchmarks --quick    1e4
python -m benchmarks --only g   one letter of the tables, or several
"""

from __future__ import annotations

import argparse
import os
import platform
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TypeAlias

from benchmarks import (
    analytics,
    downloads,
    entitlements,
    imports,
    payments,
    short_urls,
    streaming,
    stripe_webhook,
)
from benchmarks.runner import Table, report
from benchmarks.shops import FULL, NORMAL, Place, postgresql_place, sqlite_place
from tests.postgres import VARIABLE, NoPostgres, postgres

HERE = Path(__file__).resolve().parent
SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
ROUNDS = 31
Measure: TypeAlias = Callable[[Place, int], Table | list[Table]]
READS: dict[str, Measure] = {
    "a": entitlements.check,
    "b": entitlements.check_many,
    "f": entitlements.my_products,
    "g": analytics.sales,
}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Measure the hot paths.")
    parser.add_argument("--quick", action="store_true", help="10,000 purchases only")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", default="abcdefghijk", help="letters of the tables")
    parser.add_argument("--output", type=Path, default=HERE, help="folder of the results")
    given = parser.parse_args()
    sizes = [SMALL] if given.quick else [SMALL, MIDDLE, LARGE]
    begun, tables = time.monotonic(), list[Table]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        where = server(stack)
        for table in measured(Path(folder), sizes, set(given.only), given.rounds, where):
            print(table.markdown(), flush=True)
            tables.append(table)
    spent = f"{(time.monotonic() - begun) / 60:.0f} minutes"
    text, data = report(
        tables, f"{machine()}; PostgreSQL: {where or 'none'}, without fsync; {spent}"
    )
    (given.output / "RESULTS.md").write_text(text)
    (given.output / "results.json").write_text(data)


def server(stack: ExitStack) -> str | None:
    """Start a PostgreSQL as the tests do; without one its tables are missing."""
    try:
        url, where = stack.enter_context(postgres())
    except NoPostgres as error:
        print(f"no PostgreSQL: {error}", file=sys.stderr)
        return None
    os.environ[VARIABLE] = url
    return where


def measured(
    folder: Path, sizes: list[int], wanted: set[str], rounds: int, where: str | None
) -> Iterator[Table]:
    """Measure what is *wanted*, table by table."""
    if "h" in wanted:
        yield from stripe_webhook.parse(rounds)
    if "i" in wanted:
        yield downloads.token(rounds)
    if "j" in wanted:
        yield streaming.stream(max(5, rounds // 4))
    if "k" in wanted:
        yield imports.imports(max(5, rounds // 4))
    places = [sqlite_place] if where is None else [sqlite_place, postgresql_place]
    for size in sizes:
        for opened in places:
            if wanted & set("abcdefg"):
                with opened(folder, size) as place:
                    yield from at(place, wanted, rounds)


def at(place: Place, wanted: set[str], rounds: int) -> Iterator[Table]:
    """Measure what needs a shop; writes leave out the largest."""
    for letter in sorted(wanted & READS.keys()):
        found = READS[letter](place, rounds)
        yield from [found] if isinstance(found, Table) else found
    if "a" in wanted and not place.is_sqlite:
        yield entitlements.check_awaited(place, rounds)
    if place.purchases == LARGE:
        return
    if "e" in wanted:
        yield short_urls.resolve(place, rounds)
    for synchronous in (FULL, NORMAL) if place.is_sqlite else (FULL,):
        if "c" in wanted:
            yield payments.settle(place, rounds, synchronous)
        if "d" in wanted:
            yield payments.replay(place, rounds, synchronous)


def machine() -> str:
    """Say on what it was measured, and when."""
    names = ("sqlalchemy", "psycopg", "pydantic")
    parts = [
        f"{datetime.now(UTC):%Y-%m-%d}",
        f"Python {platform.python_version()}",
        f"{os.cpu_count()} cores {platform.machine()}",
        f"SQLite {sqlite3.sqlite_version}",
        *(f"{name} {version(name)}" for name in names),
        f"load {os.getloadavg()[0]:.1f} at the end",
    ]
    return ", ".join(parts)


if __name__ == "__main__":
    main()
