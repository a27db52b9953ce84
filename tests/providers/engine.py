"""Stock engines without a server around them: what two processes of the service would do to one database."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from listings.cache.encoded import EncodedCache
from listings.cache.invalidation import Invalidations
from listings.db.connections import Connections
from listings.db.stock import StockRows
from listings.metrics import Metrics
from listings.settings import DatabaseSettings
from listings.usecases.stock import Stock, StockEngine

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable


class NoBus:
    """An invalidation bus that nobody listens to."""

    server = "none"

    async def publish(self, text: str) -> None: ...

    async def listen(self, on_connected: Callable[[], None], on_text: Callable[[str], None]) -> None: ...


@dataclass(frozen=True)
class Running:
    connections: Connections
    rows: StockRows
    engine: StockEngine
    stock: Stock
    metrics: Metrics
    invalidations: Invalidations


@asynccontextmanager
async def run_engine(dsn: str, *, refuse_unseen: bool = False, **database: object) -> AsyncIterator[Running]:
    """An engine with connections of its own."""
    metrics = Metrics()
    # A machine that does other work besides is no reason for a refusal.
    settings = DatabaseSettings.model_validate({"url": dsn, "acquire_timeout_seconds": 20, **database})
    connections = Connections(settings, metrics.database)
    invalidations = Invalidations(EncodedCache(metrics.cache), NoBus(), metrics.bus)
    rows = StockRows(connections, refuse_unseen=refuse_unseen)
    engine = StockEngine(rows, invalidations, metrics.stock)
    try:
        yield Running(
            connections,
            rows,
            engine,
            Stock(rows, engine, invalidations, metrics.stock),
            metrics,
            invalidations,
        )
    finally:
        await invalidations.flush()
        await connections.close()
