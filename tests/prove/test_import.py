"""A large import: how fast beside plain COPY, in how much memory, and whole after a kill -9.

100,000 products with LISTINGS_PROVE=1, 5,000 otherwise.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time

import asyncpg
import psutil
import pytest
from providers.postgres import migrate
from providers.sessions import AT_WORK, HELD_UP
from rich.console import Console
from rich.table import Table

PRODUCTS = 100_000 if os.environ.get("LISTINGS_PROVE") else 5_000
COLUMNS = (
    "user_id", "storefront_id", "title", "slug", "description", "price", "currency", "category_id", "status",
    "quantity", "stock_status", "sku", "source_type",
)  # fmt: skip


@pytest.fixture
async def shops(postgres_process):
    """A durable server with three empty storefronts: one to fill, one to fill with a kill, one for COPY."""
    server = postgres_process(durable=True)
    await migrate(server.dsn())
    connection = await asyncpg.connect(server.dsn())
    await connection.execute(
        "INSERT INTO categories (id, name, slug, level) VALUES (1, 'Chairs', 'chairs', 0);"
        "INSERT INTO storefronts (id, user_id, slug, name) SELECT n, n, 'shop-' || n, 'Shop' FROM generate_series(1, 3) n"
    )
    yield server.dsn(), connection
    await connection.close()


def write_file(path):
    with path.open("w") as file:
        for number in range(PRODUCTS):
            record = {
                "name": f"Oak chair number {number}",
                "description": "A chair of solid oak, oiled by hand.",
                "price": 10 + number % 1000,
                "currency": "RSD",
                "category_id": 1,
                "sku": f"chair-{number}",
                "stock_quantity": 5,
            }
            file.write(json.dumps(record) + "\n")


def start_import(dsn: str, path, storefront: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "listings", "import", str(path), "--storefront", str(storefront)],
        env={**os.environ, "LISTINGS_DATABASE_URL": dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_import(dsn: str, path, storefront: int) -> tuple[float, float]:
    """Seconds and peak memory in MiB."""
    began = time.monotonic()
    process = start_import(dsn, path, storefront)
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)  # a sampling interval
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()[-2000:]
    return time.monotonic() - began, peak / 2**20


async def copy_rows(connection) -> float:
    """Seconds that plain COPY needs for the same rows into the same table, without movements and queue."""
    rows = [
        (3, 3, f"Oak chair number {n}", f"copied-{n}", "A chair of solid oak, oiled by hand.", 10 + n % 1000, "RSD",
         1, "active", 5, "low_stock", f"chair-{n}", "b2c")
        for n in range(PRODUCTS)
    ]  # fmt: skip
    began = time.monotonic()
    await connection.copy_records_to_table("listings", records=rows, columns=COLUMNS)
    return time.monotonic() - began


async def counted(connection, storefront: int) -> tuple[int, int, int]:
    """Products, different skus, and products whose movements do not add up to their stock."""
    row = await connection.fetchrow(
        "SELECT count(*) AS products, count(DISTINCT sku) AS skus, count(*) FILTER (WHERE quantity <> coalesce("
        " (SELECT sum(delta) FROM inventory_movements m WHERE m.listing_id = l.id), 0)) AS drifted"
        " FROM listings l WHERE storefront_id = $1",
        storefront,
    )
    return row["products"], row["skus"], row["drifted"]


@pytest.mark.timeout(1800)
async def test_an_import_is_whole_after_a_kill_and_not_far_from_copy(shops, tmp_path):
    dsn, connection = shops
    path = tmp_path / "chairs.ndjson"
    write_file(path)

    seconds, peak = await asyncio.to_thread(run_import, dsn, path, 1)
    assert await counted(connection, 1) == (PRODUCTS, PRODUCTS, 0)

    other = await asyncpg.connect(dsn)
    taking = other.transaction()
    await taking.start()
    # Somebody else is just taking the SKU of a record in the middle: there the import waits, and is killed.
    await other.execute(
        "INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, source_type, sku)"
        f" VALUES (2, 2, 'Oak chair', 'oak-chair', 1, 1, 'active', 'b2c', 'chair-{PRODUCTS // 2}')"
    )
    killed = start_import(dsn, path, 2)
    while not await connection.fetchval(HELD_UP):
        assert killed.poll() is None, killed.communicate()
        await asyncio.sleep(0.02)  # a poll of the database, bounded by the test's time limit
    killed.kill()
    killed.communicate()
    await taking.rollback()
    # PostgreSQL finishes the statement before it misses who sent it.
    while await connection.fetchval(AT_WORK):
        await asyncio.sleep(0.02)  # the same
    await other.close()
    landed, _, drifted = await counted(connection, 2)
    assert 0 < landed < PRODUCTS
    assert drifted == 0, "a product without its movement was left behind"
    resumed, _ = await asyncio.to_thread(run_import, dsn, path, 2)
    assert await counted(connection, 2) == (PRODUCTS, PRODUCTS, 0)

    copied = await copy_rows(connection)
    table = Table(title=f"import of {PRODUCTS:,} products, durability on", title_justify="left")
    for name in ("way", "rows/s", "beside COPY", "peak memory", "note"):
        table.add_column(name, justify="left" if name in {"way", "note"} else "right")
    table.add_row(
        "listings import",
        f"{PRODUCTS / seconds:,.0f}",
        f"{copied / seconds:.2f}",
        f"{peak:.0f} MiB",
        "checks, slugs, movements, queue",
    )
    table.add_row("plain COPY", f"{PRODUCTS / copied:,.0f}", "1.00", "", "rows only")
    table.add_row(
        "resumed after kill -9",
        f"{(PRODUCTS - landed) / resumed:,.0f}",
        "",
        "",
        f"killed at {landed:,}; {resumed:.1f} s more; 0 duplicates, 0 drift",
    )
    Console(width=120).print(table)
