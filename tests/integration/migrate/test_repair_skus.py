"""Products that share a SKU stop the migration; `listings repair skus` shows them and sets them right."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from listings.cli import app
from listings.migrate import migrate_up, skus
from listings.migrate.errors import ExitCode, LockHeld, StatementFailed
from listings.migrate.files import load

if TYPE_CHECKING:
    import asyncpg

LATEST = load().latest
# In the rows of version 20 even numbers are products; 2 and 8 and 14 are in storefront 3.
SHARED = "UPDATE listings SET sku = 'SAME' WHERE id IN (2, 8, 14)"


async def _skus(connection: asyncpg.Connection, *ids: int) -> list[str | None]:
    rows = await connection.fetch("SELECT sku FROM listings WHERE id = ANY($1) ORDER BY id", ids)
    return [row["sku"] for row in rows]


async def test_the_refused_migration_names_the_command_and_succeeds_after_it(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute(SHARED)
    with pytest.raises(StatementFailed, match="products 2, 8, 14") as refused:
        await migrate_up(baseline_dsn)
    assert "listings repair skus" in refused.value.remedy

    await skus.repair(baseline_dsn)

    assert await _skus(connection, 2, 8, 14) == ["SAME", "SAME-8", "SAME-14"]
    assert (await migrate_up(baseline_dsn)).after == LATEST
    assert await skus.find(baseline_dsn) == []


async def test_looking_changes_nothing(baseline_dsn: str, connection: asyncpg.Connection):
    await connection.execute(SHARED)

    found = await skus.find(baseline_dsn)

    assert [(each.product_id, each.new_sku) for each in found] == [
        (2, "SAME"),
        (8, "SAME-8"),
        (14, "SAME-14"),
    ]
    assert await _skus(connection, 2, 8, 14) == ["SAME", "SAME", "SAME"]


async def test_an_active_product_keeps_its_sku_before_an_older_one_that_is_not(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute(SHARED)
    await connection.execute("UPDATE listings SET status = 'inactive' WHERE id = 2")

    await skus.repair(baseline_dsn)

    assert await _skus(connection, 2, 8, 14) == ["SAME-2", "SAME", "SAME-14"]


@pytest.mark.parametrize(
    "other",
    [
        "storefront_id = 1",
        "is_deleted = true",  # each delete marker counts, as they need not agree yet
        "deleted_at = now()",
        "source_type = 'c2c'",
        "storefront_id = NULL",
        "sku = ''",
    ],
)
async def test_what_the_rule_allows_is_left_alone(
    other: str, baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute("UPDATE listings SET sku = 'SAME' WHERE id IN (2, 8)")
    await connection.execute(f"UPDATE listings SET {other} WHERE id = 8")

    assert await skus.find(baseline_dsn) == []


async def test_a_new_sku_is_free_and_fits_its_column(baseline_dsn: str, connection: asyncpg.Connection):
    long = "L" * 100
    await connection.execute("UPDATE listings SET sku = $1 WHERE id IN (2, 8)", long)
    await connection.execute("UPDATE listings SET sku = 'S' WHERE id IN (14, 20)")
    await connection.execute("UPDATE listings SET sku = 'S-20' WHERE id = 26")

    await skus.repair(baseline_dsn)

    assert await _skus(connection, 2, 8) == [long, "L" * 98 + "-8"]
    assert await _skus(connection, 14, 20, 26) == ["S", "S-20-2", "S-20"]


async def test_others_can_be_left_without_a_sku(baseline_dsn: str, connection: asyncpg.Connection):
    await connection.execute(SHARED)

    await skus.repair(baseline_dsn, clear=True)

    assert await _skus(connection, 2, 8, 14) == ["SAME", None, None]


async def test_a_changed_product_is_queued_for_the_index(baseline_dsn: str, connection: asyncpg.Connection):
    await connection.execute(SHARED)
    await connection.execute("DELETE FROM indexing_queue")

    await skus.repair(baseline_dsn)

    queued = await connection.fetch(
        "SELECT listing_id FROM indexing_queue WHERE operation = 'update' ORDER BY 1"
    )
    assert [row["listing_id"] for row in queued] == [8, 14]


async def test_a_table_that_stays_locked_is_told_and_nothing_changed(
    baseline_dsn: str, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(skus, "_LOCK_TIMEOUT_MS", 50)
    await connection.execute(SHARED)

    async with connection.transaction():
        await connection.execute("LOCK TABLE listings IN ROW EXCLUSIVE MODE")
        with pytest.raises(LockHeld, match="stayed locked"):
            await skus.repair(baseline_dsn)

    assert await _skus(connection, 2, 8, 14) == ["SAME", "SAME", "SAME"]


def _run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["repair", "skus", *arguments])
    return result.exit_code, result.stdout + result.stderr


async def test_the_command_shows_first_and_changes_when_told(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await connection.execute(SHARED)
    address = ("--database-url", baseline_dsn)

    code, shown = await asyncio.to_thread(_run, *address)
    assert code == ExitCode.FINDINGS
    assert "SAME-8" in shown
    assert "listings repair skus --yes" in shown

    code, told = await asyncio.to_thread(_run, *address, "--yes", "--json")
    assert (code, json.loads(told)["repaired"]) == (ExitCode.OK, True)

    code, after = await asyncio.to_thread(_run, *address)
    assert code == ExitCode.OK
    assert "No two products" in after


def test_the_command_names_what_is_wrong_with_the_database(empty_dsn: str):
    code, told = _run("--database-url", empty_dsn)
    assert code == ExitCode.UNKNOWN_STATE
    assert "no table listings" in told

    assert _run("--database-url", "postgresql://nobody@127.0.0.1:1/none")[0] == ExitCode.UNREACHABLE
