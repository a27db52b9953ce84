"""Listings on the wire."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from listings.domain.listings import ListingChange, ListingFilter, NewListing
from listings.transport.fields import positive_id, present
from listings.transport.render.listings import listing_message
from listings.v1 import listings_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from listings.cache.encoded import EncodedCache, Topic
    from listings.transport.call import Call, Handler
    from listings.usecases.listings import Listings
    from listings.usecases.ownership import Ownership

_PAGES: Final[Topic] = ("pages",)
# Pages are cached by the request's own bytes, so that a hit parses nothing. A longer request is no
# request of ours: answering it is fine, remembering it is not.
_LONGEST_KEY: Final = 2048


class ListingHandlers:
    """GetListing, CreateListing, UpdateListing, DeleteListing, ListListings."""

    def __init__(self, listings: Listings, cache: EncodedCache, ownership: Ownership) -> None:
        self._listings = listings
        self._ownership = ownership
        self._cache = cache

    def methods(self) -> dict[str, Handler]:
        """This aggregate's part of the method table."""
        return {
            "GetListing": self.get,
            "CreateListing": self.create,
            "UpdateListing": self.update,
            "DeleteListing": self.delete,
            "ListListings": self.list,
        }

    def get(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One listing: at once when its answer is cached."""
        listing_id = positive_id(pb.GetListingRequest.FromString(data).id, "id")
        cached = self._cache.get(("listing", listing_id))
        return cached if cached is not None else self._get(listing_id)

    async def _get(self, listing_id: int) -> bytes:
        async def load() -> bytes:
            listing = await self._listings.get(listing_id)
            return pb.GetListingResponse(listing=listing_message(listing)).SerializeToString()

        return await self._cache.fill(("listing", listing_id), None, load)

    def list(self, data: bytes, call: Call) -> bytes | Awaitable[bytes]:
        """One page of listings: at once when it is cached."""
        if len(data) > _LONGEST_KEY:
            return self._list(data)
        cached = self._cache.get(_PAGES, ("ListListings", data))
        if cached is not None:
            return cached
        return self._cache.fill(_PAGES, ("ListListings", data), lambda: self._list(data))

    async def _list(self, data: bytes) -> bytes:
        request = pb.ListListingsRequest.FromString(data)
        found = await self._listings.list(
            ListingFilter.checked(
                user_id=present(request, "user_id"),
                storefront_id=present(request, "storefront_id"),
                category_id=present(request, "category_id"),
                status=present(request, "status"),
                min_price=present(request, "min_price"),
                max_price=present(request, "max_price"),
                source_type=present(request, "source_type"),
            ),
            limit=request.limit,
            offset=request.offset,
            token=request.page_token,
        )
        return pb.ListListingsResponse(
            listings=[listing_message(listing) for listing in found.listings],
            total=found.total,
            next_page_token=found.next_page_token,
        ).SerializeToString()

    async def create(self, data: bytes, call: Call) -> bytes:
        """Store a new draft."""
        request = pb.CreateListingRequest.FromString(data)
        new = NewListing.checked(
            user_id=call.acting_user(request.user_id),
            storefront_id=present(request, "storefront_id"),
            title=request.title,
            description=present(request, "description"),
            price=request.price,
            currency=request.currency,
            category_id=request.category_id,
            quantity=request.quantity,
            sku=present(request, "sku"),
            source_type=present(request, "source_type"),
        )
        if new.storefront_id is not None:
            await self._ownership.check_storefront(new.storefront_id, call.required_owner())
        created = await self._listings.create(new)
        return pb.CreateListingResponse(listing=listing_message(created)).SerializeToString()

    async def update(self, data: bytes, call: Call) -> bytes:
        """Change what the request names."""
        request = pb.UpdateListingRequest.FromString(data)
        listing_id = positive_id(request.id, "id")
        changed = await self._listings.update(
            listing_id,
            call.acting_user(request.user_id),
            ListingChange.checked(
                title=present(request, "title"),
                description=present(request, "description"),
                price=present(request, "price"),
                quantity=present(request, "quantity"),
                status=present(request, "status"),
            ),
        )
        return pb.UpdateListingResponse(listing=listing_message(changed)).SerializeToString()

    async def delete(self, data: bytes, call: Call) -> bytes:
        """Delete a listing."""
        request = pb.DeleteListingRequest.FromString(data)
        await self._listings.delete(
            positive_id(request.id, "id"),
            call.acting_user(request.user_id),
            as_admin=call.acts_as_admin(claimed=request.is_admin),
        )
        return pb.DeleteListingResponse(success=True).SerializeToString()
