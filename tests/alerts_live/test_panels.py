"""Run by `make alerts-live`: no panel of a dashboard stays empty or at zero while a shop has a busy, bad day.

Ends as soon as each has shown something, and prints how many queries had data. A panel that even such a day leaves at
zero stands in STILL, with the reason; it fails the test too when the excuse is needed no more.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from alerts_live.bad_day import bad_day
from alerts_live.control_group import may_make
from alerts_live.stage import open_stage
from providers.tools import tool

# A minute or two; longer where the machine does other work.
pytestmark = pytest.mark.timeout(900)
MOST_SECONDS = 400

preview = tool("dashboards_preview")

_NO_CLUSTER = "the operator here has no API server: tests/integration/operator/test_panels.py"
STILL = {
    "alerting-slo": {"Notifications not delivered (24h)": "Alertmanager answers"},
    "infrastructure": {}
    if may_make()
    else dict.fromkeys(
        ("Memory against limit", "CPU against limit"),
        "this user may not put the service into a control group",
    ),
    "operator": dict.fromkeys(
        ("Put right", "Jobs created", "Requests to the API server", "Latency of the API server (P95)"),
        _NO_CLUSTER,
    ),
}


@dataclass
class Watched:
    """A dashboard, and what its panels have shown so far: queries by the panel's title and their place in it."""

    name: str
    board: dict[str, Any]
    with_data: set[tuple[str, int]] = field(default_factory=set)
    alive: set[str] = field(default_factory=set)

    @property
    def titles(self) -> set[str]:
        return {each["title"] for each in self.board["panels"] if each["type"] != "row"}

    @property
    def excused(self) -> dict[str, str]:
        return STILL.get(self.name, {})

    @property
    def asleep(self) -> set[str]:
        return self.titles - self.alive - self.excused.keys()

    def look(self, prometheus_url: str, seconds: float) -> None:
        """Ask all queries about the last so many seconds."""
        for panel in preview.answered(self.board, preview.Prometheus(prometheus_url, seconds=seconds)):
            self.with_data |= {
                (panel.title, place)
                for place, series in enumerate(panel.answers)
                if any(s.points for s in series)
            }
            if panel.alive:
                self.alive.add(panel.title)

    def __str__(self) -> str:
        queries = sum(len(each.get("targets", [])) for each in self.board["panels"])
        return (
            f"| {self.name} | {len(self.titles)} | {len(self.alive)} | {queries} | {len(self.with_data)}"
            f" | {len(self.excused)} |"
        )


async def test_every_panel_shows_something_under_load(short_folder):
    boards = [Watched(name, board) for name, board in preview.boards().items()]
    began = time.monotonic()
    async with open_stage(short_folder) as stage, bad_day(stage):
        while any(each.asleep for each in boards) and time.monotonic() - began < MOST_SECONDS:
            await asyncio.sleep(3)
            for each in boards:
                await asyncio.to_thread(each.look, stage.url, time.monotonic() - began)
    print(
        f"\nafter {time.monotonic() - began:.0f} s of a bad day",
        "| dashboard | panels | with a value | queries | with data | excused panels |",
        "|---|---|---|---|---|---|",
        *boards,
        *(f"excused: {title} ({why})" for each in boards for title, why in each.excused.items()),
        sep="\n",
    )
    assert {each.name: each.asleep for each in boards} == {each.name: set() for each in boards}
    needless = {each.name: each.alive & each.excused.keys() for each in boards}
    assert needless == {each.name: set() for each in boards}, "these need no excuse"
