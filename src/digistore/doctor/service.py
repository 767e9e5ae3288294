"""``store.doctor()``: every check in turn, within one snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from digistore.doctor import (
    access,
    amounts,
    books,
    catalogue,
    money,
    orders,
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
NOUNS = (access, money, amounts, orders, support, books, catalogue, references, waiting, walks)


def _number(check: Check) -> int:
    return int(check.invariant[1:])


CHECKS: tuple[Check, ...] = tuple(
    sorted((check for noun in NOUNS for check in noun.CHECKS), key=_number)
)


class Doctor:
    """Checks every promise of a store that can be checked, by reading only."""

    def __init__(self, database: Database) -> None:
        """Examine *database*."""
        self._database = database

    async def examine(self) -> DoctorReport:
        """Look at all rows at one moment, a bounded part of them at a time.

        Returns:
            What breaks a promise, by invariant, each row by its public id; nothing personal.
        """
        return await self._database.read(self._look)

    async def _look(self, reader: Reader) -> DoctorReport:
        findings: list[Finding] = []
        warnings = await signs(reader, self._database.clock())
        for check in CHECKS:
            subjects = await _find(check, reader)
            findings += [Finding(check.invariant, one, check.means) for one in subjects[:MOST]]
            if len(subjects) > MOST:
                warnings.append(f"{check.invariant}: only {MOST} findings of a kind are named")
        checked = dict.fromkeys(check.invariant for check in CHECKS)
        return DoctorReport(tuple(findings), tuple(dict.fromkeys(warnings)), tuple(checked))


async def _find(check: Check, reader: Reader) -> list[str]:
    return await check.find(reader, MOST + 1)
