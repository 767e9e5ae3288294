"""What a check is: a statement, or a walk, that must find nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Select, tuple_

if TYPE_CHECKING:
    from digistore.database import AnyRow, Reader


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


@dataclass(frozen=True, slots=True)
class Statement:
    """A check by one SELECT whose column ``subject`` names what is wrong."""

    invariant: str
    name: str
    means: str
    sql: str

    async def find(self, reader: Reader, most: int) -> list[str]:
        """Return what the statement finds, each subject once, sorted."""
        once = f"SELECT DISTINCT subject FROM ({self.sql}) AS found"  # noqa: S608  our own text
        bounded = f"{once} ORDER BY subject LIMIT {most:d}"
        return [str(row.subject) for row in await reader.say(bounded)]


@dataclass(frozen=True, slots=True)
class Walk:
    """A check that needs Python: *walk* reads rows a page at a time, until it has enough."""

    invariant: str
    name: str
    means: str
    walk: Callable[[Reader, int], Awaitable[list[str]]]

    async def find(self, reader: Reader, most: int) -> list[str]:
        """Return what the walk finds, each subject once."""
        return list(dict.fromkeys(await self.walk(reader, most)))[:most]


class Pages:
    """The rows of a statement by their unique *key*, *size* of them at a time."""

    def __init__(
        self, reader: Reader, statement: Select[Any], key: Sequence[Any], size: int
    ) -> None:
        """Begin before the first row."""
        self._reader = reader
        self._statement = statement.order_by(*key).limit(size)
        self._key = key
        self._after: tuple[Any, ...] | None = None

    async def turn(self) -> Sequence[AnyRow]:
        """Return the next rows, none after the last."""
        statement = self._statement
        if self._after is not None:
            statement = statement.where(tuple_(*self._key) > self._after)
        rows = await self._reader.rows(statement)
        if rows:
            self._after = tuple(rows[-1]._mapping[column.name] for column in self._key)
        return rows
