from __future__ import annotations

import io
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import pytest

from digistore import Money
from digistore.cli.screen import PLAIN, PRETTY, Answer, Screen, masked, plain
from digistore.fields import Model


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def ascii_stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="ascii")


def test_signs_are_plain_where_the_terminal_has_no_others() -> None:
    assert Screen(io.StringIO(), io.StringIO()).marks is PRETTY
    assert Screen(ascii_stream(), io.StringIO()).marks is PLAIN


def test_what_cannot_be_shown_is_escaped() -> None:
    out = ascii_stream()
    Screen(out, io.StringIO()).say("für 29 €")
    out.seek(0)
    assert out.read() == "f\\xfcr 29 \\u20ac\n"


def test_lines_move_on_a_terminal_only() -> None:
    for err, moves in ((Terminal(), True), (io.StringIO(), False)):
        screen = Screen(io.StringIO(), err)
        screen.draw(screen.bar("verify ", 1, 2, "files"))
        screen.wipe()
        assert ("\r" in err.getvalue()) is moves


def test_a_line_moves_at_a_pace_that_can_be_seen() -> None:
    err = Terminal()
    screen = Screen(io.StringIO(), err)
    for done in range(1000):
        screen.draw(f"{done}")
    assert err.getvalue().count("\r") < 100


@pytest.mark.parametrize(
    ("done", "total", "blocks"), [(0, 3, 0), (1, 2, 15), (3, 3, 30), (0, 0, 30)]
)
def test_a_bar_is_as_full_as_the_work_is_done(done: int, total: int, blocks: int) -> None:
    bar = Screen(io.StringIO(), io.StringIO()).bar("", done, total, "files")
    assert bar.count(PRETTY.full) == blocks
    assert bar.count(PRETTY.empty) == 30 - blocks


def test_bold_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Screen(Terminal(), Terminal()).bold("a") == "\x1b[1ma\x1b[0m"
    assert Screen(io.StringIO(), Terminal()).bold("a") == "a"
    monkeypatch.setenv("NO_COLOR", "1")
    assert Screen(Terminal(), Terminal()).bold("a") == "a"


def test_an_answer_is_text_or_one_document() -> None:
    answer = Answer(["two", "lines"], {"price": Money("29.00", "USD")})
    out = io.StringIO()
    Screen(out, io.StringIO()).show(answer)
    assert out.getvalue() == "two\nlines\n"
    out = io.StringIO()
    Screen(out, io.StringIO(), as_json=True).show(answer)
    assert json.loads(out.getvalue()) == {"price": {"amount": 2900, "currency": "USD"}}


class Word(StrEnum):
    FINE = "fine"


class Told(Model):
    price: Money
    at: datetime


@dataclass(frozen=True, slots=True)
class Report:
    told: Told
    word: Word
    names: tuple[str, ...]


def test_whatever_the_library_returns_becomes_json() -> None:
    told = Told(price=Money("1.00", "EUR"), at=datetime(2026, 1, 31, 12, tzinfo=UTC))
    assert plain(Report(told, Word.FINE, ("a",))) == {
        "told": {"price": {"amount": 100, "currency": "EUR"}, "at": "2026-01-31T12:00:00Z"},
        "word": "fine",
        "names": ["a"],
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a://u:pw@h/d", "a://u:***@h/d"),
        ("a://u:p@w@h and b", "a://u:***@h and b"),
        ("a://h:5432/d", "a://h:5432/d"),
        ("ann@example.com: no", "ann@example.com: no"),
    ],
)
def test_only_passwords_are_hidden(text: str, shown: str) -> None:
    assert masked(text) == shown
