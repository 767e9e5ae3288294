"""Interleaved timing with a control.

All ways of an operation run in one process, in rounds; each round visits them in a fresh random
order and compares each with the floor of the same round. The floor runs twice: where the second
is not the first within a tenth, nothing in that table can be told from noise, and the table says
so.
"""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

Case: TypeAlias = Callable[[int], float]  # run it so many times, return the seconds it took

FLOOR, CONTROL = "floor", "floor again (control)"
LEAST, MOST = 0.9, 1.1
MICROS = 1e6


def repeat(operation: Callable[[], object]) -> Case:
    """Make a case of an operation that needs no preparation."""

    def case(times: int) -> float:
        begun = time.perf_counter()
        for _ in range(times):
            operation()
        return time.perf_counter() - begun

    return case


def prepared(prepare: Callable[[int], Sequence[Any]], operation: Callable[[Any], object]) -> Case:
    """Make a case whose preparation, such as orders to pay, is not timed."""

    def case(times: int) -> float:
        items = prepare(times)
        begun = time.perf_counter()
        for item in items:
            operation(item)
        return time.perf_counter() - begun

    return case


@dataclass(frozen=True, slots=True)
class Line:
    """One way: microseconds per operation, and its ratio to the floor, each with quartiles."""

    name: str
    micros: tuple[float, float, float]
    ratio: tuple[float, float, float]
    goal: float | None


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured of one operation."""

    title: str
    rounds: int
    seed: int
    lines: list[Line]
    notes: list[str] = field(default_factory=list)

    @property
    def control(self) -> float:
        """How often the floor the floor is."""
        return self.lines[1].ratio[1]

    @property
    def is_void(self) -> bool:
        """Whether nothing may be quoted from it."""
        return not LEAST <= self.control <= MOST

    def markdown(self) -> str:
        """Return it for people."""
        head = f"### {'VOID: ' if self.is_void else ''}{self.title}\n"
        rows = ["| way | us | quartiles | ratio | quartiles | goal |", "|---|---|---|---|---|---|"]
        for line in self.lines:
            low, middle, high = line.micros
            least, ratio, most = line.ratio
            goal = "" if line.goal is None else f"<= {line.goal:g}"
            missed = " **missed**" if line.goal is not None and ratio > line.goal else ""
            rows.append(
                f"| {line.name} | {middle:.1f} | {low:.1f}-{high:.1f} | {ratio:.2f}"
                f" | {least:.2f}-{most:.2f} | {goal}{missed} |"
            )
        notes = [f"{self.rounds} rounds, seed {self.seed}.", *self.notes]
        return "\n".join([head, *rows, "", " ".join(notes), ""])


def interleave(
    title: str,
    floor: Callable[[], Case],
    ways: Mapping[str, tuple[Case, float | None]],
    *,
    rounds: int,
    seconds: float = 0.01,
    between: Callable[[], object] = lambda: None,
    seed: int | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Time *ways*, each with its goal, against two of what *floor* makes.

    Args:
        title: what the operation is.
        floor: opens a connection of its own, so that the control has another one.
        ways: what is compared, and the ratio it should not pass.
        rounds: how often all are visited.
        seconds: how long a visit takes, about; at 0 it is one operation.
        between: runs before each visit and is not timed.
        seed: of the order; a fresh one by default, which the table names.
        notes: what a reader must know.
    """
    seed = random.randrange(2**32) if seed is None else seed  # noqa: S311  an order, no secret
    dice = random.Random(seed)  # noqa: S311  as above
    cases = {FLOOR: floor(), CONTROL: floor(), **{name: case for name, (case, _) in ways.items()}}
    times = {name: _how_often(case, seconds) for name, case in cases.items()}
    seen: dict[str, list[float]] = {name: [] for name in cases}
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name in dice.sample(list(cases), len(cases)):
                between()
                seen[name].append(cases[name](times[name]) / times[name] * MICROS)
            gc.collect()
    finally:
        gc.enable()
    goals = {name: goal for name, (_, goal) in ways.items()}
    lines = [_line(name, seen[name], seen[FLOOR], goals.get(name)) for name in cases]
    return Table(title, rounds, seed, lines, list(notes))


def _how_often(case: Case, seconds: float) -> int:
    case(1)
    if not seconds:
        return 1
    each = max(case(3) / 3, 1e-9)
    return max(2, min(5_000, int(seconds / each)))


def _line(name: str, mine: list[float], floor: list[float], goal: float | None) -> Line:
    ratios = [one / other for one, other in zip(mine, floor, strict=True)]
    return Line(name, _quartiles(mine), _quartiles(ratios), goal)


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high


def report(tables: Sequence[Table], where: str) -> tuple[str, str]:
    """Return all as Markdown and as JSON; *where* says on what machine it was."""
    void = [table.title for table in tables if table.is_void]
    head = (
        "# What it costs\n\nRatios to the bare driver of the same run, same statements, same"
        f" settings.\n\n{where}\n\nVoid tables, from which nothing may be quoted: "
        + ("; ".join(void) or "none")
        + ".\n\n"
    )
    data = {
        "where": where,
        "tables": [asdict(one) | {"void": one.is_void, "control": one.control} for one in tables],
    }
    return head + "\n".join(one.markdown() for one in tables), json.dumps(data, indent=1) + "\n"
