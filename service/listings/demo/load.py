"""Writes the demo catalog into an empty database, in one transaction with one INSERT per table.

Called by `listings dev` and `listings demo load`. Knows the tables, not the service: it works before anything serves.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from listings.demo.catalog import Row, demo_catalog

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOT_EMPTY: Final = """
SELECT EXISTS (SELECT FROM categories) OR EXISTS (SELECT FROM storefronts)
    OR EXISTS (SELECT FROM listings) OR EXISTS (SELECT FROM inventory_movements)
"""
# Two loaders at once: the second waits and then finds the rows of the first.
_ALONE: Final = "LOCK TABLE categories IN SHARE ROW EXCLUSIVE MODE"
_WITHOUT_SEQUENCE: Final = ("listing_stats", "listing_favorites")


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was written."""

    rows: dict[str, int]

    def __str__(self) -> str:
        rows = self.rows
        return (
            f"{rows['categories']} categories, {rows['storefronts']} storefronts, {rows['listings']} listings "
            f"with {rows['listing_images']} images and {rows['product_variants']} variants, "
            f"{rows['listing_favorites']} favorites"
        )


async def load_demo(dsn: str, *, now: datetime | None = None) -> Loaded | None:
    """Write the catalog, or return None where the database holds any. The schema must be migrated."""
    connection = await asyncpg.connect(dsn, server_settings={"application_name": "listings-demo"})
    try:
        async with connection.transaction():
            await connection.execute(_ALONE)
            if await connection.fetchval(_NOT_EMPTY):
                return None
            catalog = demo_catalog(now or datetime.now(UTC).replace(minute=0, second=0, microsecond=0))
            for table, rows in catalog.tables():
                await _insert(connection, table, rows)
        # What was just written is not in the planner's statistics, and nobody wants to wait for autovacuum.
        await connection.execute("ANALYZE")
    finally:
        await connection.close()
    return Loaded({table: len(rows) for table, rows in catalog.tables()})


async def _insert(connection: asyncpg.Connection[Any], table: str, rows: Sequence[Row]) -> None:
    """All rows in one statement; numbers drawn by hand are taken out of the table's sequence afterwards."""
    columns = ", ".join(f'"{name}"' for name in rows[0])
    await connection.execute(
        f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::"{table}", $1::jsonb)',  # noqa: S608 - names of our own
        json.dumps(rows, ensure_ascii=False, default=_as_json),
    )
    if table not in _WITHOUT_SEQUENCE:
        await connection.execute(
            f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM \"{table}\"))"  # noqa: S608 - as above
        )


def _as_json(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a row")
