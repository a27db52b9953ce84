"""A long run of every kind of call leaves nothing behind: no memory, no task, no connection, no statement, no key.

`make soak` makes a million calls and more, over all RPCs, sensible ones and nonsense, from one corpus that is asked
again and again. Without LISTINGS_PROVE it is a short run, too short for memory to be judged finely.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections import Counter
from dataclasses import dataclass
from urllib.request import urlopen

import asyncpg
import grpc
import psutil
import pytest
import redis
from bench import growth
from bench.load import Generator
from bench.machine import listings_server
from hypothesis import HealthCheck, Phase, given, settings
from integration.fuzz.messages import SERVICE, requests
from integration.fuzz.test_fuzz_grpc import FORBIDDEN, KNOWN, SEED
from prometheus_client.parser import text_string_to_metric_families

from listings.db.session import MOST_PREPARED

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
CALLS = 1_000_000 if PROVE else 20_000
SAMPLES = 40 if PROVE else 10
EACH = 100 if PROVE else 30
"""Different requests per RPC."""
WARM_UP = 0.25
"""The share of the run after which the process should have taken what it needs."""
MOST_GROWTH = 0.05 if PROVE else 0.3
EXECUTOR_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""The event loop's own, which come one by one as jobs for them happen to overlap, and stay."""
STATUSES = {str(code.value[0]): code.name for code in grpc.StatusCode}


@dataclass(frozen=True)
class Sample:
    """What the service holds at one moment."""

    calls: int
    seconds: float
    rss_mib: float
    tasks: int
    threads: int
    files: int
    connections: int
    prepared_statements: int
    redis_keys: int


def corpus() -> list[tuple[str, bytes]]:
    """Requests of every kind, the same ones on every run."""
    found = [(method.name, data) for method in SERVICE.methods for data in drawn(requests(method, KNOWN))]
    random.Random(1).shuffle(found)
    return found


def drawn(strategy) -> list[bytes]:
    found: list[bytes] = []

    @settings(
        max_examples=EACH,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    @given(data=strategy)
    def draw(data: bytes) -> None:
        found.append(data)

    draw()
    return found


@pytest.mark.timeout(3 * 3600)
async def test_nothing_is_left_of_any_number_of_calls(dsn, redis_process, tmp_path):
    database = await asyncpg.connect(dsn)
    await database.execute(SEED)
    await database.close()
    cache = await asyncio.to_thread(redis_process)
    asked = corpus()
    with listings_server(
        dsn, log=tmp_path / "service.log", LISTINGS_REDIS_URL=cache.url, LISTINGS_LOG_LEVEL="error"
    ) as service:
        samples, failures = await soak(service, cache.url, asked)
    title = f"{samples[-1].calls:,} calls of {len({name for name, _ in asked})} kinds, {failures.total():,} of them refused"
    growth.show(samples, title)
    if PROVE:
        growth.draw(samples, title, growth.PICTURES / "soak-service.svg", warm_up=WARM_UP)
    assert {name for name, _ in asked} == {method.name for method in SERVICE.methods}
    assert not failures.keys() & {code.name for code in FORBIDDEN}
    warm, last = samples[int(SAMPLES * WARM_UP)], samples[-1]
    assert last.rss_mib <= warm.rss_mib * (1 + MOST_GROWTH), (
        f"{warm.rss_mib:.1f} MiB became {last.rss_mib:.1f}"
    )
    # At rest, before and after: whatever a call made is gone with it.
    assert last.tasks <= samples[0].tasks
    assert last.threads <= samples[0].threads + EXECUTOR_THREADS
    assert last.files <= warm.files
    assert last.connections <= warm.connections
    # Filters make many texts of one name; a session forgets all when it holds too many.
    assert last.prepared_statements <= last.connections * MOST_PREPARED
    assert last.redis_keys <= warm.redis_keys


async def soak(service, redis_url, asked) -> tuple[list[Sample], Counter[str]]:
    """Ask everything again and again; a sample at rest after each part of the run."""
    generator = Generator(service.address)
    keys = redis.Redis.from_url(redis_url)
    began = time.monotonic()
    samples = [await sample(service, keys, 0, began)]
    failures: Counter[str] = Counter()
    try:
        turns = itertools.cycle(asked)
        for part in range(1, SAMPLES + 1):
            batch = list(itertools.islice(turns, CALLS // SAMPLES))
            outcome = await generator.closed_loop(
                lambda number, batch=batch: iter(batch[number::32]), clients=32, calls=len(batch)
            )
            for told, count in outcome.failures.items():
                _, code, *_ = told.split()
                failures[STATUSES.get(code, code)] += count  # through grpcio, large requests have names
            samples.append(await sample(service, keys, part * len(batch), began, at_rest=samples[0].tasks))
    finally:
        keys.close()
        await generator.close()
    return samples, failures


async def sample(service, keys, calls: int, began: float, *, at_rest: int | None = None) -> Sample:
    """What is held now; with `at_rest`, as soon as no more tasks than that are left, or after half a minute."""
    give_up = time.monotonic() + 30
    while True:
        values = await asyncio.to_thread(metrics, service.http)
        tasks = int(values["listings_tasks"])
        if at_rest is None or tasks <= at_rest or time.monotonic() > give_up:
            break
        await asyncio.sleep(0.2)  # between two looks, bounded by give_up
    process = psutil.Process(service.process.pid)
    return Sample(
        calls,
        round(time.monotonic() - began, 1),
        round(process.memory_info().rss / 2**20, 1),
        tasks,
        process.num_threads(),
        process.num_fds(),
        int(values["listings_db_connections_open"]),
        int(values["listings_db_prepared_statements"]),
        keys.dbsize(),
    )


def metrics(url: str) -> dict[str, float]:
    with urlopen(f"{url}/metrics", timeout=10) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        return {each.name: each.value for family in families for each in family.samples if not each.labels}
