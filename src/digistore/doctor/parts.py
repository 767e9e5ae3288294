"""Looking a step at a time, from where it was left, with every statement bounded."""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from digistore.doctor.checks import SLICE, Check, Place, Step, takes_too_long
from digistore.doctor.models import Finding, Remedy
from digistore.doctor.remedies import remedy_of
from digistore.errors import Busy, Invalid
from digistore.paging import decode_cursor, encode_cursor

if TYPE_CHECKING:
    from digistore.database import Database, Reader
    from digistore.doctor.repairing import Repairs

LONGEST: Final = 60.0  # seconds that PostgreSQL may take for one statement
SMALLEST: Final = 100  # rows, below which a slice that takes too long is not cut again
_UNFINISHED: Final = (
    "the database ran out of time or room, so the rest of it was not looked at; run the doctor"
    " without bounds, on a replica if there is one"
)


class Cursor(NamedTuple):
    """A check by its name, and how far it has come."""

    check: str
    at: Place | None

    def __str__(self) -> str:
        """Write it as text for URLs and shells."""
        return encode_cursor(self.check, json.dumps(self.at))

    @classmethod
    def read(cls, text: str, known: Collection[str]) -> Cursor:
        """Read what `str` has written.

        Raises:
            Invalid: it was not, or by another version, whose checks were others.
        """
        name, told = decode_cursor(text, str, str)
        try:
            at = json.loads(told)
        except ValueError:
            at = False
        place = isinstance(at, list) and all(type(part) in {str, int} for part in at) and at
        if name not in known or not (place or at is None):
            raise Invalid(
                "not the next of a report of this version; begin anew",
                fields={"after": "invalid"},
            )
        return cls(name, tuple(at) if place else None)


@dataclass(slots=True)
class Part:
    """What was found from one place to another."""

    findings: list[Finding] = field(default_factory=list)
    repaired: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    finished: list[Check] = field(default_factory=list)
    next: Cursor | None = None


class Parts:
    """Goes through all checks, one bounded step after the other."""

    def __init__(self, database: Database, checks: Sequence[Check], repairs: Repairs) -> None:
        """Look in *database*; each step sees its own moment, so that none holds up a vacuum."""
        self._database = database
        self._checks = checks
        self._repairs = repairs

    async def look(
        self, start: Cursor | None, limit: int, seconds: float | None, *, repair: bool
    ) -> Part:
        """Go on from *start* until *limit* findings remain, or *seconds* have passed."""
        until = None if seconds is None else time.monotonic() + seconds
        names = [check.name for check in self._checks]
        index, at = (0, None) if start is None else (names.index(start.check), start.at)
        part = Part()
        while index < len(self._checks):
            check = self._checks[index]
            at = await self._go_on(part, check, at, limit - len(part.findings), repair=repair)
            index += at is None
            over = until is not None and time.monotonic() >= until
            if len(part.findings) >= limit or over:
                break
        if index < len(self._checks):
            part.next = Cursor(names[index], at)
        return part

    async def _go_on(
        self, part: Part, check: Check, at: Place | None, most: int, *, repair: bool
    ) -> Place | None:
        """Take one step; in a repair look again after it, until nothing new comes up."""
        tried: dict[str, None] = {}
        step = await self._step(check, at, most)
        while step and repair and remedy_of(check.name) is Remedy.REPAIR:
            fresh = [subject for subject in step.found if subject not in tried]
            if not fresh:
                break
            tried |= dict.fromkeys(fresh)
            await self._repairs.repair((check.name, subject) for subject in fresh)
            step = await self._step(check, at, most)
        if step is None:
            part.warnings.append(f"{check.name}: {_UNFINISHED}")
            return None
        remedy = Remedy.PERSON if tried else remedy_of(check.name)
        part.findings += [found_by(check, subject, remedy, step.told) for subject in step.found]
        left = {*step.found}
        part.repaired += [found_by(check, one) for one in tried if one not in left]
        if step.at is None:
            part.finished.append(check)
        return step.at

    async def _step(self, check: Check, at: Place | None, most: int) -> Step | None:
        """Take a step, a smaller one if it takes too long, ``None`` if none is small enough."""
        size = SLICE
        while True:
            bounded = partial(self._bounded, check=check, at=at, most=most, size=size)
            try:
                return await self._database.read(bounded)
            except Busy as error:
                if not takes_too_long(self._database.backend, error):
                    raise
            size //= 10
            if size < SMALLEST:
                return None

    async def _bounded(
        self, reader: Reader, check: Check, at: Place | None, most: int, size: int
    ) -> Step:
        bound = self._database.backend.longest(LONGEST)
        if bound:
            await reader.say(bound)
        return await readable(check, check.step(reader, at, most, size))


async def readable(check: Check, step: Awaitable[Step]) -> Step:
    """Return what a *step* finds; that a row cannot be read is a finding too."""
    try:
        return await step
    except (ValueError, TypeError, OverflowError) as error:
        # JSON, times and digests are read on the way.
        told = f"{type(error).__name__}: a row that this check reads cannot be read. {check.means}"
        return Step([check.name], None, told)


def found_by(
    check: Check, subject: str, remedy: Remedy | None = None, told: str | None = None
) -> Finding:
    """Make a finding of what *check* has found."""
    mends = remedy_of(check.name) if remedy is None else remedy
    return Finding(check.invariant, subject, told or check.means, mends)
