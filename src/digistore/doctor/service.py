"""``store.doctor()``: every check in turn, at one moment or in parts, with repair."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from digistore.doctor import (
    access,
    amounts,
    books,
    catalogue,
    discounts,
    figures,
    money,
    orders,
    receipts,
    references,
    support,
    waiting,
    walks,
)
from digistore.doctor.checks import Check, Step
from digistore.doctor.models import DoctorReport, Finding
from digistore.doctor.parts import Cursor, Parts, found_by, readable
from digistore.doctor.repairing import Repairs
from digistore.doctor.signs import signs
from digistore.errors import Invalid

if TYPE_CHECKING:
    from digistore.database import Database, Reader
    from digistore.orders.kinds import Kind, LineKind
    from digistore.settings import Settings

MOST = 100  # findings of one check
MOST_IN_A_PART = 10_000
NOUNS = (
    access,
    money,
    amounts,
    orders,
    discounts,
    receipts,
    support,
    books,
    catalogue,
    references,
    waiting,
    figures,
    walks,
)


def _number(check: Check) -> int:
    return int(check.invariant[1:])


CHECKS: tuple[Check, ...] = tuple(
    sorted((check for noun in NOUNS for check in noun.CHECKS), key=_number)
)


class Doctor:
    """Checks every promise of a store that can be checked, and rebuilds what facts decide."""

    def __init__(
        self,
        database: Database,
        gateways: Collection[str],
        kinds: Mapping[Kind, LineKind],
        settings: Settings,
    ) -> None:
        """Examine *database*, of a store that has *gateways* by these names and sells *kinds*."""
        self._database = database
        self._gateways = gateways
        self._parts = Parts(database, CHECKS, Repairs(database, kinds, settings, CHECKS))

    async def examine(self) -> DoctorReport:
        """Look at all rows at one moment, a bounded part of them at a time.

        Returns:
            What breaks a promise, by invariant, each row by its public id; nothing personal.
        """
        return await self._database.read(self._look)

    async def examine_part(
        self, *, after: str | None, limit: int, within: timedelta | None, repair: bool
    ) -> DoctorReport:
        """Look at what follows *after* a place, each step at a moment of its own.

        Args:
            after: the ``next`` of the part before; without it, from the beginning.
            limit: of findings; a page of rows that is read whole may bring some more.
            within: begin no further step after it.
            repair: rebuild what facts decide, then look again.

        Raises:
            Invalid: not such a place, or a limit or time that is none.
        """
        start = None if after is None else Cursor.read(after, {check.name for check in CHECKS})
        if type(limit) is not int or not 1 <= limit <= MOST_IN_A_PART:
            raise Invalid(
                f"a part has 1 to {MOST_IN_A_PART:,} findings", fields={"limit": "out_of_range"}
            )
        if within is not None and (not isinstance(within, timedelta) or within < timedelta(0)):
            raise Invalid("within is a timedelta", fields={"within": "invalid"})
        seconds = None if within is None else within.total_seconds()
        part = await self._parts.look(start, limit, seconds, repair=repair)
        if start is None:
            now = self._database.clock()
            part.warnings += await self._database.read(lambda r: signs(r, now, self._gateways))
        return DoctorReport(
            findings=tuple(part.findings),
            warnings=tuple(part.warnings),
            checked=_whole(part.finished),
            repaired=tuple(part.repaired),
            next=None if part.next is None else str(part.next),
        )

    async def _look(self, reader: Reader) -> DoctorReport:
        findings: list[Finding] = []
        warnings = await signs(reader, self._database.clock(), self._gateways)
        for check in CHECKS:
            step = await readable(check, _all_of(check, reader))
            findings += [found_by(check, one, told=step.told) for one in step.found[:MOST]]
            if len(step.found) > MOST:
                warnings.append(f"{check.name}: only the first {MOST} findings are named")
        checked = dict.fromkeys(check.invariant for check in CHECKS)
        return DoctorReport(tuple(findings), tuple(warnings), tuple(checked))


async def _all_of(check: Check, reader: Reader) -> Step:
    return Step(await check.find(reader, MOST + 1), None)


def _whole(finished: Collection[Check]) -> tuple[str, ...]:
    """Return the invariants whose last check is among those that were *finished*."""
    last = {check.invariant: check for check in CHECKS}
    return tuple(name for name, check in last.items() if check in finished)
