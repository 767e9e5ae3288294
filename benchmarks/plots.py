"""Draw how the time of an operation grows with the shop: ``python -m benchmarks.plots``.

Both axes are logarithmic, so what is flat is level. The colours are readable on white and on black;
all else has the page's own.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SHOWN = HERE.parent / "docs" / "explanation"
COLOURS = ("#2f7fd6", "#c25b00", "#1a8a5f", "#a855b5", "#cf4646", "#7a7a7a", "#93720a", "#0e8796")
DASHES = ("", "7 3", "2 3")
SVG = "http://www.w3.org/2000/svg"
SAID = "Both axes are logarithmic. From the smallest shop to the largest the time grows:"
WIDTH, HEIGHT = 800, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 500, 46, 420
APART = 17  # pixels from one label to the next
# Within a page its theme decides; where the picture stands alone, what the reader's system likes.
STYLE = """
svg:root { color: #1f2328; background: #fff }
@media (prefers-color-scheme: dark) { svg:root { color: #e6edf3; background: #0d1117 } }
"""


def draw(results: Path, folder: Path) -> list[Path]:
    """Draw a picture for each database in *results*; one size alone has no growth to show."""
    growth: list[dict[str, Any]] = json.loads(results.read_text())["growth"]
    written = []
    for database in sorted({one["database"] for one in growth}):
        mine = [one for one in growth if one["database"] == database and _is_shown(one)]
        if mine:
            path = folder / f"growth-{database.lower()}.svg"
            path.write_text(picture(database, mine))
            written.append(path)
    return written


def _is_shown(one: dict[str, Any]) -> bool:
    ours = not one["way"].startswith("its ")
    return ours and one["setting"] != "NORMAL" and len(_points(one)) > 1


def _points(one: dict[str, Any]) -> list[tuple[int, float]]:
    """Return size and microseconds; what was void is left out."""
    found = ((int(size), micros) for size, micros in one["micros"].items())
    return sorted((size, micros) for size, micros in found if micros is not None)


class Axes:
    """Where a size and a time stand in the picture."""

    def __init__(self, points: Sequence[tuple[int, float]]) -> None:
        """Make room for all *points*, from one power of ten to another."""
        sizes = [math.log10(size) for size, _ in points]
        times = [math.log10(micros) for _, micros in points]
        self.sizes = range(math.floor(min(sizes)), math.ceil(max(sizes)) + 1)
        self.times = range(math.floor(min(times)), math.ceil(max(times)) + 1)

    def x(self, size: float) -> float:
        """Place a number of purchases."""
        part = (math.log10(size) - self.sizes[0]) / max(1, len(self.sizes) - 1)
        return LEFT + part * (RIGHT - LEFT)

    def y(self, micros: float) -> float:
        """Place a time."""
        part = (math.log10(micros) - self.times[0]) / max(1, len(self.times) - 1)
        return BOTTOM - part * (BOTTOM - TOP)


def picture(database: str, growth: Sequence[dict[str, Any]]) -> str:
    """Return the picture of one database."""
    axes = Axes([point for one in growth for point in _points(one)])
    title = f"Time of each operation by the size of the shop, {database}"
    said = "; ".join(f"{_name(one)} {one['times']:.2f} times" for one in growth if one["times"])
    name = f"growth-{database.lower()}"
    ids = f"{name}-title {name}-desc"
    look = 'font-family="sans-serif" font-size="13" fill="currentColor"'
    parts = [
        f'<svg xmlns="{SVG}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="{ids}">',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{SAID} {escape(said)}.</desc>',
        f"<style>{STYLE}</style>",
        f"<g {look}>",
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>',
        *_grid(axes),
        *_lines(axes, growth),
        "</g>",
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _grid(axes: Axes) -> Iterator[str]:
    yield '<g stroke="currentColor" stroke-opacity="0.18">'
    for power in axes.times:
        y = axes.y(10**power)
        yield f'<line x1="{LEFT}" y1="{y:.1f}" x2="{RIGHT}" y2="{y:.1f}"/>'
    for power in axes.sizes:
        x = axes.x(10**power)
        yield f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{BOTTOM}"/>'
    yield "</g>"
    for power in axes.times:
        y = axes.y(10**power)
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{_time(power)}</text>'
    for power in axes.sizes:
        x = axes.x(10**power)
        yield f'<text x="{x:.1f}" y="{BOTTOM + 20}" text-anchor="middle">{10**power:,}</text>'
    middle = (LEFT + RIGHT) / 2
    yield f'<text x="{middle}" y="{BOTTOM + 44}" text-anchor="middle">purchases in the shop</text>'
    y = (TOP + BOTTOM) / 2
    turned = f'transform="rotate(-90 16 {y})"'
    yield f'<text x="16" y="{y}" text-anchor="middle" {turned}>time of one operation</text>'


def _time(power: int) -> str:
    seconds = power - 6
    unit = {0: "s", -1: "ms", -2: "µs"}.get(math.floor(seconds / 3), "ns")
    return f"{10 ** (seconds % 3)} {unit}"


def _lines(axes: Axes, growth: Sequence[dict[str, Any]]) -> Iterator[str]:
    ordered = sorted(growth, key=lambda one: _points(one)[-1][1])
    ends = spread([axes.y(_points(one)[-1][1]) for one in ordered])
    for number, (one, label) in enumerate(zip(ordered, ends, strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        points = [(axes.x(size), axes.y(micros)) for size, micros in _points(one)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield (
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"'
            f' stroke-dasharray="{dash}"/>'
        )
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
        last_x, last_y = points[-1]
        yield (
            f'<polyline points="{last_x + 4:.1f},{last_y:.1f} {RIGHT + 18},{label:.1f}"'
            f' fill="none" stroke="{colour}"/>'
        )
        grown = f", x{one['times']:.2f}" if one["times"] else ""
        yield f'<text x="{RIGHT + 22}" y="{label + 4:.1f}">{escape(_name(one) + grown)}</text>'


def spread(wanted: Sequence[float]) -> list[float]:
    """Move heights, lowest in the picture first, apart until labels do not cover each other."""
    found: list[float] = []
    for height in wanted:
        found.append(min(height, found[-1] - APART) if found else height)
    over = max(0.0, TOP - found[-1]) if found else 0.0
    return [height + over for height in found]


def _name(one: dict[str, Any]) -> str:
    way = one["way"].removeprefix("store.entitlements.").removeprefix("analytics.")
    number = ", ".join(part for part in one["what"].split(", ")[1:] if "owned" in part)
    place = " on a loop" if one["what"].endswith("on a loop") else ""
    return f"({one['letter']}) {way}{place}" + (f", {number}" if number else "")


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if sys.argv[1:] else HERE / "results.json", SHOWN)
