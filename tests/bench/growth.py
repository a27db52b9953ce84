"""What a process holds over a long run, as a table and as a picture: a curve that goes on rising is a leak.

A sample is a dataclass of numbers; its first field is how far the run had come.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

PICTURES: Final = Path(__file__).parents[2] / "docs" / "images"
# One small chart per field, three in a row; pixels.
WIDTH, HEIGHT, LEFT, TOP, COLUMNS = 300, 150, 56, 40, 3
STYLE: Final = (
    "text{font:12px sans-serif;fill:#555}.title{font-weight:bold;fill:#222}"
    ".axis{stroke:#ccc}.curve{fill:none;stroke:#1f6fb4;stroke-width:2}.warm{fill:#f2f2f2}"
)


def show(samples: Sequence[Any], title: str) -> None:
    """Print all samples."""
    table = Table(title=title, title_justify="left")
    for field in fields(samples[0]):
        table.add_column(field.name.replace("_", " "), justify="right")
    for each in samples:
        table.add_row(*(f"{value:,}" for value in astuple(each)))
    Console(width=120).print(table)


def draw(samples: Sequence[Any], title: str, file: Path, *, warm_up: float) -> None:
    """Write an SVG with a chart per field, each from zero; the share of the run that warms up is shaded."""
    progress, *names = [field.name for field in fields(samples[0])]
    charts = [
        _chart(
            name.replace("_", " "),
            [(getattr(each, progress), getattr(each, name)) for each in samples],
            (LEFT + number % COLUMNS * (WIDTH + LEFT), TOP + 24 + number // COLUMNS * (HEIGHT + 56)),
            warm_up,
        )
        for number, name in enumerate(names)
    ]
    width = COLUMNS * (WIDTH + LEFT) + 24
    height = TOP + -(-len(names) // COLUMNS) * (HEIGHT + 56)
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
        f"<style>{STYLE}</style>"
        f'<rect width="100%" height="100%" fill="white"/><text class="title" x="{LEFT}" y="20">{escape(title)}</text>'
        + "".join(charts)
        + "</svg>\n",
        encoding="utf-8",
    )


def _chart(name: str, points: list[tuple[float, float]], corner: tuple[int, int], warm_up: float) -> str:
    left, top = corner
    bottom, furthest, highest = top + HEIGHT, points[-1][0], max(value for _, value in points) or 1
    curve = " ".join(
        f"{left + WIDTH * done / furthest:.1f},{bottom - HEIGHT * value / highest:.1f}"
        for done, value in points
    )
    return (
        f'<rect class="warm" x="{left}" y="{top}" width="{WIDTH * warm_up:.0f}" height="{HEIGHT}"/>'
        f'<path class="axis" fill="none" d="M{left} {top}V{bottom}H{left + WIDTH}"/>'
        f'<text class="title" x="{left}" y="{top - 8}">{escape(name)}</text>'
        f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">{highest:,}</text>'
        f'<text x="{left - 6}" y="{bottom}" text-anchor="end">0</text>'
        f'<text x="{left + WIDTH}" y="{bottom + 16}" text-anchor="end">{furthest:,}</text>'
        f'<polyline class="curve" points="{curve}"/>'
    )
