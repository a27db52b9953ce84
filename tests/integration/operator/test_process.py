"""The operator as a process: it watches, corrects at once what its watches tell, goes on after a kill, ends when told."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest
from integration.operator.process import operator, read, until

pytestmark = pytest.mark.xdist_group("api_server")


async def test_it_installs_survives_a_kill_corrects_by_watch_and_ends_when_told(shop, tmp_path):
    log = tmp_path / "operator.log"
    with operator(shop, log):
        [plan] = await until(lambda: shop.jobs("plan"), log)
    # Killed here. What happened meanwhile is seen by the next one, which makes no second Job for the same purpose.
    shop.finish(plan, {"ok": True, "version": 22, "target": 22, "pending": [], "pendingCount": 0})
    with operator(shop, log) as (process, port):
        await until(lambda: shop.get("deployment"), log)
        assert len(shop.jobs()) == 1
        assert await until(lambda: read(port, "/readyz"), log) == "ok"
        assert read(port, "/livez") == "ok"
        assert "listings_operator_reconciles_total" in read(port, "/metrics")
        uid = shop.get("service")["metadata"]["uid"]
        began = time.monotonic()
        shop.kubectl("delete", "service", "shop", "--wait=false")
        await until(
            lambda: (found := shop.get("service")) and found["metadata"]["uid"] != uid, log, seconds=20
        )
        # Far below the 60 s of the periodic look: the watch told.
        assert time.monotonic() - began < 20
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 20) == 0, log.read_text()
