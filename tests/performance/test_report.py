"""The report of the benchmarks: goals, growth and pictures, of made-up tables."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from benchmarks.plots import APART, draw, spread
from benchmarks.report import Reached, grown, reached, report, told, with_news
from benchmarks.runner import CONTROL, FLAT, FLOOR, Line, Subject, Table

SMALL, LARGE = 10_000, 1_000_000


def line(name: str, micros: float, ratio: float = 1.0, **more: object) -> Line:
    return Line(name, (micros,) * 3, (ratio,) * 3, **more)  # type: ignore[arg-type]


def table(
    size: int = SMALL,
    *,
    micros: float = 15.0,
    control: float = 1.0,
    database: str = "SQLite",
    setting: str = "",
    goal: float | None = 2.0,
    grows: float | None = FLAT,
) -> Table:
    lines = [
        line(FLOOR, 10.0),
        line(CONTROL, 10.0, control),
        line("check", micros, micros / 10, goal=goal, reason="models", grows=grows),
    ]
    return Table(Subject("a", "check access", database, size, setting), 21, 1, lines)


def only(tables: list[Table]) -> Reached:
    [found] = reached(tables)
    return found


def test_a_goal_is_held_against_the_largest_shop_of_each_database() -> None:
    on_postgresql = table(LARGE, micros=30.0, database="PostgreSQL", goal=1.5)
    found = only([table(LARGE, micros=15.0), table(SMALL, micros=90.0), on_postgresql])
    assert found.measured == {"SQLite": [("", 1.5)], "PostgreSQL": [("", 3.0)]}
    assert found.verdict == "**missed by 100%**"
    assert "| 2 | 1.50 | 1.5 | 3.00 | **missed by 100%** | models |" in found.markdown()


def test_the_reason_stands_only_beside_what_was_missed() -> None:
    met = only([table(micros=20.0)])
    assert met.verdict == "met"
    assert "models" not in met.markdown()


def test_nothing_is_told_of_a_void_table() -> None:
    tables = [table(micros=90.0, control=1.2)]
    assert only(tables).verdict == "void"
    text, data = report(tables, {"seed": 1})
    assert "| 2 | void | - | - | void |" in text
    assert json.loads(data)["void"] == ["(a) check access: SQLite, 10,000 purchases"]


def test_each_setting_is_told_and_the_worst_decides() -> None:
    tables = [table(micros=15.0, setting="FULL"), table(micros=40.0, setting="NORMAL")]
    found = only(tables)
    assert "FULL 1.50, NORMAL 4.00" in found.markdown()
    assert found.verdict == "**missed by 100%**"


@pytest.mark.parametrize(
    ("last", "bound", "verdict"),
    [
        (10.5, FLAT, "flat"),
        (14.0, FLAT, "within log n"),
        (20.0, FLAT, "**more than log n**"),
        (20.0, None, "grows, as it must"),
    ],
)
def test_growth_is_from_the_smallest_shop_to_the_largest(
    last: float, bound: float | None, verdict: str
) -> None:
    tables = [table(LARGE, micros=last, grows=bound), table(SMALL, micros=10.0, grows=bound)]
    [found] = grown(tables)
    assert found.times == pytest.approx(last / 10)
    assert found.verdict == verdict


def test_one_size_has_no_growth() -> None:
    assert grown([table()]) == []


def test_what_is_measured_again_takes_the_place_of_what_was_known() -> None:
    known = [table(SMALL, micros=15.0), table(LARGE, control=1.2)]
    _, data = report(known, {})
    assert told(data) == known
    again, more = table(LARGE, micros=12.0), table(LARGE, setting="FULL")
    assert with_news(told(data), [again, more]) == [known[0], again, more]


def test_a_picture_is_drawn_for_each_database_and_says_in_words_what_it_shows(
    tmp_path: Path,
) -> None:
    tables = [
        table(size, micros=micros, database=database)
        for database in ("SQLite", "PostgreSQL")
        for size, micros in ((SMALL, 10.0), (LARGE, 12.0))
    ]
    results = tmp_path / "results.json"
    results.write_text(report(tables, {})[1])
    drawn = draw(results, tmp_path)
    assert [path.name for path in drawn] == ["growth-postgresql.svg", "growth-sqlite.svg"]
    for path in drawn:
        root = ET.fromstring(path.read_text())  # noqa: S314  our own
        words = {child.tag.rpartition("}")[2]: child.text for child in root}
        assert root.get("aria-labelledby") == f"{path.stem}-title {path.stem}-desc"
        assert "by the size of the shop" in str(words["title"])
        assert "(a) check 1.20 times" in str(words["desc"])
        texts = "".join(root.itertext())
        assert "purchases in the shop" in texts
        assert "time of one operation" in texts


def test_labels_keep_apart() -> None:
    places = spread([400.0, 399.0, 398.0, 100.0])
    gaps = [one - two for one, two in pairwise(places)]
    assert min(gaps) >= APART
    assert places[0] == 400.0
