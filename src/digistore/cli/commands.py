"""The table of commands: what each is called, takes and does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from digistore.cli import carrying, copying, demo, explaining, upkeep, working
from digistore.cli.screen import Answer, Screen
from digistore.cli.stores import Mode, bare_store, host_store
from digistore.doctor.service import MOST_IN_A_PART
from digistore.errors import ConfigError
from digistore.store import Store

Given = argparse.Namespace
Arguments = Callable[[argparse.ArgumentParser], None]
OnStore = Callable[[Store, Given, Screen], Answer]
ByUrl = Callable[[str, Given, Screen], Answer]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its words, one line of help, what it does, and what it takes."""

    words: tuple[str, ...]
    help: str
    run: Callable[[Given, Screen], Answer]
    arguments: Arguments = lambda _: None


def _on_store(work: OnStore, *, checked: bool = True) -> Callable[[Given, Screen], Answer]:
    """Let *work* have the host's store, whose schema fits unless it is about to be migrated."""

    def run(given: Given, screen: Screen) -> Answer:
        with host_store(given.store, " ".join(given.words)) as store:
            if checked:
                store.check_schema()
            return work(store, given, screen)

    return run


def _on_either(
    work: OnStore, mode: Callable[[Given], Mode], *, checked: bool = True
) -> Callable[[Given, Screen], Answer]:
    """Let *work* have the store at the URL that is given, or else the host's."""
    with_host = _on_store(work, checked=checked)

    def run(given: Given, screen: Screen) -> Answer:
        if given.url is None:
            if given.schema is not None:
                raise ConfigError("--schema goes with a URL: a store of your own knows its schema")
            return with_host(given, screen)
        if given.store is not None:
            raise ConfigError("give a URL or --store, not both")
        with bare_store(given.url, mode(given), given.schema) as store:
            if checked:
                store.check_schema()
            return work(store, given, screen)

    return run


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = "write a time as 2026-01-31 or 2026-01-31T12:00:00+01:00"
        raise argparse.ArgumentTypeError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MOST_IN_A_PART):
        raise argparse.ArgumentTypeError(f"a number of findings, 1 to {MOST_IN_A_PART:,}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= working.LONGEST_PAUSE:
        message = f"a number of seconds above 0, at most {working.LONGEST_PAUSE:,}"
        raise argparse.ArgumentTypeError(message)
    return seconds


def _url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "url", nargs="?", metavar="URL", help="such as sqlite:///shop.db; without it, --store"
    )
    parser.add_argument(
        "--schema",
        metavar="NAME",
        help="with a URL of PostgreSQL: the schema that your Store.open(schema=...) names",
    )


def _for_doctor(parser: argparse.ArgumentParser) -> None:
    _url(parser)
    parser.add_argument(
        "--repair",
        action="store_true",
        help="rebuild what follows from stored facts; facts themselves are never written",
    )
    parser.add_argument("--resume", metavar="PLACE", help="go on where an earlier run has stopped")
    parser.add_argument(
        "--limit", type=_count, default=1000, metavar="N", help="stop after N findings (1000)"
    )


def _for_copy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="FROM", help="such as sqlite:///shop.db; only read")
    parser.add_argument(
        "target", metavar="TO", help="such as postgresql+psycopg://shop@localhost/shop; empty"
    )
    parser.add_argument("--schema", metavar="NAME", help="where TO has its tables, on PostgreSQL")
    parser.add_argument(
        "--from-schema", metavar="NAME", help="where FROM has its tables, on PostgreSQL"
    )


def _for_demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", action="store_true", help="keep the folder and say where it is")


def _for_explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--user", required=True, metavar="U", help="a user's id, or ext: and your own id of them"
    )
    parser.add_argument("--product", required=True, metavar="P", help="a product's id or slug")


def _for_links(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--owner",
        metavar="U",
        help="whose links: a user's id, or ext: and your own id of them; by default the house's",
    )


def _for_import(parser: argparse.ArgumentParser) -> None:
    _for_links(parser)
    parser.add_argument("file", metavar="FILE", help="CSV or JSON lines; - is standard input")
    parser.add_argument("--write", action="store_true", help="do it; without, only say what would")


def _for_export(parser: argparse.ArgumentParser) -> None:
    _for_links(parser)
    parser.add_argument("--format", choices=("csv", "jsonl"), default="csv", help="csv")


def _for_reconcile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help="ask for all changes since then (ISO 8601; UTC unless it says otherwise), "
        "as after restoring a backup",
    )


def _for_collect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--delete", action="store_true", help="do it")


def _for_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=_seconds, default=60.0, metavar="SECONDS", help="pause (60 s)"
    )
    parser.add_argument("--once", action="store_true", help="stop when nothing more is due")


COMMANDS: Final = (
    Command(("demo",), "play a shop's whole life in a temporary folder", demo.play, _for_demo),
    Command(
        ("migrate",),
        "bring a database's schema up to date",
        _on_either(upkeep.migrate, lambda _: "rwc", checked=False),
        _url,
    ),
    Command(
        ("doctor",),
        "check every promise that can be checked, by reading only unless --repair is given",
        _on_either(upkeep.doctor, lambda given: "rw" if given.repair else "ro"),
        _for_doctor,
    ),
    Command(
        ("copy",),
        "copy a stopped shop into another, empty database, as from SQLite to PostgreSQL",
        copying.copy,
        _for_copy,
    ),
    Command(
        ("explain",),
        "say why a user has access to a product, or has not",
        _on_store(explaining.explain),
        _for_explain,
    ),
    Command(
        ("reconcile",),
        "ask the gateways about all money that is not final",
        _on_store(upkeep.reconcile),
        _for_reconcile,
    ),
    Command(("outbox", "run"), "deliver the events that are due", _on_store(working.deliver_all)),
    Command(
        ("work",),
        "do all that must happen by itself, until stopped",
        _on_store(working.work),
        _for_work,
    ),
    Command(
        ("files", "verify"),
        "read every stored file and compare its hash",
        _on_store(upkeep.verify_files),
    ),
    Command(
        ("files", "collect"),
        "remove stored bytes that nothing refers to; without --delete, say what would go",
        _on_store(upkeep.collect_files),
        _for_collect,
    ),
    Command(
        ("links", "import"),
        "bring short links in from another shortener, with their codes",
        _on_store(carrying.import_links),
        _for_import,
    ),
    Command(
        ("links", "export"),
        "write short links as CSV or JSON lines",
        _on_store(carrying.export_links),
        _for_export,
    ),
)
GROUPS: Final = {
    "outbox": "events that wait for their handlers",
    "files": "the bytes that are sold",
    "links": "short links",
}
