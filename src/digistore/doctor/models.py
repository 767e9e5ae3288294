"""What the doctor has found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that breaks a promise.

    Args:
        invariant: the promise, such as ``I1``.
        subject: the public id of what breaks it, never anything personal.
        text: what that means and what to do.
    """

    invariant: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class DoctorReport:
    """All findings, what an operator should look at, and which invariants were checked.

    Of each check at most 100 findings are named; a warning says where there are more.
    """

    findings: tuple[Finding, ...]
    warnings: tuple[str, ...]
    checked: tuple[str, ...]

    @property
    def healthy(self) -> bool:
        """Whether every promise holds; warnings do not count."""
        return not self.findings
