"""`make bench-metrics`: what metrics cost: a scrape, the series of a pod, and a call with and without them.

1. A service works through the mixture of `marketplace.py` and is scraped meanwhile: how long a scrape takes, and
   how many series it brings, at the start and after every operation was asked for.
2. The same calls to the service as it is, to one that counts nothing (`uncounting_server.py`), and to the first again
   while it is scraped every second instead of every 15: interleaved, so that what else the machine does meets all three.
   Ratios are taken round by round, then the median.
"""

# ruff: noqa: E402 - a script must put tests/ on the path before it imports from there

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

import asyncpg
import httpx
import uvloop
from bench.load import Generator, Outcome
from bench.machine import Listings, listings_server
from bench.marketplace import MIXTURE, Marketplace
from bench.run import catalog_of
from bench.workloads import WORKLOADS
from rich.console import Console
from rich.table import Table

from listings.demo.load import load_demo
from listings.embedded import EmbeddedPostgres
from listings.migrate.files import default_folder
from listings.migrate.runner import migrate_up

if TYPE_CHECKING:
    from bench.workloads import Catalog, Workload

SCRAPES = 200
PER_SECOND = 100
CLIENTS = 4
WITH, WITHOUT, SCRAPED = "with metrics", "without", "scraped every second"
console = Console(width=120)


@dataclass
class Row:
    """The rounds of one condition."""

    outcomes: list[Outcome] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)


def series(page: str) -> int:
    """How many series a page of metrics has."""
    return sum(bool(line) and not line.startswith("#") for line in page.splitlines())


async def scrapes(serving: Listings, dsn: str, count: int) -> None:
    """Scrape under load, and print what it takes and brings."""
    outcome = Outcome()
    async with (
        Marketplace(serving.address, serving.http) as market,
        httpx.AsyncClient(base_url=serving.http, timeout=60) as http,
    ):
        at_start = series((await http.get("/metrics")).text)
        database = await asyncpg.connect(dsn)
        try:
            await market.furnish(database)
        finally:
            await database.close()
        load = asyncio.create_task(market.constant_rate(per_second=PER_SECOND, seconds=3600, mixture=MIXTURE))
        page = ""
        while len(outcome.latencies) < count or len(market.outcomes) < len(MIXTURE):
            began = time.perf_counter()
            page = (await http.get("/metrics")).text
            outcome.latencies.append(time.perf_counter() - began)
            await asyncio.sleep(0.1)
        load.cancel()
        with suppress(asyncio.CancelledError):
            await load
    console.print(
        f"{len(outcome.latencies)} scrapes beside {PER_SECOND} calls/s: p50 {outcome.quantile(0.5):.1f}"
        f" p95 {outcome.quantile(0.95):.1f} p99 {outcome.quantile(0.99):.1f} ms, {len(page) / 1024:.0f} KiB"
    )
    console.print(
        f"series: {at_start:,} at the start, {series(page):,} after all {len(MIXTURE)} operations were asked for"
    )


async def one_round(serving: Listings, catalog: Catalog, workload: Workload, row: Row, calls: int) -> None:
    """Some calls, and what each took."""
    generator = Generator(serving.address)
    try:
        before = serving.cpu_seconds()
        outcome = await generator.closed_loop(
            lambda number: workload.requests(catalog, number), clients=CLIENTS, calls=calls
        )
        row.cpu_us.append((serving.cpu_seconds() - before) / calls * 1e6)
    finally:
        await generator.close()
    if outcome.failures:
        raise RuntimeError(f"{workload.name}: {outcome.failures}")
    row.outcomes.append(outcome)


async def scraped(serving: Listings) -> None:
    """Every second, until cancelled."""
    async with httpx.AsyncClient(base_url=serving.http, timeout=60) as http:
        while True:
            (await http.get("/metrics")).raise_for_status()
            await asyncio.sleep(1)


async def compare(
    parts: dict[str, Listings], catalog: Catalog, workload: Workload, rounds: int, calls: int
) -> dict[str, Row]:
    """The three in turn, after one round that does not count."""
    rows = {name: Row() for name in (WITHOUT, WITH, SCRAPED)}
    for number in range(rounds + 1):
        for name, row in rows.items():
            serving = parts[WITHOUT if name == WITHOUT else WITH]
            scraping = asyncio.create_task(scraped(serving)) if name == SCRAPED else None
            await one_round(serving, catalog, workload, row if number else Row(), calls)
            if scraping:
                assert not scraping.done(), scraping.exception()
                scraping.cancel()
    return rows


def show(name: str, rows: dict[str, Row]) -> None:
    """The table of one kind of call."""
    table = Table(title=f"{name}, {CLIENTS} clients; medians of {len(rows[WITH].outcomes)} rounds")
    for column in ("", "p50 ms", "p99 ms", "CPU us per call", "p50 ratio", "p99 ratio", "CPU ratio"):
        table.add_column(column, justify="right" if column else "left")
    for each, row in rows.items():

        def ratio(ours: list[float], yardstick: list[float]) -> str:
            return f"{statistics.median(a / b for a, b in zip(ours, yardstick, strict=True)):.3f}"

        quantiles = {
            share: [
                [outcome.quantile(share) for outcome in rows[which].outcomes] for which in (each, WITHOUT)
            ]
            for share in (0.5, 0.99)
        }
        table.add_row(
            each,
            *(f"{statistics.median(ours):.2f}" for ours, _ in quantiles.values()),
            f"{statistics.median(row.cpu_us):.0f}",
            *(ratio(ours, yardstick) for ours, yardstick in quantiles.values()),
            ratio(row.cpu_us, rows[WITHOUT].cpu_us),
        )
    console.print(table)


async def prepare(dsn: str) -> None:
    """The catalog of `make run`."""
    await migrate_up(dsn, default_folder())
    await load_demo(dsn)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=4000, help="per round, of a cached call")
    parser.add_argument("--scrapes", type=int, default=SCRAPES)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="listings-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = EmbeddedPostgres(folder / "postgres")
        dsn = postgres.start()
        stack.callback(postgres.stop)
        uvloop.run(prepare(dsn))
        serving = stack.enter_context(listings_server(dsn, log=folder / "counting.log"))
        uvloop.run(scrapes(serving, dsn, given.scrapes))
        catalog = uvloop.run(catalog_of(dsn))
        cached, uncached = WORKLOADS[:2]
        for workload, calls, cache in ((cached, given.calls, "true"), (uncached, given.calls // 4, "false")):
            with ExitStack() as pair:
                start = {"LISTINGS_CACHE_ENABLED": cache}
                parts = {
                    WITH: pair.enter_context(listings_server(dsn, log=folder / "with.log", **start)),
                    WITHOUT: pair.enter_context(
                        listings_server(
                            dsn,
                            log=folder / "without.log",
                            program=(str(HERE / "uncounting_server.py"),),
                            **start,
                        )
                    ),
                }
                show(workload.name, uvloop.run(compare(parts, catalog, workload, given.rounds, calls)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
