"""What people do with the images of a listing.

Every change locks the listing first, queues it for the search index in the same transaction and makes
its cached answers stale. `owner` is the user who must own the listing; None where nobody asked for
proof (an administrator, or a service that does not verify tokens).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.db.coalesce import CoalescedReads
from listings.db.indexing import Operation, enqueue
from listings.domain.errors import NotFound
from listings.domain.images import ImageNotFound, NewImage, checked_places
from listings.domain.listings import check_owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.db.images import ImageRows
    from listings.db.listings import ListingRows
    from listings.db.session import Session
    from listings.domain.listings import Image


class Images:
    """Reading, adding, removing and ordering images."""

    def __init__(
        self,
        connections: Connections,
        rows: ImageRows,
        listings: ListingRows,
        invalidations: Invalidations,
    ) -> None:
        self._connections = connections
        self._rows = rows
        self._listings = listings
        self._invalidations = invalidations
        self._by_id: CoalescedReads[int, Image] = CoalescedReads(rows.by_ids)

    async def get(self, image_id: int) -> Image:
        """One image; raises ImageNotFound."""
        image = await self._by_id.get(image_id)
        if image is None:
            raise ImageNotFound
        return image

    async def of_listing(self, listing_id: int) -> list[Image]:
        """A listing's images, the primary first; none of an unknown listing."""
        return await self._rows.of_listing(listing_id)

    async def add(self, new: NewImage, *, owner: int | None = None) -> Image:
        """Add an image; a primary one is the only primary one. Raises NotFound for an unknown listing."""

        async def work(session: Session) -> Image:
            await self._lock(session, new.listing_id, owner)
            added = await self._rows.add(session, new)
            await enqueue(session, [new.listing_id], Operation.UPDATE)
            return added

        added = await self._connections.run_in_transaction(work)
        self._changed(new.listing_id)
        return added

    async def remove(self, image_id: int, *, owner: int | None = None) -> None:
        """Remove an image from its listing; its file stays. Raises ImageNotFound."""

        async def work(session: Session) -> int:
            listing_id = await self._rows.listing_of(session, image_id)
            if listing_id is None or not await self._lock_if_there(session, listing_id, owner):
                raise ImageNotFound
            if not await self._rows.remove(session, image_id):
                raise ImageNotFound
            await enqueue(session, [listing_id], Operation.UPDATE)
            return listing_id

        self._changed(await self._connections.run_in_transaction(work))

    async def reorder(
        self, listing_id: int, places: Sequence[tuple[int, int]], *, owner: int | None = None
    ) -> None:
        """Set the places of a listing's images by (image id, display order).

        Images of other listings are ignored as long as one is this listing's; raises ImageNotFound when
        none is, NotFound for an unknown listing.
        """
        checked = checked_places(places)

        async def work(session: Session) -> None:
            await self._lock(session, listing_id, owner)
            if not await self._rows.place(session, listing_id, checked):
                raise ImageNotFound(metadata={"listing_id": str(listing_id)})
            await enqueue(session, [listing_id], Operation.UPDATE)

        await self._connections.run_in_transaction(work)
        self._changed(listing_id)

    async def _lock(self, session: Session, listing_id: int, owner: int | None) -> None:
        if not await self._lock_if_there(session, listing_id, owner):
            raise NotFound("listing not found", reason="LISTING_NOT_FOUND")

    async def _lock_if_there(self, session: Session, listing_id: int, owner: int | None) -> bool:
        listing = await self._listings.lock(session, listing_id)
        if listing is None:
            return False
        if owner is not None:
            check_owner(listing, owner)
        return True

    def _changed(self, listing_id: int) -> None:
        self._invalidations.changed(("listing", listing_id), ("pages",))
