"""Up, down and up again leaves schema and rows as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from providers.schema import BASELINE, apart_from_validation, catalog, difference, row_checksums

from listings.migrate import goto, migrate_down, migrate_up
from listings.migrate.errors import StatementFailed
from listings.migrate.files import load

if TYPE_CHECKING:
    from collections.abc import Callable

FILES = load()


async def test_the_rows_cover_every_table(baseline_dsn: str, connection: asyncpg.Connection):
    checksums = await row_checksums(connection)

    assert len(checksums) == 14
    assert [table for table, checksum in checksums.items() if checksum.startswith("0:")] == []


async def test_there_and_back_gives_the_same_schema_and_rows(
    baseline_dsn: str, connection: asyncpg.Connection
):
    schema_before, rows_before = await catalog(connection), await row_checksums(connection)

    await migrate_up(baseline_dsn)
    schema_latest, rows_latest = await catalog(connection), await row_checksums(connection)
    await goto(baseline_dsn, target=BASELINE)

    assert difference(schema_before, await catalog(connection)) == []
    assert await row_checksums(connection) == rows_before

    await migrate_up(baseline_dsn)

    assert difference(schema_latest, await catalog(connection)) == []
    assert await row_checksums(connection) == rows_latest


async def test_every_single_version_can_be_undone_and_redone(
    baseline_dsn: str, connection: asyncpg.Connection
):
    for version in [migration.version for migration in FILES.migrations if migration.version > BASELINE]:
        before = await catalog(connection)
        await migrate_up(baseline_dsn, target=version)
        after = await catalog(connection)
        await migrate_down(baseline_dsn)
        undone = await catalog(connection)
        assert difference(apart_from_validation(before), apart_from_validation(undone)) == [], (
            f"{version} down"
        )
        await migrate_up(baseline_dsn, target=version)
        assert difference(after, await catalog(connection)) == [], f"{version} up again"


async def test_rows_and_an_empty_database_lead_to_the_same_schema(
    baseline_dsn: str, connection: asyncpg.Connection, new_database: Callable[..., str]
):
    await migrate_up(baseline_dsn)
    fresh = new_database(migrated=False)
    await migrate_up(fresh)
    other = await asyncpg.connect(fresh)
    try:
        assert difference(await catalog(connection), await catalog(other)) == []
    finally:
        await other.close()


async def test_the_baseline_is_not_removed_while_a_table_holds_a_row(
    baseline_dsn: str, connection: asyncpg.Connection
):
    before = await row_checksums(connection)

    with pytest.raises(StatementFailed, match="still holds rows"):
        await migrate_down(baseline_dsn, target=0)

    assert await row_checksums(connection) == before


async def test_an_empty_database_goes_back_to_nothing(empty_dsn: str, connection: asyncpg.Connection):
    await migrate_up(empty_dsn)
    report = await migrate_down(empty_dsn, target=0)

    assert report.after is None
    assert [line for line in await catalog(connection) if line.startswith("table")] == [
        "table listings_migration_ledger",
        "table schema_migrations",
    ]
    assert (await migrate_up(empty_dsn)).after == FILES.latest


async def test_a_second_run_does_nothing(empty_dsn: str):
    await migrate_up(empty_dsn)

    assert (await migrate_up(empty_dsn)).steps == ()


async def test_up_to_an_earlier_version_undoes_nothing(empty_dsn: str):
    await migrate_up(empty_dsn)

    assert (await migrate_up(empty_dsn, target=BASELINE)).after == FILES.latest
