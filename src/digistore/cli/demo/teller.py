"""Telling the demo's story: numbered chapters, aligned facts, and claims that are checked."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

from digistore.cli.screen import WIDTH, Screen, blocks

E = TypeVar("E", bound=Exception)

_IN: Final = "    "
_LABEL: Final = 12  # with a sha256 behind it, a line is full
_BAR: Final = 30
_TAIL: Final = 6
_ID: Final = re.compile(r"\b[a-z]{3}_\w{16,}")


class Untrue(Exception):
    """Something that the story claims is not so: a defect of digistore, or of the story."""


class Teller:
    """Writes the story, and keeps what it says for programs."""

    def __init__(self, screen: Screen) -> None:
        """Tell it on *screen*."""
        self._screen = screen
        self._facts: list[dict[str, str]] = []
        self._claims: list[str] = []
        self.chapters: list[dict[str, object]] = []
        self.checked = 0

    def begin(self, title: str, text: str) -> None:
        """Say what all this is."""
        self._screen.say(self._screen.bold(title))
        self._screen.say(self._screen.marks.rule * WIDTH)
        self._wrapped(text, "", "")

    def chapter(self, title: str) -> None:
        """Begin a chapter."""
        self._facts, self._claims = [], []
        self.chapters.append({"title": title, "facts": self._facts, "checked": self._claims})
        number = len(self.chapters)
        self._screen.say()
        self._screen.say(self._screen.bold(f"{number:>2}  {title}"))
        self._screen.say(_IN + self._screen.marks.rule * (WIDTH - len(_IN)))

    def say(self, text: str) -> None:
        """Write a paragraph."""
        self._wrapped(text, _IN, _IN)

    def space(self) -> None:
        """Leave a line empty."""
        self._screen.say()

    def fact(self, label: str, value: object) -> None:
        """Write one thing that was asked for, aligned with its neighbours."""
        self._facts.append({"what": label, "is": str(value)})
        self._wrapped(str(value), f"{_IN}{label:<{_LABEL}}", _IN + " " * _LABEL)

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
        self._wrapped(text, _IN + mark, _IN + " " * len(mark))

    def table(self, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """Write columns: the first reads from the left, numbers stand to the right."""
        body = list(rows)
        widths = [max(map(len, column)) for column in zip(heads, *body, strict=True)]
        rule = [self._screen.marks.rule * width for width in widths]
        for row in (heads, rule, *body):
            first, *others = (
                f"{cell:{'>' if at else '<'}{width}}"
                for at, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            self._screen.say(_IN + "  ".join([first, *others]).rstrip())
        self._facts += [{"what": row[0], "is": ", ".join(row[1:])} for row in body]

    def chart(self, bars: Iterable[tuple[str, int, str]]) -> None:
        """Draw a bar for each label, amount and text; the longest fills the width."""
        drawn = list(bars)
        longest = max((amount for _, amount, _ in drawn), default=0) or 1
        for label, amount, shown in drawn:
            bar = blocks(self._screen.marks, max(amount, 0) / longest, _BAR)
            self._screen.say(f"{_IN}{label:<{_LABEL}}{bar} {shown:>12}")

    def progress(self, label: str, done: int, total: int) -> None:
        """Show how far a file is; the last picture stays in the story."""
        bar = self._screen.bar(f"{_IN}{label:<{_LABEL}}", done // 2**10, total // 2**10, "KiB")
        if done < total:
            self._screen.draw(bar)
        else:
            self._screen.wipe()
            self._screen.say(bar)

    def short(self, name: str) -> str:
        """Return an id by its kind and its end, as ids of one moment begin alike."""
        kind, _, rest = name.partition("_")
        return f"{kind}_{self._screen.marks.gap}{rest[-_TAIL:]}"

    def shortened(self, text: str) -> str:
        """Return *text* with all ids in it shortened."""
        return _ID.sub(lambda found: self.short(found[0]), text)

    def _wrapped(self, text: str, first: str, others: str) -> None:
        wrapped = textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=others)
        for line in wrapped or [first.rstrip()]:
            self._screen.say(line)


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
