"""What the kubelet and Prometheus are answered."""

from __future__ import annotations

import aiohttp

from listings_operator.metrics import Metrics
from listings_operator.serving import serve


async def read(port, path):
    async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_probes_say_what_is_wrong_and_metrics_are_prometheus_s():
    wrong = {"live": "", "ready": "not watching yet"}
    async with serve(
        "127.0.0.1", 0, Metrics().registry, alive=lambda: wrong["live"], ready=lambda: wrong["ready"]
    ) as port:
        assert await read(port, "/livez") == (200, "ok")
        assert await read(port, "/readyz") == (503, "not watching yet")
        wrong.update(live="no events of Job: the watch is dead", ready="")
        assert await read(port, "/livez") == (503, "no events of Job: the watch is dead")
        assert await read(port, "/readyz") == (200, "ok")
        status, text = await read(port, "/metrics")
        assert status == 200
        assert "listings_operator_build_info" in text
