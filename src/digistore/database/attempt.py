"""A transaction that may have to be repeated, and what is known of its earlier tries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sqlalchemy import Select, literal_column, select

from digistore.database.retry import Fault
from digistore.database.transaction import Transaction
from digistore.database.types import metadata
from digistore.errors import Busy

if TYPE_CHECKING:
    from digistore.database.lanes import Lane
    from digistore.database.sources import Source
    from digistore.database.transaction import Trace

T = TypeVar("T")


class Attempt(Generic[T]):
    """A transaction that may have to be repeated, at its first time and with its first ids."""

    result: T  # of the last time that the work was done

    def __init__(
        self,
        work: Callable[[Transaction], Awaitable[T]],
        now: datetime,
        patience: float | None,
    ) -> None:
        self._work = work
        self._patience = patience
        self._ids: list[str] = []
        self._left: list[Trace] = []
        self.now = now
        self.unknown = False  # whether a COMMIT has got no answer

    def traces(self) -> list[Select[Any]]:
        """Return statements of which one finds a row if the work is done."""
        left = [trace() for trace in self._left]
        if not self._ids:
            return left
        tables = [table for table in metadata.sorted_tables if "id" in table.primary_key.columns]
        one: Select[Any] = select(literal_column("1"))
        return [*(one.where(table.c.id.in_(self._ids)) for table in tables), *left]

    async def run(self, source: Source) -> T:
        """Try once."""
        backend = source.backend
        opening, closing = backend.opening(self._patience)
        async with source.writing() as lane:
            tx = Transaction(lane, self.now, self._ids, self._left, opening)
            try:
                if not backend.pipelines:  # nothing is gained by beginning later
                    await tx.send()
                self.result = await self._work(tx)
                await self._commit(tx, lane, backend.errors, backend.fault)
            except BaseException:
                await lane.roll_back()
                raise
            finally:
                if closing:
                    await lane.say(closing)
        return self.result

    async def _commit(
        self,
        tx: Transaction,
        lane: Lane,
        errors: tuple[type[Exception], ...],
        fault: Callable[[BaseException], Fault],
    ) -> None:
        try:
            await tx.commit()
        except errors as error:
            self.unknown |= fault(error) is Fault.GONE
            raise
        if not await lane.committed():
            raise Busy(
                "it is done, but the standby has not confirmed it, so it may be lost yet",
                outcome_unknown=True,
            )
