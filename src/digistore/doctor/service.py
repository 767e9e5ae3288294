"""``store.doctor()``: every check in turn, within one snapshot."""

from __future__ import annotations

from collections.abc import Collection
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
from digistore.doctor.checks import Check
from digistore.doctor.models import DoctorReport, Finding
from digistore.doctor.signs import signs

if TYPE_CHECKING:
    from digistore.database import Database, Reader

MOST = 100  # findings of one check
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
    """Checks every promise of a store that can be checked, by reading only."""

    def __init__(self, database: Database, gateways: Collection[str]) -> None:
        """Examine *database*, of a store that has *gateways* by these names."""
        self._database = database
        self._gateways = gateways

    async def examine(self) -> DoctorReport:
        """Look at all rows at one moment, a bounded part of them at a time.

        Returns:
            What breaks a promise, by invariant, each row by its public id; nothing personal.
        """
        return await self._database.read(self._look)

    async def _look(self, reader: Reader) -> DoctorReport:
        findings: list[Finding] = []
        warnings = await signs(reader, self._database.clock(), self._gateways)
        for check in CHECKS:
            found = await _found(check, reader)
            findings += found[:MOST]
            if len(found) > MOST:
                warnings.append(f"{check.name}: only the first {MOST} findings are named")
        checked = dict.fromkeys(check.invariant for check in CHECKS)
        return DoctorReport(tuple(findings), tuple(warnings), tuple(checked))


async def _found(check: Check, reader: Reader) -> list[Finding]:
    try:
        subjects = await check.find(reader, MOST + 1)
    except (ValueError, TypeError, OverflowError) as error:
        # JSON, times and digests are read on the way; what cannot be read is a finding too.
        told = f"{type(error).__name__}: a row that this check reads cannot be read. {check.means}"
        return [Finding(check.invariant, check.name, told)]
    return [Finding(check.invariant, subject, check.means) for subject in subjects]
