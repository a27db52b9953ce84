"""Listings on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING

from listings.transport.fields import positive_id
from listings.transport.render.listings import listing_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache
    from listings.transport.call import Call, Handler
    from listings.usecases.listings import Listings


class ListingHandlers:
    """GetListing, CreateListing, UpdateListing, DeleteListing, ListListings."""

    def __init__(self, listings: Listings, cache: EncodedCache) -> None:
        self._listings = listings
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetListing": self.get,
        }

    def get(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One listing: at once when its answer is cached."""
        listing_id = positive_id(pb.GetListingRequest.FromString(data).id, "id")
        cached = self._cache.get(("listing", listing_id))
        return cached if cached is not None else self._read(listing_id)

    async def _read(self, listing_id: int) -> bytes:
        async def load() -> bytes:
            listing = await self._listings.get(listing_id)
            return pb.GetListingResponse(listing=listing_message(listing)).SerializeToString()

        return await self._cache.fill(("listing", listing_id), None, load)
