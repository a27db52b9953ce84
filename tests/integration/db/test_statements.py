"""Every named statement fits the migrated schema: a wrong table, column or type is found without running it."""

from __future__ import annotations

from importlib.resources import files

import asyncpg
import pytest

from listings.db.statements import Statement, statements

# A repository completes these with fragments, marked by a comment in their place; its own tests run them.
PLACE = "/* "

FILES = sorted(path.name.removesuffix(".sql") for path in (files("listings.db") / "sql").iterdir())


@pytest.mark.parametrize(
    "named",
    [named for file in FILES for named in statements(file).values() if PLACE not in named.sql],
    ids=lambda named: named.name,
)
async def test_the_statement_can_be_prepared(shared_dsn: str, named: Statement) -> None:
    connection = await asyncpg.connect(shared_dsn)
    try:
        await connection.prepare(named.sql)
    finally:
        await connection.close()
