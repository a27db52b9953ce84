"""A dashboard with its answers as one page that needs nothing else: style, chart library and data are in it."""

from __future__ import annotations

import json
import math
from html import escape
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from preview.querying import Answered, Prometheus

HERE: Final = Path(__file__).parent
LIBRARY: Final = Path(__file__).parents[2] / "node_modules" / "echarts" / "dist" / "echarts.min.js"
# Grafana's grid: 24 columns, lines of 30 pixels with 8 between them.
LINE: Final = 38
WIDTH: Final = 1600
HEADER: Final = 64


def page(board: dict[str, Any], answered: Iterable[Answered], asked: Prometheus) -> str:
    """The page's text."""
    answers = {each.panel["id"]: each for each in answered}
    panels = [_drawable(panel, answers.get(panel["id"])) for panel in board["panels"]]
    data = {"panels": panels, "start": asked.now - asked.seconds, "end": asked.now}
    return Template((HERE / "page.html").read_text()).substitute(
        title=escape(board["title"]),
        description=escape(board.get("description", "")),
        style=(HERE / "page.css").read_text(),
        library=LIBRARY.read_text(),
        # A label's value may say anything, also `</script>`.
        data=json.dumps(data).replace("<", "\\u003c"),
        script="\n".join((HERE / name).read_text() for name in ("units.js", "panels.js")),
    )


def height(board: dict[str, Any]) -> int:
    """Pixels that the page needs to show all of it."""
    lines = max(each["gridPos"]["y"] + each["gridPos"]["h"] for each in board["panels"])
    return HEADER + int(lines) * LINE + 16


def _drawable(panel: dict[str, Any], answered: Answered | None) -> dict[str, Any]:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    return {
        "type": panel["type"],
        "title": panel["title"],
        "description": panel.get("description", ""),
        "place": panel["gridPos"],
        "unit": defaults.get("unit", "short"),
        "min": defaults.get("min"),
        "max": defaults.get("max"),
        "steps": defaults.get("thresholds", {}).get("steps", []),
        "custom": defaults.get("custom", {}),
        "options": panel.get("options", {}),
        "series": [
            {"query": number, "name": each.name, "labels": each.labels, "points": _points(each.points)}
            for number, answer in enumerate(answered.answers if answered else [])
            for each in answer
        ],
    }


def _points(points: list[tuple[float, float]]) -> list[tuple[float, float | None]]:
    """JSON knows neither NaN nor infinity; charts leave a gap where nothing is."""
    return [(when, value if math.isfinite(value) else None) for when, value in points]
