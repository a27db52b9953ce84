"""What the service does by itself: private sales end in time, and queue rows do not pile up.

Both loops run in every process; rows are taken with SKIP LOCKED, so several processes share the work
instead of repeating it. `app.py` starts them.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import structlog

from listings.domain.errors import ListingsError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

    from listings.cache.invalidation import Invalidations
    from listings.db.indexing import IndexingRows
    from listings.db.listings import ListingRows
    from listings.metrics import CatalogMetrics
    from listings.state_metrics import ErrorMetrics, MaintenanceMetrics

log = structlog.get_logger(__name__)

# Rows per transaction: locks are held for some ten milliseconds, and a sweep after a long absence does
# not become one large transaction.
BATCH: Final = 500


def utc_now() -> datetime:
    """The wall clock, which tests replace."""
    return datetime.now(UTC)


class ExpirySweeper:
    """Sets private sales inactive when the expiry that this service gave them has passed."""

    def __init__(
        self,
        rows: ListingRows,
        invalidations: Invalidations,
        metrics: CatalogMetrics,
        *,
        clock: Callable[[], datetime] = utc_now,
        batch: int = BATCH,
    ) -> None:
        self._rows = rows
        self._invalidations = invalidations
        self._metrics = metrics
        self._clock = clock
        self._batch = batch

    async def sweep(self) -> int:
        """End everything that is due, a batch per transaction; how many there were."""
        now = self._clock()
        ended = 0
        while ids := await self._rows.expire(now, at_most=self._batch):
            ended += len(ids)
            self._metrics.expired(len(ids))
            self._invalidations.changed(
                ("pages",), ("counts",), ("categories",), *(("listing", listing_id) for listing_id in ids)
            )
        return ended


class QueuePurge:
    """Removes indexing rows that are older than the retention."""

    def __init__(
        self,
        rows: IndexingRows,
        metrics: CatalogMetrics,
        *,
        retention: timedelta,
        consumed: bool,
        clock: Callable[[], datetime] = utc_now,
        batch: int = BATCH,
    ) -> None:
        """`consumed`: whether an index takes rows from the queue; then waiting ones are its business."""
        self._rows = rows
        self._metrics = metrics
        self._retention = retention
        self._consumed = consumed
        self._clock = clock
        self._batch = batch

    async def purge(self) -> int:
        """Remove what is too old, a batch per statement; how many rows that were."""
        before = self._clock() - self._retention
        removed = await self._all(self._rows.purge_finished, before)
        if not self._consumed:
            removed += await self._all(self._rows.purge_waiting, before)
        return removed

    async def _all(self, remove: Callable[..., Awaitable[int]], before: datetime) -> int:
        removed = 0
        while count := await remove(before=before, at_most=self._batch):
            removed += count
            self._metrics.purged(count)  # by batch: what a later one meets does not undo it
        return removed


async def every(
    seconds: float,
    work: Callable[[], Awaitable[int]],
    *,
    name: str,
    metrics: MaintenanceMetrics,
    errors: ErrorMetrics,
    start: asyncio.Lock,
) -> None:
    """Repeat `work` until cancelled; what goes wrong once is logged, counted and tried again next time.

    The first rounds of all that share `start` take turns: together they would take every database session
    just when a new process gets its first calls.
    """
    metrics.planned(name, seconds)
    turn: AbstractAsyncContextManager[None] = start
    while True:
        await _round(work, turn, name=name, metrics=metrics, errors=errors)
        turn = nullcontext()
        await asyncio.sleep(seconds)


async def _round(
    work: Callable[[], Awaitable[int]],
    turn: AbstractAsyncContextManager[None],
    *,
    name: str,
    metrics: MaintenanceMetrics,
    errors: ErrorMetrics,
) -> None:
    async with turn:
        started, failed = time.perf_counter(), True
        try:
            done = await work()
            failed = False
            if done:
                log.info("maintenance done", work=name, rows=done)
        except ListingsError as error:
            log.warning("maintenance put off", work=name, reason=error.reason)
        except Exception as error:
            log.exception("maintenance failed", work=name)
            errors.happened("maintenance", error)
        metrics.ended(name, time.perf_counter() - started, failed=failed)
