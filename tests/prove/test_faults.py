"""What a fault costs: orders go on under load while something breaks, and afterwards the ledger tells the truth.

Each fault is real: processes are killed and paused, a disk is filled, connections are used up, a proxy of
ours makes the network slow, lossy or deaf. Buyers in a process of their own write down, on disk, what they were told.
Whatever they were told stands in the ledger once; what failed was asked again under the same order id.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from bench.machine import listings_server
from providers.free_ports import free_port
from providers.postgres import migrate, suspended
from providers.standby import FOLLOWED, standby
from providers.tcp_proxy import TcpProxy
from rich.console import Console
from rich.table import Table

from listings.embedded import EmbeddedPostgres, EmbeddedRedis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from bench.machine import Listings

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
CLIENTS = 32
PRODUCTS = 20
FAULT_SECONDS = 10.0 if PROVE else 3.0
"""How long a fault lasts; those who are told of it wait less."""
RECOVERY_SECONDS = 20.0
"""Within this time after the fault orders are taken again, on a machine that may have other work."""

SHOP = f"""
INSERT INTO categories (id, name, slug, level) VALUES (1, 'Bikes', 'bikes', 0);
INSERT INTO storefronts (id, user_id, slug, name) VALUES (1, 1, 'shop', 'Shop');
INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, quantity, sku, source_type)
SELECT 1, 1, 'Product ' || n, 'product-' || n, 10, 1, 'active', 1000000, 'sku-' || n, 'b2c'
FROM generate_series(1, {PRODUCTS}) n;
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason)
SELECT id, 'opening', quantity, quantity, 0, quantity, 'opening' FROM listings;
"""


@dataclass
class World:
    """One service with all it depends on, and buyers."""

    postgres: EmbeddedPostgres
    database: TcpProxy
    redis: EmbeddedRedis
    cache: TcpProxy
    service: Listings
    dsn: str
    """The database behind the proxy, wherever that leads."""
    folder: Path
    disk: Path
    """Where the database keeps its data."""
    told: Path
    stack: ExitStack
    """What faults begin and the end of the world ends."""

    @property
    def orders_told(self) -> list[tuple[str, str, dict[int, int], float]]:
        """(order, outcome, units by product, moment) of each answer so far."""
        lines = (line.split("\t") for line in self.told.read_text().splitlines())
        return [
            (order, outcome, dict.fromkeys(map(int, products.split(",")), 1), float(moment))
            for order, outcome, products, moment in lines
        ]

    async def told_after(self, moment: float, *, count: int = 1) -> float:
        """The moment of the first answer after `moment`, when there are `count` of them."""
        while True:
            later = [at for *_, at in self.orders_told if at > moment]
            if len(later) >= count:
                return later[0]
            await asyncio.sleep(0.05)  # a poll of another process's file, bounded by the caller


@asynccontextmanager
async def world(folder: Path, disk: Path) -> AsyncIterator[World]:
    options = {**FOLLOWED, "max_connections": "40", "min_wal_size": "32MB", "max_wal_size": "64MB"}
    postgres = EmbeddedPostgres(disk / "pg", port=0, options=options)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(postgres)
        await migrate(postgres.dsn())
        await execute(postgres.dsn(), SHOP)
        redis = EmbeddedRedis(folder / "redis", port=free_port())
        await stack.enter_async_context(redis)
        at = urlsplit(postgres.tcp_dsn())
        database = await stack.enter_async_context(TcpProxy(("127.0.0.1", at.port or 0)))
        cache = await stack.enter_async_context(TcpProxy(("127.0.0.1", urlsplit(redis.url).port or 0)))
        through = at._replace(netloc=f"{at.username}:{at.password}@127.0.0.1:{database.port}")
        service = await asyncio.to_thread(
            stack.enter_context,
            listings_server(
                urlunsplit(through),
                log=folder / "service.log",
                LISTINGS_REDIS_URL=f"redis://127.0.0.1:{cache.port}/0",
            ),
        )
        yield World(
            postgres,
            database,
            redis,
            cache,
            service,
            urlunsplit(through),
            folder,
            disk,
            folder / "told",
            stack.enter_context(ExitStack()),
        )


async def lasting() -> None:
    """How long a fault lasts; nothing is waited for."""
    await asyncio.sleep(FAULT_SECONDS)


async def nothing_happens(world: World) -> None:
    await lasting()


async def database_is_restarted(world: World) -> None:
    await asyncio.to_thread(world.postgres.crash, "fast")
    await asyncio.to_thread(world.postgres.start)


async def database_crashes(world: World) -> None:
    await asyncio.to_thread(world.postgres.crash, "kill")
    await asyncio.to_thread(world.postgres.start)


async def database_is_paused(world: World) -> None:
    with suspended(world.postgres):
        await lasting()


async def database_fails_over(world: World) -> None:
    following = standby(world.postgres, world.folder / "copy", free_port())
    copy = await asyncio.to_thread(world.stack.enter_context, following)
    # From here on only what is on the standby's disk, too, is acknowledged.
    await execute(world.dsn, "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
    await world.told_after(time.monotonic(), count=CLIENTS * 4)
    await asyncio.to_thread(world.postgres.crash, "kill")
    await asyncio.to_thread(copy.promote)
    # What a virtual address or a balancer does.
    world.database.target = ("127.0.0.1", copy.port)
    world.database.drop()


async def disk_is_full(world: World) -> None:
    """The file system of the database has no room; PostgreSQL may end for it, and is started when there is some."""
    ballast = world.disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 20))
    await lasting()
    ballast.unlink()
    await asyncio.to_thread(world.postgres.start)


async def connections_are_exhausted(world: World) -> None:
    """Others take every connection, then the service loses its own."""
    dsn = world.postgres.dsn()
    taken = [await asyncpg.connect(dsn)]
    try:
        await take_all(dsn, taken)
        world.database.drop()
        await take_all(dsn, taken)
        await lasting()
    finally:
        for connection in taken:
            connection.terminate()


async def take_all(dsn: str, taken: list[asyncpg.Connection]) -> None:
    with suppress(asyncpg.TooManyConnectionsError):
        while True:
            taken.append(await asyncpg.connect(dsn))


async def database_is_slow_to_reach(world: World) -> None:
    world.database.delay_seconds = 0.2
    await lasting()
    world.database.delay_seconds = 0


async def database_network_loses(world: World) -> None:
    world.database.loss = 0.05
    await lasting()
    world.database.loss = 0


async def database_network_is_silent(world: World) -> None:
    """Half-open: nothing passes and nobody says so; what was open before stays dead."""
    world.database.silent = True
    await lasting()
    world.database.forget()
    world.database.silent = False


async def redis_is_killed(world: World) -> None:
    await asyncio.to_thread(world.redis.crash)
    await lasting()
    await asyncio.to_thread(world.redis.start)


async def redis_is_slow(world: World) -> None:
    world.cache.delay_seconds = 0.5
    await lasting()
    world.cache.delay_seconds = 0


async def redis_is_silent(world: World) -> None:
    world.cache.silent = True
    await lasting()
    world.cache.silent = False


async def redis_is_flushed(world: World) -> None:
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(world.redis.url).port)
        writer.write(b"FLUSHALL\r\n")
        assert await reader.readline() == b"+OK\r\n"
        writer.close()
    await lasting()


async def service_is_killed(world: World) -> None:
    await asyncio.to_thread(world.service.kill)
    await asyncio.to_thread(world.service.start_again)


UNNOTICED = (nothing_happens, redis_is_killed, redis_is_slow, redis_is_silent, redis_is_flushed)
"""Not one call may fail; slow is allowed."""
NOTICED = (
    database_is_restarted,
    database_crashes,
    database_is_paused,
    database_fails_over,
    disk_is_full,
    connections_are_exhausted,
    database_is_slow_to_reach,
    database_network_loses,
    database_network_is_silent,
    service_is_killed,
)


@pytest.fixture
def disk(request, short_folder) -> Iterator[Path]:
    """A place for the database: a small file system of its own where that is to be filled (which needs root)."""
    place = short_folder / "disk"
    place.mkdir(mode=0o711)
    if request.node.callspec.params["fault"] is not disk_is_full:
        yield place
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256m,mode=0711", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


@pytest.fixture(scope="module")
def table():
    table = Table(
        title=f"{CLIENTS} buyers without pause, faults of {FAULT_SECONDS:.0f} s", title_justify="left"
    )
    for name in (
        "fault",
        "calls",
        "failed",
        "failed with",
        "orders again after s",
        "slowest order s",
        "lost",
        "twice",
    ):
        table.add_column(name, justify="left" if name in ("fault", "failed with") else "right")
    yield table
    Console(width=170).print(table)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [*UNNOTICED, *NOTICED], ids=lambda fault: fault.__name__)
async def test_a_fault_loses_no_order_and_takes_none_twice(fault, short_folder, disk, table):
    async with world(short_folder, disk) as place:
        failed = await orders_during(fault, place, table)
        await verified(place)
    if fault in UNNOTICED:
        assert failed == {}


async def orders_during(fault, world: World, table: Table) -> dict[str, int]:
    """Let buyers order while the fault comes and goes; the failures by status and reason."""
    world.told.touch()
    buyers = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("orders.py")), str(world.told), str(PRODUCTS), str(CLIENTS),
        world.service.address, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(60):
            await world.told_after(0, count=CLIENTS * 4)
        await fault(world)
        mended = time.monotonic()
        async with asyncio.timeout(RECOVERY_SECONDS):
            recovered = await world.told_after(mended, count=CLIENTS * 4) - mended
        buyers.terminate()
        output, _ = await buyers.communicate()
    finally:
        if buyers.returncode is None:
            buyers.kill()
            await buyers.wait()
    report = json.loads(output)
    lost, twice = await compared(world)
    table.add_row(
        fault.__name__.replace("_", " "), f"{report['asked']:,}", str(sum(report["failed"].values())),
        ", ".join(f"{kind} {count}" for kind, count in sorted(report["failed"].items())) or "-",
        f"{recovered:.2f}", f"{report['slowest']:.2f}", str(lost), str(twice),
    )  # fmt: skip
    assert (lost, twice) == (0, 0)
    return report["failed"]


async def compared(world: World) -> tuple[int, int]:
    """(orders told bought that the ledger does not have as told, lines taken or given back twice)."""
    rows = await fetch(
        world.dsn,
        "SELECT order_id, movement_type, listing_id, count(*) AS times, sum(delta) AS delta"
        " FROM inventory_movements WHERE order_id IS NOT NULL GROUP BY 1, 2, 3",
    )
    kept: dict[tuple[str, str], dict[int, int]] = {}
    for row in rows:
        kept.setdefault((row["order_id"], row["movement_type"]), {})[row["listing_id"]] = abs(row["delta"])
    told = {(order, outcome): units for order, outcome, units, _ in world.orders_told}
    lost = sum(
        kept.get((order, "decrement" if outcome == "bought" else "rollback")) != units
        for (order, outcome), units in told.items()
        if outcome != "refused"
    )
    assert told, "nobody was told anything"
    return lost, sum(row["times"] - 1 for row in rows)


async def verified(world: World) -> None:
    """`listings ledger verify` agrees."""
    ledger = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "listings", "ledger", "verify",
        env={**os.environ, "LISTINGS_DATABASE_URL": world.dsn}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await ledger.communicate()
    assert ledger.returncode == 0, output.decode()


async def execute(dsn: str, *statements: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def fetch(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()
