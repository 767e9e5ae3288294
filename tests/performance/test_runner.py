"""The benchmarks' own runner, with made-up times."""

from __future__ import annotations

import gc
import json

import pytest

from benchmarks.report import report
from benchmarks.runner import Case, Subject, Way, interleave

SUBJECT = Subject("t", "a name")


@pytest.fixture(autouse=True)
def _nothing_to_collect() -> None:
    """Let no round go through what hundreds of other tests have left."""
    gc.freeze()


def takes(microseconds: float) -> Case:
    return lambda times: times * microseconds / 1e6


def test_a_ratio_is_to_the_floor_of_the_same_round() -> None:
    load = iter(range(1, 1000))

    def drifting(microseconds: float) -> Case:
        return lambda times: times * microseconds * (1 + next(load) / 1000) / 1e6

    ways = {"slow": Way(drifting(30), 2.0)}
    table = interleave(SUBJECT, lambda: drifting(10), ways, rounds=9, seed=1)
    assert table.lines[2].ratio[1] == pytest.approx(3, rel=0.1)
    assert not table.is_void
    assert "<= 2 **missed**" in table.markdown()


def test_a_control_that_is_off_voids_the_table_and_the_report_names_it() -> None:
    floors = iter((takes(10), takes(13)))
    table = interleave(SUBJECT, lambda: next(floors), {"fast": Way(takes(5))}, rounds=5)
    assert table.is_void
    text, data = report([table], {"where": "here"})
    assert "nothing may be quoted: (t) a name." in text
    assert "### VOID: (t) a name" in text
    assert json.loads(data)["tables"][0]["void"] is True


def test_what_is_between_runs_before_every_visit_and_is_not_timed() -> None:
    calls: list[int] = []
    interleave(SUBJECT, lambda: takes(1), {}, rounds=4, between=lambda: calls.append(1))
    assert len(calls) == 8


def test_a_seed_repeats_the_order_and_is_told() -> None:
    orders = []
    for _ in range(2):
        seen: list[str] = []

        def noting(name: str, seen: list[str] = seen) -> Case:
            return lambda times: seen.append(name) or takes(1)(times)  # type: ignore[func-returns-value]

        ways = {name: Way(noting(name)) for name in "abc"}
        table = interleave(SUBJECT, lambda: takes(1), ways, rounds=3, seed=7)
        orders.append(seen)
    assert orders[0] == orders[1]
    assert "3 rounds, seed 7." in table.markdown()
