"""What it costs to resolve a short link and count the click, beside the raw select of the same run.

The floor is what nobody can leave out: the very SELECT that resolving runs, on the driver's own
connection.  Each figure is the fastest of many short runs, taken in turns, so that a busy machine
slows all alike.  A buffered click costs its visitor the capture; one visitor in 500 also pays for
the batch, one transaction with foreign keys, two indexes and a disk that is waited for: the share
of each click is shown apart.

    python benchmarks/short_urls.py
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import cycle
from pathlib import Path

from digistore import SYSTEM, Store
from digistore.blocking import run
from digistore.clock import utc_now
from digistore.database import Database
from digistore.settings import Settings
from digistore.short_urls import AsyncShortUrls, ShortUrls, Visit
from digistore.short_urls.service.visits import FIND
from digistore.tokens import Secrets
from digistore.users import AsyncUsers

LINKS, TURNS, CALLS = 2_000, 60, 400  # fewer calls than a batch has clicks
GOAL, GOAL_BUFFERED = 1.5, 2.0
SECRET = "a secret of at least thirty-two characters"  # noqa: S105  of nothing
SECRETS = Secrets(SECRET)
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"


def visits() -> list[Visit]:
    """Return visits of many people: 200 agents, 1,000 networks."""
    return [
        Visit(
            "GET",
            {
                "host": "sho.rt",
                "user-agent": AGENT.format(100 + one % 200),
                "accept": "text/html,application/xhtml+xml",
                "accept-language": "en-GB,en;q=0.5",
                "referer": f"https://news{one % 50}.example/a?b=c",
            },
            client=f"203.{one % 250}.{one % 4}.7",
        )
        for one in range(1_000)
    ]


def fastest(works: Mapping[str, tuple[int, Callable[[], object]]]) -> dict[str, float]:
    """Return the microseconds per call that each of *works* takes at best."""
    best = dict.fromkeys(works, float("inf"))
    for _ in range(TURNS):
        for name, (calls, work) in works.items():
            begun = time.perf_counter()
            for _ in range(calls):
                work()
            best[name] = min(best[name], (time.perf_counter() - begun) / calls)
    return {name: seconds * 1e6 for name, seconds in best.items()}


def opened(database: Database, settings: Settings) -> AsyncShortUrls:
    """Open the links in *database*."""
    users = AsyncUsers(database, SECRETS.signer("claim"))
    return AsyncShortUrls(database, users, settings, SECRETS.signer("click"))


def measure(folder: Path) -> dict[str, float]:
    """Time each way on one database."""
    now = utc_now()  # it stands still, so that batches are written when this asks for it
    url = f"sqlite:///{folder}/shop.db"
    with Store.open(url, files=f"file://{folder}/files", gateways=[], secret=SECRET) as store:
        store.migrate()
    with (
        closing(Database.open(url, lambda: now)) as database,
        closing(sqlite3.connect(folder / "shop.db")) as raw,
    ):
        direct, buffered = (
            opened(database, Settings(clicks=how)) for how in ("direct", "buffered")
        )
        links = [
            run(direct.shorten(SYSTEM, f"https://shop.example/products/{number}"))
            for number in range(LINKS)
        ]
        codes, people = cycle([link.code for link in links]), cycle(visits())
        select = FIND.text(database.engine.dialect)
        following = {True: ShortUrls(buffered), False: ShortUrls(direct)}

        def floor() -> object:
            cursor = raw.cursor()
            cursor.execute(select, ("", next(codes)))
            rows = cursor.fetchall()
            cursor.close()
            return rows

        took = fastest(
            {
                "raw select": (CALLS, floor),
                "resolve": (CALLS, lambda: following[False].resolve(next(codes))),
                "resolve, click buffered": (
                    CALLS,
                    lambda: following[True].resolve(next(codes), next(people)),
                ),
                "the batch": (1, lambda: run(buffered.flush_clicks())),
                "resolve, click written": (
                    20,
                    lambda: following[False].resolve(next(codes), next(people)),
                ),
            }
        )
        return took | {"the batch": took["the batch"] / CALLS}


def main() -> None:
    """Print what each way takes, and its ratio to the floor."""
    with tempfile.TemporaryDirectory() as folder:
        took = measure(Path(folder))
    floor = took["raw select"]
    for name, micros in took.items():
        print(f"{name:24} {micros:8.1f} us  {micros / floor:6.2f} x floor")
    print(f"goals: resolve {GOAL} x, with a buffered click {GOAL_BUFFERED} x")


if __name__ == "__main__":
    main()
