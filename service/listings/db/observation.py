"""What `/metrics` tells about the tables: the queue, the schema's version, counts and values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from listings.db.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.db.connections import Connections

_QUEUE: Final = statement("observation", "queue")
_SCHEMA: Final = statement("observation", "schema")
_BY_STATUS: Final = statement("observation", "by_status")
_VALUE: Final = statement("observation", "value")
_THRESHOLDS: Final = statement("observation", "thresholds")


class QueueState(NamedTuple):
    """How the queue of the search index stands."""

    waiting: int
    failed: int
    oldest_seconds: float


class Worth(NamedTuple):
    """What the stock of one product is worth."""

    storefront_id: int
    product_id: int
    value: float


class Threshold(NamedTuple):
    """Where an item counts as low; None: the default of its kind."""

    product_id: int
    variant_id: int
    storefront_id: int
    threshold: int | None


class ObservationRows:
    """Reads, never writes."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    async def queue(self) -> QueueState:
        """Return the queue's state."""
        [row] = await self._connections.fetch(_QUEUE)
        return QueueState(*row)

    async def schema(self) -> tuple[int, bool]:
        """Return the version and whether a migration runs or has failed; (0, False) where none is recorded."""
        row = await self._connections.fetchrow(_SCHEMA)
        return (0, False) if row is None else (row["version"], row["dirty"])

    async def by_status(self) -> tuple[dict[str, int], int]:
        """Return undeleted listings by status, and how many products have nothing left."""
        rows = await self._connections.fetch(_BY_STATUS)
        return {row["status"]: row["listings"] for row in rows}, sum(row["out_of_stock"] for row in rows)

    async def most_valuable(self, most: int) -> tuple[list[Worth], float]:
        """Return the most valuable products, and the value of all of them and the rest together."""
        rows = await self._connections.fetch(_VALUE, most)
        found = [Worth(row["storefront_id"], row["product_id"], row["value"]) for row in rows]
        return found, rows[0]["total"] if rows else 0.0

    async def thresholds(self, items: Sequence[tuple[int, int]]) -> list[Threshold]:
        """Return where these items (product, variant or 0) count as low; unknown ones are left out."""
        rows = await self._connections.fetch(
            _THRESHOLDS, [item[0] for item in items], [item[1] for item in items]
        )
        return [
            Threshold(row["product_id"], row["variant_id"], row["storefront_id"] or 0, row["threshold"])
            for row in rows
        ]
