"""Measure all, or some, and write ``RESULTS.md``, ``results.json`` and the plots.

python -m benchmarks            1e4, 1e5 and 1e6 purchases: a quarter of an hour when it is quiet
python -m benchmarks --quick    1e4, fewer rounds: whether it works, nothing to quote
python -m benchmarks --only g   one letter of the tables, or several; with --keep beside those that
                                are known
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks import (
    analytics,
    downloads,
    entitlements,
    imports,
    payments,
    plots,
    short_urls,
    streaming,
    stripe_webhook,
)
from benchmarks.report import report, told, with_news
from benchmarks.runner import Table
from benchmarks.shops import FULL, NORMAL, Place, postgresql_place, sqlite_place
from tests.postgres import VARIABLE, NoPostgres, postgres

HERE = Path(__file__).resolve().parent
SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
ROUNDS, QUICK = 31, 5
LEAST = 21  # rounds of what is slow or is there for its growth
TOO_FEW = f"; with fewer than {LEAST} nothing may be quoted"
NAMES = ("sqlalchemy", "psycopg", "pydantic", "stripe", "uvicorn", "waitress")
Measure: TypeAlias = Callable[[Place, int], Table | list[Table]]
READS: dict[str, Measure] = {
    "a": entitlements.check,
    "b": entitlements.check_many,
    "e": short_urls.resolve,
    "f": entitlements.my_products,
    "g": analytics.sales,
}


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description="Measure the hot paths.")
    parser.add_argument("--quick", action="store_true", help="10,000 purchases, few rounds")
    parser.add_argument("--sizes", type=int, nargs="+", help="purchases, smallest first")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--only", default="abcdefghijk", help="letters of the tables")
    parser.add_argument("--keep", action="store_true", help="keep the tables not measured now")
    parser.add_argument("--output", type=Path, help="folder of the results and plots")
    given = parser.parse_args()
    rounds = given.rounds or (QUICK if given.quick else ROUNDS)
    sizes = given.sizes or ([SMALL] if given.quick else [SMALL, MIDDLE, LARGE])
    random.seed(given.seed)
    begun, load, tables = time.monotonic(), os.getloadavg()[0], list[Table]()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        where = server(stack)
        for table in measured(Path(folder), sizes, set(given.only), rounds, where):
            print(table.markdown(), flush=True)
            tables.append(table)
    about = machine() | {
        "PostgreSQL": where or "none, so its tables are missing",
        "rounds": f"{rounds} at most{TOO_FEW if rounds < LEAST else ''}",
        "seed": given.seed,
        "load": f"{load:.1f} before, {os.getloadavg()[0]:.1f} after",
        "took": f"{(time.monotonic() - begun) / 60:.1f} minutes",
    }
    if given.keep:
        known = ((given.output or HERE) / "results.json").read_text()
        kept = json.loads(known)["about"] | {"measured again": f"({given.only}) {about['date']}"}
        tables, about = with_news(told(known), tables), kept
    write(tables, about, given.output)


def write(tables: list[Table], about: dict[str, Any], output: Path | None) -> None:
    """Write the results; without a folder they go where they are committed."""
    folder = output or HERE
    folder.mkdir(parents=True, exist_ok=True)
    text, data = report(tables, about)
    (folder / "RESULTS.md").write_text(text)
    (folder / "results.json").write_text(data)
    plots.draw(folder / "results.json", output or plots.SHOWN)
    print(text.partition("## Every table")[0])


def server(stack: ExitStack) -> str | None:
    """Start a PostgreSQL as the tests do; without one its tables are missing."""
    try:
        url, where = stack.enter_context(postgres())
    except NoPostgres as error:
        print(f"no PostgreSQL: {error}", file=sys.stderr)
        return None
    os.environ[VARIABLE] = url
    return f"{where}, without fsync"


def measured(
    folder: Path, sizes: list[int], wanted: set[str], rounds: int, where: str | None
) -> Iterator[Table]:
    """Measure what is *wanted*, table by table."""
    if "h" in wanted:
        yield from stripe_webhook.parse(rounds)
    if "i" in wanted:
        yield downloads.token(rounds)
    slow = min(rounds, LEAST)
    if "j" in wanted:
        yield streaming.stream(slow if rounds >= LEAST else 3)  # of 200 MB each
    if "k" in wanted:
        yield imports.imports(slow if rounds >= LEAST else 2)  # up to seconds each
    places = [sqlite_place] if where is None else [sqlite_place, postgresql_place]
    for size in sizes:
        for opened in places:
            if wanted & set("abcdefg"):
                with opened(folder, size) as place:
                    yield from at(place, wanted, rounds if size == SMALL else slow)


def at(place: Place, wanted: set[str], rounds: int) -> Iterator[Table]:
    """Measure what needs a shop."""
    for letter in sorted(wanted & READS.keys()):
        found = READS[letter](place, rounds)
        yield from [found] if isinstance(found, Table) else found
    if "a" in wanted and not place.is_sqlite:
        yield entitlements.check_awaited(place, rounds)
    for synchronous in (FULL, NORMAL) if place.is_sqlite else (FULL,):
        if "c" in wanted:
            yield payments.settle(place, rounds, synchronous)
        if "d" in wanted:
            yield payments.replay(place, rounds, synchronous)


def machine() -> dict[str, Any]:
    """Say on what it was measured, and when."""
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores {platform.machine()}, {platform.system()}",
        "Python": platform.python_version(),
        "digistore": version("digistore"),
        "SQLite": sqlite3.sqlite_version,
        **{name: version(name) for name in NAMES},
    }


if __name__ == "__main__":
    main()
