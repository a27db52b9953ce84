"""Prints how long each migration file takes on a filled database, and how long it made a writer wait.

Run by `make prove-service`. A second session writes stock and movements the whole time, as orders would; the longest of
its statements while a file runs is what customers would have felt. LISTINGS_PROVE_ROWS sets the number of listings.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Final

import asyncpg

sys.path.insert(0, str(Path(__file__).parents[1]))

from providers.postgres import Databases, run_server
from providers.schema import BASELINE

from listings.migrate import migrate_up
from listings.migrate.runner import Event, Options

ROWS: Final = int(os.environ.get("LISTINGS_PROVE_ROWS", "100000"))
LONGEST_WAIT_MS: Final = 3_000
"""The promise: a statement gives up its place in the queue for a table after three seconds."""

_FILL: Final = """
INSERT INTO c2c_categories (name, slug) SELECT 'Category ' || n, 'category-' || n FROM generate_series(1, 100) AS n;
INSERT INTO storefronts (user_id, slug, name) SELECT n, 'shop-' || n, 'Shop ' || n FROM generate_series(1, 20) AS n;
INSERT INTO listings
    (user_id, storefront_id, title, description, price, category_id, status, quantity, sku, source_type, slug)
SELECT n, CASE WHEN n % 5 = 0 THEN 1 + n % 20 END, 'Продам кроссовки Nike размер ' || n,
    repeat('Отличное состояние, very good condition, odlično očuvano. ', 4), 1 + n % 900, 1 + n % 100,
    'active', 1000000, CASE WHEN n % 5 = 0 THEN 'SKU-' || n END, CASE WHEN n % 5 = 0 THEN 'b2c' ELSE 'c2c' END,
    'listing-' || n
FROM generate_series(1, {rows}) AS n;
INSERT INTO listing_images (listing_id, url) SELECT n, 'https://images.example/' || n FROM generate_series(1, {rows}) AS n;
INSERT INTO inventory_movements (listing_id, movement_type, quantity, user_id)
    SELECT 1 + n % {rows}, 'out', 1, 0 FROM generate_series(1, {rows}) AS n;
INSERT INTO c2c_favorites (user_id, listing_id) SELECT n % 1000, n FROM generate_series(1, {rows}) AS n;
INSERT INTO indexing_queue (listing_id, operation) SELECT n, 'index' FROM generate_series(1, {rows}) AS n;
ANALYZE;
"""
_WRITES: Final = (
    "UPDATE listings SET quantity = quantity - 1 WHERE id = $1",
    "INSERT INTO inventory_movements (listing_id, movement_type, quantity) VALUES ($1, 'out', 1)",
)


@dataclass
class Measured:
    """One file: how long it ran, and the longest statement of the writer meanwhile."""

    version: int
    name: str
    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)


class Watch:
    """Knows which file is running, and charges the writer's waits to every file they touched."""

    def __init__(self) -> None:
        self.files: list[Measured] = []
        self._started = 0.0

    def observe(self, event: Event) -> None:
        if event.kind == "start":
            self._started = perf_counter()
            self.files.append(Measured(event.version or 0, event.detail))
        elif event.kind == "done":
            self.files[-1].seconds = perf_counter() - self._started

    async def write(self, dsn: str, stop: asyncio.Event) -> int:
        """Write until stopped; return the number of statements."""
        session = await asyncpg.connect(dsn, statement_cache_size=0)
        count = 0
        while not stop.is_set():
            first = max(len(self.files) - 1, 0)
            started = perf_counter()
            await session.execute(_WRITES[count % len(_WRITES)], 1 + count % ROWS)
            waited = perf_counter() - started
            for file in self.files[first:]:
                file.waits.append(waited)
            count += 1
            await asyncio.sleep(0.001)
        await session.close()
        return count


async def measure(dsn: str) -> tuple[list[Measured], int]:
    """Fill a database at the baseline and migrate it under write load."""
    await migrate_up(dsn, target=BASELINE)
    session = await asyncpg.connect(dsn)
    await session.execute(_FILL.format(rows=ROWS))
    await session.close()
    watch, stop = Watch(), asyncio.Event()
    writer = asyncio.create_task(watch.write(dsn, stop))
    await migrate_up(dsn, options=Options(observe=watch.observe))
    stop.set()
    return watch.files, await writer


def main() -> None:
    with run_server() as server, Databases(server) as databases:
        name = databases.create()
        files, writes = asyncio.run(measure(server.dsn(name)))
        databases.drop(name)
    print(f"{ROWS} listings, images, movements, favorites and queue rows; {writes} writes meanwhile\n")
    print(f"{'version':>7}  {'file':<32} {'seconds':>8}  longest wait of a writer, ms")
    for file in files:
        print(
            f"{file.version:>7}  {file.name:<32} {file.seconds:>8.2f}  {1000 * max(file.waits, default=0):>10.1f}"
        )
    longest = 1000 * max(max(file.waits, default=0) for file in files)
    print(f"\nall files {sum(file.seconds for file in files):.1f} s, longest wait {longest:.0f} ms")
    if longest > LONGEST_WAIT_MS:
        sys.exit(f"a writer waited longer than {LONGEST_WAIT_MS} ms")


if __name__ == "__main__":
    main()
