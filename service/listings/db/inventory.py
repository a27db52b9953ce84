"""The inventory ledger in PostgreSQL, for every repository that changes stock."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from listings.db.filters import Conditions
from listings.db.statements import Statement, statement
from listings.domain.inventory import PRODUCT_LOW_STOCK_THRESHOLD, Drift, LedgerEntry, ProductStats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from listings.db.connections import Connections
    from listings.db.session import Record, Session
    from listings.domain.inventory import LedgerFilter, Movement

_RECORD: Final = statement("inventory", "record")
_HISTORY: Final = statement("inventory", "history")
_STATS: Final = statement("inventory", "stats")
_DRIFT: Final = statement("inventory", "drift")
_REPAIR: Final = statement("inventory", "repair")

# What the engine keeps in metadata for itself.
_DIGEST: Final = "request"


async def record(session: Session, movements: Sequence[Movement]) -> None:
    """Write movements within the caller's transaction: together with the stock change, or not at all."""
    if not movements:
        return
    await session.execute(
        _RECORD,
        [m.listing_id for m in movements],
        [m.variant_id for m in movements],
        [m.type.value for m in movements],
        [m.quantity for m in movements],
        [m.delta for m in movements],
        [m.stock_before for m in movements],
        [m.stock_after for m in movements],
        [m.reason for m in movements],
        [m.notes for m in movements],
        [m.user_id for m in movements],
    )


class InventoryRows:
    """Reads the ledger, sums it up, and repairs what does not add up."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def history(
        self, wanted: LedgerFilter, *, after: tuple[datetime, int] | None, limit: int
    ) -> list[LedgerEntry]:
        """Lines that pass a filter, newest first; those after a position when one is given."""
        where = _conditions(wanted)
        if after is not None:
            where.add("(m.created_at, m.id) < ({}::timestamptz, {}::bigint)", *after)
        most = where.parameter(limit)
        sql = _HISTORY.sql.replace("/* conditions */", where.sql).replace("/* most */", most)
        rows = await self._connections.fetch(Statement(_HISTORY.name, sql), *where.parameters)
        return [_entry(row) for row in rows]

    async def stats(self, storefront_id: int) -> ProductStats:
        """Figures over a storefront's undeleted products."""
        row = await self._connections.fetchrow(_STATS, storefront_id, PRODUCT_LOW_STOCK_THRESHOLD)
        assert row is not None
        return ProductStats(**row)

    async def drift(self, *, most: int) -> list[Drift]:
        """Items whose stock is not the sum of their movements, at most so many; one consistent look."""
        rows = await self._connections.fetch(_DRIFT, most)
        return [Drift(**row) for row in rows]

    async def repair(self, drifts: Sequence[Drift]) -> list[Drift]:
        """Write a `repair` line for each item that still drifts, under its lock; what was written."""
        rows = await self._connections.fetch(
            _REPAIR, [drift.product_id for drift in drifts], [drift.variant_id or 0 for drift in drifts]
        )
        return [Drift(**row) for row in rows]


def _conditions(wanted: LedgerFilter) -> Conditions:
    conditions = Conditions("true")
    if wanted.storefront_id is not None:
        conditions.add(
            "m.listing_id IN (SELECT id FROM listings WHERE storefront_id = {}::bigint)", wanted.storefront_id
        )
    if wanted.product_id is not None:
        conditions.add("m.listing_id = {}::bigint", wanted.product_id)
    if wanted.variant_id is not None:
        conditions.add("m.variant_id = {}::bigint", wanted.variant_id)
    if wanted.order_id is not None:
        conditions.add("m.order_id = {}::text", wanted.order_id)
    if wanted.movement_types:
        conditions.add("m.movement_type = ANY ({}::text[])", list(wanted.movement_types))
    if wanted.created_after is not None:
        conditions.add("m.created_at >= {}::timestamptz", wanted.created_after)
    if wanted.created_before is not None:
        conditions.add("m.created_at < {}::timestamptz", wanted.created_before)
    return conditions


def _entry(row: Record) -> LedgerEntry:
    columns = dict(row)
    metadata = json.loads(columns.pop("metadata") or "{}")
    # Another writer may have stored any JSON here; only an object has named facts.
    metadata = metadata if isinstance(metadata, dict) else {"value": metadata}
    metadata.pop(_DIGEST, None)
    return LedgerEntry(**columns, metadata=metadata)
