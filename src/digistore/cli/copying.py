"""``digistore copy``: a shop that moves to another database."""

from __future__ import annotations

import argparse

from digistore.blocking import run
from digistore.cli.screen import Answer, Screen
from digistore.clock import utc_now
from digistore.database import Database
from digistore.database.copying import copy_rows
from digistore.database.opening import read_url
from digistore.database.sqlite import is_memory
from digistore.errors import ConfigError

NEXT = (
    "the old database is as it was; before you open the shop on the new one:",
    "- let no process of the shop write to the old one any more: that would be lost",
    "- run digistore doctor on the new one",
    "- keep the same secret and the same files: they are not in the database",
)


def copy(given: argparse.Namespace, screen: Screen) -> Answer:
    """Copy all rows from one database to another, and say what is left to do."""
    if given.store is not None:
        raise ConfigError("copy takes two URLs and no --store")
    parsed = read_url(given.target)
    if parsed.get_backend_name() == "sqlite" and is_memory(parsed):
        raise ConfigError("TO is in memory, and would be gone: name a file")
    source = Database.open_replica(given.source, utc_now, schema=given.from_schema)
    try:
        target = Database.open(given.target, utc_now, schema=given.schema)
        try:
            counts = run(
                copy_rows(
                    source,
                    target,
                    lambda table, done: screen.draw(f"copy: {done:,} rows of {table}"),
                )
            )
        finally:
            target.drop()
    finally:
        source.drop()
    rows = sum(counts.values())
    lines = [f"{screen.marks.check} {rows:,} rows of {len(counts)} tables copied, and counted"]
    return Answer([*lines, *NEXT], {"rows": rows, "tables": counts})
