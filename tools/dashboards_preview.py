"""The dashboards without Grafana, for `make dashboards-preview`: a page and a picture of each, from a live Prometheus.

    python tools/dashboards_preview.py [URL] [--since 1h] [--folder .data/dashboards] [--only service-health]

URL is that of `make monitoring` unless given. Every panel's queries are asked with everything chosen, drawn on Grafana's
grid, and counted: how many panels have data, and which have none.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

from preview.pages import LIBRARY, WIDTH, height, page
from preview.pictures import CannotDraw, draw
from preview.querying import Answered, CannotAsk, Prometheus, seconds_of

FOLDER: Final = Path(__file__).parents[1] / "dashboards"


def boards() -> dict[str, dict[str, Any]]:
    """Every dashboard by its file's name."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))}


def answered(board: dict[str, Any], prometheus: Prometheus) -> list[Answered]:
    """The answers to all panels of a dashboard; rows ask nothing."""
    return [prometheus.ask(each) for each in board["panels"] if each["type"] != "row"]


def main() -> int:
    """Write pages and pictures, and say which panels have no data."""
    parser = argparse.ArgumentParser(description="Dashboards as pages and pictures, without Grafana.")
    parser.add_argument("url", nargs="?", default="http://localhost:9090", help="Prometheus")
    parser.add_argument("--since", type=seconds_of, default=3600.0, metavar="1h", help="how far back")
    parser.add_argument("--folder", type=Path, default=Path(".data/dashboards"), help="where they go")
    parser.add_argument("--only", choices=sorted(boards()), action="append", help="this one; may be repeated")
    parser.add_argument("--no-pictures", action="store_true", help="pages alone; needs no Chromium")
    given = parser.parse_args()
    if not LIBRARY.exists():
        print("The chart library is missing: make dashboards-preview, or npm ci", file=sys.stderr)
        return 1
    given.folder.mkdir(parents=True, exist_ok=True)
    try:
        for name, board in boards().items():
            if not given.only or name in given.only:
                _preview(name, board, given)
    except (CannotAsk, CannotDraw) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _preview(name: str, board: dict[str, Any], given: argparse.Namespace) -> None:
    prometheus = Prometheus(given.url, seconds=given.since)
    panels = answered(board, prometheus)
    file = given.folder / f"{name}.html"
    file.write_text(page(board, panels, prometheus))
    if not given.no_pictures:
        draw(file, file.with_suffix(".png"), width=WIDTH, height=height(board))
    empty = [each.title for each in panels if not each.has_data]
    queries = sum(len(each.answers) for each in panels)
    print(f"{file}: {len(panels)} panels, {queries} queries, {len(panels) - len(empty)} panels with data")
    if empty:
        print(f"  no data: {', '.join(empty)}")


if __name__ == "__main__":
    sys.exit(main())
