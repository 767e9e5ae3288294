"""What was measured, for people and for machines: goals first, then growth, then every table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.runner import CONTROL, FLOOR, Line, Subject, Table

LINEAR = 10.0  # a floor that grows so much adds all up, and excuses nobody
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
HEAD = """# What it costs

Written by `python3 noxfile.py -s bench`. Every ratio is to the floor of the same run: the bare
driver, saying the same statements on the same settings. The machine and its load change the
microseconds a lot and the ratios a little.
"""
GOALS = """## Goals

Ratios to the floor, at the largest size that was measured; what needs no database stands under
SQLite. On SQLite, writes are measured with `synchronous=FULL` and `NORMAL`.
"""
GROWTH = """## Growth

Microseconds of one operation in shops of many sizes: the lower quartile, as load only ever adds.
log n grows by 1.5 from 10,000 to 1,000,000; where the floor grows as much, it is the database's
caches that do.
"""


@dataclass
class Reached:
    """A goal, and what was reached on each database."""

    letter: str
    what: str
    way: str
    goals: dict[str, float] = field(default_factory=dict)
    measured: dict[str, list[tuple[str, float | None]]] = field(default_factory=dict)
    reason: str = ""

    @property
    def misses(self) -> list[float]:
        """By what share each goal was missed that was missed."""
        return [
            ratio / goal - 1
            for database, goal in self.goals.items()
            for _, ratio in self.measured[database]
            if ratio is not None and ratio > goal
        ]

    @property
    def verdict(self) -> str:
        """Met, missed by how much at most, or not known."""
        if self.misses:
            return f"**missed by {max(self.misses):.0%}**"
        known = all(ratio is not None for found in self.measured.values() for _, ratio in found)
        return "met" if known else "void"

    def markdown(self) -> str:
        """Return it as a row."""
        cells = [f"({self.letter}) {self.what}: {self.way}"]
        for database in (SQLITE, POSTGRESQL):
            goal = self.goals.get(database)
            cells.append("-" if goal is None else f"{goal:g}")
            cells.append(", ".join(map(_entry, self.measured.get(database, []))) or "-")
        cells += [self.verdict, self.reason if self.misses else ""]
        return f"| {' | '.join(cells)} |"


def _entry(found: tuple[str, float | None]) -> str:
    setting, ratio = found
    return f"{setting} ".lstrip() + ("void" if ratio is None else _short(ratio))


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"  # noqa: PLR2004  two digits


def reached(tables: Iterable[Table]) -> list[Reached]:
    """Find for each goal what was measured in the largest shop."""
    found: dict[tuple[str, str, str], Reached] = {}
    for table in sorted(tables, key=lambda one: one.subject.purchases):
        at = table.subject
        database = at.database or SQLITE
        for line in table.lines:
            if line.goal is None:
                continue
            key = (at.letter, at.what, line.name)
            one = found.setdefault(key, Reached(*key))
            one.goals[database] = line.goal
            one.reason = line.reason or one.reason
            others = [pair for pair in one.measured.get(database, []) if pair[0] != at.setting]
            ratio = None if table.is_void else line.ratio[1]
            one.measured[database] = [*others, (at.setting, ratio)]
    return sorted(found.values(), key=lambda one: one.letter)


@dataclass(frozen=True, slots=True)
class Growth:
    """How the time of one way grows with the shop: microseconds by size, ``None`` where void."""

    letter: str
    what: str
    way: str
    database: str
    setting: str
    micros: dict[int, float | None]
    floor: dict[int, float | None]
    bound: float | None

    @property
    def times(self) -> float | None:
        """How much more the largest shop takes than the smallest."""
        return _times(self.micros)

    @property
    def verdict(self) -> str:
        """Whether that is within the bound."""
        if self.times is None:
            return "void"
        if self.bound is None:
            return "grows, as it must"
        if self.times <= self.bound:
            return "flat" if self.times <= 1.1 else "within log n"  # noqa: PLR2004  noise
        floor = _times(self.floor)
        also = floor is not None and floor < LINEAR and self.times <= floor * 1.1
        return "as the floor does" if also else "**more than log n**"

    def markdown(self, sizes: Sequence[int]) -> str:
        """Return it as a row."""
        where = f"{self.database} {self.setting}".strip()
        cells = [f"({self.letter}) {self.what}: {self.way}", where]
        for size in sizes:
            micros = self.micros.get(size)
            cells.append("void" if micros is None else f"{micros:,.1f}")
        cells += [_factor(self.times), _factor(_times(self.floor)), self.verdict]
        return f"| {' | '.join(cells)} |"


def _factor(times: float | None) -> str:
    return "-" if times is None else f"{times:.2f}"


def _times(micros: dict[int, float | None]) -> float | None:
    first, last = micros[min(micros)], micros[max(micros)]
    return None if first is None or last is None else last / first


def grown(tables: Sequence[Table]) -> list[Growth]:
    """Put side by side what was measured in shops of more than one size."""
    found: dict[tuple[str, str, str, str, str], Growth] = {}
    for table in sorted(tables, key=lambda one: one.subject.purchases):
        at = table.subject
        if not at.purchases:
            continue
        for line in table.lines:
            if line.name in {FLOOR, CONTROL}:
                continue
            key = (at.letter, at.what, line.name, at.database, at.setting)
            one = found.setdefault(key, Growth(*key, {}, {}, line.grows))
            one.micros[at.purchases] = _told(table, line)
            one.floor[at.purchases] = _told(table, table.lines[0])
    several = [one for one in found.values() if len(one.micros) > 1]
    return sorted(several, key=lambda one: (one.letter, one.what, one.database != SQLITE))


def _told(table: Table, line: Line) -> float | None:
    return None if table.is_void else line.micros[0]  # load only ever adds


def report(tables: Sequence[Table], about: dict[str, Any]) -> tuple[str, str]:
    """Return all as Markdown and as JSON; *about* says when and on what machine it was."""
    void = [table.title for table in tables if table.is_void]
    goals, growth = reached(tables), grown(tables)
    parts = [
        HEAD,
        "<!-- about -->\n",
        "".join(f"- {name}: {value}\n" for name, value in about.items()),
        "<!-- end of about -->\n",
        f"Void tables, from which nothing may be quoted: {'; '.join(void) or 'none'}.\n",
        GOALS,
        _goals(goals),
    ]
    if growth:
        parts += [GROWTH, _growth(growth)]
    parts += ["## Every table\n", *(table.markdown() for table in tables)]
    data = {
        "about": about,
        "void": void,
        "goals": [asdict(one) | {"verdict": one.verdict} for one in goals],
        "growth": [
            asdict(one) | {"times": one.times, "verdict": one.verdict.strip("*")} for one in growth
        ],
        "tables": [
            {"title": one.title, "void": one.is_void, "control": one.control} | asdict(one)
            for one in tables
        ],
    }
    return "\n".join(parts), json.dumps(data, indent=1) + "\n"


def told(data: str) -> list[Table]:
    """Return the tables of a report's JSON."""
    return [
        Table(
            Subject(**table["subject"]),
            table["rounds"],
            table["seed"],
            [
                Line(**line | {"micros": tuple(line["micros"]), "ratio": tuple(line["ratio"])})
                for line in table["lines"]
            ],
            table["notes"],
        )
        for table in json.loads(data)["tables"]
    ]


def with_news(known: Sequence[Table], measured: Iterable[Table]) -> list[Table]:
    """Put what was *measured* again in the place of what is *known*; each has its own floor."""
    news = {table.title: table for table in measured}
    return [news.pop(table.title, table) for table in known] + list(news.values())


def _goals(goals: Sequence[Reached]) -> str:
    head = "| operation | goal S | SQLite | goal P | PostgreSQL | verdict | why |"
    rows = [head, "|---|---|---|---|---|---|---|", *(one.markdown() for one in goals)]
    return "<!-- goals -->\n\n" + "\n".join(rows) + "\n\n<!-- end of goals -->\n"


def _growth(growth: Sequence[Growth]) -> str:
    sizes = sorted({size for one in growth for size in one.micros})
    named = " | ".join(f"{size:,}" for size in sizes)
    head = f"| operation | database | {named} | times | floor times | verdict |"
    rows = [head, "|---" * (5 + len(sizes)) + "|", *(one.markdown(sizes) for one in growth)]
    return "<!-- growth -->\n\n" + "\n".join(rows) + "\n\n<!-- end of growth -->\n"
