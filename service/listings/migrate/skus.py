"""Finds and mends products of one storefront that share a SKU: the one thing a schema change cannot decide.

`listings repair skus` calls it, usually because `listings migrate up` refused such rows. It works on any version of the
schema from the baseline on, so it names only columns that were always there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import asyncpg

from listings.migrate.errors import LockHeld, UnknownState
from listings.migrate.runner import open_session

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST: Final = 100
"""Characters of the column."""

_LOCK_TIMEOUT_MS: Final = 5_000

_LIVE: Final = "source_type = 'b2c' AND sku <> '' AND storefront_id IS NOT NULL AND is_deleted = false AND deleted_at IS NULL"

# One active product keeps its SKU before inactive ones, the oldest before younger ones: what orders name is left alone.
_FIND: Final = f"""
SELECT l.storefront_id, l.sku, l.id, l.title, l.status, l.quantity, l.created_at,
    row_number() OVER (PARTITION BY l.storefront_id, l.sku ORDER BY l.status <> 'active', l.id) = 1 AS keeps
FROM listings AS l
WHERE {_LIVE} AND EXISTS (
    SELECT FROM listings AS other
    WHERE other.storefront_id = l.storefront_id AND other.sku = l.sku AND other.id <> l.id
        AND other.source_type = 'b2c' AND other.is_deleted = false AND other.deleted_at IS NULL)
ORDER BY l.storefront_id, l.sku, keeps DESC, l.id
"""  # noqa: S608 - a constant

_TAKEN: Final = f"SELECT storefront_id, sku FROM listings WHERE storefront_id = ANY($1) AND {_LIVE}"  # noqa: S608 - as above
_WRITE: Final = "UPDATE listings SET sku = $2 WHERE id = $1"
_ENQUEUE: Final = """
INSERT INTO indexing_queue (listing_id, operation) VALUES ($1, 'update')
ON CONFLICT (listing_id) WHERE status = 'pending' DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Repair:
    """One product of a group that shares a SKU, and the SKU it should have: the same one, a new one or none."""

    storefront_id: int
    sku: str
    product_id: int
    title: str
    status: str
    stock: int
    new_sku: str | None

    @property
    def changes(self) -> bool:
        """Whether this product gets another SKU."""
        return self.new_sku != self.sku


async def find(dsn: str, *, clear: bool = False) -> list[Repair]:
    """Return every product that shares its SKU, group by group, with what `repair` would give it. Changes nothing."""
    async with open_session(dsn) as connection:
        await _check_schema(connection)
        return await _plan(connection, clear=clear)


async def repair(dsn: str, *, clear: bool = False) -> list[Repair]:
    """Give all but one product of each group another SKU (`clear`: none) in one transaction; what was done.

    A new one is the old one and the product's number. Raises LockHeld when writers keep the table, Unreachable.
    """
    async with open_session(dsn) as connection:
        await _check_schema(connection)
        try:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL lock_timeout = {_LOCK_TIMEOUT_MS}")
                # Readers go on; nobody adds a product of the same SKU between our look and our change.
                await connection.execute("LOCK TABLE listings IN SHARE ROW EXCLUSIVE MODE")
                repairs = await _plan(connection, clear=clear)
                changed = [(each.product_id, each.new_sku) for each in repairs if each.changes]
                await connection.executemany(_WRITE, changed)
                await connection.executemany(_ENQUEUE, [(product_id,) for product_id, _ in changed])
                return repairs
        except asyncpg.LockNotAvailableError as error:
            raise LockHeld(
                f"the table listings stayed locked for {_LOCK_TIMEOUT_MS // 1000} s",
                remedy="Find the long transaction (pg_stat_activity), end it or wait for it, then run again.",
            ) from error


async def _check_schema(connection: asyncpg.Connection) -> None:
    if not await connection.fetchval("SELECT to_regclass('listings') IS NOT NULL"):
        raise UnknownState(
            "this database has no table listings",
            remedy="Name another database, or make the schema first: `listings migrate up`.",
        )


async def _plan(connection: asyncpg.Connection, *, clear: bool) -> list[Repair]:
    rows = await connection.fetch(_FIND)
    taken = {
        (row["storefront_id"], row["sku"])
        for row in await connection.fetch(_TAKEN, sorted({row["storefront_id"] for row in rows}))
    }
    return [_repair(row, taken, clear=clear) for row in rows]


def _repair(row: asyncpg.Record, taken: set[tuple[int, str]], *, clear: bool) -> Repair:
    storefront_id, sku = row["storefront_id"], row["sku"]
    new_sku: str | None = sku
    if not row["keeps"]:
        new_sku = (
            None
            if clear
            else _free(sku, row["id"], {known for shop, known in taken if shop == storefront_id})
        )
        taken.add((storefront_id, new_sku or ""))
    return Repair(storefront_id, sku, row["id"], row["title"], row["status"], row["quantity"], new_sku)


def _free(sku: str, product_id: int, taken: set[str]) -> str:
    """Return the SKU with the product's number behind it, and one more number in the rare case that this is taken."""
    endings: Sequence[str] = [
        f"-{product_id}",
        *(f"-{product_id}-{number}" for number in range(2, len(taken) + 3)),
    ]
    candidates = (f"{sku[: LONGEST - len(ending)]}{ending}" for ending in endings)
    return next(candidate for candidate in candidates if candidate not in taken)
