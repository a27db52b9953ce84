"""Stopping loses no call, dying loses nothing that was acknowledged.

Real processes, real signals. Counts are small by default, larger with LISTINGS_PROVE=1.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import asyncpg
import grpc
import httpx
import pytest
from bench.machine import Listings, listings_server, workers_of
from providers.postgres import migrate

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

PROVE = bool(os.environ.get("LISTINGS_PROVE"))


@pytest.fixture
async def durable(postgres_process):
    """A PostgreSQL of the test's own with durability on, migrated, with a category and listings."""
    server = postgres_process(durable=True)
    await migrate(server.dsn())
    connection = await asyncpg.connect(server.dsn())
    try:
        category = await connection.fetchval(
            "INSERT INTO categories (name, slug, level) VALUES ('Bikes', 'bikes', 0) RETURNING id"
        )
        await connection.execute(
            "INSERT INTO listings (user_id, title, slug, price, category_id, status)"
            " SELECT 1, 'Bike ' || n, 'bike-' || n, 10, $1, 'active' FROM generate_series(1, 500) n",
            category,
        )
    finally:
        await connection.close()
    return server.dsn(), category


# Clients that watch the health service hear that a server is about to stop before it does, as those
# behind a balancer do that heeds readiness. Others learn it from the connection alone.
WATCHING = (
    '{"loadBalancingConfig": [{"round_robin": {}}],'
    ' "healthCheckConfig": {"serviceName": "listings.v1.ListingsService"}}'
)
UNAWARE = '{"loadBalancingConfig": [{"round_robin": {}}]}'


async def load(
    address: str, until: asyncio.Event, clients: int, service_config: str
) -> tuple[int, list[str]]:
    """Reads and writes over one client-side balanced channel until told to stop."""
    failures: list[str] = []
    done = 0
    options = [
        ("grpc.service_config", service_config),
        # A client must be back at a restarted server before the next one stops.
        ("grpc.initial_reconnect_backoff_ms", 50),
        ("grpc.max_reconnect_backoff_ms", 200),
    ]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        stub = listings_pb2_grpc.ListingsServiceStub(channel)

        async def client(number: int) -> None:
            nonlocal done
            chance = random.Random(number)
            while not until.is_set():
                try:
                    if chance.random() < 0.2:
                        await stub.AddToFavorites(
                            pb.AddToFavoritesRequest(user_id=number + 1, listing_id=chance.randrange(1, 501)),
                            timeout=10,
                        )
                    else:
                        await stub.GetListing(pb.GetListingRequest(id=chance.randrange(1, 501)), timeout=10)
                except grpc.aio.AioRpcError as error:
                    failures.append(f"{error.code().name} {error.details()}")
                else:
                    done += 1

        await asyncio.gather(*(client(number) for number in range(clients)))
    return done, failures


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("service_config", "workers"),
    [(WATCHING, "1"), (UNAWARE, "1"), (UNAWARE, "2")],
    ids=["watching", "unaware", "workers"],
)
async def test_sigterm_under_load_fails_no_call(durable, tmp_path, service_config, workers):
    """Two servers behind one channel; each in turn is told to stop and started again."""
    dsn, _ = durable
    rounds = 10 if PROVE else 2
    log = tmp_path / "server.log"
    until = asyncio.Event()
    slowest = 0.0
    with (
        listings_server(dsn, log=log, LISTINGS_WORKERS=workers) as first,
        listings_server(dsn, log=log, LISTINGS_WORKERS=workers) as second,
    ):
        address = f"ipv4:{first.address},{second.address}"
        running = asyncio.create_task(load(address, until, 16, service_config))
        for turn in range(rounds):
            stopping = (first, second)[turn % 2]
            await asyncio.sleep(1)  # time under load, not synchronization
            slowest = max(slowest, await asyncio.to_thread(stopping.terminate))
            await asyncio.to_thread(stopping.start_again)
        until.set()
        done, failures = await running
    print(
        f"\nSIGTERM under load: {rounds} stops, {done} calls, {len(failures)} failed, slowest stop {slowest:.1f} s"
    )
    assert done > 100
    assert not failures, Counter(failures)
    assert "ended badly" not in log.read_text(), "a worker was cut off"


@pytest.mark.timeout(300)
async def test_readiness_goes_off_before_calls_are_refused(durable, tmp_path):
    dsn, _ = durable
    log = tmp_path / "server.log"
    with listings_server(dsn, log=log, LISTINGS_DRAIN_DELAY_SECONDS="3") as serving:
        serving.process.send_signal(signal.SIGTERM)
        async with (
            httpx.AsyncClient() as client,
            grpc.aio.insecure_channel(serving.address) as channel,
        ):
            stub = listings_pb2_grpc.ListingsServiceStub(channel)
            give_up = time.monotonic() + 2.5
            while (await client.get(f"{serving.http}/health/ready")).status_code == 200:
                assert time.monotonic() < give_up, "still ready"
            assert (await stub.GetListing(pb.GetListingRequest(id=1), timeout=5)).listing.id == 1
        assert await asyncio.to_thread(serving.process.wait, 60) == 0


def kill_all(serving: Listings) -> None:
    serving.kill()
    serving.start_again()


def kill_a_worker(serving: Listings) -> None:
    """Its supervisor starts it again, ready when this returns; the other worker never stopped."""
    # The older one, so that each has its turn, also the one with the writer's connection.
    before, restarts = workers_of(serving), serving.metric("listings_worker_restarts_total")
    before[0].kill()
    give_up = time.monotonic() + 60
    while serving.metric("listings_worker_restarts_total") == restarts:
        assert time.monotonic() < give_up, "nobody noticed"
        time.sleep(0.05)  # a poll of a foreign process
    serving.wait_ready()
    now = {each.pid for each in workers_of(serving)}
    assert len(now) == 2
    assert now & {each.pid for each in before} == {before[1].pid}, "one is new, one went on"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kill", "workers"), [(kill_all, "1"), (kill_a_worker, "2")], ids=["service", "one worker"]
)
async def test_kill_9_loses_nothing_acknowledged(durable, tmp_path, kill, workers):
    dsn, category = durable
    kills = 20 if PROVE else 3
    log, written = tmp_path / "server.log", tmp_path / "acknowledged"
    with listings_server(dsn, log=log, LISTINGS_WORKERS=workers) as serving:
        writer = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).with_name("acknowledged_writer.py")),
            serving.address, str(written), str(category), str(kills * 2.5 + 2), "8",
            stdout=subprocess.PIPE,
        )  # fmt: skip
        for _ in range(kills):
            await asyncio.sleep(1)  # time under load, not synchronization
            await asyncio.to_thread(kill, serving)
        output, _ = await writer.communicate()
    acknowledged = dict(line.split("\t") for line in written.read_text().splitlines())
    connection = await asyncpg.connect(dsn)
    try:
        stored = {
            str(row["id"]): row["title"]
            for row in await connection.fetch(
                "SELECT id, title FROM listings WHERE title LIKE 'Acknowledged%'"
            )
        }
        unqueued = await connection.fetchval(
            "SELECT count(*) FROM listings l WHERE title LIKE 'Acknowledged%'"
            " AND NOT EXISTS (SELECT 1 FROM indexing_queue q WHERE q.listing_id = l.id)"
        )
    finally:
        await connection.close()
    lost = [identity for identity, title in acknowledged.items() if stored.get(identity) != title]
    print(
        f"\nkill -9: {kills} kills, {len(acknowledged)} acknowledged, {len(lost)} lost, "
        f"{int(output)} unknown outcomes, {unqueued} half-written"
    )
    assert len(acknowledged) > 10
    assert lost == []
    assert unqueued == 0
