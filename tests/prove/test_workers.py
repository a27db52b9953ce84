"""A supervisor and its workers as real processes: one port, one page of metrics, one cache as callers see it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import asyncpg
import grpc
import httpx
import psutil
import pytest
from bench.machine import listings_server, workers_of
from prometheus_client.parser import text_string_to_metric_families
from providers.free_ports import free_port

from listings.doctor.examination import examine
from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.machine import Listings

COUNTED = "listings_grpc_requests_total"


async def page(http: httpx.AsyncClient) -> dict[str, float]:
    """Families of the page, summed over their series."""
    found: dict[str, float] = {}
    for family in text_string_to_metric_families((await http.get("/metrics")).text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


async def until(condition, *, seconds: float = 30.0) -> None:
    """Poll foreign processes until something holds."""
    give_up = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < give_up, "it did not come to hold"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def stubs(serving: Listings, many: int) -> AsyncIterator[list[listings_pb2_grpc.ListingsServiceStub]]:
    """Clients with a connection of their own each, which the kernel spreads over the workers."""
    channels = [
        grpc.aio.insecure_channel(serving.address, options=[("grpc.use_local_subchannel_pool", 1)])
        for _ in range(many)
    ]
    try:
        yield [listings_pb2_grpc.ListingsServiceStub(channel) for channel in channels]
    finally:
        await asyncio.gather(*(channel.close() for channel in channels))


async def listed(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(
            "WITH kind AS (INSERT INTO categories (name, slug, level) VALUES ('Bikes', 'bikes', 0) RETURNING id)"
            " INSERT INTO listings (user_id, title, slug, price, category_id, status)"
            " SELECT 1, 'Old', 'old', 10, id, 'active' FROM kind RETURNING id"
        )
    finally:
        await connection.close()


@pytest.mark.timeout(180)
async def test_two_workers_are_one_service_and_a_dead_one_comes_back(dsn, tmp_path):
    listing = await listed(dsn)
    with listings_server(dsn, log=tmp_path / "log", LISTINGS_WORKERS="2") as serving:
        async with (
            httpx.AsyncClient(base_url=serving.http, timeout=10) as http,
            stubs(serving, 16) as clients,
        ):
            for _ in range(5):
                await asyncio.gather(
                    *(stub.GetListing(pb.GetListingRequest(id=listing), timeout=20) for stub in clients)
                )
            first = await page(http)
            assert first[COUNTED] == 80
            assert first["listings_db_connections_max"] == 8, (
                "the configured sessions are everybody's together"
            )
            served = {each.pid for each in workers_of(serving)}
            assert len(served) == 2
            report = await examine(
                {
                    "LISTINGS_DATABASE_URL": dsn,
                    "LISTINGS_GRPC_PORT": str(serving.grpc_port),
                    "LISTINGS_HTTP_PORT": serving.http.rpartition(":")[2],
                    "LISTINGS_WORKERS": "2",
                }
            )
            assert [each.code for each in report.findings].count("PORT_SERVED") == 2, (
                "workers are the service too"
            )

            # What one worker writes the other stops answering from memory: sooner than its cache would forget.
            for title in ("New 1", "New 2", "New 3"):  # on a busy machine all is later now and then
                await clients[0].UpdateListing(
                    pb.UpdateListingRequest(id=listing, user_id=1, title=title), timeout=20
                )
                told = time.monotonic()
                titles: set[str] = set()
                while titles != {title}:
                    answers = await asyncio.gather(
                        *(stub.GetListing(pb.GetListingRequest(id=listing), timeout=20) for stub in clients)
                    )
                    titles = {answer.listing.title for answer in answers}
                if (took := time.monotonic() - told) < 1.5:
                    break
            assert took < 1.5

            before = await page(http)
            dying = workers_of(serving)[0]
            dying.send_signal(signal.SIGKILL)

            async def noticed() -> bool:
                return (await page(http))["listings_worker_restarts_total"] == 1

            await until(noticed)
            health = (await http.get("/health")).json()
            assert "workers" in health["checks"]
            await asyncio.to_thread(serving.wait_ready)
            after = await page(http)
            assert after[COUNTED] >= before[COUNTED], "what a dead worker counted stays"
            assert len({each.pid for each in workers_of(serving)} - served) == 1
            assert (
                await clients[0].GetListing(pb.GetListingRequest(id=listing), timeout=20, wait_for_ready=True)
            ).listing.title == title
        ended = workers_of(serving)
        assert serving.terminate() < 30
        assert not [each for each in ended if each.is_running()]
        assert "ended badly" not in (tmp_path / "log").read_text()


@pytest.mark.timeout(180)
async def test_a_worker_that_hangs_alive_is_replaced_and_one_that_was_cut_off_is_no_good_end(dsn, tmp_path):
    log = tmp_path / "log"
    with listings_server(dsn, log=log, LISTINGS_WORKERS="2", LISTINGS_DRAIN_SECONDS="1") as serving:
        hanging, working = workers_of(serving)
        hanging.suspend()

        async def replaced() -> bool:
            return await asyncio.to_thread(serving.metric, "listings_worker_restarts_total") == 1

        await until(replaced, seconds=60)
        await asyncio.to_thread(serving.wait_ready)
        now = {each.pid for each in workers_of(serving)}
        assert len(now) == 2
        assert now & {hanging.pid, working.pid} == {working.pid}
        assert "worker hangs" in log.read_text()

        working.suspend()
        with pytest.raises(RuntimeError, match="it ended with 1"):
            await asyncio.to_thread(serving.terminate)
        assert "ended badly" in log.read_text()


@pytest.mark.timeout(120)
async def test_workers_do_not_outlive_a_killed_supervisor_and_a_taken_port_is_one_error(dsn, tmp_path):
    with listings_server(dsn, log=tmp_path / "log", LISTINGS_WORKERS="2") as serving:
        second = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "listings", "serve", stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env={**os.environ, "LISTINGS_DATABASE_URL": dsn, "LISTINGS_WORKERS": "2", "LISTINGS_GRPC_HOST": "127.0.0.1",
                 "LISTINGS_GRPC_PORT": str(serving.grpc_port), "LISTINGS_HTTP_PORT": str(free_port()),
                 "LISTINGS_LOG_LEVEL": "error"},
        )  # fmt: skip
        _, said = await second.communicate()
        assert second.returncode == 1
        assert said.decode().count("LISTINGS_GRPC_PORT") == 1, said.decode()

        orphans = workers_of(serving)
        assert len(orphans) == 2
        serving.kill()
        gone, alive = await asyncio.to_thread(psutil.wait_procs, orphans, timeout=20)
        assert not alive
        assert len(gone) == 2


async def test_a_worker_is_not_started_by_hand():
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "listings", "worker", stdin=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert "LISTINGS_WORKERS" in said.decode()
