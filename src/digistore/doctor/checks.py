"""What a check is: a statement, or a walk, that must find nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

from sqlalchemy import text

if TYPE_CHECKING:
    from digistore.database import Reader

CHUNK = 500  # rows that a walk holds at a time

Walked: TypeAlias = AsyncGenerator[str, None]


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
        rows = await reader.rows(text(f"{once} ORDER BY subject LIMIT {most:d}"))
        return [str(row.subject) for row in rows]


@dataclass(frozen=True, slots=True)
class Walk:
    """A check that needs Python: it reads rows in chunks and yields the subjects it finds."""

    invariant: str
    name: str
    means: str
    walk: Callable[[Reader], Walked]

    async def find(self, reader: Reader, most: int) -> list[str]:
        """Return what the walk finds; it ends once that is enough."""
        found: dict[str, None] = {}
        async with aclosing(self.walk(reader)) as walked:
            async for subject in walked:
                found[subject] = None
                if len(found) == most:
                    break
        return list(found)
