"""What the service does by itself, again and again; once for all workers, in their supervisor."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from listings.db.indexing import IndexingRows
from listings.db.inventory import InventoryRows
from listings.db.listings import ListingRows
from listings.db.observation import ObservationRows
from listings.usecases.expiry import ExpirySweeper, QueuePurge
from listings.usecases.inventory import LedgerWatch
from listings.usecases.observation import CatalogWatch, QueueWatch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.metrics import Metrics
    from listings.settings import MaintenanceSettings

# The pause between rounds in seconds, one round, and its name.
Round = tuple[float, "Callable[[], Awaitable[int]]", str]


def maintenance(
    settings: MaintenanceSettings, connections: Connections, invalidations: Invalidations, metrics: Metrics
) -> Iterator[Round]:
    """What changes rows, or finds that somebody changed them."""
    sweeper = ExpirySweeper(ListingRows(connections), invalidations, metrics.catalog)
    yield settings.expiry_interval_seconds, sweeper.sweep, "expiry sweep"
    purge = QueuePurge(
        IndexingRows(connections),
        metrics.catalog,
        retention=timedelta(seconds=settings.queue_retention_seconds),
        consumed=False,  # search reads PostgreSQL: nothing takes rows from the queue
    )
    yield settings.queue_purge_interval_seconds, purge.purge, "indexing queue purge"
    watch = LedgerWatch(InventoryRows(connections), metrics.stock)
    yield settings.ledger_check_interval_seconds, watch.check, "ledger check"


def looks(settings: MaintenanceSettings, connections: Connections, metrics: Metrics) -> Iterator[Round]:
    """What is looked at for the metrics alone."""
    rows = ObservationRows(connections)
    queue = QueueWatch(rows, metrics.queue, metrics.schema)
    yield settings.queue_look_interval_seconds, queue.look, "queue look"
    yield settings.catalog_count_interval_seconds, CatalogWatch(rows, metrics.inventory).look, "catalog count"
