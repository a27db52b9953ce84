"""Who plays on the stage, and what may befall them: the means of `faults.py`.

Each service is in a namespace of its own, so faults in different namespaces do not meet in rules or inhibition:

    shop    visited by shoppers, watched by all exporters and a probe; an indexer works off its queue
    slow    reads PostgreSQL through a network that may be slow
    small   has six sessions, and limits even callers of this machine
    team    has two workers, and TLS for gRPC
    operator  the operator's page (operator_page.py)
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import asyncpg
import grpc
import psutil
import redis.asyncio as redis_asyncio
from alerts_live.proxy import Proxy, proxy
from alerts_live.stage import Stage
from alerts_live.traffic import SERVICE, Flow, admirers, readers, shoppers
from bench.machine import workers_of
from providers.certificates import Authority

from listings.background import background
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from alerts_live.stage import Service

HERE = Path(__file__).parent


@dataclass
class Cast:
    """Everybody, and the means to disturb them."""

    stage: Stage
    shop: Service
    slow: Service
    small: Service
    team: Service
    shoppers: Flow
    surfers: Flow
    probe_way: Proxy
    slow_way: Proxy
    operator: subprocess.Popen[str]
    indexer_works: asyncio.Event
    limits_file: Path
    authority: Authority

    def tell_operator(self, *words: str) -> None:
        assert self.operator.stdin
        self.operator.stdin.write("".join(f"{word}\n" for word in words))
        self.operator.stdin.flush()

    @property
    def standby_dsn(self) -> str:
        """The standby's address, through its socket."""
        return f"postgresql://listings@/postgres?host={self.stage.folder / 'standby'}"

    async def standby_sql(self, statement: str) -> None:
        """At the standby."""
        connection = await asyncpg.connect(self.standby_dsn)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    async def redis_says(self, *commands: str) -> None:
        async with redis_asyncio.Redis.from_url(self.stage.redis.url) as client:
            for each in commands:
                await client.execute_command(*each.split())


@asynccontextmanager
async def everybody(stage: Stage) -> AsyncIterator[Cast]:
    """All of them, at work."""
    async with AsyncExitStack() as opened:
        database_port = urlsplit(stage.primary.tcp_dsn()).port
        assert database_port
        slow_way = await opened.enter_async_context(proxy(database_port))
        shop = await stage.serve("shop")
        slow = await stage.serve(
            "slow",
            network=slow_way,
            DB_POOL_SIZE="40",
            DB_ACQUIRE_TIMEOUT_SECONDS="20",
            DB_CONNECT_TIMEOUT_SECONDS="30",  # a login is several ways there and back
        )
        limits_file = stage.folder / "limits.toml"
        limits_file.write_text("")
        small = await stage.serve(
            "small",
            DB_POOL_SIZE="6",
            DB_ACQUIRE_TIMEOUT_SECONDS="20",
            RATE_LIMIT_UNLIMITED_NETWORKS="10.0.0.0/8",
            RATE_LIMIT_FILE=str(limits_file),
        )
        authority = Authority(stage.folder)
        team = await stage.serve("team", **team_settings(authority))
        probe_way = await opened.enter_async_context(proxy(urlsplit(shop.process.http).port or 0))
        stage.watch("blackbox", f"http://127.0.0.1:{probe_way.port}/health", namespace="shop")
        operator = opened.enter_context(operator_page())
        assert operator.stdout
        port = (await asyncio.to_thread(operator.stdout.readline)).strip()
        stage.watch("listings-operator", f"127.0.0.1:{port}", namespace="operator")
        works = asyncio.Event()
        works.set()
        await opened.enter_async_context(indexer(shop, works))
        cast = Cast(
            stage,
            shop,
            slow,
            small,
            team,
            await opened.enter_async_context(shop.visited(Flow(shoppers(one_in=104), 60))),
            await opened.enter_async_context(shop.visited(Flow(readers(400), 0))),
            probe_way,
            slow_way,
            operator,
            works,
            limits_file,
            authority,
        )
        await opened.enter_async_context(slow.visited(Flow(admirers(), 6)))
        await opened.enter_async_context(small.visited(Flow(readers(200), 2)))  # below its limit
        yield cast


def team_settings(authority: Authority) -> dict[str, str]:
    """Those of a service with workers and a certificate."""
    pair = authority.sign("team")
    return {
        "WORKERS": "2",
        "TLS_CERT_PATH": str(pair.cert_path),
        "TLS_KEY_PATH": str(pair.key_path),
        "TLS_EDGES": "grpc",
        "TLS_RELOAD_SECONDS": "1",
    }


@contextmanager
def operator_page() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, HERE / "operator_page.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@asynccontextmanager
async def indexer(shop: Service, works: asyncio.Event) -> AsyncIterator[None]:
    """What builds the search index, by the service's own RPC: takes all that waits, every second, while `works`."""

    async def work() -> None:
        async with grpc.aio.insecure_channel(shop.process.address) as channel:
            finish = channel.unary_unary(f"{SERVICE}ResetReindexFlags")
            while True:
                await asyncio.sleep(1)
                await works.wait()
                with suppress(OSError, asyncpg.PostgresError, grpc.aio.AioRpcError):
                    waiting = await ids_waiting(shop.dsn)
                    await finish(pb.ResetFlagsRequest(listing_ids=waiting).SerializeToString(), timeout=10)

    working = asyncio.create_task(work())
    try:
        yield
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working


async def ids_waiting(dsn: str) -> list[int]:
    connection = await asyncpg.connect(dsn, timeout=5)
    try:
        rows = await connection.fetch("SELECT listing_id FROM indexing_queue WHERE status = 'pending'")
    finally:
        await connection.close()
    return [row["listing_id"] for row in rows]


# --- what may befall them; each lasts as long as its block ---


@asynccontextmanager
async def altered(service: Service, change: str, back: str) -> AsyncIterator[None]:
    """Somebody changed the database, and later changes it back."""
    await service.sql(change)
    try:
        yield
    finally:
        await service.sql(back)


@contextmanager
def paused(pid: int) -> Iterator[None]:
    """A process that hangs."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


@asynccontextmanager
async def dying(service: Service) -> AsyncIterator[None]:
    """Workers that are killed as soon as they are seen, again and again."""

    async def kill() -> None:
        while True:
            for worker in workers_of(service.process):
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
            await asyncio.sleep(0.5)

    async with background(kill()):
        yield


@asynccontextmanager
async def stuck_at_start(service: Service) -> AsyncIterator[None]:
    """A worker was killed, and the one in its place hangs before it serves."""
    before = {each.pid for each in workers_of(service.process)}
    victim = min(before)
    os.kill(victim, signal.SIGKILL)

    async def another() -> list[int]:
        return [each.pid for each in workers_of(service.process) if each.pid not in before]

    [follower] = await Stage.until(another, "a worker takes the place of the killed one")
    with paused(follower):
        yield


@asynccontextmanager
async def stuttering(pid: int) -> AsyncIterator[None]:
    """A process that gets the CPU only now and then."""

    async def stutter() -> None:
        while True:
            with paused(pid):
                await asyncio.sleep(0.6)
            await asyncio.sleep(0.6)

    async with background(stutter()):
        yield


@contextmanager
def flooded(service: Service, per_second: int) -> Iterator[None]:
    """A caller out of hand, in a process of its own."""
    command = [sys.executable, HERE / "flood.py", service.process.address, str(per_second)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()


async def warm(service: Service, count: int) -> None:
    """Have the service hold so many sessions that have answered GetFavoritedUsers before.

    To log in and to prepare a statement takes more ways to the server than to run it: on a slow network the first calls
    of cold sessions would take several times as long as all others.
    """
    connection = await asyncpg.connect(service.dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE listing_favorites IN ACCESS EXCLUSIVE MODE")
        async with grpc.aio.insecure_channel(service.process.address) as channel:
            ask = channel.unary_unary(f"{SERVICE}GetFavoritedUsers")
            question = pb.ListingIDRequest(listing_id=1).SerializeToString()
            asked = [ask(question, timeout=60) for _ in range(count)]

            async def all_wait() -> bool:
                # Databases that are copies of one another know their tables by the same numbers.
                waiting = await connection.fetchval(
                    "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'listing_favorites'::regclass"
                    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
                )
                return int(waiting) >= count

            await Stage.until(all_wait, f"{count} sessions wait for the lock")
            await transaction.rollback()
            await asyncio.gather(*asked)
    finally:
        await connection.close()


@asynccontextmanager
async def waiting_writers(service: Service, count: int) -> AsyncIterator[None]:
    """So many callers who each change a listing that somebody else keeps locked, again and again."""
    connection = await asyncpg.connect(service.dsn)
    try:
        transaction = connection.transaction()
        await transaction.start()
        listings = range(1, count + 1)
        await connection.execute("SELECT FROM listings WHERE id = ANY($1) FOR UPDATE", list(listings))
        async with grpc.aio.insecure_channel(service.process.address) as channel:
            update = channel.unary_unary(f"{SERVICE}UpdateListing")

            async def write(listing: int) -> None:
                # A user for each: writes are limited by user.
                change = pb.UpdateListingRequest(id=listing, user_id=7, price=listing)
                while True:
                    with suppress(grpc.aio.AioRpcError):
                        await update(change.SerializeToString(), timeout=60)

            writers = [asyncio.create_task(write(listing)) for listing in listings]
            try:
                yield
            finally:
                for each in writers:
                    each.cancel()
                await asyncio.gather(*writers, return_exceptions=True)
        await transaction.rollback()
    finally:
        await connection.close()


@asynccontextmanager
async def crammed(url: str) -> AsyncIterator[None]:
    """A Redis whose memory is full, and somebody who goes on writing."""
    async with redis_asyncio.Redis.from_url(url) as client:
        used = (await client.info("memory"))["used_memory"]
        await client.config_set("maxmemory-policy", "allkeys-lru")
        await client.config_set("maxmemory", used + 2**20)

        over = False

        async def write() -> None:
            for first in itertools.count(0, 200):
                if over:  # not cancelled: the client may keep a cancellation to itself
                    return
                async with client.pipeline(transaction=False) as pipe:
                    for number in range(first, first + 200):
                        pipe.set(f"crammed-{number}", "x" * 1000)
                    await pipe.execute()
                await asyncio.sleep(0.25)

        writing = asyncio.create_task(write())
        try:
            yield
        finally:
            over = True
            await writing
            await client.config_set("maxmemory", 0)
