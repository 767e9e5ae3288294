"""Interleaved timing with a control.

All ways of an operation run in one process, in rounds; each round visits them in a fresh random
order and compares each with the floor of the same round. The floor runs twice: where the second
is not the first within a tenth, nothing in that table can be told from noise, and the table says
so.
"""

from __future__ import annotations

import gc
import random
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Case: TypeAlias = Callable[[int], float]  # run it so many times, return the seconds it took

FLOOR, CONTROL = "floor", "floor again (control)"
LEAST, MOST = 0.9, 1.1
MICROS = 1e6
FLAT = 1.5  # from 1e4 to 1e6 the logarithm grows so much, and what is flat grows less


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
class Subject:
    """What is measured, and where."""

    letter: str
    what: str
    database: str = ""
    purchases: int = 0
    setting: str = ""

    @property
    def title(self) -> str:
        """What its table is called."""
        size = f"{self.purchases:,} purchases" if self.purchases else ""
        place = ", ".join(filter(None, (self.database, size, self.setting)))
        return f"({self.letter}) {self.what}" + (f": {place}" if place else "")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to do it.

    Attributes:
        case: does it.
        goal: the ratio to the floor that it should not pass.
        reason: why it does, where it does; the report shows it beside a goal that was missed.
        grows: how much its time may grow from 10,000 to 1,000,000 purchases, if that is limited.
    """

    case: Case
    goal: float | None = None
    reason: str = ""
    grows: float | None = FLAT


@dataclass(frozen=True, slots=True)
class Line:
    """One way: microseconds per operation, and its ratio to the floor, each with quartiles."""

    name: str
    micros: tuple[float, float, float]
    ratio: tuple[float, float, float]
    goal: float | None = None
    reason: str = ""
    grows: float | None = FLAT

    @property
    def is_missed(self) -> bool:
        """Whether its goal is."""
        return self.goal is not None and self.ratio[1] > self.goal


@dataclass(frozen=True, slots=True)
class Table:
    """What was measured of one operation."""

    subject: Subject
    rounds: int
    seed: int
    lines: list[Line]
    notes: list[str] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What it is called."""
        return self.subject.title

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
            missed = " **missed**" if line.is_missed else ""
            rows.append(
                f"| {line.name} | {middle:.1f} | {low:.1f}-{high:.1f} | {ratio:.2f}"
                f" | {least:.2f}-{most:.2f} | {goal}{missed} |"
            )
        notes = [f"{self.rounds} rounds, seed {self.seed}.", *self.notes]
        return "\n".join([head, *rows, "", " ".join(notes), ""])


def interleave(
    subject: Subject,
    floor: Callable[[], Case],
    ways: Mapping[str, Way],
    *,
    rounds: int,
    seconds: float = 0.01,
    between: Callable[[], object] = lambda: None,
    seed: int | None = None,
    notes: Sequence[str] = (),
) -> Table:
    """Time *ways*, each with its goal, against two of what *floor* makes.

    Args:
        subject: what the operation is, and where.
        floor: opens a connection of its own, so that the control has another one.
        ways: what is compared.
        rounds: how often all are visited.
        seconds: how long a visit takes, about; at 0 it is one operation.
        between: runs before each visit and is not timed.
        seed: of the order; a fresh one by default, which the table names.
        notes: what a reader must know.
    """
    seed = random.randrange(2**32) if seed is None else seed  # noqa: S311  an order, no secret
    dice = random.Random(seed)  # noqa: S311  as above
    cases = {FLOOR: floor(), CONTROL: floor(), **{name: one.case for name, one in ways.items()}}
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
    made = {FLOOR: Way(_nothing), CONTROL: Way(_nothing), **ways}
    lines = [_line(name, way, seen[name], seen[FLOOR]) for name, way in made.items()]
    return Table(subject, rounds, seed, lines, list(notes))


def _nothing(_times: int) -> float:
    return 0.0


def _how_often(case: Case, seconds: float) -> int:
    case(1)
    if not seconds:
        return 1
    each = max(case(3) / 3, 1e-9)
    return max(2, min(5_000, int(seconds / each)))


def _line(name: str, way: Way, mine: list[float], floor: list[float]) -> Line:
    ratios = [one / other for one, other in zip(mine, floor, strict=True)]
    return Line(name, _quartiles(mine), _quartiles(ratios), way.goal, way.reason, way.grows)


def _quartiles(values: list[float]) -> tuple[float, float, float]:
    low, middle, high = statistics.quantiles(values, n=4)
    return low, middle, high
