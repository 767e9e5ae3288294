"""Where commands write: the answer to standard output, what is said meanwhile to the other."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TextIO

from pydantic_core import to_jsonable_python

WIDTH: Final = 80
_PASSWORD: Final = re.compile(r"(://[^/\s:@]*):\S*@")  # of a URL; it may hold an @ itself
_EVERY: Final = 0.05  # seconds between two pictures of a moving line


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found: *text* for people, *data* for programs, and whether all is well."""

    text: Sequence[str]
    data: object
    ok: bool = True


@dataclass(frozen=True, slots=True)
class Marks:
    """Signs that not every terminal can show."""

    check: str
    cross: str
    rule: str
    full: str
    empty: str
    gap: str


PRETTY: Final = Marks(check="✓", cross="✗", rule="─", full="█", empty="░", gap="…")
PLAIN: Final = Marks(check="ok", cross="no", rule="-", full="#", empty=".", gap="..")


class Screen:
    """Standard output and standard error, as a person or a program reads them."""

    def __init__(
        self, out: TextIO | None = None, err: TextIO | None = None, *, as_json: bool = False
    ) -> None:
        """Write to *out* and *err*; with *as_json* nothing but one document goes to *out*."""
        self._out = out or sys.stdout
        self._err = err or sys.stderr
        self.as_json = as_json
        self.moves = self._err.isatty()
        self.marks = PRETTY if self._can_show("".join(vars_of(PRETTY))) else PLAIN
        self._bold = self._out.isatty() and not os.environ.get("NO_COLOR")
        self._drawn = 0.0

    def say(self, line: str = "") -> None:
        """Write one line of the answer, unless a program listens."""
        if not self.as_json:
            self._write(self._out, f"{line}\n")

    def note(self, line: str) -> None:
        """Tell the person one line beside the answer."""
        self._write(self._err, f"{masked(line)}\n")

    def show(self, answer: Answer) -> None:
        """Write a command's answer."""
        for line in answer.text:
            self.say(line)
        if self.as_json:
            self.show_json(answer.data)

    def show_json(self, data: object) -> None:
        """Write the one document that a program reads."""
        self._write(self._out, json.dumps(plain(data), indent=2) + "\n")

    def bold(self, text: str) -> str:
        """Return *text* in bold, where a terminal can show it and nobody has asked for less."""
        return f"\x1b[1m{text}\x1b[0m" if self._bold else text

    def draw(self, line: str) -> None:
        """Show what is going on in a line that the next one overwrites; only on a terminal."""
        if self.moves and time.monotonic() - self._drawn > _EVERY:
            self._drawn = time.monotonic()
            self._write(self._err, f"\r{line[: WIDTH - 1]:<{WIDTH - 1}}")

    def wipe(self) -> None:
        """Take the moving line away."""
        if self._drawn:
            self._drawn = 0.0
            self._write(self._err, f"\r{'':<{WIDTH - 1}}\r")

    def bar(self, label: str, done: int, total: int, unit: str) -> str:
        """Return a bar that is as full as *done* of *total*."""
        share = done / total if total else 1.0
        return f"{label}{blocks(self.marks, share, 30)} {share:4.0%}  {done:,} of {total:,} {unit}"

    def _can_show(self, text: str) -> bool:
        try:
            text.encode(self._out.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def _write(self, stream: TextIO, text: str) -> None:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()


def vars_of(marks: Marks) -> list[str]:
    """Return all signs of *marks*."""
    return [getattr(marks, name) for name in Marks.__slots__]


def blocks(marks: Marks, share: float, width: int) -> str:
    """Draw *share*, 0 to 1, as full and empty blocks."""
    full = round(share * width)
    return marks.full * full + marks.empty * (width - full)


def masked(text: str) -> str:
    """Hide passwords inside URLs."""
    return _PASSWORD.sub(r"\1:***@", text)


def plain(value: object) -> object:
    """Turn models, dataclasses, times and money into what JSON has."""
    return to_jsonable_python(value, fallback=_money)


def _money(value: object) -> object:
    amount, currency = getattr(value, "amount", None), getattr(value, "currency", None)
    return str(value) if currency is None else {"amount": amount, "currency": currency}
