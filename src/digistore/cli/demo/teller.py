"""Telling the demo's story: numbered chapters, aligned facts, and claims that are checked."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from digistore.cli.screen import WIDTH, Screen, blocks

_IN = "    "
_LABEL = 12  # with a sha256 behind it, a line is full
_BAR = 30
_TAIL = 6

E = TypeVar("E", bound=Exception)


class Untrue(Exception):
    """Something that the story claims is not so: a defect of digistore, or of the story."""


class Teller:
    """Writes the story, and keeps what it says for programs."""

    def __init__(self, screen: Screen) -> None:
        """Tell it on *screen*."""
        self._screen = screen
        self.chapters: list[dict[str, object]] = []
        self._facts: dict[str, str] = {}
        self._claims: list[str] = []
        self.checked = 0

    def begin(self, title: str, lines: Sequence[str]) -> None:
        """Say what all this is."""
        self._screen.say(self._screen.bold(title))
        self._screen.say(self._screen.marks.rule * WIDTH)
        for line in lines:
            self._paragraph(line, "")

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._facts, self._claims = {}, []
        self.chapters.append({"title": title, "facts": self._facts, "checked": self._claims})
        number = len(self.chapters)
        self._screen.say()
        self._screen.say(self._screen.bold(f"{number:>2}  {title}"))
        self._screen.say(f"{_IN}{self._screen.marks.rule * (WIDTH - len(_IN))}")

    def say(self, text: str) -> None:
        """Write a paragraph."""
        self._paragraph(text, _IN)

    def fact(self, label: str, value: object) -> None:
        """Write one thing that was asked for, aligned with its neighbours."""
        self._facts[label] = str(value)
        self._screen.say(f"{_IN}{label:<{_LABEL}}{value}")

    def claim(self, truth: object, text: str) -> None:
        """Write *text* with a check mark, if it is true.

        Raises:
            Untrue: it is not.
        """
        if not truth:
            raise Untrue(text)
        self._claims.append(text)
        self.checked += 1
        mark = f"{self._screen.marks.check} "
        lines = textwrap.wrap(
            text,
            WIDTH,
            initial_indent=_IN + mark,
            subsequent_indent=_IN + " " * len(mark),
        )
        for line in lines:
            self._screen.say(line)

    def table(self, rows: Sequence[Sequence[str]], heads: Sequence[str]) -> None:
        """Write columns: the first reads from the left, numbers stand to the right."""
        whole = [heads, *rows]
        widths = [max(len(row[at]) for row in whole) for at in range(len(heads))]
        rule = [self._screen.marks.rule * width for width in widths]
        for row in (heads, rule, *rows):
            first, *others = (
                f"{cell:<{width}}" if at == 0 else f"{cell:>{width}}"
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self._screen.say(_IN + "   ".join([first, *others]).rstrip())

    def chart(self, bars: Iterable[tuple[str, int, str]]) -> None:
        """Draw one bar for each label and amount; the longest amount fills the width."""
        drawn = list(bars)
        longest = max((abs(amount) for _, amount, _ in drawn), default=0) or 1
        for label, amount, shown in drawn:
            share = abs(amount) / longest
            bar = blocks(self._screen.marks, share, _BAR)
            self._screen.say(f"{_IN}{label:<{_LABEL}}{bar} {shown:>14}")

    def progress(self, label: str, done: int, total: int) -> None:
        """Show how far something is; its last picture stays in the story."""
        bar = self._screen.bar(f"{_IN}{label:<{_LABEL - 1}}", done, total, "bytes")
        if done < total:
            self._screen.draw(bar)
        else:
            self._screen.wipe()
            self._screen.say(bar)

    def short(self, ident: str) -> str:
        """Return an id by its kind and its end, as ids of one moment begin alike."""
        kind, _, rest = ident.partition("_")
        return f"{kind}_{self._screen.marks.gap}{rest[-_TAIL:]}"

    def _paragraph(self, text: str, indent: str) -> None:
        for line in textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent):
            self._screen.say(line)


def size(count: int) -> str:
    """Return a count of bytes as people read it."""
    return f"{count / 2**20:.1f} MiB"


def refused(kind: type[E], call: Callable[[], object]) -> E:
    """Return the error that *call* raises.

    Raises:
        Untrue: it was not refused.
    """
    try:
        call()
    except kind as error:
        return error
    message = f"this was to be refused with {kind.__name__}"
    raise Untrue(message)
