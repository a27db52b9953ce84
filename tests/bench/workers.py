"""`python tests/bench/workers.py`: what one worker process answers on this machine, and what two do, side by side.

Both serve one PostgreSQL with the same catalog; rounds take turns. PostgreSQL and this generator need processors too:
how busy all of them were stands beside the figures, and where that is near 100 % with one worker, a second has nothing
to add.
"""

# ruff: noqa: E402 - a script must put tests/ on the path before it imports from there

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import uvloop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.load import Generator
from bench.machine import listings_server
from bench.run import catalog_of, console, prepare
from bench.workloads import WORKLOADS, mixed_reads
from rich.table import Table

from listings.embedded import EmbeddedPostgres

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.load import Outcome, Request

# The kernel gives connections to workers by chance: with so many, neither is left with nearly all.
CONNECTIONS = 16


async def one_round(address: str, requests: Callable[[int], Iterator[Request]], calls: int) -> Outcome:
    generator = Generator(address, channels=CONNECTIONS)
    try:
        return await generator.closed_loop(requests, clients=2 * CONNECTIONS, calls=calls)
    finally:
        await generator.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--listings", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="listings-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        postgres = EmbeddedPostgres(folder / "pg", options={"shared_buffers": "256MB"})
        dsn = postgres.start()
        stack.callback(postgres.stop)
        uvloop.run(prepare(dsn, options.listings))
        catalog = uvloop.run(catalog_of(dsn))
        addresses = {
            workers: stack.enter_context(
                listings_server(dsn, log=folder / f"{workers}.log", LISTINGS_WORKERS=str(workers))
            ).address
            for workers in (1, 2)
        }
        asked = {
            "GetListing cached": (partial(WORKLOADS[0].requests, catalog), 8000),
            "mixed reads": (partial(mixed_reads, catalog), 3000),
        }
        found: dict[tuple[str, int], list[tuple[Outcome, float]]] = {}
        for number in range(options.rounds + 1):
            for what, (requests, calls) in asked.items():
                for workers, address in addresses.items():
                    psutil.cpu_percent()
                    outcome = uvloop.run(one_round(address, requests, calls))
                    busy = psutil.cpu_percent()
                    if outcome.failures:
                        raise RuntimeError(f"{what}: {outcome.failures}")
                    if number:  # the first is for warming up
                        found.setdefault((what, workers), []).append((outcome, busy))
    table = Table(
        title=f"medians of {options.rounds} rounds on {psutil.cpu_count()} processors; latencies in ms"
    )
    for column in ("calls", "workers", "req/s", "p50", "p95", "machine busy"):
        table.add_column(column, justify="left" if column == "calls" else "right")
    for (what, workers), rounds in found.items():
        table.add_row(
            what,
            str(workers),
            f"{statistics.median(outcome.per_second for outcome, _ in rounds):,.0f}",
            *(
                f"{statistics.median(outcome.quantile(share) for outcome, _ in rounds):.1f}"
                for share in (0.5, 0.95)
            ),
            f"{statistics.median(busy for _, busy in rounds):.0f} %",
        )
    console.print(table)
    for what in asked:
        pairs = zip(found[what, 1], found[what, 2], strict=True)
        ratio = statistics.median(two.per_second / one.per_second for (one, _), (two, _) in pairs)
        console.print(f"{what}: two workers answer {ratio:.2f} times what one does")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
