"""A runner that is killed between any two statements leaves a database that the next run finishes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import asyncpg
import pytest
from providers import killed_runner
from providers.schema import BASELINE, ROWS_AT_BASELINE, catalog, difference, row_checksums

from listings.migrate import migrate_up
from listings.migrate.errors import StatementFailed
from listings.migrate.runner import Event, Options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from providers.postgres import Databases, PostgresServer

PROVE: Final = os.environ.get("LISTINGS_PROVE") == "1"
_SHARE: Final = 1 if PROVE else 29
"""Every boundary is tried by the long run, every twenty-ninth otherwise (a file has four, so all kinds come up)."""


@pytest.fixture
def baseline_clone(databases: Databases, postgres: PostgresServer) -> Iterator[Callable[[], str]]:
    """Make databases at version 20 that hold the very same rows."""
    names = [databases.create()]

    async def seed() -> None:
        await migrate_up(postgres.dsn(names[0]), target=BASELINE)
        async with opened(postgres.dsn(names[0])) as session:
            await session.execute(ROWS_AT_BASELINE)

    def clone() -> str:
        names.append(databases.create(names[0]))
        return postgres.dsn(names[-1])

    asyncio.run(seed())
    yield clone
    for name in reversed(names):
        databases.drop(name)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    session = await asyncpg.connect(dsn)
    try:
        yield session
    finally:
        await session.close()


async def _kill_at(dsn: str, boundary: int) -> int:
    command = [sys.executable, killed_runner.__file__, dsn, str(boundary)]
    return (await asyncio.to_thread(subprocess.run, command, check=False)).returncode


@pytest.mark.slow
@pytest.mark.timeout(1200 if PROVE else 120)
async def test_killed_at_every_boundary_the_next_run_finishes(baseline_clone: Callable[[], str]):
    reference = baseline_clone()
    events: list[Event] = []
    await migrate_up(reference, options=Options(observe=events.append))
    async with opened(reference) as session:
        expected_schema, expected_rows = await catalog(session), await row_checksums(session)
    dirty = 0

    boundaries = range(1, len(events) + 1, _SHARE)
    for boundary in boundaries:
        reached = events[boundary - 1]
        dsn = baseline_clone()

        assert await _kill_at(dsn, boundary) == -signal.SIGKILL

        async with opened(dsn) as session:
            dirty += await session.fetchval("SELECT dirty FROM schema_migrations")
            assert (await migrate_up(dsn)).after == events[-1].version, reached
            assert difference(expected_schema, await catalog(session)) == [], reached
            assert await row_checksums(session) == expected_rows, reached
            assert not await session.fetchval("SELECT dirty FROM schema_migrations"), reached

    print(
        f"\nkilled at {len(boundaries)} of {len(events)} boundaries, {dirty} times within a file without transaction"
    )


async def test_an_invalid_index_of_a_stopped_build_is_built_again(
    baseline_dsn: str, connection: asyncpg.Connection
):
    # What a kill during the build leaves: dirty, a ledger row of ours that never ended, and an index that is not valid.
    await migrate_up(baseline_dsn, target=28)
    await connection.execute(
        """
        CREATE UNIQUE INDEX inventory_movements_decrement_once ON inventory_movements (order_id);
        UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'inventory_movements_decrement_once'::regclass;
        UPDATE schema_migrations SET version = 29, dirty = true;
        INSERT INTO listings_migration_ledger (version, name, direction, checksum, started_at, outcome, tool_version)
        VALUES (29, 'movement_decrement_once', 'up', '', now(), 'started', '0')
        """
    )

    await migrate_up(baseline_dsn)

    assert await connection.fetchval(
        "SELECT indisvalid AND indnatts = 3 FROM pg_index "
        "WHERE indexrelid = 'inventory_movements_decrement_once'::regclass"
    )
    outcomes = await connection.fetch(
        "SELECT outcome FROM listings_migration_ledger WHERE version = 29 ORDER BY id"
    )
    assert [row["outcome"] for row in outcomes] == ["failed", "applied"]


async def test_a_failed_concurrent_build_leaves_no_index_and_a_clean_version(
    baseline_dsn: str, connection: asyncpg.Connection
):
    await migrate_up(baseline_dsn, target=28)
    await connection.execute(
        "INSERT INTO inventory_movements (listing_id, order_id, movement_type, quantity) "
        "SELECT 2, 'order-1', 'decrement', 1 FROM generate_series(1, 2)"
    )

    with pytest.raises(StatementFailed, match="order-1"):
        await migrate_up(baseline_dsn)

    assert await connection.fetchval("SELECT to_regclass('inventory_movements_decrement_once')") is None
    assert tuple(await connection.fetchrow("SELECT version, dirty FROM schema_migrations")) == (28, False)

    await connection.execute(
        "DELETE FROM inventory_movements WHERE id = (SELECT max(id) FROM inventory_movements)"
    )
    await migrate_up(baseline_dsn)
