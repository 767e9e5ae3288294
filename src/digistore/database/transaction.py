"""What an operation does inside one transaction, or with several reads at one moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from digistore.ids import new_id

if TYPE_CHECKING:
    from sqlalchemy import Connection, Executable, Select

    from digistore.database.lanes import AnyRow, Lane, Params
    from digistore.database.statements import Prepared

T = TypeVar("T")
Record: TypeAlias = Mapping[Any, Any]


class Reader:
    """Statements on one connection; rows come back whole."""

    def __init__(self, lane: Lane) -> None:
        """Run statements on *lane*."""
        self._lane = lane

    async def rows(self, statement: Executable, params: Params = None) -> Sequence[AnyRow]:
        """Run *statement* and return its rows."""
        return await self._lane.rows(statement, params)

    async def first(self, statement: Executable, params: Params = None) -> AnyRow | None:
        """Return the first row, ``None`` if there is none."""
        rows = await self._lane.rows(statement, params)
        return rows[0] if rows else None

    async def fetch(
        self, prepared: Prepared, params: Mapping[str, Any]
    ) -> Sequence[tuple[Any, ...]]:
        """Run a hot statement and return plain tuples, as the driver has them."""
        return await self._lane.fetch(prepared, params)

    async def say(self, text: str) -> Sequence[AnyRow]:
        """Run a text of our own as it stands: parsing a long one takes longer than running it."""
        return await self._lane.say(text)

    async def batch(self, statements: Sequence[Executable]) -> list[Sequence[AnyRow]]:
        """Run *statements* in order and return the rows of each."""
        return [await self._lane.rows(statement) for statement in statements]


class Transaction(Reader):
    """A transaction that writes; ``now`` and ``new_id`` answer the same when it is repeated."""

    def __init__(
        self, lane: Lane, now: datetime, ids: list[str], traces: list[Select[Any]]
    ) -> None:
        """Begin at *now*; *ids* and *traces* are those of earlier attempts, and are added to."""
        super().__init__(lane)
        self.now = now
        self._ids = ids
        self._traces = traces
        self._drawn = 0

    def leave(self, trace: Select[Any]) -> None:
        """Name a row that no other transaction writes: it tells whether a lost COMMIT was done."""
        self._traces.append(trace)

    async def put_many(self, prepared: Prepared, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run a hot statement once per row of parameters, as the driver has them."""
        await self._lane.put_many(prepared, rows)

    async def whole(self, call: Callable[[Connection], T]) -> T:
        """Call what needs a blocking connection, such as Alembic."""
        return await self._lane.whole(call)

    def new_id(self, prefix: str) -> str:
        """Draw an id with *prefix*; the n-th draw of a repeated transaction gives the same."""
        if self._drawn == len(self._ids):
            self._ids.append(new_id(prefix, self.now))
        drawn = self._ids[self._drawn]
        if not drawn.startswith(f"{prefix}_"):  # the repetition took another path
            drawn = self._ids[self._drawn] = new_id(prefix, self.now)
        self._drawn += 1
        return drawn
