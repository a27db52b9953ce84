"""The engine beside the obvious way to sell: one transaction per order.

    .venv/bin/python tests/bench/stock_naive.py [--seconds 2] [--rounds 3]

Both run in this process against one private PostgreSQL with durability on and write the same things:
stock, sold_count and status, a movement, a queue row, once per order id. The naive way begins, locks,
checks, updates, inserts and commits for each order, on a connection of its own, with prepared statements
and rows locked in order. Rounds interleave the two; figures are medians, ratios are those of a round. A ratio
below its bound fails the run.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import asyncpg
import uvloop

sys.path.insert(0, str(Path(__file__).parents[1]))

from providers.postgres import migrate
from rich.console import Console
from rich.table import Table

from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.db.connections import Connections
from listings.db.stock import StockRows
from listings.domain.stock import Item, Line
from listings.embedded import EmbeddedPostgres
from listings.metrics import Metrics
from listings.settings import DatabaseSettings
from listings.usecases.stock import Stock, StockEngine

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

PRODUCTS = 2000
CLIENTS = 50
_order = count(1)


class NoBus:
    """Nobody listens."""

    server = "none"

    async def publish(self, text: str) -> None: ...

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None: ...


class Naive:
    """Begin, look for the order, lock, check, update, insert, commit: for each order."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def sell(self, product_ids: list[int]) -> None:
        order_id = f"naive-{next(_order)}"
        async with self._pool.acquire() as connection, connection.transaction():
            for product_id in sorted(product_ids):
                if await connection.fetchval(
                    "SELECT 1 FROM inventory_movements WHERE order_id = $1 AND listing_id = $2"
                    " AND coalesce(variant_id, 0) = 0 AND movement_type = 'decrement'",
                    order_id,
                    product_id,
                ):
                    continue
                have = await connection.fetchval(
                    "SELECT quantity FROM listings WHERE id = $1 AND source_type = 'b2c' FOR NO KEY UPDATE",
                    product_id,
                )
                assert have >= 1
                await connection.execute(
                    "UPDATE listings SET quantity = quantity - 1, sold_count = sold_count + 1, stock_status ="
                    " CASE WHEN quantity - 1 = 0 THEN 'out_of_stock' WHEN quantity - 1 <= 10 THEN 'low_stock'"
                    " ELSE 'in_stock' END WHERE id = $1",
                    product_id,
                )
                await connection.execute(
                    "INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before,"
                    " stock_after, reason, user_id, order_id) VALUES ($1, 'decrement', 1, -1, $2, $3, 'sale', 0, $4)",
                    product_id,
                    have,
                    have - 1,
                    order_id,
                )
                await connection.execute(
                    "INSERT INTO indexing_queue AS waiting (listing_id, operation) VALUES ($1, 'update')"
                    " ON CONFLICT (listing_id) WHERE status = 'pending'"
                    " DO UPDATE SET operation = waiting.operation WHERE false",
                    product_id,
                )


class Engine:
    """The service's own way."""

    def __init__(self, connections: Connections) -> None:
        metrics = Metrics()
        invalidations = Invalidations(EncodedCache(metrics.cache), NoBus(), metrics.bus)
        rows = StockRows(connections)
        self._stock = Stock(
            rows, StockEngine(rows, invalidations, metrics.stock), invalidations, metrics.stock
        )

    async def sell(self, product_ids: list[int]) -> None:
        answer = await self._stock.decrement(
            [Line(Item(product_id), 1) for product_id in product_ids], f"engine-{next(_order)}"
        )
        assert answer.success, answer.error


async def measure(
    sell: Callable[[list[int]], Awaitable[None]],
    cart: Callable[[int], list[int]],
    clients: int,
    seconds: float,
) -> tuple[float, float, float]:
    """Orders per second, and the p50 and p99 of their times in milliseconds."""
    times: list[float] = []
    numbers = count()
    until = time.perf_counter() + seconds

    async def client() -> None:
        while (started := time.perf_counter()) < until:
            await sell(cart(next(numbers)))
            times.append(time.perf_counter() - started)

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    rate = len(times) / (time.perf_counter() - began)
    times.sort()
    return rate, times[len(times) // 2] * 1000, times[int(len(times) * 0.99)] * 1000


# Clients, what each order takes, and the least ratio.
WORKLOADS: dict[str, tuple[int, Callable[[int], list[int]], float | None]] = {
    "one client, distinct": (1, lambda n: [n % PRODUCTS + 1], None),
    "distinct products": (CLIENTS, lambda n: [n % PRODUCTS + 1], 4),
    "one hot product": (CLIENTS, lambda _: [1], 15),
    "carts of 3": (CLIENTS, lambda n: [(n * 7 + k * 31) % PRODUCTS + 1 for k in range(3)], None),
}


def main(seconds: float, rounds: int) -> int:
    """Start a server, seed it, interleave the two ways, print a table; 1 when a bound did not hold."""
    with TemporaryDirectory(prefix="lst-bench-") as folder:
        Path(folder).chmod(0o711)
        server = EmbeddedPostgres(Path(folder) / "pg", port=0, durable=True)
        server.start()
        try:
            return uvloop.run(_compare(server.dsn("postgres"), seconds, rounds))
        finally:
            server.stop()


async def _compare(dsn: str, seconds: float, rounds: int) -> int:
    await migrate(dsn)
    settings = DatabaseSettings.model_validate({"url": dsn})
    connections = Connections(settings, Metrics().database)
    pool = await asyncpg.create_pool(
        dsn, min_size=16, max_size=16, server_settings=settings.server_settings()
    )
    await pool.execute(
        "INSERT INTO categories (id, name, slug, level) VALUES (1, 'Goods', 'goods', 0);"
        "INSERT INTO listings (id, user_id, title, slug, price, category_id, status, source_type, quantity)"
        f" SELECT n, 7, 'Product ' || n, 'p-' || n, 1, 1, 'active', 'b2c', 1000000 FROM generate_series(1, {PRODUCTS}) n"
    )
    await pool.execute("VACUUM ANALYZE")
    ways = {"naive": Naive(pool).sell, "engine": Engine(connections).sell}
    console = Console(width=120)
    table = Table(title="the engine in process beside one transaction per order", title_justify="left")
    for column in ("orders", "way", "per second", "p50 ms", "p99 ms", "ratio", "bound"):
        table.add_column(column, justify="left" if column in {"orders", "way"} else "right")
    short = 0
    for name, (clients, cart, bound) in WORKLOADS.items():
        found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
        for sell in ways.values():
            await measure(sell, cart, clients, 0.3)
        for _ in range(rounds):
            for way, sell in ways.items():
                found[way].append(await measure(sell, cart, clients, seconds))
        pairs = zip(found["engine"], found["naive"], strict=True)
        ratio = statistics.median(ours / theirs for (ours, _, _), (theirs, _, _) in pairs)
        short += bound is not None and ratio < bound
        for way, runs in found.items():
            rate, p50, p99 = (statistics.median(column) for column in zip(*runs, strict=True))
            last = (f"{ratio:.2f}", f">= {bound:g}" if bound else "") if way == "engine" else ("", "")
            table.add_row(
                name if way == "naive" else "", way, f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", *last
            )
    console.print(table)
    await pool.close()
    await connections.close()
    return 1 if short else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    raise SystemExit(main(given.seconds, given.rounds))
