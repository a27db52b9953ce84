"""What people do with listings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.db.coalesce import CoalescedReads
from listings.domain.errors import NotFound

if TYPE_CHECKING:
    from listings.cache.invalidation import Invalidations
    from listings.db.listings import ListingRows
    from listings.domain.listings import Listing


class Listings:
    """Reading, creating, changing and deleting listings of every source."""

    def __init__(self, rows: ListingRows, invalidations: Invalidations) -> None:
        self._rows = rows
        self._invalidations = invalidations
        self._by_id: CoalescedReads[int, Listing] = CoalescedReads(rows.by_ids)

    async def get(self, listing_id: int) -> Listing:
        """One undeleted listing; concurrent reads share a query. Raises NotFound."""
        listing = await self._by_id.get(listing_id)
        if listing is None:
            raise NotFound(
                "listing not found", reason="LISTING_NOT_FOUND", metadata={"listing_id": str(listing_id)}
            )
        return listing
