"""`make bench-stock`: the stock engine beside a naive one and pgbench, over grpcio, in one run.

    python tests/bench/stock.py             medians of 7 interleaved rounds
    python tests/bench/stock.py --quick     small counts: that everything runs

Both servers write the same things (`naive_server.py`) into one PostgreSQL with durability on. Ratios are
engine calls per second over naive calls per second of the same round, then the median. The bounds are
those the engine was built for; a run whose median ratio is below one fails.
"""

# ruff: noqa: E402 - a script must put tests/ on the path before it imports from there

from __future__ import annotations

import argparse
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import uvloop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.load import Generator
from bench.machine import Part, Serving, listings_server
from bench.stock_report import Row, Rows, Side, show
from bench.stock_workloads import ALONE, SEED, WORKLOADS, Workload
from providers.postgres import migrate
from rich.console import Console

from listings.embedded import EmbeddedPostgres
from listings.embedded.binaries import choose_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.load import Request

console = Console(width=150)


async def one_side(
    serving: Serving, postgres: Part, workload: Workload, side: Side, scale: float, seed: int
) -> None:
    calls = max(int(workload.calls * scale), workload.clients)
    generator = Generator(serving.address)

    def requests(number: int) -> Iterator[Request]:
        chance = random.Random(f"{seed} {number}")
        while True:
            yield workload.make(chance)

    try:
        before = serving.cpu_seconds(), postgres.cpu_seconds()
        outcome = await generator.closed_loop(requests, clients=workload.clients, calls=calls)
        after = serving.cpu_seconds(), postgres.cpu_seconds()
    finally:
        await generator.close()
    if outcome.failures:
        raise RuntimeError(f"{workload.name}: {outcome.failures}")
    done = len(outcome.latencies)
    side.outcomes.append(outcome)
    side.server_us.append((after[0] - before[0]) / done * 1e6)
    side.postgres_us.append((after[1] - before[1]) / done * 1e6)


def pgbench_rate(dsn: str, script: str, seconds: int) -> float:
    """Orders per second with one transaction each, at the better of 8 and 50 connections."""
    rates = []
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write(script)
        file.flush()
        for clients in ("8", "50"):
            done = subprocess.run(
                [choose_postgres().folder / "pgbench", "-n", "-M", "prepared", "-c", clients, "-j", "1",
                 "-T", str(seconds), "-f", file.name, dsn],
                env={"PGOPTIONS": "-c plan_cache_mode=force_generic_plan -c jit=off", "PATH": "/usr/bin:/bin"},
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            rates += [float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("tps =")]
    return max(rates)


@contextlib.contextmanager
def naive_server(dsn: str) -> Iterator[Serving]:
    process = subprocess.Popen([sys.executable, HERE / "naive_server.py", dsn], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield Serving(process, int(process.stdout.readline()))
    finally:
        process.kill()
        process.wait()


async def seed(dsn: str) -> None:
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(SEED)
    finally:
        await connection.close()


async def copy_rate(dsn: str, rows: int) -> float:
    """Rows per second that plain COPY writes into the same table, in batches as BulkCreateProducts has them."""
    connection = await asyncpg.connect(dsn)
    columns = ("user_id", "storefront_id", "title", "slug", "description", "price", "currency", "category_id",
               "status", "quantity", "stock_status", "sku", "source_type")  # fmt: skip
    try:
        started = time.perf_counter()
        for first in range(0, rows, 1000):
            records = [
                (1, 1, f"Copied {n}", f"copied-{n}", "Made by the benchmark.", 9.99, "RSD", 1, "active", 50,
                 "in_stock", f"copied-{n}", "b2c")
                for n in range(first, first + 1000)
            ]  # fmt: skip
            await connection.copy_records_to_table("listings", records=records, columns=columns)
        return rows / (time.perf_counter() - started)
    finally:
        await connection.close()


def measure(rounds: int, scale: float, only: str) -> tuple[Rows, float]:
    chosen = [workload for workload in (*WORKLOADS, *ALONE) if only in workload.name]
    rows = {workload.name: Row() for workload in chosen}
    with tempfile.TemporaryDirectory(prefix="listings-bench-") as folder, contextlib.ExitStack() as stack:
        server = EmbeddedPostgres(
            Path(folder) / "pg", options={"shared_buffers": "512MB", "max_connections": "200"}
        )
        dsn = server.start()
        stack.callback(server.stop)
        uvloop.run(seed(dsn))
        postgres = Part(server.pid)
        engine = stack.enter_context(listings_server(dsn, log=Path(folder) / "engine.log"))
        naive = stack.enter_context(naive_server(dsn))
        for number in range(rounds + 1):
            for workload in chosen:
                row = rows[workload.name] if number else Row()
                sides = [(engine, row.engine), (naive, row.naive)]
                for serving, side in sides if number % 2 else reversed(sides):
                    uvloop.run(one_side(serving, postgres, workload, side, scale, number))
                if workload.pgbench:
                    row.pgbench_per_second.append(pgbench_rate(dsn, workload.pgbench, 2 if scale == 1 else 1))
            console.print(f"round {number} of {rounds} done" + ("" if number else " (warm-up, not counted)"))
        copied = uvloop.run(copy_rate(dsn, 10_000 if scale == 1 else 2000))
        checked = subprocess.run(
            [sys.executable, "-m", "listings", "ledger", "verify"],
            env={"LISTINGS_DATABASE_URL": dsn, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        console.print(
            f"ledger after everything: {'balanced' if checked.returncode in (0, 1) else checked.stderr}"
        )
    return rows, copied


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    options = parser.parse_args()
    rows, copied = measure(
        options.rounds or (1 if options.quick else 7), 0.1 if options.quick else 1, options.only
    )
    problems = show(console, rows, copied)
    for problem in problems:
        console.print(f"[red]{problem}")
    return 1 if problems and not options.quick else 0


if __name__ == "__main__":
    raise SystemExit(main())
