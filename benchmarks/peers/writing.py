"""Keeps what each peer cost in ``peers.json``, and writes ``PEERS.md`` of it."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from benchmarks.peers.by_hand import ByHand
from benchmarks.runner import Case, Subject, Table, Way, interleave

HERE = Path(__file__).resolve().parents[1]
ROUNDS = 21
HEAD = """# What other packages cost

Written by `python3 noxfile.py -s bench_peers`. SQLite, `synchronous=NORMAL`. The floor is the work
by hand in `benchmarks/peers/by_hand.py`, measured in the same run as each package.

<!-- peers -->

| operation | package | x floor | us | work that it does |
|---|---|---|---|---|
"""
TAIL = "\n<!-- end of peers -->\n"
OPERATIONS = {
    "a": "check access, 10,000 purchases",
    "c": "settle a payment",
    "d": "the same message again",
    "f": "a page of 20 purchases",
}
Peer: TypeAlias = tuple[Case, str]  # what it does, and that in words


def measure(name: str, peers: Callable[[Path], Iterable[tuple[str, str, Peer]]]) -> None:
    """Measure what *peers* opens, by letter and way, and keep it under the package's *name*."""
    with tempfile.TemporaryDirectory() as folder:
        shop = ByHand(Path(folder))
        floors = {"a": shop.check, "c": shop.settle, "d": shop.replay, "f": shop.page}
        found = []
        for letter, way, (case, work) in peers(Path(folder)):
            subject = Subject(letter, OPERATIONS[letter])
            table = interleave(subject, floors[letter], {way: Way(case)}, rounds=ROUNDS)
            print(table.markdown(), flush=True)
            found.append(_row(table, work))
    about = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "version": version(name),
        "Python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }
    _keep(name, {"about": about, "rows": found})


def _row(table: Table, work: str) -> dict[str, Any]:
    return asdict(table) | {"work": work, "void": table.is_void, "control": table.control}


def _keep(name: str, measured: dict[str, Any]) -> None:
    path = HERE / "peers.json"
    known: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    known[name] = measured
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    (HERE / "PEERS.md").write_text(markdown(known))


def markdown(known: dict[str, Any]) -> str:
    """Return all that is known, for people."""
    rows = []
    for name, measured in known.items():
        for row in measured["rows"]:
            line = row["lines"][-1]
            ratio = "void" if row["void"] else f"{line['ratio'][1]:.1f}"
            package = f"{name} {measured['about']['version']}: {line['name']}"
            letter = row["subject"]["letter"]
            cells = [
                f"({letter}) {OPERATIONS[letter]}",
                package,
                ratio,
                "void" if row["void"] else f"{line['micros'][1]:,.0f}",
                row["work"],
            ]
            rows.append((letter, line["ratio"][1], f"| {' | '.join(cells)} |"))
    dates = sorted({measured["about"]["date"] for measured in known.values()})
    text = "\n".join(row for _, _, row in sorted(rows))
    load = max(measured["about"]["load"] for measured in known.values())
    return f"{HEAD}{text}\n{TAIL}\nMeasured {', '.join(dates)}, at a load of {load} at most.\n"
