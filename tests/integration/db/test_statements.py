"""Every named statement fits the migrated schema: a wrong table, column or type is found without running it."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

import asyncpg
import pytest
import pytest_asyncio

from listings.db.statements import Statement, statements

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# A repository completes these with fragments, marked by a comment in their place; its own tests run them.
PLACE = "/* "

FILES = sorted(path.name.removesuffix(".sql") for path in (files("listings.db") / "sql").iterdir())


pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def connection(shared_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(shared_dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize(
    "named",
    [named for file in FILES for named in statements(file).values() if PLACE not in named.sql],
    ids=lambda named: named.name,
)
async def test_the_statement_can_be_prepared(connection: asyncpg.Connection, named: Statement) -> None:
    await connection.prepare(named.sql)
