"""Wires the rate limiter: where its buckets are, and what may change its limits. Opened by `app.py`."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from listings.background import background
from listings.cache.local_buckets import LocalBuckets
from listings.cache.redis_buckets import RedisBuckets
from listings.transport.limits import Limiter
from listings.transport.limits_file import LimitsFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from listings.limit_metrics import BucketMetrics, RateLimitMetrics
    from listings.settings import Settings
    from listings.transport.limits import Buckets

log = structlog.get_logger(__name__)


@asynccontextmanager
async def open_limiter(settings: Settings, metrics: RateLimitMetrics) -> AsyncIterator[Limiter | None]:
    """The limiter for as long as the block lasts; None where limits are switched off.

    Raises ValueError when the limits file cannot be used.
    """
    limits = settings.rate_limit
    if not limits.enabled:
        yield None
        return
    async with _buckets(settings, metrics.buckets) as buckets:
        limiter = Limiter(limits, metrics, buckets, changeable=limits.file is not None)
        if limits.file is None:
            yield limiter
            return
        file = LimitsFile(limits.file, limits, limiter, metrics)
        file.load()
        async with background(file.watch()):
            yield limiter


@asynccontextmanager
async def _buckets(settings: Settings, metrics: BucketMetrics) -> AsyncIterator[Buckets]:
    """Buckets that all processes share, where there is a Redis, else those of this process."""
    address = settings.redis.address()
    if address is None:
        log.info(
            "rate limits are counted in this process",
            meaning="each process admits the whole limit; LISTINGS_REDIS_URL lets them share it",
        )
        yield LocalBuckets(metrics)
        return
    limits = settings.rate_limit
    shared = RedisBuckets(
        address,
        metrics,
        wait_seconds=limits.redis_wait_seconds,
        lease_percent=limits.lease_percent,
    )
    try:
        yield shared
    finally:
        await shared.close()
