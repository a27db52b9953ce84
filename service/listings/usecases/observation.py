"""Looks at the tables now and then, for gauges that no call moves; `app.py` repeats each of these.

Every process looks for itself: each pod's page is true alone, and rules take the maximum, not the sum.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.inventory import LOW_STOCK_THRESHOLD, PRODUCT_LOW_STOCK_THRESHOLD
from listings.domain.stock import Item

if TYPE_CHECKING:
    from listings.db.observation import ObservationRows
    from listings.state_metrics import InventoryMetrics, QueueMetrics, SchemaMetrics


class QueueWatch:
    """Tells how much waits for the search index, and which version the schema has. Cheap."""

    def __init__(self, rows: ObservationRows, queue: QueueMetrics, schema: SchemaMetrics) -> None:
        self._rows = rows
        self._queue = queue
        self._schema = schema

    async def look(self) -> int:
        """Look once. Nothing is changed: 0 rows."""
        found = await self._rows.queue()
        self._queue.stands(waiting=found.waiting, failed=found.failed, oldest_seconds=found.oldest_seconds)
        version, dirty = await self._rows.schema()
        self._schema.found(version, dirty=dirty)
        return 0


class CatalogWatch:
    """Counts listings and values stock. Reads the whole table: rarely."""

    def __init__(self, rows: ObservationRows, metrics: InventoryMetrics) -> None:
        self._rows = rows
        self._metrics = metrics

    async def look(self) -> int:
        """Look once. Nothing is changed: 0 rows."""
        by_status, out_of_stock = await self._rows.by_status()
        self._metrics.counted(by_status, out_of_stock=out_of_stock)
        most, total = await self._rows.most_valuable(self._metrics.MOST_ITEMS)
        self._metrics.valued(most, max(total - sum(worth.value for worth in most), 0.0))
        return 0


class LowStock:
    """Notices items that sales took down to their threshold.

    `sold` only remembers: thresholds are read by the next look, so no order waits for them. Between two
    looks only the first and the last quantity of an item count.
    """

    def __init__(self, rows: ObservationRows, metrics: InventoryMetrics) -> None:
        self._rows = rows
        self._metrics = metrics
        self._moved: dict[Item, tuple[int, int]] = {}

    def sold(self, item: Item, before: int, after: int) -> None:
        """Remember that an order took units of an item."""
        first = self._moved.get(item)
        self._moved[item] = (before if first is None else first[0], after)

    async def look(self) -> int:
        """Count what crossed its threshold since the last look. Nothing is changed: 0 rows."""
        if not self._moved:
            return 0
        asked = list(self._moved)
        thresholds = await self._rows.thresholds(asked)  # may fail: nothing is forgotten before
        moved = {item: self._moved.pop(item) for item in asked}
        for found in thresholds:
            default = LOW_STOCK_THRESHOLD if found.variant_id else PRODUCT_LOW_STOCK_THRESHOLD
            threshold = default if found.threshold is None else found.threshold
            before, after = moved[Item(found.product_id, found.variant_id)]
            if before > threshold >= after:
                self._metrics.low(found.product_id, found.storefront_id)
        return 0
