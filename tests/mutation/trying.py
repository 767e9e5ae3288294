"""A plugin of pytest that tries many mutants on tests which are collected once.

All tests are played first, to see which of them reach which function. Then each mutant gets a fork
of its own, in which the tests of its function are played, the quickest first, until one fails.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
from collections import defaultdict
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase, settings
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state

if TYPE_CHECKING:
    from collections.abc import Iterable

MUTANTS = Path("mutants.json")  # by the function that they are in
OUTCOMES = Path("outcomes.json")  # whether they were killed; None where no test comes by
AT_ONCE = os.cpu_count() or 1
LONGEST = 600  # seconds until a mutant that waits for ever has failed
ELSEWHERE = ("PostgreSQL", "AsyncStore")  # one database and one colour are enough here

# The first failure will do: nothing is shrunk, kept, or timed.
settings.register_profile(
    "mutation",
    max_examples=40,
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    database=None,
    deadline=None,
)


def pytest_configure() -> None:
    settings.load_profile("mutation")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = [item for item in items if not _is_elsewhere(item)]


def _is_elsewhere(item: pytest.Item) -> bool:
    asked = getattr(item, "fixturenames", ())
    return any(word in item.name for word in ELSEWHERE) or "wiped" in asked


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    reaching: dict[str, list[tuple[float, pytest.Item]]] = defaultdict(list)
    set_mutant_under_test("stats")
    for item in session.items:
        state()._stats.clear()
        began = process_time()
        if not passes(item):
            pytest.exit(f"fails without any mutant: {item.nodeid}", returncode=1)
        for function in state()._stats:
            reaching[function].append((process_time() - began, item))
    set_mutant_under_test("")
    gc.freeze()  # what is there already is not copied into each fork
    outcomes: dict[str, bool | None] = {}
    trying: dict[int, str] = {}  # by the descriptor of the process that tries it
    for function, mutants in json.loads(MUTANTS.read_text(encoding="utf-8")).items():
        tests = sorted(reaching[function], key=lambda one: one[0])
        limit = 3 + 3 * sum(took for took, _ in tests)
        for name in mutants:
            outcomes[name] = None
            if tests:
                if len(trying) == AT_ONCE:
                    hear(trying, outcomes)
                trying[begin(name, [item for _, item in tests], limit)] = name
    while trying:
        hear(trying, outcomes)
    return True


def hear(trying: dict[int, str], outcomes: dict[str, bool | None]) -> None:
    """Wait until one has tried its mutant, and write down whether it was killed."""
    ended, _, _ = select.select(trying, [], [])
    for process in ended:
        status = os.waitid(os.P_PIDFD, process, os.WEXITED)
        os.close(process)
        outcomes[trying.pop(process)] = status is None or status.si_status != 0
    OUTCOMES.write_text(json.dumps(outcomes), encoding="utf-8")


def passes(item: pytest.Item) -> bool:
    """Play one test, and leave nothing of it but what the session shares."""
    reports = runtestprotocol(item, log=False, nextitem=item.session)  # type: ignore[arg-type]
    return not any(report.failed for report in reports)


def begin(name: str, tests: Iterable[pytest.Item], limit: float) -> int:
    """Let a process play *tests* on a mutant until one fails; to work past *limit* is a failure."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_PROF, limit)  # seconds of work: the machine may be busy
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LONGEST)
        set_mutant_under_test(name)
        try:
            os._exit(0 if all(passes(item) for item in tests) else 1)
        except BaseException:  # noqa: BLE001  pytest.exit among others: it fails
            os._exit(1)
    return os.pidfd_open(child)
