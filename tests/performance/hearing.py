"""What an operation says to its database: every statement, whichever driver carries it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Self

from sqlalchemy import event

from digistore.blocking import run
from digistore.database.sources import FileSource, Source
from tests.past import database_of

_NAMES = re.compile(r"\bdigistore_(\w+)")
_COLUMNS = re.compile(r"\bdigistore_\w+\.")
_MANY_ROWS = "INSERT audit"


class Said(str):
    """A statement as the driver has it, with the values that go with it."""

    __slots__ = ("values",)
    values: Any

    def __new__(cls, text: str, values: Any = None) -> Self:
        said = super().__new__(cls, text)
        said.values = values
        return said


@contextmanager
def hearing(store: Any) -> Iterator[list[str]]:
    """Collect every statement that a store of either colour sends, BEGIN and COMMIT included."""
    database = database_of(store)
    source, said = database._source, list[str]()
    engines = [database.engine]
    if isinstance(source, FileSource):
        engines.append(source._readers._engine)

    def listen(connection: Any, _record: object) -> None:
        driver = getattr(connection, "driver_connection", connection)
        _LISTEN[database.engine.dialect.name](driver, said)

    forget(store, source)  # only connections made from now on are listened to
    for engine in engines:
        event.listen(engine, "connect", listen)
    try:
        yield said
    finally:
        for engine in engines:
            event.remove(engine, "connect", listen)
        forget(store, source)


def forget(store: Any, source: Source) -> None:
    """Let go of the connections of *store*."""
    if isinstance(source, FileSource):
        source._readers.close()
    awaited = getattr(store, "_run", run)  # on its own loop, where it has one
    awaited(source.forget())


def said_by(store: Any, call: Callable[[], object]) -> list[str]:
    """Return what *call* sends, each statement as its verb and the tables it names."""
    with hearing(store) as said:
        call()
    return briefly(said)


def briefly(said: Sequence[str]) -> list[str]:
    """Shorten statements to their verbs and tables; settings of a connection are none.

    SQLite hears each row of one call to ``executemany``; they count as the one that was said.
    """
    found = [brief(one) for one in said if not one.startswith(("PRAGMA", "--"))]
    return [one for before, one in pairwise(["", *found]) if not one == before == _MANY_ROWS]


def brief(statement: str) -> str:
    """Shorten one: ``SELECT orders order_lines``."""
    verb = statement.split(maxsplit=1)[0]
    names = list(dict.fromkeys(_NAMES.findall(_COLUMNS.sub("", statement))))
    return " ".join([verb, *(names if verb in {"SELECT", "WITH"} else names[:1])])


def _trace(driver: Any, said: list[str]) -> None:
    driver.set_trace_callback(said.append)


def _record(driver: Any, said: list[str]) -> None:
    kind: Any = driver.cursor_factory

    class Recording(kind):  # type: ignore[misc]
        def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            said.append(Said(query, *args[:1]))
            return super().execute(query, *args, **kwargs)

        def executemany(self, query: Any, *args: Any, **kwargs: Any) -> Any:
            said.append(Said(query))
            return super().executemany(query, *args, **kwargs)

    driver.cursor_factory = Recording


_LISTEN: dict[str, Callable[[Any, list[str]], None]] = {"sqlite": _trace, "postgresql": _record}
