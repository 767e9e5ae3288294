"""What a check is: a statement, or a walk, that must find nothing; whole, or a step at a time."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from sqlalchemy import Select, tuple_

from digistore.database.retry import Fault
from digistore.database.types import metadata
from digistore.errors import Busy

if TYPE_CHECKING:
    from digistore.database import AnyRow, Reader
    from digistore.database.backend import Backend

SLICE = 10_000  # rows of each table that one step of a statement goes through
_SOURCE = re.compile(r"[()]|\bFROM (digistore_\w+)")

Place: TypeAlias = "tuple[str | int, ...]"
"""Where a step has ended: the key of the last row that it went through."""


def takes_too_long(backend: Backend, error: Busy) -> bool:
    """Say whether a look was ended for the time that it took, and would be again."""
    cause = error.__cause__
    return cause is not None and backend.fault(cause) is Fault.MACHINE


class Step(NamedTuple):
    """What one step has found, and where the next one begins; ``None`` after the last.

    *told* is what the findings mean, where that is not what the check says.
    """

    found: list[str]
    at: Place | None
    told: str | None = None


class Check(Protocol):
    """One way in which an invariant can be broken.

    *name* is its own, *means* says what a finding means and what to do.
    """

    @property
    def invariant(self) -> str:
        """The promise that it checks."""

    @property
    def name(self) -> str:
        """What tells it from the other checks."""

    @property
    def means(self) -> str:
        """What a finding means, and what to do."""

    async def find(self, reader: Reader, most: int) -> list[str]:
        """Return the public ids of rows that break the promise, *most* of them at most."""

    async def step(self, reader: Reader, at: Place | None, most: int, size: int) -> Step:
        """Look at the rows that come after *at*, about *size* of each table, for *most* findings.

        A page of rows that is read whole may bring some more of them.
        """


@dataclass(frozen=True)
class Statement:
    """A check by one SELECT whose column ``subject`` names what is wrong."""

    invariant: str
    name: str
    means: str
    sql: str

    async def find(self, reader: Reader, most: int) -> list[str]:
        """Return what the statement finds, each subject once, sorted."""
        return await self._say(reader, most, "")

    async def step(self, reader: Reader, at: Place | None, most: int, size: int) -> Step:
        """Look at the subjects of one slice, about *size* ids of each table."""
        after = str(at[0]) if at else None
        end = await self._end(reader, after, size)
        edges = ((">", after), ("<=", end))
        bounds = [f"subject {sign} {quoted(edge)}" for sign, edge in edges if edge is not None]
        found = await self._say(reader, most, f" WHERE {' AND '.join(bounds)}" if bounds else "")
        if len(found) == most:
            return Step(found, (found[-1],))
        return Step(found, None if end is None else (end,))

    async def _say(self, reader: Reader, most: int, where: str) -> list[str]:
        once = f"SELECT DISTINCT subject FROM ({self.sql}) AS found{where}"  # noqa: S608  our own text
        bounded = f"{once} ORDER BY subject LIMIT {most:d}"
        return [str(row.subject) for row in await reader.say(bounded)]

    async def _end(self, reader: Reader, after: str | None, size: int) -> str | None:
        """Return the last id of the slice after *after*, ``None`` if that is the last one."""
        if not self._sources:
            return None
        beyond = "" if after is None else f" WHERE id > {quoted(after)}"
        edges = " UNION ALL ".join(
            f"SELECT (SELECT id FROM {table}{beyond} ORDER BY id LIMIT 1 OFFSET {size - 1:d})"  # noqa: S608  our own names
            " AS edge"
            for table in self._sources
        )
        (row,) = await reader.say(f"SELECT MIN(edge) AS edge FROM ({edges}) AS edges")  # noqa: S608  as above
        return None if row.edge is None else str(row.edge)

    @cached_property
    def _sources(self) -> tuple[str, ...]:
        """The tables whose ids cut the statement into slices.

        Any cut leaves nothing out; these make the slices small, as the database looks into them
        for the subjects of one slice only. It cannot do so where rows are grouped.
        """
        if "GROUP BY" in self.sql:
            return ()
        found: dict[str, None] = {}
        depth = 0
        for match in _SOURCE.finditer(self.sql):
            depth += {"(": 1, ")": -1}.get(match[0], 0)
            table = match[1]
            if table and not depth and "id" in metadata.tables[table].primary_key.columns:
                found[table] = None
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Walk:
    """A check that needs Python: *walk* reads the page of rows that comes after a place."""

    invariant: str
    name: str
    means: str
    walk: Callable[[Reader, Place | None], Awaitable[Step]]

    async def find(self, reader: Reader, most: int) -> list[str]:
        """Return what the walk finds, each subject once."""
        step = await self.walk(reader, None)
        found = dict.fromkeys(step.found)
        while step.at is not None and len(found) < most:
            step = await self.walk(reader, step.at)
            found |= dict.fromkeys(step.found)
        return list(found)[:most]

    async def step(self, reader: Reader, at: Place | None, most: int, size: int) -> Step:
        """Walk one page, whatever it holds."""
        step = await self.walk(reader, at)
        return Step(list(dict.fromkeys(step.found)), step.at)


class Page(NamedTuple):
    """Rows, and the key of the last of them; ``None`` where no others follow."""

    rows: Sequence[AnyRow]
    at: Place | None


async def page(
    reader: Reader, statement: Select[Any], key: Sequence[Any], at: Place | None, size: int
) -> Page:
    """Read the rows of *statement* by their unique *key*, *size* of them after *at*."""
    ordered = statement.order_by(*key).limit(size)
    if at is not None:
        ordered = ordered.where(tuple_(*key) > at)
    rows = await reader.rows(ordered)
    if len(rows) < size:
        return Page(rows, None)
    return Page(rows, tuple(rows[-1]._mapping[column.name] for column in key))


def quoted(word: str) -> str:
    """Write a *word* as SQL does."""
    return "'" + word.replace("'", "''") + "'"
