"""Loading the demo catalog into a database: complete, once, and leaving room for what comes after it."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest

from listings.demo.load import Loaded, load_demo


async def fetch(dsn: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def test_every_row_arrives(dsn: str):
    loaded = await load_demo(dsn)

    assert loaded is not None
    for table, count in loaded.rows.items():
        assert (await fetch(dsn, f'SELECT count(*) FROM "{table}"'))[0][0] == count


async def test_catalog_with_rows_is_left_alone(dsn: str):
    await fetch(dsn, "INSERT INTO categories (name, slug) VALUES ('Mine', 'mine')")

    assert await load_demo(dsn) is None
    assert (await fetch(dsn, "SELECT count(*) FROM listings"))[0][0] == 0


async def test_two_loaders_at_once_load_once(dsn: str):
    results = await asyncio.gather(load_demo(dsn), load_demo(dsn))

    assert sorted(isinstance(result, Loaded) for result in results) == [False, True]


async def test_new_rows_get_numbers_of_their_own(dsn: str):
    await load_demo(dsn)

    for table, columns, values in (
        ("categories", "name, slug", "'New', 'new'"),
        ("storefronts", "user_id, name, slug", "1, 'New', 'new'"),
        ("listings", "user_id, title, price, category_id", "1, 'New one', 1, 1"),
    ):
        (row,) = await fetch(dsn, f"INSERT INTO {table} ({columns}) VALUES ({values}) RETURNING id")
        (before,) = await fetch(dsn, f"SELECT count(*) FROM {table}")
        assert row["id"] == before["count"]


async def test_every_active_listing_can_be_found_and_all_wait_for_the_index(dsn: str):
    await load_demo(dsn)

    (row,) = await fetch(
        dsn,
        """
        SELECT (SELECT count(*) FROM listings WHERE status = 'active') AS active,
            (SELECT count(*) FROM listings JOIN listing_search ON listing_id = id WHERE status = 'active') AS found,
            (SELECT count(*) FROM listings) AS listings,
            (SELECT count(*) FROM indexing_queue WHERE status = 'pending') AS queued,
            (SELECT count(*) FROM listings WHERE slug <> '') AS named
        """,
    )
    assert row["active"] == row["found"]
    assert row["listings"] == row["queued"] == row["named"]


async def test_database_without_schema_is_refused(empty_dsn: str):
    with pytest.raises(asyncpg.UndefinedTableError):
        await load_demo(empty_dsn)
