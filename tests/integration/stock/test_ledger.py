"""`listings ledger`: the proof that stock and movements agree, its repair, and the history for people."""

from __future__ import annotations

import asyncio
import json

import pytest
from providers.stock import load_shop
from typer.testing import CliRunner

from listings.cli import app
from listings.v1 import listings_pb2 as pb

SHOP = "inventory"


@pytest.fixture
def ledger(dsn):
    """Run a `listings ledger` command on the test's database, in a thread: the command has its own loop."""

    def run(*arguments: str, database: str = dsn):
        return CliRunner().invoke(app, ["ledger", *arguments, "--database-url", database])

    return run


@pytest.fixture
async def drifting(shop):
    """Somebody changes stock behind the ledger's back."""
    await shop.query(
        "UPDATE listings SET quantity = quantity - 4 WHERE id = $1 RETURNING id", shop["counted"]
    )
    await shop.query(
        "UPDATE product_variants SET stock_quantity = 25 WHERE id = $1 RETURNING id",
        shop.variants["small"][1],
    )
    return shop


async def in_thread(work, *arguments: str):
    return await asyncio.to_thread(work, *arguments)


async def test_a_ledger_that_adds_up_is_said_so(shop, ledger):
    result = await in_thread(ledger, "verify")
    assert result.exit_code == 0
    assert "add up" in result.output


async def test_drift_is_found_item_by_item_and_exits_1(drifting, ledger):
    result = await in_thread(ledger, "verify", "--json")
    assert result.exit_code == 1
    shop = drifting
    assert json.loads(result.output)["drift"] == [
        {
            "product_id": shop["counted"],
            "variant_id": None,
            "on_hand": 96,
            "ledger_sum": 100,
            "difference": -4,
        },
        {
            "product_id": shop["shirt"],
            "variant_id": shop.variants["small"][1],
            "on_hand": 25,
            "ledger_sum": 20,
            "difference": 5,
        },
    ]
    table = await in_thread(ledger, "verify")
    assert "--repair" in table.output


async def test_repair_writes_what_is_missing_and_leaves_stock(drifting, ledger):
    result = await in_thread(ledger, "verify", "--repair")
    assert result.exit_code == 0
    assert "2 repair movements" in result.output
    assert await drifting.stock("counted") == 96
    (movement,) = await drifting.movements("counted")
    assert (movement["movement_type"], movement["delta"], movement["quantity"]) == ("repair", -4, 4)
    await drifting.prove()
    assert (await in_thread(ledger, "verify")).exit_code == 0


async def test_a_repair_of_a_part_does_not_say_that_all_adds_up(drifting, ledger):
    first = await in_thread(ledger, "verify", "--repair", "--most", "1")
    assert first.exit_code == 1
    assert "1 repair movements" in first.output
    assert "run it again" in first.output
    assert (await in_thread(ledger, "verify", "--repair", "--most", "1")).exit_code == 0
    await drifting.prove()


async def test_an_order_is_told_with_all_its_lines(service, shop, ledger):
    await service.stub.DecrementStock(
        pb.DecrementStockRequest(items=shop.lines(counted=3, medium=2), order_id="order-77")
    )
    result = await in_thread(ledger, "show", "order-77", "--json")
    assert [(e["movement_type"], e["delta"]) for e in json.loads(result.output)] == [
        ("decrement", -3),
        ("decrement", -2),
    ]
    assert "decrement" in (await in_thread(ledger, "show", "order-77")).output


async def test_a_number_is_a_product_unless_it_is_said_to_be_an_order(service, shop, ledger):
    await service.stub.DecrementStock(
        pb.DecrementStockRequest(items=shop.lines(counted=3), order_id=str(shop["few"]))
    )
    of_product = await in_thread(ledger, "show", str(shop["few"]), "--json")
    assert [e["movement_type"] for e in json.loads(of_product.output)] == ["opening"]
    of_order = await in_thread(ledger, "show", str(shop["few"]), "--order", "--json")
    assert [e["movement_type"] for e in json.loads(of_order.output)] == ["decrement"]
    cut = await in_thread(ledger, "show", str(shop["counted"]), "--most", "1")
    assert "--most" in cut.output
    assert "Nothing is known" in (await in_thread(ledger, "show", "404")).output
    assert (await in_thread(ledger, "show", "abc", "--product")).exit_code == 2


async def test_a_database_that_is_away_exits_6(ledger):
    result = await in_thread(lambda: ledger("verify", database="postgresql://nobody@127.0.0.1:1/none"))
    assert result.exit_code == 6


async def test_fixtures_of_check_and_decrement_have_the_promised_sizes(service):
    shop = await load_shop(service.connections, "check_stock")
    assert (len(shop.products), len(shop.variants)) == (57, 6)


async def test_the_decrement_fixture_too(service):
    shop = await load_shop(service.connections, "decrement_stock")
    assert (len(shop.products), len(shop.variants)) == (58, 3)
