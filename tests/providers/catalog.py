"""Rows that tests need before they begin: each function writes one thing with sensible defaults.

    await add_category(connections, name="Cars", parent_id=1)
    await add_listing(connections, category_id=2, status="active")

Named columns override the defaults; answers are ids.
"""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

from listings.db.statements import Statement

if TYPE_CHECKING:
    from listings.db.connections import Connections

_number = count(1)


async def insert(connections: Connections, table: str, **columns: Any) -> Any:
    """Write one row; its id."""
    names = ", ".join(columns)
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    written = Statement("test.insert", f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING *")
    return (await connections.fetchrow(written, *columns.values()))[0]


async def add_category(connections: Connections, **columns: Any) -> int:
    """A category: a root one unless `parent_id` (and `level`) say otherwise."""
    n = next(_number)
    level = 0 if columns.get("parent_id") is None else 1
    return await insert(
        connections,
        "categories",
        **{"name": f"Category {n}", "slug": f"category-{n}", "level": level, **columns},
    )


async def add_listing(connections: Connections, **columns: Any) -> int:
    """An active listing of a private seller, in a category of its own unless one is named."""
    n = next(_number)
    if "category_id" not in columns:
        columns["category_id"] = await add_category(connections)
    defaults = {
        "user_id": 7,
        "title": f"Listing {n}",
        "slug": f"listing-{n}",
        "price": 10,
        "status": "active",
    }
    return await insert(connections, "listings", **{**defaults, **columns})


async def add_storefront(connections: Connections, **columns: Any) -> int:
    """An active storefront."""
    n = next(_number)
    defaults = {"user_id": 7, "slug": f"storefront-{n}", "name": f"Storefront {n}"}
    return await insert(connections, "storefronts", **{**defaults, **columns})


async def rows(connections: Connections, sql: str, *args: Any) -> list[dict[str, Any]]:
    """What a query finds, as plain dictionaries."""
    return [dict(row) for row in await connections.fetch(Statement("test.rows", sql), *args)]
