"""What a batch job does that builds the search index anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.domain.reindex import ReindexBatch, batch_size, checked_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.db.reindex import ReindexRows
    from listings.state_metrics import QueueMetrics


class Reindexing:
    """Walking all active listings, and saying which of them are done."""

    def __init__(self, rows: ReindexRows, metrics: QueueMetrics) -> None:
        self._rows = rows
        self._metrics = metrics

    async def batch(self, size: int = 0, *, last_id: int = 0) -> ReindexBatch:
        """The next listings of the walk: 100 unless `size` says otherwise, 1000 at most."""
        wanted = batch_size(size)
        found = await self._rows.after(last_id, limit=wanted + 1)
        return ReindexBatch(tuple(found[:wanted]), more=len(found) > wanted)

    async def finish(self, listing_ids: Sequence[int]) -> None:
        """Mark the queued work of these listings as done; unknown ones are fine, none too."""
        ids = checked_ids(listing_ids)
        if ids:
            for job in await self._rows.finish(ids):
                self._metrics.processed(job.operation, job.seconds, failed=job.status_before == "failed")
