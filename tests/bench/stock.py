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
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg
import uvloop

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from bench.load import Generator, Outcome
from bench.machine import Part, Serving, listings_server
from providers.postgres import migrate
from rich.console import Console
from rich.table import Table

from listings.embedded import EmbeddedPostgres
from listings.embedded.binaries import choose_postgres
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.load import Request

PRODUCTS = 5000
HOT = PRODUCTS + 1
SEED = f"""
INSERT INTO categories (id, name, slug, level) VALUES (1, 'Bikes', 'bikes', 0);
INSERT INTO storefronts (id, user_id, slug, name) VALUES (1, 1, 'shop', 'Shop');
INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, quantity, sku, source_type)
SELECT 1, 1, 'Product ' || n, 'product-' || n, 10, 1, 'active', 100000000, 'sku-' || n, 'b2c'
FROM generate_series(1, {HOT}) n;
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason)
SELECT id, 'opening', quantity, quantity, 0, quantity, 'opening' FROM listings;
ANALYZE;
"""
_serial = count(1)
_run = random.randrange(10**9)
console = Console(width=170)


def order() -> str:
    return f"bench-{_run}-{next(_serial)}"


def decrement(chance: random.Random, products: list[int], *, with_order: bool = True) -> Request:
    request = pb.DecrementStockRequest(
        items=[pb.StockItem(product_id=product, quantity=1) for product in products],
        order_id=order() if with_order else None,
    )
    return "DecrementStock", request.SerializeToString()


def some(chance: random.Random, number: int) -> list[int]:
    return chance.sample(range(1, PRODUCTS + 1), number)


def rollback(chance: random.Random, number: int) -> Request:
    request = pb.RollbackStockRequest(
        items=[pb.StockItem(product_id=product, quantity=1) for product in some(chance, number)],
        order_id=order(),
    )
    return "RollbackStock", request.SerializeToString()


def check(chance: random.Random, number: int) -> Request:
    request = pb.CheckStockAvailabilityRequest(
        items=[pb.StockItem(product_id=product, quantity=1) for product in some(chance, number)]
    )
    return "CheckStockAvailability", request.SerializeToString()


def movement(chance: random.Random) -> Request:
    request = pb.RecordInventoryMovementRequest(
        storefront_id=1,
        product_id=some(chance, 1)[0],
        movement_type="in",
        quantity=1,
        user_id=1,
        reason="restock",
    )
    return "RecordInventoryMovement", request.SerializeToString()


def batch(chance: random.Random) -> Request:
    items = [
        pb.StockUpdateItem(product_id=product, quantity=90_000_000 + chance.randrange(1000))
        for product in some(chance, 10)
    ]
    return "BatchUpdateStock", pb.BatchUpdateStockRequest(
        storefront_id=1, user_id=1, items=items
    ).SerializeToString()


def view(product: int) -> Request:
    return "IncrementProductViews", pb.IncrementProductViewsRequest(product_id=product).SerializeToString()


def bulk_create(number: int) -> Request:
    products = [
        pb.ProductInput(
            name=f"Bulk product {serial}", description="Made by the benchmark.", price=9.99, currency="RSD",
            category_id=1, sku=f"bulk-{_run}-{serial}", stock_quantity=50, is_active=True,
        )
        for serial in (next(_serial) for _ in range(number))
    ]  # fmt: skip
    return "BulkCreateProducts", pb.BulkCreateProductsRequest(
        storefront_id=1, products=products
    ).SerializeToString()


def bulk_update(chance: random.Random, number: int) -> Request:
    updates = [
        pb.ProductUpdateInput(
            product_id=product, name=f"Renamed {product}", price=chance.randrange(100, 9999) / 100
        )
        for product in some(chance, number)
    ]
    return "BulkUpdateProducts", pb.BulkUpdateProductsRequest(
        storefront_id=1, updates=updates
    ).SerializeToString()


@dataclass(frozen=True)
class Workload:
    """One kind of call; `bound` is the least ratio, `limit_ms` what the specification allows one call."""

    name: str
    make: Callable[[random.Random], Request]
    calls: int
    clients: int = 50
    bound: float | None = None
    limit_ms: float | None = None
    pgbench: str | None = None  # SQL of one order, for the rate of one transaction per order


PGBENCH_ORDER = """
\\set product random({low}, {high})
WITH sold AS (
    UPDATE listings SET quantity = quantity - 1, sold_count = sold_count + 1,
        stock_status = CASE WHEN quantity - 1 = 0 THEN 'out_of_stock' WHEN quantity - 1 <= 10 THEN 'low_stock'
            ELSE 'in_stock' END
    WHERE id = :product AND quantity >= 1 RETURNING id, quantity
), queued AS (
    INSERT INTO indexing_queue AS waiting (listing_id, operation) SELECT id, 'update' FROM sold
    ON CONFLICT (listing_id) WHERE status = 'pending' DO UPDATE SET operation = waiting.operation WHERE false
)
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason,
    user_id, order_id)
SELECT id, 'decrement', 1, -1, quantity + 1, quantity, 'sale', 0, gen_random_uuid()::text FROM sold;
"""

WORKLOADS = (
    Workload("DecrementStock distinct", lambda c: decrement(c, some(c, 1)), 3000, bound=2, limit_ms=50,
             pgbench=PGBENCH_ORDER.format(low=1, high=PRODUCTS)),
    Workload("DecrementStock one hot product", lambda c: decrement(c, [HOT]), 3000, bound=5, limit_ms=50,
             pgbench=PGBENCH_ORDER.format(low=HOT, high=HOT)),
    Workload("DecrementStock cart of 3", lambda c: decrement(c, some(c, 3)), 1500, bound=2),
    Workload("DecrementStock cart of 50", lambda c: decrement(c, some(c, 50)), 150, clients=10, limit_ms=500),
    Workload("RollbackStock of 1", lambda c: rollback(c, 1), 2000, limit_ms=50),
    Workload("RollbackStock of 10", lambda c: rollback(c, 10), 500, limit_ms=200),
    Workload("BatchUpdateStock of 10", batch, 500, bound=4),
    Workload("RecordInventoryMovement", movement, 2000),
    Workload("IncrementProductViews distinct", lambda c: view(some(c, 1)[0]), 3000),
    Workload("IncrementProductViews one hot product", lambda _: view(HOT), 3000),
    Workload("CheckStock single", lambda c: check(c, 1), 3000, limit_ms=100),
    Workload("CheckStock of 10", lambda c: check(c, 10), 2000, bound=2, limit_ms=200),
    Workload("CheckStock of 10, 20 concurrent", lambda c: check(c, 10), 1000, clients=20),
    Workload("BulkCreateProducts of 100", lambda _: bulk_create(100), 20, clients=2, bound=3),
    Workload("BulkCreateProducts of 1000", lambda _: bulk_create(1000), 4, clients=2, bound=3),
    Workload("BulkUpdateProducts of 1000", lambda c: bulk_update(c, 1000), 4, clients=1),
    Workload("DecrementStock, one client", lambda c: decrement(c, some(c, 1)), 400, clients=1, limit_ms=50),
    Workload("DecrementStock, one client, no order id", lambda c: decrement(c, some(c, 1), with_order=False), 400, clients=1),
)  # fmt: skip


@dataclass
class Side:
    """One server's rounds of one workload."""

    outcomes: list[Outcome] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)
    postgres_us: list[float] = field(default_factory=list)

    def quantile(self, share: float) -> float:
        return statistics.median(outcome.quantile(share) for outcome in self.outcomes)

    @property
    def per_second(self) -> float:
        return statistics.median(outcome.per_second for outcome in self.outcomes)


@dataclass
class Row:
    engine: Side = field(default_factory=Side)
    naive: Side = field(default_factory=Side)
    pgbench_per_second: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        pairs = zip(self.engine.outcomes, self.naive.outcomes, strict=True)
        return statistics.median(ours.per_second / theirs.per_second for ours, theirs in pairs)

    @property
    def p50_ratio(self) -> float:
        pairs = zip(self.engine.outcomes, self.naive.outcomes, strict=True)
        return statistics.median(ours.quantile(0.5) / theirs.quantile(0.5) for ours, theirs in pairs)


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


def measure(rounds: int, scale: float, only: str) -> dict[str, Row]:
    chosen = [workload for workload in WORKLOADS if only in workload.name]
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
        checked = subprocess.run(
            [sys.executable, "-m", "listings", "ledger", "verify"],
            env={"LISTINGS_DATABASE_URL": dsn, "PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        console.print(
            f"ledger after everything: {'balanced' if checked.returncode in (0, 1) else checked.stderr}"
        )
    return rows


def show(rows: dict[str, Row]) -> list[str]:
    table = Table(title="engine | naive; medians; CPU in microseconds per call, latencies in ms")
    for column in (
        "call",
        "req/s",
        "p50",
        "p95",
        "p99",
        "server us",
        "postgres us",
        "ratio",
        "bound",
        "pgbench/s",
        "limit ms",
    ):
        table.add_column(column, justify="left" if column == "call" else "right")
    problems = []
    for workload in WORKLOADS:
        row = rows.get(workload.name)
        if row is None:
            continue
        pgbench = statistics.median(row.pgbench_per_second) if row.pgbench_per_second else None
        sides = (row.engine, row.naive)
        table.add_row(
            workload.name,
            " | ".join(f"{side.per_second:,.0f}" for side in sides),
            *(" | ".join(f"{side.quantile(share):.1f}" for side in sides) for share in (0.5, 0.95, 0.99)),
            " | ".join(f"{statistics.median(side.server_us):,.0f}" for side in sides),
            " | ".join(f"{statistics.median(side.postgres_us):,.0f}" for side in sides),
            f"{row.ratio:.2f}",
            f">= {workload.bound:g}" if workload.bound else "",
            f"{pgbench:,.0f}" if pgbench else "",
            f"{workload.limit_ms:g}" if workload.limit_ms else "",
        )
        if workload.bound and row.ratio < workload.bound:
            problems.append(f"{workload.name}: {row.ratio:.2f} is below {workload.bound:g}")
        if "hot" in workload.name and pgbench and row.engine.per_second <= pgbench:
            problems.append(
                f"{workload.name}: {row.engine.per_second:,.0f}/s is not above pgbench's {pgbench:,.0f}/s"
            )
    console.print(table)
    show_one_client(rows)
    return problems


def show_one_client(rows: dict[str, Row]) -> None:
    """What a lone caller waits, and what the guard against repeats costs."""
    guarded, free = (
        rows.get("DecrementStock, one client"),
        rows.get("DecrementStock, one client, no order id"),
    )
    if guarded and free:
        console.print(
            f"one client: p50 engine / naive {guarded.p50_ratio:.2f} with an order id, {free.p50_ratio:.2f} without; "
            f"the guard costs {guarded.engine.quantile(0.5) - free.engine.quantile(0.5):.2f} ms of "
            f"{guarded.engine.quantile(0.5):.2f} ms"
        )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--only", default="", help="workloads whose name contains this")
    options = parser.parse_args()
    rows = measure(options.rounds or (1 if options.quick else 7), 0.1 if options.quick else 1, options.only)
    problems = show(rows)
    for problem in problems:
        console.print(f"[red]{problem}")
    return 1 if problems and not options.quick else 0


if __name__ == "__main__":
    raise SystemExit(main())
