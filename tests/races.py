"""Several at once on one database: threads of one store or of two, or the tasks of one loop.

Each race is run in rounds. What a loser may be told is a business error that its test names; an
error of anything else, ``Busy`` among them, is one that no caller should see.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

from digistore import AsyncStore, Store
from digistore.blocking import offload
from digistore.errors import Busy, DigistoreError
from digistore.gateways.sandbox import SandboxGateway
from digistore.testing import FrozenClock
from tests.extent import extent

T = TypeVar("T")

SECRET = "a secret of at least thirty-two characters"
MANY = 8
KINDS = extent(
    ["SQLite, two stores", "PostgreSQL, two stores", "PostgreSQL, tasks"],
    [
        f"{database}, {who}"
        for database in ("SQLite", "PostgreSQL")
        for who in ("one store", "two stores", "tasks")
    ],
)


class Race:
    """Works that begin together, and how it went."""

    def __init__(self, store: Store, stores: Sequence[Any], sandbox: SandboxGateway) -> None:
        """Let *stores* be the rivals; *store* is for what happens before and after."""
        self.store = store
        self.stores = stores
        self.sandbox = sandbox
        self.rounds = 0
        self.errors = 0
        self.retries = 0

    def at_once(self, *works: Callable[[Any], Any]) -> list[Any]:
        """Run *works*, each with a store; an error of ours is an answer too."""
        self.rounds += 1
        answers = self._run(works)
        self.errors += sum(isinstance(answer, Busy) for answer in answers)
        return answers

    def _run(self, works: Sequence[Callable[[Any], Any]]) -> list[Any]:
        raise NotImplementedError

    async def offload(self, call: Callable[..., T], *args: Any) -> T:
        """Count how often the database waits before it tries again."""
        self.retries += 1
        return await offload(call, *args)


class Threads(Race):
    """Each work in a thread of its own."""

    def __init__(self, stores: Sequence[Store], sandbox: SandboxGateway) -> None:
        super().__init__(stores[0], stores, sandbox)

    def _run(self, works: Sequence[Callable[[Any], Any]]) -> list[Any]:
        together = Barrier(len(works))

        def begin(number: int) -> Any:
            store = self.stores[number % len(self.stores)]
            together.wait(60)
            try:
                return works[number](store)
            except DigistoreError as error:
                return error

        with ThreadPoolExecutor(len(works)) as pool:
            return list(pool.map(begin, range(len(works))))


class Tasks(Race):
    """Each work as a task of one event loop."""

    def __init__(
        self,
        store: Store,
        awaited: AsyncStore,
        sandbox: SandboxGateway,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(store, [awaited], sandbox)
        self._loop = loop

    def _run(self, works: Sequence[Callable[[Any], Any]]) -> list[Any]:
        async def begin(work: Callable[[Any], Any]) -> Any:
            try:
                answer = work(self.stores[0])
                return await answer if inspect.isawaitable(answer) else answer
            except DigistoreError as error:
                return error

        async def whole() -> list[Any]:
            return await asyncio.gather(*map(begin, works))

        return self._loop.run_until_complete(whole())


@contextmanager
def racing(
    kind: str, url: str, folder: Path, clock: FrozenClock, sandbox: SandboxGateway
) -> Iterator[Race]:
    """Open the rivals of one *kind* on the migrated database at *url*."""
    common: dict[str, Any] = {
        "files": f"file://{folder}/files",
        "gateways": [sandbox],
        "secret": SECRET,
        "clock": clock,
    }
    with ExitStack() as opened:
        if not kind.endswith("tasks"):
            count = 1 if kind.endswith("one store") else 2
            stores = [opened.enter_context(Store.open(url, **common)) for _ in range(count)]
            yield Threads(stores, sandbox)
            return
        loop = asyncio.new_event_loop()
        opened.callback(loop.close)
        awaited = AsyncStore.open(url, **common)
        opened.callback(lambda: loop.run_until_complete(awaited.close()))
        store = opened.enter_context(Store.open(url, **common))
        yield Tasks(store, awaited, sandbox, loop)


def table(reports: Sequence[Any]) -> list[str]:
    """Return what the *reports* of all phases of all tests tell of races, one line each."""
    wrong = {report.nodeid for report in reports if report.failed}
    lines = []
    for report in reports:
        told = dict(report.user_properties).get("race")
        if report.when == "teardown" and told is not None:
            kind, rounds, errors, retries = told
            name = report.nodeid.partition("::")[2].replace(kind, "").replace("[-", "[")
            figures = f"{rounds:6} {report.nodeid in wrong:6} {errors:7} {retries:8}"
            lines.append(f"{kind:23} {figures}  {name.replace('-]', ']').replace('[]', '')}")
    return [f"{'':23} rounds  wrong  errors  retries", *sorted(lines)] if lines else []


def points(reports: Sequence[Any]) -> list[str]:
    """Return how many points of failure were tried, and of how many, one line a test."""
    found = []
    for report in reports:
        told = dict(report.user_properties).get("points")
        if report.when == "call" and told is not None:
            found.append(f"{told[0]:6} of {told[1]:6} points  {report.nodeid.partition('::')[2]}")
    return sorted(found)
