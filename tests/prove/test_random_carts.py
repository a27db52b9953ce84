"""Carts that share products in every order: no client ever sees a deadlock.

Ten minutes with LISTINGS_PROVE=1, seconds otherwise. Two servers, so that batches of different
processes meet in the database.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter

import asyncpg
import grpc
import pytest
from bench.machine import listings_server
from providers.postgres import migrate
from rich.console import Console
from rich.table import Table

from listings.v1 import listings_pb2 as pb
from listings.v1 import listings_pb2_grpc

SECONDS = 600 if os.environ.get("LISTINGS_PROVE") else 8
CLIENTS = 64
PRODUCTS = 200

SEED = f"""
INSERT INTO categories (id, name, slug, level) VALUES (1, 'Bikes', 'bikes', 0);
INSERT INTO storefronts (id, user_id, slug, name) VALUES (1, 1, 'shop', 'Shop');
INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, quantity, sku, source_type)
SELECT 1, 1, 'Product ' || n, 'product-' || n, 10, 1, 'active', 1000000, 'sku-' || n, 'b2c'
FROM generate_series(1, {PRODUCTS}) n;
INSERT INTO inventory_movements (listing_id, movement_type, quantity, delta, stock_before, stock_after, reason)
SELECT id, 'opening', quantity, quantity, 0, quantity, 'opening' FROM listings;
"""


@pytest.mark.timeout(SECONDS + 300)
async def test_random_carts_never_deadlock(postgres_process, tmp_path):
    postgres = postgres_process(durable=True)
    dsn = postgres.dsn()
    await migrate(dsn)
    connection = await asyncpg.connect(dsn)
    await connection.execute(SEED)
    latencies: list[float] = []
    outcomes: Counter[str] = Counter()
    with (
        listings_server(dsn, log=tmp_path / "one.log") as one,
        listings_server(dsn, log=tmp_path / "two.log") as two,
    ):
        channels = [grpc.aio.insecure_channel(server.address) for server in (one, two)]
        stubs = [listings_pb2_grpc.ListingsServiceStub(channel) for channel in channels]
        until = time.monotonic() + SECONDS

        async def client(number: int) -> None:
            chance = random.Random(number)
            turn = 0
            while time.monotonic() < until:
                turn += 1
                order = f"cart-{number}-{turn}"
                items = [
                    pb.StockItem(product_id=product, quantity=chance.randint(1, 3))
                    for product in chance.sample(range(1, PRODUCTS + 1), chance.randint(2, 20))
                ]
                stub = stubs[chance.randrange(2)]
                began = time.perf_counter()
                try:
                    answer = await stub.DecrementStock(
                        pb.DecrementStockRequest(order_id=order, items=items), timeout=30
                    )
                    if chance.random() < 0.2:
                        chance.shuffle(items)
                        await stub.RollbackStock(
                            pb.RollbackStockRequest(order_id=order, items=items), timeout=30
                        )
                except grpc.aio.AioRpcError as error:
                    outcomes[f"{error.code().name} {error.details()}"] += 1
                else:
                    outcomes["bought" if answer.success else answer.error] += 1
                    latencies.append(time.perf_counter() - began)

        await asyncio.gather(*(client(number) for number in range(CLIENTS)))
        await asyncio.gather(*(channel.close() for channel in channels))
    deadlocks = await connection.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    drifted = await connection.fetchval(
        "SELECT count(*) FROM listings l WHERE quantity <>"
        " (SELECT sum(delta) FROM inventory_movements m WHERE m.listing_id = l.id)"
    )
    await connection.close()
    latencies.sort()
    table = Table(
        title=f"{CLIENTS} clients of 2 servers, carts of 2 to 20 products in random order, {SECONDS} s",
        title_justify="left",
    )
    for name in (
        "carts",
        "not taken or failed",
        "deadlocks",
        "items that drift",
        "p50 ms",
        "p95 ms",
        "p99 ms",
    ):
        table.add_column(name, justify="right")
    table.add_row(
        f"{outcomes.total():,}",
        str(outcomes.total() - outcomes["bought"]),
        str(deadlocks),
        str(drifted),
        *(f"{latencies[int(len(latencies) * share)] * 1000:.1f}" for share in (0.5, 0.95, 0.99)),
    )
    Console(width=120).print(table)
    assert deadlocks == 0
    assert set(outcomes) == {"bought"}
    assert drifted == 0
