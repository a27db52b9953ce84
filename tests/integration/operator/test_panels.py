"""The panels of the operator's dashboard that need an API server to show anything, from a Prometheus that scrapes it.

The others are seen alive by `tests/alerts_live/test_panels.py`. Needs Debian's package prometheus.
"""

from __future__ import annotations

import time

import pytest
from integration.operator.process import operator, until
from providers.scraping import scraping
from providers.tools import tool

pytestmark = [pytest.mark.xdist_group("api_server"), pytest.mark.timeout(300)]

preview = tool("dashboards_preview")
BOARD = preview.boards()["operator"]
JOBS = "Jobs created"
ABOUT_THE_API_SERVER = {
    JOBS,
    "Put right",
    "Requests to the API server",
    "Latency of the API server (P95)",
}


async def test_panels_about_the_api_server_show_something(shop, tmp_path):
    log, began = tmp_path / "operator.log", time.monotonic()
    with (
        operator(shop, log) as (_, port),
        scraping(tmp_path, "listings-operator", f"127.0.0.1:{port}") as prometheus,
    ):
        [plan] = await until(lambda: shop.jobs("plan"), log)
        shop.finish(plan, {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0})
        await until(lambda: shop.get("service"), log)

        def panels():
            return preview.answered(BOARD, preview.Prometheus(prometheus, seconds=time.monotonic() - began))

        def all_show_something():
            # A series' first sample says nothing of a rate: things go wrong again and again.
            shop.kubectl("delete", "service", "shop", "--wait=false", "--ignore-not-found")
            shown = {each.title for each in panels() if each.alive}
            if shown >= ABOUT_THE_API_SERVER - {JOBS}:
                shop.become_available()  # seen by several scrapes: now the next Job is due
            return shown >= ABOUT_THE_API_SERVER

        await until(all_show_something, log, seconds=120)
        shown = [each.title for each in panels() if each.alive]
    print(f"\noperator: {len(shown)} panels with a value: {', '.join(shown)}")
