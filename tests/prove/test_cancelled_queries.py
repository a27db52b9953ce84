"""No statement outlives the calls that wait for it: looked at 50 ms after their cancellation or deadline.

A service in a process of its own, whose every statement waits for a lock that somebody else holds. Few rounds
by default, more with LISTINGS_PROVE=1.
"""

from __future__ import annotations

import asyncio
import os
import time

import asyncpg
import grpc
import httpx
import pytest
from bench.machine import listings_server
from providers.sessions import COUNT_HELD_UP

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
CALLS = 100
# What is promised on a machine that has a processor to spare; one that has none runs everything later.
PROMISED_SECONDS = 0.05
PATIENCE_SECONDS = PROMISED_SECONDS if PROVE else 2.0
HOURS = "3600"
QUIET = {
    "LISTINGS_CACHE_ENABLED": "false",
    "LISTINGS_MAINTENANCE_QUEUE_LOOK_INTERVAL_SECONDS": HOURS,
    "LISTINGS_MAINTENANCE_CATALOG_COUNT_INTERVAL_SECONDS": HOURS,
    "LISTINGS_MAINTENANCE_EXPIRY_INTERVAL_SECONDS": HOURS,
    "LISTINGS_MAINTENANCE_QUEUE_PURGE_INTERVAL_SECONDS": HOURS,
}


def calls_of(stub, timeout):
    """CALLS calls of six kinds: alone, in batches and sharing reads."""
    item = [pb.StockItem(product_id=1, quantity=1)]
    kinds = [
        lambda: stub.UpdateListing(
            pb.UpdateListingRequest(id=1, user_id=1, title="Changed title"), timeout=timeout
        ),
        lambda: stub.ListListings(pb.ListListingsRequest(limit=10), timeout=timeout),
        lambda: stub.GetListing(pb.GetListingRequest(id=1), timeout=timeout),
        lambda: stub.DecrementStock(pb.DecrementStockRequest(items=item), timeout=timeout),
        lambda: stub.CheckStockAvailability(pb.CheckStockAvailabilityRequest(items=item), timeout=timeout),
        lambda: stub.IncrementProductViews(pb.IncrementProductViewsRequest(product_id=1), timeout=timeout),
    ]
    return [kinds[number % len(kinds)]() for number in range(CALLS)]


async def begun(stub, watcher, how):
    """Calls, what becomes of them, and how many statements wait for them.

    A machine that needs longer than a second to begin them gives them more.
    """
    for seconds in (1.0, 5.0, 20.0):
        calls = calls_of(stub, None if how == "cancelled" else seconds)
        ended = asyncio.gather(*(call.code() for call in calls))
        while not ended.done():
            if (running := await watcher.fetchval(COUNT_HELD_UP)) > 5:
                return calls, ended, running
            await asyncio.sleep(0.005)
    raise AssertionError("no statements began before their calls had ended")


async def upkeep_is_done(address: str) -> None:
    async with httpx.AsyncClient() as http, asyncio.timeout(60):
        while True:
            runs = [
                line
                for line in (await http.get(f"{address}/metrics")).text.splitlines()
                if line.startswith("listings_maintenance_runs_total") and 'result="done"' in line
            ]
            if runs and all(float(line.rpartition(" ")[2]) for line in runs):
                return
            await asyncio.sleep(0.1)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", ["cancelled", "deadline"])
async def test_no_statement_is_alive_50_ms_after_its_calls(dsn, tmp_path, how):
    rounds = 20 if PROVE else 2
    stopped, alive, slowest = 0, 0, 0.0
    holder, watcher = await asyncpg.connect(dsn), await asyncpg.connect(dsn)
    try:
        with listings_server(dsn, log=tmp_path / "server.log", **QUIET) as serving:
            await upkeep_is_done(serving.http)
            async with grpc.aio.insecure_channel(serving.address) as channel:
                stub = listings_pb2_grpc.ListingsServiceStub(channel)
                await channel.channel_ready()
                for _ in range(rounds):
                    async with holder.transaction():
                        await holder.execute("LOCK TABLE listings IN ACCESS EXCLUSIVE MODE")
                        calls, ended, running = await begun(stub, watcher, how)
                        if how == "cancelled":
                            for call in calls:
                                call.cancel()
                        codes = set(await ended)
                        assert codes <= {grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED}
                        began = time.perf_counter()
                        await asyncio.sleep(PROMISED_SECONDS)  # the promise, not synchronization
                        still = await watcher.fetchval(COUNT_HELD_UP)
                        async with asyncio.timeout(20):
                            while await watcher.fetchval(COUNT_HELD_UP):
                                await asyncio.sleep(0.001)
                        if still:
                            slowest = max(slowest, time.perf_counter() - began)
                        stopped, alive = stopped + running, alive + still
    finally:
        await holder.close()
        await watcher.close()
    print(
        f"\n{how}: {rounds * CALLS} calls, {stopped} statements running, "
        f"alive after 50 ms: {alive}, slowest end {slowest * 1000:.0f} ms"
    )
    assert slowest < PATIENCE_SECONDS
