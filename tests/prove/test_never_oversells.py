"""Three servers, one killed, PostgreSQL crashed, thousands of buyers at once: sold is what there was.

Durability is on. Counts are small by default, those of the promise with LISTINGS_PROVE=1: 10,000 buyers,
100 units of each product, 20 seeds.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import asyncpg
import pytest
from bench.machine import listings_server
from providers.postgres import migrate
from rich.console import Console
from rich.table import Table

PROVE = bool(os.environ.get("LISTINGS_PROVE"))
BUYERS = 10_000 if PROVE else 1_000
PRODUCTS = 20 if PROVE else 5
UNITS = 100 if PROVE else 50
SEEDS = range(1, 21) if PROVE else range(1, 3)

RESET = """
TRUNCATE listings, inventory_movements RESTART IDENTITY CASCADE;
INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, quantity, sku, source_type)
SELECT 1, 1, 'Product ' || n, 'product-' || n, 10, 1, 'active', {units}, 'sku-' || n, 'b2c'
FROM generate_series(1, {products}) n;
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason)
SELECT id, 'opening', quantity, quantity, 0, quantity, 'opening' FROM listings;
"""


@pytest.fixture
async def crashing(postgres_process):
    server = postgres_process(durable=True)
    await migrate(server.dsn())
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(
            "INSERT INTO categories (id, name, slug, level) VALUES (1, 'Bikes', 'bikes', 0)"
        )
        await connection.execute(
            "INSERT INTO storefronts (id, user_id, slug, name) VALUES (1, 1, 'shop', 'Shop')"
        )
    finally:
        await connection.close()
    return server


async def one_run(seed: int, postgres, servers, folder: Path) -> dict[str, int]:
    dsn = postgres.dsn()
    await execute(dsn, RESET.format(units=UNITS, products=PRODUCTS))
    told = folder / f"told-{seed}"
    started = time.monotonic()
    buyers = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("buyers.py")), str(seed), str(BUYERS), str(PRODUCTS),
        str(told), *(server.address for server in servers),
    )  # fmt: skip
    try:
        chance = random.Random(seed)
        # In the middle of the run, which is seen by what has been sold, not by a clock.
        await sold_at_least(dsn, chance.randint(1, PRODUCTS * UNITS // 3))
        killed = chance.choice(servers)
        await asyncio.to_thread(killed.kill)
        await sold_at_least(dsn, chance.randint(PRODUCTS * UNITS // 3, PRODUCTS * UNITS * 2 // 3))
        await asyncio.to_thread(postgres.crash, "immediate")
        await asyncio.to_thread(postgres.start)
        # Thousands ask for it again while it starts, on a machine that may have other work.
        await asyncio.to_thread(killed.start_again, seconds=120)
        assert await buyers.wait() == 0
    finally:
        if buyers.returncode is None:
            buyers.kill()
            await buyers.wait()
    found = await verify(dsn, told)
    found["seconds"] = round(time.monotonic() - started)
    return found


async def sold_at_least(dsn: str, units: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        while await connection.fetchval("SELECT sum(quantity) FROM listings") > PRODUCTS * UNITS - units:
            await asyncio.sleep(0.005)  # a poll of the database, bounded by the test's time limit
    finally:
        await connection.close()


async def verify(dsn: str, told: Path) -> dict[str, int]:
    """Every told outcome stands in the ledger as it was told, once; nothing else does."""
    outcomes = [line.split("\t") for line in told.read_text().splitlines()]
    connection = await asyncpg.connect(dsn)
    try:
        left = dict(await connection.fetch("SELECT id, quantity FROM listings"))
        taken = await connection.fetch(
            "SELECT order_id, listing_id, count(*) AS times, sum(delta) AS delta FROM inventory_movements"
            " WHERE movement_type = 'decrement' GROUP BY 1, 2"
        )
    finally:
        await connection.close()
    by_order: dict[str, dict[int, int]] = {}
    doubles = 0
    for row in taken:
        by_order.setdefault(row["order_id"], {})[row["listing_id"]] = -row["delta"]
        doubles += row["times"] - 1
    lost = landed_refused = 0
    for order, outcome, products, _ in outcomes:
        wanted = dict.fromkeys(map(int, products.split(",")), 1)
        if outcome == "bought":
            lost += by_order.get(order) != wanted
        else:
            landed_refused += order in by_order
    bought = sum(outcome == "bought" for _, outcome, _, _ in outcomes)
    assert len(outcomes) == BUYERS
    assert lost == 0, "told 'bought', but the ledger does not say so"
    assert landed_refused == 0, "told 'refused', but the ledger says bought"
    assert doubles == 0, "an order line was taken twice"
    assert len(by_order) == bought, "the ledger has orders that nobody was told of"
    assert set(left.values()) == {0}, f"sold is not {UNITS} of each: {left}"
    ledger = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "listings", "ledger", "verify",
        env={**os.environ, "LISTINGS_DATABASE_URL": dsn}, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    output, errors = await ledger.communicate()
    assert ledger.returncode == 0, (output + errors).decode()
    sold = -sum(row["delta"] for row in taken)
    return {
        "orders bought": bought,
        "of several products": sum(len(wanted) > 1 for wanted in by_order.values()),
        "refused": BUYERS - bought,
        "asked again": sum(int(asked) - 1 for *_, asked in outcomes),
        "units sold": sold,
        "of": PRODUCTS * UNITS,
        "lost": lost,
        "twice": doubles,
    }


async def execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.timeout(3600)
async def test_thousands_of_buyers_crashes_and_no_unit_too_many(crashing, tmp_path):
    console = Console(width=120)
    table = Table(
        title=f"{BUYERS:,} buyers at once, half of them of several products; {PRODUCTS} products of {UNITS} units; "
        "3 servers, one killed; PostgreSQL stopped with immediate; durability on",
        title_justify="left",
    )
    table.add_column("seed", justify="right")
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                listings_server(
                    crashing.dsn(),
                    log=tmp_path / f"server-{number}.log",
                    LISTINGS_MAX_CONCURRENT_CALLS="20000",
                )
            )
            for number in range(3)
        ]
        for seed in SEEDS:
            found = await one_run(seed, crashing, servers, tmp_path)
            if seed == SEEDS[0]:
                for name in found:
                    table.add_column(name, justify="right")
            table.add_row(str(seed), *(f"{value:,}" for value in found.values()))
            print(f"seed {seed} of {len(SEEDS)}: {found}", flush=True)  # one that fails is not in the table
    console.print(table)
