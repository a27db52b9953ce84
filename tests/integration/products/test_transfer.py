"""`listings import` and `listings export`, as people run them."""

from __future__ import annotations

import asyncio
import csv
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest
from providers.sessions import AT_WORK, HELD_UP
from typer.testing import CliRunner

from listings.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


def words(shop: Any, *arguments: object) -> list[str]:
    return [*map(str, arguments), "--storefront", str(shop.storefront)]


async def run(shop: Any, *arguments: object) -> Result:
    """Run it in this process: starting another takes longer than most of these imports."""
    return await asyncio.to_thread(
        lambda: CliRunner().invoke(
            app, words(shop, *arguments), env={"LISTINGS_DATABASE_URL": shop.service.dsn}
        )
    )


def start(shop: Any, *arguments: object) -> subprocess.Popen[bytes]:
    """Start it as a process of its own, which can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "listings", *words(shop, *arguments)],
        env={**os.environ, "LISTINGS_DATABASE_URL": shop.service.dsn},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture
def record(shop):
    """Make records that differ from a valid one in the named fields."""
    valid = {"name": "Oak chair", "price": 49.9, "currency": "EUR", "category_id": shop.category}
    return lambda **fields: {**valid, **fields}


def ndjson(file: Path, records: list[object]) -> Path:
    lines = (line if isinstance(line, str) else json.dumps(line) for line in records)
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def told(file: Path) -> list[tuple[int, str]]:
    """What the errors file says of which line."""
    path = file.with_name(f"{file.name}.errors.ndjson")
    return [(error["line"], error["code"]) for error in map(json.loads, path.read_text("utf-8").splitlines())]


async def test_every_record_becomes_a_product(shop, record, tmp_path):
    file = ndjson(tmp_path / "chairs.ndjson", [record(sku=f"C-{n}", stock_quantity=n) for n in range(2500)])
    done = await run(shop, "import", file)
    assert done.exit_code == 0, done.stderr
    assert "2500 created, 0 there already, 0 rejected" in done.stderr
    assert "100%" in done.stderr, "the bar reached its end"
    assert (await shop.listed()).total_count == 2500
    assert await shop.counted("inventory_movements") == 2499
    assert await shop.counted("indexing_queue") == 2500
    assert not file.with_name("chairs.ndjson.errors.ndjson").exists()


async def test_good_records_land_and_bad_ones_are_told_by_line(shop, record, tmp_path):
    await shop.create(sku="TAKEN")
    file = ndjson(
        tmp_path / "chairs.ndjson",
        [
            record(sku="A"),
            "not json",
            record(name="ab"),
            "",
            record(sku="TAKEN"),
            record(category_id=2**40),
            record(prise=1),
            record(price="much"),
            "[1]",
            record(attributes={"a": [1]}, sku="B", price="12.50", is_active=False),
            record(sku="A", name="Elm chair"),
        ],
    )
    done = await run(shop, "import", file)
    assert done.exit_code == 1
    assert "2 created, 0 there already, 8 rejected" in done.stderr
    assert told(file) == [
        (2, "products.validation_failed"),
        (3, "products.validation_failed"),
        (5, "products.sku_duplicate"),
        (6, "products.invalid_category_id"),
        (7, "products.validation_failed"),
        (8, "products.validation_failed"),
        (9, "products.validation_failed"),
        (11, "products.sku_duplicate"),
    ]
    [b] = await shop.rows("SELECT price, status, attributes FROM listings WHERE sku = 'B'")
    assert (float(b["price"]), b["status"], json.loads(b["attributes"])) == (12.5, "inactive", {"a": [1]})


async def test_mended_lines_land_with_the_same_command(shop, record, tmp_path):
    good = [record(name=f"Chair {n}") for n in range(5)]
    file = ndjson(tmp_path / "chairs.ndjson", [*good, record(name="x")])
    assert (await run(shop, "import", file)).exit_code == 1
    ndjson(file, [*good, record(name="Mended")])
    done = await run(shop, "import", file)
    assert done.exit_code == 0
    assert "1 created, 5 there already, 0 rejected" in done.stderr
    assert (await shop.listed()).total_count == 6


async def test_an_import_killed_halfway_goes_on_without_duplicates(shop, record, tmp_path):
    total = 5_000
    file = ndjson(
        tmp_path / "chairs.ndjson",
        [record(name=f"Chair {n}", sku=f"C-{n}", stock_quantity=1) for n in range(total)],
    )
    other = await asyncpg.connect(shop.service.dsn)
    try:
        # Somebody else is just taking the SKU of a record in the middle: there the import waits, and is killed.
        taking = other.transaction()
        await taking.start()
        await other.execute(
            "INSERT INTO listings (user_id, storefront_id, title, slug, price, category_id, status, source_type, sku)"
            f" VALUES (70, {shop.storefront}, 'Chair', 'chair', 1, {shop.category}, 'active', 'b2c', 'C-{total // 2}')"
        )
        process = start(shop, "import", file)
        try:
            while not await shop.rows(HELD_UP):
                assert process.poll() is None, "the import ended before it could be killed"
                await asyncio.sleep(0.01)
        finally:
            process.kill()
            await asyncio.to_thread(process.communicate)
            await taking.rollback()
        async with asyncio.timeout(60):
            while await shop.rows(AT_WORK):  # PostgreSQL finishes the statement before it misses who sent it
                await asyncio.sleep(0.01)
    finally:
        await other.close()
    stored = await shop.counted("listings")
    assert 0 < stored < total
    done = await run(shop, "import", file)
    assert f"{total - stored} created, {stored} there already, 0 rejected" in done.stderr, done.stderr
    assert await shop.counted("listings") == total
    assert await shop.counted("inventory_movements") == total
    [names] = await shop.rows("SELECT count(DISTINCT title) FROM listings")
    assert names["count"] == total


async def test_a_csv_file_holds_the_same_records(shop, tmp_path):
    file = tmp_path / "chairs.csv"
    file.write_text(
        "\ufeffsku,name,price,currency,category_id,description,attributes,has_individual_location\n"
        f'A,"Oak, oiled",49.9,EUR,{shop.category},"Two\nlines","{{""wood"": ""oak""}}",no\n'
        f"B,Elm,x,EUR,{shop.category},,,\n"
        f"C,Ash,1,EUR,{shop.category}\n"
        f"D,Fir,2,EUR,{shop.category},,,yes\n",
        encoding="utf-8",
    )
    done = await run(shop, "import", file)
    assert "2 created, 0 there already, 2 rejected" in done.stderr
    assert [line for line, _ in told(file)] == [4, 5]
    [a, d] = await shop.rows("SELECT title, description, attributes FROM listings ORDER BY id")
    assert (a["title"], a["description"], json.loads(a["attributes"])) == (
        "Oak, oiled",
        "Two\nlines",
        {"wood": "oak"},
    )
    assert d["title"] == "Fir"


async def test_a_column_nobody_knows_stops_before_anything_is_written(shop, tmp_path):
    file = tmp_path / "chairs.csv"
    file.write_text("name,prize\nOak chair,1\n", encoding="utf-8")
    done = await run(shop, "import", file)
    assert done.exit_code == 1
    assert "prize" in done.stderr
    assert await shop.counted("listings") == 0


async def test_an_unknown_storefront_is_told(shop, record, tmp_path):
    file = ndjson(tmp_path / "chairs.ndjson", [record()])
    shop.storefront = 404
    done = await run(shop, "import", file)
    assert done.exit_code == 1
    assert "no such storefront" in done.stderr


@pytest.mark.parametrize("form", ["ndjson", "csv"])
async def test_what_is_exported_imports_again(shop, tmp_path, form):
    request = shop.new(
        name='Столица "дуб", 1',
        description="Two\nlines",
        sku="C-1",
        barcode="86",
        individual_latitude=44.5,
        location_privacy="hidden",
    )
    request.attributes.update({"wood": "дуб", "legs": 4})
    whole = (await shop.stub.CreateProduct(request)).product
    await shop.update((await shop.create(name="Elm chair")).id, is_active=False)
    await shop.delete((await shop.create(name="Gone")).id)
    file = tmp_path / f"out.{form}"
    done = await run(shop, "export", "--output", file)
    assert done.exit_code == 0, done.stderr
    assert "2 products" in done.stderr

    await shop.rows("DELETE FROM listings")
    assert (await run(shop, "import", file)).exit_code == 0
    again = await shop.rows("SELECT id FROM listings ORDER BY id")
    shown = [await shop.get(row["id"]) for row in again]
    assert [(product.name, product.is_active) for product in shown] == [
        (whole.name, True),
        ("Elm chair", False),
    ]
    for field in ("id", "created_at", "updated_at"):
        whole.ClearField(field)
        shown[0].ClearField(field)
    assert shown[0] == whole


async def test_an_export_goes_to_standard_output_too(shop):
    product = await shop.create(sku="C-1")
    as_lines, _ = await asyncio.to_thread(start(shop, "export").communicate)
    assert json.loads(as_lines)["id"] == product.id
    as_cells = await run(shop, "export", "--format", "csv")
    [row] = csv.DictReader(as_cells.stdout.splitlines())
    assert (row["id"], row["sku"], row["is_active"]) == (str(product.id), "C-1", "true")
