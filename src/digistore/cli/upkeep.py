"""Commands that bring a shop up to date, or look whether all is well."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import timedelta

from digistore.cli.screen import Answer, Screen
from digistore.database.migrations import HEAD
from digistore.doctor import DoctorReport
from digistore.errors import ConfigError, Invalid
from digistore.store import Store

A_PART = timedelta(seconds=1)
ALL_OF_IT = 1_000_000  # of each kind in one run: a person waits, and sees it go on


def migrate(store: Store, _given: argparse.Namespace, _screen: Screen) -> Answer:
    """Bring the schema up to date, and say whether that changed anything."""
    try:
        store.check_schema()
    except ConfigError:
        store.migrate()
        lines = [f"migrated to revision {HEAD}{_in_schema(store)}"]
        return Answer(lines, {"revision": HEAD, "changed": True})
    lines = [f"at revision {HEAD} already{_in_schema(store)}"]
    return Answer(lines, {"revision": HEAD, "changed": False})


def _in_schema(store: Store) -> str:
    """Name the schema that is looked at, as a database of PostgreSQL may have several shops."""
    name = store.check_schema()
    return "" if name is None else f", in schema {name}"


def doctor(store: Store, given: argparse.Namespace, screen: Screen) -> Answer:
    """Show what the doctor finds, as it finds it; warnings alone are no findings.

    Each part is looked at in short steps. Where one run stops, by its limit or by Ctrl-C, the next
    can go on.
    """
    whole = DoctorReport((), (), (), next=given.resume)
    where = _in_schema(store)
    try:
        while True:
            part = _part(store, given, whole)
            _say(screen, part)
            whole = _joined(whole, part)
            screen.draw(f"doctor: {len(whole.checked)} promises checked")
            if part.next is None or len(whole.findings) >= given.limit:
                break
    except KeyboardInterrupt:
        screen.wipe()
        if whole.next is not None:
            screen.note(f"to go on: add --resume {whole.next}")
        raise
    lines = [f"! {warning}" for warning in whole.warnings]
    if whole.next is not None:
        lines.append(f"! there is more: to go on, add --resume {whole.next}")
    elif whole.healthy:
        kept = f"{len(whole.checked)} promises checked, all kept{where}"
        lines.append(f"{screen.marks.check} {kept}")
    elif where:
        lines.append(f"! this was found{where}")
    return Answer(lines, whole, whole.healthy)


def _part(store: Store, given: argparse.Namespace, before: DoctorReport) -> DoctorReport:
    try:
        return store.doctor(
            repair=given.repair,
            after=before.next,
            limit=given.limit - len(before.findings),
            within=A_PART,
        )
    except Invalid as error:
        if error.fields.keys() != {"after"}:
            raise
        raise Invalid(
            "not a place that --resume knows: give what an earlier run of this version has said",
            fields={"resume": "invalid"},
        ) from error


def _say(screen: Screen, part: DoctorReport) -> None:
    screen.wipe()
    for found in part.repaired:
        screen.say(f"{screen.marks.check} {found.invariant} {found.subject}: repaired")
    for found in part.findings:
        who = found.remedy.command or "a person has to decide"
        screen.say(f"{screen.marks.cross} {found.invariant} {found.subject}: {found.text} [{who}]")


def _joined(one: DoctorReport, other: DoctorReport) -> DoctorReport:
    return DoctorReport(
        findings=one.findings + other.findings,
        warnings=one.warnings + other.warnings,
        checked=one.checked + other.checked,
        repaired=one.repaired + other.repaired,
        next=other.next,
    )


def reconcile(store: Store, given: argparse.Namespace, screen: Screen) -> Answer:
    """Ask the gateways about all that is not final; what cannot be asked now is a failure."""
    report = store.payments.reconcile(
        since=given.since,
        progress=lambda kind, done: screen.draw(f"reconcile: {done:,} {kind}"),
        limit=ALL_OF_IT,
    )
    counts = {name: value for name, value in report.model_dump().items() if isinstance(value, int)}
    waiting = counts.pop("open_actions")
    lines = [f"{name:<12} {count:>8,}" for name, count in counts.items()]
    if waiting:
        oldest = report.oldest_unresolved
        since = f", the oldest since {oldest:%Y-%m-%d %H:%M} UTC" if oldest else ""
        lines.append(f"{waiting:,} waiting for an operator{since}: store.payments.needing_action")
    return Answer(lines, report, not report.failed)


def verify_files(store: Store, _given: argparse.Namespace, screen: Screen) -> Answer:
    """Read all stored bytes again; what is not what was published is named by its sha256."""
    report = store.files.verify(
        progress=lambda done, total: screen.draw(screen.bar("verify  ", done, total, "files"))
    )
    lines = [
        *_named(screen, "damaged", report.damaged),
        *_named(screen, "missing", report.missing),
        *_named(screen, "unreadable", report.unreadable),
    ]
    if report.intact:
        files = "1 file is" if report.checked == 1 else f"{report.checked:,} files are"
        lines = [f"{screen.marks.check} {files} what was published"]
    return Answer(lines, report, report.intact)


def collect_files(store: Store, given: argparse.Namespace, screen: Screen) -> Answer:
    """Remove stored bytes that nothing refers to, or say what would be removed."""
    report = store.files.collect(
        dry_run=not given.delete,
        progress=lambda done: screen.draw(f"collect: {done:,} removed"),
    )
    lines = [
        f"{'condemned':<14} {report.condemned:>12,}  to be removed by a later run",
        f"{'removed':<14} {report.deleted:>12,}  {report.freed_bytes:,} bytes",
        f"{'broken uploads':<14} {report.swept_uploads:>12,}",
    ]
    if report.dry_run:
        lines.append("nothing was changed: this is what --delete would do now")
    return Answer(lines, report)


def _named(screen: Screen, word: str, sha256s: Sequence[str]) -> list[str]:
    return [f"{screen.marks.cross} {word:<10} {sha256}" for sha256 in sha256s]
