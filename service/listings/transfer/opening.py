"""The few parts of the service that an import or export needs, without its servers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.cache.postgres_bus import PostgresBus
from listings.db.connections import Connections
from listings.db.products import ProductRows
from listings.metrics import Metrics
from listings.usecases.product_bulk import ProductBulk

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from listings.settings import Settings


@dataclass(frozen=True, slots=True)
class Catalog:
    """Products, read and written in bulk."""

    rows: ProductRows
    bulk: ProductBulk


@asynccontextmanager
async def open_catalog(settings: Settings) -> AsyncIterator[Catalog]:
    """Connect; running servers learn of what is written here. Raises Unavailable without a database."""
    metrics = Metrics({})
    connections = Connections(settings.database, metrics.database)
    await connections.open()
    from listings.cache.redis_bus import RedisBus  # noqa: PLC0415 - a tenth of a second that `--help` need not wait

    address = settings.redis.address()
    bus = (
        PostgresBus(settings.database, connections) if address is None else RedisBus(settings.redis, address)
    )
    invalidations = Invalidations(EncodedCache(metrics.cache, enabled=False), bus, metrics.bus)
    rows = ProductRows(connections)
    try:
        yield Catalog(rows, ProductBulk(connections, rows, invalidations, metrics.catalog))
        await invalidations.flush()
    finally:
        if isinstance(bus, RedisBus):
            await bus.close()
        await connections.close()
