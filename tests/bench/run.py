"""`make bench`: what each kind of call costs, beside what cannot be done faster with the same parts.

    make bench          the whole table, medians of 7 interleaved rounds, then sustained mixed load
    make bench-quick    the same with small counts: that it runs, and that the bounds hold roughly
    make bench-check    fails when a ratio is worse than the one kept in ratios.json by its margin

Machines differ and are shared, so nothing here compares a time with a constant: every ratio is taken
side by side in one run. Two yardsticks: an empty grpcio handler that returns the very bytes of a
cached GetListing (CPU per call), and pgbench running the very statements that the service sends, as
often per second, beside as much other work (PostgreSQL's CPU per call). `alone` is pgbench at full speed with
the machine for itself: what the statements cost a server that does nothing else and is never idle.
"""

# ruff: noqa: E402 - a script must put tests/ on the path before it imports from there

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import uvloop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.load import Generator, Outcome
from bench.machine import Part, Serving, empty_server, listings_server
from bench.pgbench import captured_statements, run_pgbench
from bench.workloads import WORKLOADS, Catalog, Workload, mixed_reads
from providers.big_catalog import seed
from rich.console import Console
from rich.table import Table

from listings.embedded import EmbeddedPostgres
from listings.migrate.files import default_folder
from listings.migrate.runner import migrate_up

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RATIOS = HERE / "ratios.json"
console = Console(width=150)


@dataclass
class Row:
    """One workload's rounds."""

    outcomes: list[Outcome] = field(default_factory=list)
    service_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)
    yardstick: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    rss_mib: float = 0.0

    def median(self, share: float) -> float:
        return statistics.median(outcome.quantile(share) for outcome in self.outcomes)


@dataclass
class Bench:
    """The running parts."""

    catalog: Catalog
    postgres: Part
    dsn: str
    cached: Serving
    uncached: Serving
    empty: Serving
    scale: float

    def serving(self, workload: Workload) -> Serving:
        return self.cached if workload.cached else self.uncached

    async def one_round(self, workload: Workload, row: Row) -> None:
        serving = self.serving(workload)
        calls = max(int(workload.calls * self.scale), workload.clients)
        generator = Generator(serving.address)
        try:
            before = serving.cpu_seconds(), self.postgres.cpu_seconds()
            outcome = await generator.closed_loop(
                lambda number: workload.requests(self.catalog, len(row.outcomes) * 1000 + number),
                clients=workload.clients,
                calls=calls,
            )
            after = serving.cpu_seconds(), self.postgres.cpu_seconds()
        finally:
            await generator.close()
        if outcome.failures:
            raise RuntimeError(f"{workload.name}: {outcome.failures}")
        done = len(outcome.latencies)
        row.outcomes.append(outcome)
        row.service_us.append((after[0] - before[0]) / done * 1e6)
        row.postgres_us.append((after[1] - before[1]) / done * 1e6)
        row.rss_mib = max(row.rss_mib, serving.rss_mib())

    async def in_company(self, measured: Callable[[], float]) -> float:
        """Measure while a service and its clients keep the machine as busy as in a round of our own.

        They ask for one cached listing, which PostgreSQL never sees. Without them pgbench has the processors and
        their caches for itself.
        """
        generator = Generator(self.cached.address)
        measuring = asyncio.create_task(asyncio.to_thread(measured))
        try:
            while not measuring.done():
                await generator.closed_loop(
                    lambda number: WORKLOADS[0].requests(self.catalog, number), clients=32, calls=500
                )
            return await measuring
        finally:
            await generator.close()

    async def empty_round(self, workload: Workload, row: Row) -> None:
        """The same calls against the handler that does nothing."""
        calls = max(int(workload.calls * self.scale), workload.clients)
        generator = Generator(self.empty.address)
        try:
            before = self.empty.cpu_seconds()
            outcome = await generator.closed_loop(
                lambda number: workload.requests(self.catalog, number), clients=workload.clients, calls=calls
            )
            row.yardstick.append((self.empty.cpu_seconds() - before) / len(outcome.latencies) * 1e6)
        finally:
            await generator.close()


async def catalog_of(dsn: str) -> Catalog:
    connection = await asyncpg.connect(dsn)
    try:
        ids = await connection.fetch("SELECT id FROM listings WHERE NOT is_deleted ORDER BY id LIMIT 100000")
        categories = await connection.fetch(
            "SELECT id, parent_id FROM categories WHERE is_active ORDER BY id"
        )
    finally:
        await connection.close()
    return Catalog(
        [row["id"] for row in ids],
        [row["id"] for row in categories],
        [row["id"] for row in categories if row["parent_id"] is None],
    )


@contextlib.contextmanager
def parts(folder: Path, listings: int, scale: float) -> Iterator[Bench]:
    """PostgreSQL with durability on and a seeded catalog, two services on it, the empty handler."""
    with contextlib.ExitStack() as stack:
        postgres = EmbeddedPostgres(
            folder / "pg", options={"shared_buffers": "512MB", "max_connections": "200"}
        )
        dsn = postgres.start()
        stack.callback(postgres.stop)
        console.print(f"seeding {listings} listings ...")
        uvloop.run(prepare(dsn, listings))
        catalog = uvloop.run(catalog_of(dsn))
        cached = stack.enter_context(listings_server(dsn, log=folder / "cached.log"))
        uncached = stack.enter_context(
            listings_server(dsn, log=folder / "uncached.log", LISTINGS_CACHE_ENABLED="false")
        )
        answer = folder / "answer"
        answer.write_bytes(uvloop.run(answer_of(cached, catalog)))
        empty = stack.enter_context(empty_server(answer))
        yield Bench(catalog, Part(postgres.pid), dsn, cached, uncached, empty, scale)


async def prepare(dsn: str, listings: int) -> None:
    """Migrate and seed."""
    await migrate_up(dsn, default_folder())
    await seed(dsn, listings=listings)


async def answer_of(serving: Serving, catalog: Catalog) -> bytes:
    generator = Generator(serving.address, channels=1)
    try:
        return await generator.answer_of(*next(WORKLOADS[0].requests(catalog, 0)))
    finally:
        await generator.close()


def measure(bench: Bench, rounds: int, workloads: Sequence[Workload]) -> dict[str, Row]:
    """The workloads and their yardsticks in turn, `rounds` times, after one round that is not counted."""
    rows = {workload.name: Row() for workload in workloads}
    captured = {
        workload.name: uvloop.run(
            captured_statements(
                bench.dsn, workload, bench.catalog, calls=max(int(workload.calls * bench.scale), 64)
            )
        )
        for workload in workloads
        if not workload.cached and not workload.name.startswith("Create")
    }
    for number in range(rounds + 1):
        for workload in workloads:
            row = rows[workload.name] if number else Row()
            uvloop.run(bench.one_round(workload, row))
            if workload.name == "GetListing cached":
                uvloop.run(bench.empty_round(workload, row))
            elif workload.name in captured:
                calls = max(int(workload.calls * bench.scale), 64)
                measured = partial(run_pgbench, bench.dsn, captured[workload.name], calls, bench.postgres)
                row.alone.append(measured())
                as_often = partial(measured, per_second=row.outcomes[-1].per_second)
                row.yardstick.append(uvloop.run(bench.in_company(as_often)))
        console.print(f"round {number} of {rounds} done" + ("" if number else " (warm-up, not counted)"))
    return rows


def ratios_of(rows: dict[str, Row]) -> dict[str, float]:
    """Our cost over the yardstick's, round by round, then the median."""
    found = {}
    for name, row in rows.items():
        if row.yardstick:
            ours = row.service_us if name == "GetListing cached" else row.postgres_us
            found[name] = round(statistics.median(a / b for a, b in zip(ours, row.yardstick, strict=True)), 3)
    return found


def show(rows: dict[str, Row], ratios: dict[str, float]) -> None:
    table = Table(title="medians; CPU per call in microseconds, latencies in ms")
    columns = (
        "call",
        "req/s",
        "p50",
        "p95",
        "p99",
        "service us",
        "postgres us",
        "yardstick us",
        "alone us",
        "ratio",
        "RSS MiB",
    )
    for column in columns:
        table.add_column(column, justify="left" if column == "call" else "right")
    for name, row in rows.items():
        table.add_row(
            name,
            f"{statistics.median(outcome.per_second for outcome in row.outcomes):,.0f}",
            *(f"{row.median(share):.1f}" for share in (0.5, 0.95, 0.99)),
            f"{statistics.median(row.service_us):.0f}",
            f"{statistics.median(row.postgres_us):.0f}",
            f"{statistics.median(row.yardstick):.0f}" if row.yardstick else "",
            f"{statistics.median(row.alone):.0f}" if row.alone else "",
            f"{ratios[name]:.2f}" if name in ratios else "",
            f"{row.rss_mib:.0f}",
        )
    console.print(table)


async def sustained(bench: Bench, *, per_second: float | None, seconds: float) -> Outcome:
    """Mixed reads at a constant rate, or as many as 16 clients get through."""
    generator = Generator(bench.cached.address)
    try:
        if per_second is not None:
            return await generator.constant_rate(
                mixed_reads(bench.catalog, 1), per_second=per_second, seconds=seconds
            )
        return await generator.closed_loop(
            lambda number: mixed_reads(bench.catalog, number), clients=16, calls=int(1500 * seconds)
        )
    finally:
        await generator.close()


def show_sustained(name: str, outcome: Outcome) -> None:
    console.print(
        f"{name}: {len(outcome.latencies):,} calls in {outcome.seconds:.0f} s, {outcome.per_second:,.0f}/s, "
        f"p50 {outcome.quantile(0.5):.1f} p95 {outcome.quantile(0.95):.1f} p99 {outcome.quantile(0.99):.1f} ms, "
        f"failed {outcome.failed}"
    )


def check(ratios: dict[str, float]) -> list[str]:
    """What is worse than its bound, or than the kept ratio by more than its margin."""
    kept = json.loads(RATIOS.read_text())
    problems = []
    for name, row in kept.items():
        worst = min(row["ratio"] * (1 + row["margin"]), row["bound"] * (1 + row["noise"]))
        if ratios[name] > worst:
            problems.append(
                f"{name}: {ratios[name]:.2f} is above {worst:.2f} (kept {row['ratio']}, bound {row['bound']})"
            )
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small counts: that everything runs")
    parser.add_argument("--check", action="store_true", help="compare the ratios with ratios.json")
    parser.add_argument(
        "--only", metavar="TEXT", help="the calls whose name has this in it, nothing sustained"
    )
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--listings", type=int, default=None)
    parser.add_argument("--sustained-seconds", type=float, default=None)
    options = parser.parse_args()
    rounds = options.rounds or (3 if options.quick else 7)
    listings = options.listings or (20_000 if options.quick else 100_000)
    seconds = options.sustained_seconds or (10 if options.quick else 300)
    with (
        tempfile.TemporaryDirectory(prefix="listings-bench-") as folder,
        parts(Path(folder), listings, 0.3 if options.quick else 1) as bench,
    ):
        rows = measure(
            bench, rounds, [each for each in WORKLOADS if not options.only or options.only in each.name]
        )
        ratios = ratios_of(rows)
        show(rows, ratios)
        if not options.check and not options.only:
            show_sustained(
                "mixed reads, 100/s", uvloop.run(sustained(bench, per_second=100, seconds=seconds))
            )
            show_sustained(
                "mixed reads, 16 clients", uvloop.run(sustained(bench, per_second=None, seconds=seconds / 5))
            )
    problems = check(ratios) if options.check else []
    for problem in problems:
        console.print(f"[red]{problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
