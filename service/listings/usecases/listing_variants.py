"""What the older clients do with variants.

The rows are those of the newer variant messages: a change made through one family is seen through the
other. `owner` is the user who must own the listing (None: nobody has to), `user_id` whoever acts, for
the inventory ledger (0: unknown).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.db.indexing import Operation, enqueue
from listings.domain.errors import NotFound
from listings.domain.listing_variants import VariantNotFound, check_batch
from listings.domain.listings import check_owner

if TYPE_CHECKING:
    from collections.abc import Sequence

    from listings.cache.invalidation import Invalidations
    from listings.db.connections import Connections
    from listings.db.listing_variants import ListingVariantRows
    from listings.db.listings import ListingRows
    from listings.db.session import Session
    from listings.domain.listing_variants import ListingVariantChange, NewListingVariant
    from listings.domain.listings import ListingVariant


class ListingVariants:
    """Creating, reading, changing and removing variants of a listing."""

    def __init__(
        self,
        connections: Connections,
        rows: ListingVariantRows,
        listings: ListingRows,
        invalidations: Invalidations,
    ) -> None:
        self._connections = connections
        self._rows = rows
        self._listings = listings
        self._invalidations = invalidations

    async def of_listing(self, listing_id: int) -> list[ListingVariant]:
        """A listing's variants, oldest first; none of an unknown listing."""
        return await self._rows.of_listing(listing_id)

    async def create(
        self,
        listing_id: int,
        new: Sequence[NewListingVariant],
        *,
        owner: int | None = None,
        user_id: int = 0,
    ) -> None:
        """Create all of them or none; none given: nothing happens.

        Raises NotFound for an unknown listing, VariantSkuTaken for a sku that any variant has.
        """
        check_batch(new)
        if not new:
            return

        async def work(session: Session) -> None:
            if not await self._lock(session, listing_id, owner):
                raise NotFound("listing not found", reason="LISTING_NOT_FOUND")
            await self._rows.create(session, listing_id, new, user_id=user_id)
            await enqueue(session, [listing_id], Operation.UPDATE)

        await self._connections.run_in_transaction(work)
        self._changed(listing_id)

    async def update(
        self,
        variant_id: int,
        change: ListingVariantChange,
        *,
        owner: int | None = None,
        user_id: int = 0,
    ) -> None:
        """Change what is given; raises VariantNotFound, VariantSkuTaken."""

        async def work(session: Session) -> int:
            listing_id = await self._lock_listing_of(session, variant_id, owner)
            if not await self._rows.change(session, listing_id, variant_id, change, user_id=user_id):
                raise VariantNotFound
            await enqueue(session, [listing_id], Operation.UPDATE)
            return listing_id

        self._changed(await self._connections.run_in_transaction(work))

    async def remove(self, variant_id: int, *, owner: int | None = None, user_id: int = 0) -> None:
        """Remove a variant for good; raises VariantNotFound."""

        async def work(session: Session) -> int:
            listing_id = await self._lock_listing_of(session, variant_id, owner)
            if not await self._rows.remove(session, listing_id, variant_id, user_id=user_id):
                raise VariantNotFound
            await enqueue(session, [listing_id], Operation.UPDATE)
            return listing_id

        self._changed(await self._connections.run_in_transaction(work))

    async def _lock_listing_of(self, session: Session, variant_id: int, owner: int | None) -> int:
        listing_id = await self._rows.listing_of(session, variant_id)
        if listing_id is None or not await self._lock(session, listing_id, owner):
            raise VariantNotFound
        return listing_id

    async def _lock(self, session: Session, listing_id: int, owner: int | None) -> bool:
        listing = await self._listings.lock(session, listing_id)
        if listing is None:
            return False
        if owner is not None:
            check_owner(listing, owner)
        return True

    def _changed(self, listing_id: int) -> None:
        self._invalidations.changed(("listing", listing_id), ("product", listing_id), ("pages",))
