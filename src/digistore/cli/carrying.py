"""``digistore links``: short links brought in from a file, and taken out to one."""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from digistore.cli.people import named_user
from digistore.cli.screen import Answer, Screen
from digistore.errors import Invalid
from digistore.short_urls import ImportOutcome
from digistore.store import Store
from digistore.users import SYSTEM, Actor

MOST_NAMED = 50  # rows; a program reads them all


def import_links(store: Store, given: argparse.Namespace, screen: Screen) -> Answer:
    """Say what an import would do, or do it; a row that cannot come in is a finding."""
    report = store.short_urls.import_links(
        _owner(store, given.owner), _text(given.file), dry_run=not given.write
    )
    bad = [
        row for row in report.rows if row.outcome in {ImportOutcome.CONFLICT, ImportOutcome.REFUSED}
    ]
    lines = [
        f"{screen.marks.cross} row {row.number:,} {row.code}: {row.outcome}"
        + "".join(f", {column} {word}" for column, word in sorted(row.faults.items()))
        for row in bad[:MOST_NAMED]
    ]
    if len(bad) > MOST_NAMED:
        lines.append(f"{screen.marks.gap} and {len(bad) - MOST_NAMED:,} more")
    counts = ", ".join(f"{report.count(outcome):,} {outcome}" for outcome in ImportOutcome)
    lines.append(f"{counts}{'' if given.write else '; nothing is written without --write'}")
    return Answer(lines, report, not bad)


def export_links(store: Store, given: argparse.Namespace, _screen: Screen) -> Answer:
    """Write the links of one owner, or of the house."""
    text = store.short_urls.export_links(_owner(store, given.owner), format=given.format)
    lines = [line.rstrip("\r\n") for line in io.StringIO(text)]  # a title may hold U+2028
    return Answer(lines, {"format": given.format, "text": text})


def _owner(store: Store, name: str | None) -> Actor:
    return SYSTEM if name is None else named_user(store, name)


def _text(name: str) -> str:
    """Read a file, or standard input for ``-``.

    Raises:
        Invalid: it cannot be read as UTF-8 text.
    """
    try:
        if name == "-":
            return sys.stdin.read()
        with Path(name).open(encoding="utf-8", newline="") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{name} cannot be read as UTF-8 text"
        raise Invalid(message, fields={"file": "unreadable"}) from error
