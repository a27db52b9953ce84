"""Databases at the versions that migration tests start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import asyncpg
import pytest
from providers.schema import BASELINE, ROWS_AT_BASELINE

from listings.migrate import migrate_up

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def connection(empty_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """Give a session on the test's empty database."""
    session = await asyncpg.connect(empty_dsn)
    yield session
    await session.close()


@pytest.fixture
async def baseline_dsn(empty_dsn: str, connection: asyncpg.Connection) -> str:
    """Give a database at version 20 with rows in every table."""
    await migrate_up(empty_dsn, target=BASELINE)
    await connection.execute(ROWS_AT_BASELINE)
    return empty_dsn
