"""What the doctor has found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Remedy(StrEnum):
    """Who can mend what was found."""

    REPAIR = "repair"
    """``doctor(repair=True)``, from what is stored."""
    RECONCILE = "reconcile"
    """``payments.reconcile``, from what the gateway knows."""
    PERSON = "person"
    """Somebody who compares: facts contradict each other, or are gone."""

    @property
    def command(self) -> str | None:
        """The command that does it, ``None`` where a person has to."""
        return _COMMANDS[self]


_COMMANDS = {
    Remedy.REPAIR: "digistore doctor --repair",
    Remedy.RECONCILE: "digistore reconcile --since TIME",
    Remedy.PERSON: None,
}


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks a promise.

    Args:
        invariant: the promise, such as ``I1``.
        subject: the public id of what breaks it, never anything personal.
        text: what that means and what to do.
        remedy: who can mend it; after a repair that was refused, a person.
    """

    invariant: str
    subject: str
    text: str
    remedy: Remedy = Remedy.PERSON


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All findings, what an operator should look at, and which invariants were checked.

    Of each check at most 100 findings are named; a warning says where there are more. A part names
    all of its own, and *next* is where the following part begins, ``None`` after the last.
    *repaired* is what was found before a repair and is not found any more.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    checked: tuple[str, ...]
    repaired: tuple[Finding, ...] = ()
    next: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether every promise that was checked holds; warnings do not count."""
        return not self.findings
