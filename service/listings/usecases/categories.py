"""Questions about categories, answered from one snapshot of all of them.

The snapshot is read in one query and kept for at most the cache's time to live (2 s). Both kinds of
change end it sooner, at different prices:

* a changed category (topic `categories`) ends it at once;
* a changed listing (topic `counts`) ends it as soon as counting again is affordable: counting may take
  one twentieth of the time. Where it takes 1 ms, a new listing is counted 20 ms after the last count;
  at 15 ms and 50 new listings a second PostgreSQL counts three times a second, not fifty.

So a caller on a quiet system reads its own writes, and a busy one counts at a bounded cost and is never
more than the time to live behind.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from listings.db.coalesce import CoalescedReads
from listings.domain.categories import Catalog, popular_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping, Sequence

    from listings.cache.encoded import EncodedCache, Fill
    from listings.db.categories import CategoryRows
    from listings.domain.categories import Branch, Category
    from listings.metrics import CacheMetrics

# Rest between counts, in multiples of what the last one took: 5 % of one PostgreSQL process at most.
_RESTS: Final = 19


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The catalog at one moment, and what edges encoded from it: both end together."""

    catalog: Catalog
    as_of: Fill
    counts_as_of: Fill
    may_recount_at: float
    expires_at: float
    encoded: dict[Hashable, bytes] = field(default_factory=dict)


class Categories:
    """Reads of the category tree; nothing in this service changes it."""

    def __init__(
        self,
        rows: CategoryRows,
        cache: EncodedCache,
        metrics: CacheMetrics,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rows = rows
        self._cache = cache
        self._metrics = metrics
        self._clock = clock
        self._latest: Snapshot | None = None
        self._reads: CoalescedReads[None, Snapshot] = CoalescedReads(self._read)

    def current(self) -> Snapshot | None:
        """The snapshot, if it may still be served: no waiting, for answers given at once."""
        latest = self._latest
        if latest is None or not self._cache.still_true(latest.as_of):
            return None
        now = self._clock()
        if now >= latest.expires_at:
            return None
        if now >= latest.may_recount_at and not self._cache.still_true(latest.counts_as_of):
            return None
        return latest

    def encoded(self, key: Hashable) -> bytes | None:
        """What an edge encoded under `key` from the snapshot that is still served."""
        current = self.current()
        data = None if current is None else current.encoded.get(key)
        (self._metrics.miss if data is None else self._metrics.hit)("categories")
        return data

    async def snapshot(self) -> Snapshot:
        """The snapshot, read again if it must be; callers that wait share one query."""
        current = self.current()
        if current is not None:
            return current
        read = await self._reads.get(None)
        assert read is not None
        return read

    async def roots(self) -> tuple[Category, ...]:
        """Active categories without a parent."""
        return (await self.snapshot()).catalog.roots()

    async def active(self) -> tuple[Category, ...]:
        """All active categories."""
        return (await self.snapshot()).catalog.active()

    async def popular(self, limit: int = 0) -> tuple[Category, ...]:
        """The categories with the most listings: 10 unless `limit` says otherwise, 100 at most."""
        return (await self.snapshot()).catalog.popular(popular_limit(limit))

    async def get(self, category_id: int) -> Category:
        """One category, an inactive one too; raises CategoryNotFound."""
        return (await self.snapshot()).catalog.get(category_id)

    async def tree(self, category_id: int) -> Branch:
        """An active category and all that is active below it; raises CategoryNotFound."""
        return (await self.snapshot()).catalog.tree(category_id)

    async def _read(self, _: Sequence[None]) -> Mapping[None, Snapshot]:
        current = self.current()  # whoever queued behind the read that just ended is served by it
        if current is None:
            as_of, counts_as_of = self._cache.begin(("categories",)), self._cache.begin(("counts",))
            began = self._clock()
            catalog = await self._rows.catalog()
            ended = self._clock()
            current = Snapshot(
                catalog,
                as_of,
                counts_as_of,
                may_recount_at=ended + _RESTS * (ended - began),
                expires_at=began + self._cache.ttl_seconds,
            )
            self._latest = current
        return {None: current}
