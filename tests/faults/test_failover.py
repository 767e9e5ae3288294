"""The primary dies under load: nothing acknowledged is lost, nothing happens twice.

The short form of ``python -m tests.faults.failover``, once for each place at which a COMMIT may
be when its server dies.
"""

from __future__ import annotations

import pytest

from tests.extent import extent
from tests.faults.failover import CLIENTS, COLOURS, HOLDS, fail_over
from tests.postgres import find_programs

PROGRAMS = find_programs()
SETTLES = extent(48, 3_000)
PLAYED = extent(
    [("sender", "Store"), ("receiver", "AsyncStore")],
    [(hold, colour) for hold in HOLDS for colour in COLOURS],
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        PROGRAMS is None or not (PROGRAMS / "pg_basebackup").exists(),
        reason="NO FAILOVER IS TRIED: it takes a PostgreSQL of the system, with pg_basebackup",
    ),
]


@pytest.mark.parametrize(("hold", "colour"), PLAYED)
def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(hold: str, colour: str) -> None:
    figures = fail_over(SETTLES, hold, colour)
    assert figures["acknowledged"] == SETTLES, figures
    assert (figures["lost"], figures["doubled"], figures["errors"]) == (0, 0, 0), figures
    if hold != "nobody":  # then every client is in COMMIT when it happens
        assert figures["commits without an answer"] >= CLIENTS, figures
    if hold == "sender":  # of what it had sent before, one may be there
        assert figures["of them done"] < figures["commits without an answer"], figures
