"""A rolling restart of three processes behind one balanced channel fails no call.

Constant rate: calls are sent when they are due, whatever the others do. Few calls by default, 500 a second
and three rounds with LISTINGS_PROVE=1.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from contextlib import ExitStack

import asyncpg
import grpc
import pytest
from bench.machine import listings_server

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
PER_SECOND = 500 if PROVE else 200
ROUNDS = 3 if PROVE else 1
SERVERS = 3
BALANCED = (
    '{"loadBalancingConfig": [{"round_robin": {}}],'
    ' "healthCheckConfig": {"serviceName": "listings.v1.ListingsService"}}'
)


async def steadily(stub, until: asyncio.Event) -> tuple[int, Counter[str]]:
    """Reads and, every fifth, writes at a constant rate until told to stop; how many, and what failed."""
    failures: Counter[str] = Counter()

    async def call(number: int) -> None:
        listing_id = number % 100 + 1
        try:
            if number % 5:
                await stub.GetListing(pb.GetListingRequest(id=listing_id), timeout=10)
            else:
                user = number % 1000 + 1
                await stub.AddToFavorites(
                    pb.AddToFavoritesRequest(user_id=user, listing_id=listing_id), timeout=10
                )
        except grpc.aio.AioRpcError as error:
            failures[f"{error.code().name} {error.details()}"] += 1

    started, number = time.perf_counter(), 0
    async with asyncio.TaskGroup() as calls:
        while not until.is_set():
            await asyncio.sleep(max(0, started + number / PER_SECOND - time.perf_counter()))
            calls.create_task(call(number))
            number += 1
    return number, failures


@pytest.mark.timeout(300)
async def test_a_rolling_restart_fails_no_call(dsn, tmp_path):
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(
            "WITH c AS (INSERT INTO categories (name, slug, level) VALUES ('Bikes', 'bikes', 0) RETURNING id)"
            " INSERT INTO listings (user_id, title, slug, price, category_id, status)"
            " SELECT 1, 'Bike ' || n, 'bike-' || n, 10, c.id, 'active' FROM c, generate_series(1, 100) n"
        )
    finally:
        await connection.close()
    until = asyncio.Event()
    options = [
        ("grpc.service_config", BALANCED),
        # A client must be back at a restarted server before the next one stops.
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 200),
    ]
    with ExitStack() as stack:
        servers = [
            stack.enter_context(listings_server(dsn, log=tmp_path / f"server-{number}.log"))
            for number in range(SERVERS)
        ]
        address = f"ipv4:{','.join(server.address for server in servers)}"
        async with grpc.aio.insecure_channel(address, options=options) as channel:
            running = asyncio.create_task(steadily(listings_pb2_grpc.ListingsServiceStub(channel), until))
            for server in servers * ROUNDS:
                await asyncio.sleep(1)  # time under load, not synchronization
                await asyncio.to_thread(server.terminate)
                await asyncio.to_thread(server.start_again)
            await asyncio.sleep(1)  # the same
            until.set()
            calls, failures = await running
    print(
        f"\nrolling restart: {SERVERS * ROUNDS} restarts under {PER_SECOND} calls/s, {calls} calls, "
        f"{failures.total()} failed"
    )
    assert calls > PER_SECOND
    assert not failures
