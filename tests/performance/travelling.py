"""How often an operation goes to PostgreSQL and back, by what libpq itself writes down."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import pq
from sqlalchemy import event

from tests.past import database_of
from tests.performance.hearing import forget

_PARSED = re.compile(r'F\t\d+\tParse\t "(\w*)" "(\w+)')
_ASKED = re.compile(r'F\t\d+\tQuery\t "(\w+)')
_BOUND = re.compile(r'F\t\d+\tBind\t "" "(\w*)"')


@contextmanager
def trips(store: Any) -> Iterator[list[list[str]]]:
    """Collect the verbs of each round trip: all that is said before the server is listened to."""
    database = database_of(store)
    went: list[list[str]] = []
    traced = dict[int, Any]()
    with tempfile.TemporaryFile("w+") as log:

        def listen(connection: Any, *_: object) -> None:
            driver = getattr(connection, "driver_connection", connection).pgconn
            if driver.backend_pid not in traced:
                driver.trace(log.fileno())
                driver.set_trace_flags(pq.Trace.SUPPRESS_TIMESTAMPS)
                traced[driver.backend_pid] = driver

        forget(store, database._source)  # what these connections have prepared is not in the log
        event.listen(database.engine, "checkout", listen)
        try:
            yield went
        finally:
            event.remove(database.engine, "checkout", listen)
            for driver in traced.values():
                driver.untrace()
        log.seek(0)
        went += _turns(log)


def _turns(log: Iterable[str]) -> Iterator[list[str]]:
    """Read from the client's first message to the server's first, again and again."""
    verbs, said = dict[str, str](), list[str]()
    for line in log:
        if parsed := _PARSED.match(line):
            verbs[parsed[1]] = parsed[2]
        elif bound := _BOUND.match(line):
            said.append(verbs[bound[1]])
        elif asked := _ASKED.match(line):
            said.append(asked[1])
        elif line.startswith("B\t") and said:
            yield said
            said = []
