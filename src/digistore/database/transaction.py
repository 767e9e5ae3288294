"""What an operation does inside one transaction, or with several reads at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from digistore.ids import new_id

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable, Select

    from digistore.database.lanes import AnyRow, Lane, Params
    from digistore.database.statements import Call, Prepared, Statement

T = TypeVar("T")
Trace: TypeAlias = "Callable[[], Select[Any]]"
Record: TypeAlias = Mapping[Any, Any]


class Reader:
    """Statements on one connection; rows come back whole."""

    def __init__(self, lane: Lane) -> None:
        """Run statements on *lane*."""
        self._lane = lane

    async def rows(self, statement: Executable | Call, params: Params = None) -> Sequence[AnyRow]:
        """Run *statement* and return its rows."""
        await self.send()
        return await self._lane.rows(statement, params)

    async def first(self, statement: Executable | Call, params: Params = None) -> AnyRow | None:
        """Return the first row, ``None`` if there is none."""
        rows = await self.rows(statement, params)
        return rows[0] if rows else None

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement and return plain tuples, as the driver has them."""
        await self.send()
        return await self._lane.fetch(prepared, params)

    async def say(self, text: str) -> Sequence[AnyRow]:
        """Run a text of our own as it stands: parsing a long one takes longer than running it."""
        await self.send()
        return await self._lane.say(text)

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run *statements* in order, in one round trip where that can be; return their rows."""
        return await self._lane.batch(statements)

    async def whole(self, call: Callable[[Connection], T]) -> T:
        """Call what needs a blocking connection, such as Alembic."""
        await self.send()
        return await self._lane.whole(call)

    async def send(self) -> None:
        """Send what waits."""


class Transaction(Reader):
    """A transaction that writes; ``now`` and ``new_id`` answer the same when it is repeated."""

    def __init__(
        self,
        lane: Lane,
        now: datetime,
        ids: list[str],
        traces: list[Trace],
        opening: Sequence[str] = (),
    ) -> None:
        """Begin at *now*; *ids* and *traces* are those of earlier attempts, and are added to.

        *opening* is what has to be said before anything else; it is sent with it.
        """
        super().__init__(lane)
        self.now = now
        self._ids = ids
        self._traces = traces
        self._drawn = 0
        self._waiting: list[Statement] = list(opening)

    def put(self, statements: Iterable[Statement]) -> None:
        """Have *statements* run before whatever comes next, COMMIT at the latest.

        Nobody hears what they answer; what one of them fails by is raised there.
        """
        self._waiting += statements

    async def batch(self, statements: Sequence[Statement]) -> list[Sequence[AnyRow]]:
        """Run *statements* in order, in one round trip where that can be; return their rows."""
        waiting, self._waiting = self._waiting, []
        rows = await self._lane.batch([*waiting, *statements])
        return rows[len(waiting) :]

    async def send(self) -> None:
        """Send what waits."""
        if self._waiting:
            await self.batch([])

    async def commit(self) -> None:
        """Send what waits, and COMMIT with it."""
        await self.batch(["COMMIT"])

    def leave(self, trace: Trace) -> None:
        """Name a row that no other transaction writes: it tells whether a lost COMMIT was done."""
        self._traces.append(trace)

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters, as the driver has them."""
        await self.send()
        await self._lane.put_many(prepared, rows)

    def new_id(self, prefix: str) -> str:
        """Draw an id with *prefix*; the n-th draw of a repeated transaction gives the same."""
        if self._drawn == len(self._ids):
            self._ids.append(new_id(prefix, self.now))
        drawn = self._ids[self._drawn]
        if not drawn.startswith(f"{prefix}_"):  # the repetition took another path
            drawn = self._ids[self._drawn] = new_id(prefix, self.now)
        self._drawn += 1
        return drawn
